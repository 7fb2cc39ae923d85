/**
 * A flash sale: everybody wants one unit of the same product, of which there are ten times too few.
 *
 * @module
 */

import { join } from "node:path";
import { toInteger } from "../../db/connection/database.ts";
import { importColumns } from "../../domain/import/csv_rows.ts";
import { lanes } from "../../domain/messages/lane.ts";
import { messageOfEntry, orderIdOf } from "../../domain/messages/messages.ts";
import type { IncomingOrder } from "../../domain/order/incoming_order.ts";
import { freePort } from "../engines/free_port.ts";
import { rowsOf } from "../orders/order_rows.ts";
import { syntheticOrder } from "../orders/orders_file.ts";
import { type DrainRun, runDrain } from "./drain.ts";
import { type Figure, figure } from "./figures.ts";
import { loadHttp, postRequest, untilAnswered } from "./http_load.ts";
import { type Deployment, openDeployment, runTask, type Stage, startTask } from "./stage.ts";

/** Orders to a unit. */
const ordersToUnit = 10;

/** Processes that drain at the same time. */
const processCounts = [1, 2, 4];

/** Entries to one look at a stream. */
const entriesPerPage = 10_000;

/** What one sale came to. */
interface Sale {
  drain: DrainRun;
  /** Units that were promised and are not there. */
  oversold: number;
  /** Orders that got a unit although one before them in their lane got none. */
  outOfTurn: number;
}

/** Measures sales from a file and over HTTP, drained by one, two and four processes. */
export async function benchFlash(stage: Stage): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const { name, bring, readLines } of ways) {
    const sales = new Map<number, Sale[]>(processCounts.map((processes) => [processes, []]));
    for (let run = 1; run <= stage.runs; run++) {
      for (const processes of processCounts) {
        stage.log(`flash sale ${name}, ${processes} processes, run ${run} of ${stage.runs}`);
        sales.get(processes)!.push(await sell(stage, processes, bring, readLines));
      }
    }
    const ratesOf = (processes: number) =>
      sales.get(processes)!.map(({ drain: { seconds } }) => stage.orders / seconds);
    for (const processes of processCounts) {
      const scenario = `flash sale ${name}, ${processes} ${
        processes === 1 ? "process" : "processes"
      }`;
      const rates = ratesOf(processes);
      figures.push(figure(scenario, "orders/s", rates));
      if (processes > 1) {
        const alone = ratesOf(1);
        figures.push(figure(scenario, "× one process", rates.map((rate, at) => rate / alone[at]!)));
      }
    }
    const sums = (what: "oversold" | "outOfTurn") =>
      Array.from(
        { length: stage.runs },
        (_, run) => processCounts.reduce((sum, count) => sum + sales.get(count)![run]![what], 0),
      );
    figures.push(
      figure(`flash sale ${name}`, "oversold", sums("oversold")),
      figure(`flash sale ${name}`, "out of turn", sums("outOfTurn")),
    );
  }
  return figures;
}

type Bring = (stage: Stage, deployment: Deployment, units: number) => Promise<void>;

/** The orders as they came: those of each line are to be served in its order. */
type ReadLines = (deployment: Deployment) => Promise<number[][]>;

async function sell(
  stage: Stage,
  processes: number,
  bring: Bring,
  readLines: ReadLines,
): Promise<Sale> {
  const deployment = await openDeployment(stage);
  const units = Math.ceil(stage.orders / ordersToUnit);
  await bring(stage, deployment, units);
  const lines = await readLines(deployment);
  const drain = await runDrain(stage, deployment, { processes });
  const rows = await deployment.db.query(
    "select id from orders where status in ('RESERVED', 'PAID')",
  );
  const served = new Set(rows.map(({ id }) => toInteger(id)));
  await deployment.close();
  let outOfTurn = 0;
  for (const line of lines) {
    const end = line.findIndex((id) => !served.has(id));
    if (end >= 0) outOfTurn += line.slice(end).filter((id) => served.has(id)).length;
  }
  return { drain, oversold: Math.max(0, served.size - units), outOfTurn };
}

/** The orders of each lane as they stand in its stream. */
const readStreams: ReadLines = ({ redis, keys }) =>
  Promise.all(lanes.map(async (lane) => {
    const line: number[] = [];
    for (let from = "-";;) {
      const stream = keys.stream("orders", lane);
      const entries = await redis.xrange(stream, from, "+", "COUNT", entriesPerPage);
      for (const [id, fields] of entries) {
        const message = messageOfEntry(fields);
        if (typeof message !== "string") line.push(orderIdOf(message)!);
        from = `(${id}`;
      }
      if (entries.length < entriesPerPage) return line;
    }
  }));

/** The orders as they stand in the file. */
const readFile: ReadLines = async ({ db }) => {
  const rows = await db.query("select id from orders order by external_order_id");
  return [rows.map(({ id }) => toInteger(id))];
};

function flashOrder(number: number, orders: number): IncomingOrder {
  const order = syntheticOrder(number, { orders, declinedShare: 0 });
  return { ...order, items: [{ sku: "FLASH", name: "Lantern", unitPriceCents: 4_200, qty: 1 }] };
}

const importAll: Bring = async ({ dir, orders }, deployment, units) => {
  const path = join(dir, `flash_${orders}.csv`);
  const lines = [importColumns.join(",")];
  for (let number = 0; number < orders; number++) {
    for (const row of rowsOf(flashOrder(number, orders))) lines.push(row.join(","));
  }
  await Deno.writeTextFile(path, `${lines.join("\n")}\n`);
  await runTask(deployment, "import", [path, `--initial-stock=${units}`, "--json"]);
};

const postAll: Bring = async ({ orders }, deployment, units) => {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const env = { PORT: String(port), RATE_LIMIT: "0", INITIAL_STOCK: String(units) };
  const serving = { ...deployment, env: { ...deployment.env, ...env } };
  const server = await startTask(serving, "serve", []);
  try {
    await untilAnswered(`${url}/livez`);
    const requests = Array.from(
      { length: orders },
      (_, number) => postRequest(url, "/orders", bodyOf(flashOrder(number, orders))),
    );
    const { statuses } = await loadHttp(url, requests);
    if (statuses.get(202) !== orders) {
      throw new Error(`Orders were answered with ${JSON.stringify([...statuses])}`);
    }
  } finally {
    await server.stop();
  }
};

const ways: readonly { name: string; bring: Bring; readLines: ReadLines }[] = [
  { name: "from a file", bring: importAll, readLines: readFile },
  { name: "over HTTP", bring: postAll, readLines: readStreams },
];

function bodyOf({ externalOrderId, placedAt, currency, customer, items }: IncomingOrder) {
  return {
    external_order_id: externalOrderId,
    placed_at: placedAt,
    currency,
    customer: { external_id: customer.externalId, email: customer.email, name: customer.name },
    items: items.map(({ sku, name, unitPriceCents, qty }) => ({
      sku,
      name,
      unit_price_cents: unitPriceCents,
      qty,
    })),
  };
}
