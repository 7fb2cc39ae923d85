/**
 * Orders over HTTP.
 *
 * @module
 */

import { freePort } from "../engines/free_port.ts";
import { toInteger } from "../../db/connection/database.ts";
import { ampleStock } from "../orders/order_rows.ts";
import { syntheticOrder } from "../orders/orders_file.ts";
import { type CpuSeconds, cpuSecondsOf } from "./cpu.ts";
import { exactQuantile, type Figure, figure, perOrder } from "./figures.ts";
import { loadHttp, type LoadRun, postRequest, postText, untilAnswered } from "./http_load.ts";
import { openDeployment, type Stage, startTask, type TaskProcess } from "./stage.ts";

/** Share of the orders that are sent before any is timed: a service rarely just started. */
const warmUpShare = 0.2;

/** The steady rate, half of what is to be taken at the most, and for how many seconds. */
const steadyPerSecond = 3_000;
const steadySeconds = 4;

/** Measures `serve` alone, and `start`, which handles the orders in the same process. */
export async function benchIntake(stage: Stage): Promise<Figure[]> {
  return [
    ...await benchServed(stage, "serve", "orders over HTTP"),
    ...await benchServed(stage, "start", "orders over HTTP, with consumers"),
  ];
}

async function benchServed(stage: Stage, task: string, scenario: string): Promise<Figure[]> {
  const rates: number[] = [], cpu: CpuSeconds[] = [];
  const crowd = { p50: [] as number[], p99: [] as number[] };
  const steady = { p50: [] as number[], p99: [] as number[] };
  const atRate = steadyPerSecond * steadySeconds;
  const all = stage.orders + atRate;
  for (let run = 1; run <= stage.runs; run++) {
    stage.log(`${scenario}, run ${run} of ${stage.runs}`);
    await serving(stage, task, async ({ url, usedBy }) => {
      const requests = (from: number, count: number) =>
        Array.from({ length: count }, (_, index) => placing(url, from + index, all));
      const warmUp = Math.floor(stage.orders * warmUpShare);
      expectTaken(await loadHttp(url, requests(0, warmUp)));
      const before = await usedBy();
      const load = expectTaken(await loadHttp(url, requests(warmUp, stage.orders - warmUp)));
      const after = await usedBy();
      const orders = stage.orders - warmUp;
      rates.push(orders / load.seconds);
      cpu.push(perOrder(difference(after, before), orders));
      addTimes(crowd, load);
      const options = { perSecond: steadyPerSecond };
      addTimes(
        steady,
        expectTaken(await loadHttp(url, requests(stage.orders, atRate), options)),
      );
    });
  }
  const paced = `${scenario}, ${steadyPerSecond}/s`;
  return [
    figure(scenario, "requests/s", rates, cpu),
    figure(scenario, "p50 ms", crowd.p50),
    figure(scenario, "p99 ms", crowd.p99),
    figure(paced, "p50 ms", steady.p50),
    figure(paced, "p99 ms", steady.p99),
  ];
}

/** A process that serves. */
interface Served {
  url: string;
  /** CPU seconds of it and of the engines so far. */
  usedBy(): Promise<CpuSeconds>;
  countOrders(): Promise<number>;
}

async function serving(
  stage: Stage,
  task: string,
  work: (served: Served) => Promise<void>,
): Promise<void> {
  const deployment = await openDeployment(stage);
  const { engines: { database, redis } } = stage;
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const env = { PORT: String(port), RATE_LIMIT: "0", INITIAL_STOCK: String(ampleStock) };
  const server: TaskProcess = await startTask(
    { ...deployment, env: { ...deployment.env, ...env } },
    task,
    [],
  );
  try {
    await untilAnswered(`${url}/livez`);
    await work({
      url,
      usedBy: async () => ({
        deno: await cpuSecondsOf(server.pid),
        database: await cpuSecondsOf(database.pid),
        redis: await cpuSecondsOf(redis.pid),
      }),
      countOrders: async () => {
        const [row] = await deployment.db.query("select count(*) as n from orders");
        return toInteger(row!.n);
      },
    });
  } finally {
    await server.stop();
    await deployment.close();
  }
}

/** The body of an order. */
function orderBody(number: number, orders: number) {
  const order = syntheticOrder(number, { orders, declinedShare: 0 });
  return {
    external_order_id: order.externalOrderId,
    placed_at: order.placedAt,
    currency: order.currency,
    customer: {
      external_id: order.customer.externalId,
      email: order.customer.email,
      name: order.customer.name,
    },
    items: order.items.map(({ sku, name, unitPriceCents, qty }) => ({
      sku,
      name,
      unit_price_cents: unitPriceCents,
      qty,
    })),
  };
}

function placing(url: string, number: number, orders: number): string {
  return postRequest(url, "/orders", orderBody(number, orders));
}

/** @throws {Error} unless every order was new */
function expectTaken(load: LoadRun): LoadRun {
  const { statuses } = load;
  if (statuses.size !== 1 || !statuses.has(202)) {
    throw new Error(`Orders were answered with ${JSON.stringify([...statuses])}`);
  }
  return load;
}

function addTimes(to: { p50: number[]; p99: number[] }, { timesMs }: LoadRun): void {
  to.p50.push(exactQuantile([...timesMs], 0.5));
  to.p99.push(exactQuantile([...timesMs], 0.99));
}

function difference(a: CpuSeconds, b: CpuSeconds): CpuSeconds {
  return { deno: a.deno - b.deno, database: a.database - b.database, redis: a.redis - b.redis };
}

/** Orders to one batch, and batches on their way at once. */
const batchOrders = 5_000;
const batchesAtOnce = 4;

/** Measures `POST /orders/batch` of `serve` alone, as NDJSON. */
export async function benchBatches(stage: Stage): Promise<Figure[]> {
  const rates: number[] = [], cpu: CpuSeconds[] = [];
  const batches = Math.ceil(stage.orders / batchOrders);
  const all = (batches + batchesAtOnce) * batchOrders;
  for (let run = 1; run <= stage.runs; run++) {
    stage.log(`orders in batches, run ${run} of ${stage.runs}`);
    await serving(stage, "serve", async ({ url, usedBy, countOrders }) => {
      const requests = (from: number, count: number) =>
        Array.from({ length: count }, (_, index) => {
          const first = (from + index) * batchOrders;
          const lines = Array.from(
            { length: batchOrders },
            (_, line) => `${JSON.stringify(orderBody(first + line, all))}\n`,
          );
          return postText(url, "/orders/batch", lines.join(""), {
            "Content-Type": "application/x-ndjson",
          });
        });
      const options = { connections: batchesAtOnce };
      await loadHttp(url, requests(0, batchesAtOnce), options);
      const before = await usedBy();
      const { seconds } = await loadHttp(url, requests(batchesAtOnce, batches), options);
      const after = await usedBy();
      const orders = await countOrders();
      if (orders !== all) throw new Error(`${orders} of ${all} orders were taken`);
      rates.push(batches * batchOrders / seconds);
      cpu.push(perOrder(difference(after, before), batches * batchOrders));
    });
  }
  return [figure("orders in batches over HTTP", "orders/s", rates, cpu)];
}
