/**
 * An upgrade: a database that the version before has filled is migrated while that version works on it, then both
 * versions run side by side, then only the new one, which goes on with everything that is there.
 *
 * @module
 */

import { join } from "node:path";
import { type Database, openDatabase } from "../../db/connection/database.ts";
import { freePort } from "../engines/free_port.ts";
import { writeOrdersFile } from "../orders/orders_file.ts";
import { ampleStock } from "../orders/order_rows.ts";
import type { Process } from "./harness/process.ts";
import type { Scenario } from "./harness/scenario.ts";
import type { Stage } from "./harness/stage.ts";
import { pauseMs, until } from "./harness/until.ts";
import { equal } from "./harness/verification.ts";
import { checkOutVersionBefore, commitBefore } from "./harness/version_before.ts";

/** Orders that are finished, but for some refunds, when the database is migrated. */
const finishedOrders = 100_000;

/** Orders that are not. */
const openOrders = 2_000;

/** Orders that are refunded, in part and in full, by each version. */
const refundedOrders = 200;

/** Orders that the version before takes and the new one edits. */
const editedOrders = 100;

/** Longest time for what ends by itself, in milliseconds. */
const maxMs = 600_000;

/** SKUs that have no units at first. */
const shortSkus = ["SKU-000007", "SKU-000501"];

/** The database and both versions of the product. */
interface Upgrade {
  stage: Stage;
  db: Database;
  files: { finished: string; open: string; edited: string };
  /** Runs a task to its end. @throws unless it succeeds */
  run: (version: "before" | "new", task: string, args?: string[]) => Promise<string>;
  /** Starts `start` or `serve`. */
  open: (version: "before" | "new", task: "start" | "serve") => Promise<Service>;
}

interface Service {
  process: Process;
  /** Sends a request. @returns the answer's body @throws unless it succeeds */
  ask: (method: string, path: string, body?: unknown, headers?: HeadersInit) => Promise<Answer>;
  stop(): Promise<void>;
}

interface Answer {
  // deno-lint-ignore no-explicit-any
  body: any;
  etag: string | null;
}

const scenario: Scenario = {
  name: "old_database",
  summary: "a database of the version before is migrated under load, and goes on as the new one",
  stage: { env: { GATEWAY_DELAY_MS: "0" } },
  async run(stage) {
    const before = await checkOutVersionBefore(stage.dir);
    const databaseUrl = stage.database.adminUrl(`orders_before_${Deno.pid}`);
    const upgrade = await openUpgrade(stage, before, databaseUrl);
    try {
      await fillByVersionBefore(upgrade);
      await migrateUnderLoad(upgrade);
      await runSideBySide(upgrade);
      await goOn(upgrade);
    } finally {
      await upgrade.db.runText(`drop database ${new URL(databaseUrl).pathname.slice(1)}`);
      await upgrade.db.close();
    }
  },
};

export default scenario;

async function openUpgrade(stage: Stage, dir: string, databaseUrl: string): Promise<Upgrade> {
  const env = { DATABASE_URL: databaseUrl };
  const how = { before: { dir }, new: {} };
  const run: Upgrade["run"] = async (version, task, args = []) => {
    const process = await stage.start(task, args, env, how[version]);
    const { code, stdout } = await process.endedWithin(maxMs);
    if (code === 0) return stdout;
    const tail = [...process.messages.slice(-5), stdout.slice(-2_000)].join("\n");
    throw new Error(`${task} of the version ${version} ended with ${code}:\n${tail}`);
  };
  await run("before", "migrate");
  const files = {
    finished: join(stage.dir, "finished.csv"),
    open: join(stage.dir, "open.csv"),
    edited: join(stage.dir, "edited.csv"),
  };
  await writeOrdersFile(files.finished, { orders: finishedOrders, seed: 1 });
  await writeOrdersFile(files.open, { orders: openOrders, seed: 2 });
  await writeOrdersFile(files.edited, { orders: editedOrders, seed: 3 });
  return {
    stage,
    db: await openDatabase(databaseUrl, { connections: 4 }),
    files,
    run,
    open: async (version, task) => {
      const port = await freePort();
      const process = await stage.start(task, [], { ...env, PORT: String(port) }, how[version]);
      await until(`${task} of the version ${version} listens`, maxMs, async () => {
        const ready = await fetch(`http://127.0.0.1:${port}/livez`).catch(() => null);
        await ready?.body?.cancel();
        return ready?.ok === true || process.messages.at(-1) || "nothing is logged";
      });
      return serviceAt(`http://127.0.0.1:${port}`, process);
    },
  };
}

function serviceAt(url: string, process: Process): Service {
  return {
    process,
    ask: async (method, path, body, headers) => {
      const response = await fetch(url + path, {
        method,
        headers: { "content-type": "application/json", ...headers },
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: AbortSignal.timeout(60_000),
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`${method} ${path} is ${response.status}: ${text}`);
      return { body: JSON.parse(text), etag: response.headers.get("etag") };
    },
    stop: async () => {
      process.kill("SIGTERM");
      await process.endedWithin(30_000);
    },
  };
}

/** Orders in every state, refunds, differences that were accepted; some orders and refunds are not finished. */
async function fillByVersionBefore({ stage, db, files, run, open }: Upgrade): Promise<void> {
  await run("before", "import", [files.finished, `--initial-stock=${ampleStock}`]);
  for (const sku of shortSkus) await run("before", "stock", [sku, "--set=0"]);
  await run("before", "consume", ["--drain"]);
  await acceptDifferences(db);
  await run("before", "kpis", ["--rebuild"]);
  const service = await open("before", "serve");
  await refundBy(
    service,
    await paidOrders(db, refundedOrders),
    (id) => id % 2 === 0 ? { amount_cents: 100 } : {},
  );
  await run("before", "consume", ["--drain"]);
  await run("before", "import", [files.open]);
  await refundBy(service, await paidOrders(db, refundedOrders), () => ({ amount_cents: 100 }));
  const rows = await db.query(
    "select id from orders where status = 'PENDING' order by id limit 50",
  );
  for (const { id } of rows) await service.ask("POST", `/orders/${id}/cancel`);
  await service.stop();
  await run("before", "verify");
  stage.figures.notes.push(`${JSON.stringify(await statesOf(db))} by ${commitBefore}`);
}

/** As that version does when a person accepts that another amount was paid. */
async function acceptDifferences(db: Database): Promise<void> {
  const paid = "from orders where status = 'PAID' and id % 500 = 0";
  await db.query(`
    insert into order_adjustments (order_id, kind, label, amount_cents)
    select id, 'payment_difference', 'Accepted difference of the payment', 10 ${paid}`);
  const orders = "straight_join order_adjustments on order_adjustments.order_id";
  await db.query(`
    update payments ${orders} = payments.order_id
    set payments.amount_cents = payments.amount_cents + 10`);
  await db.query(`
    update notification_logs ${orders} = notification_logs.order_id
    set notification_logs.total_cents = notification_logs.total_cents + 10`);
  await db.query(`
    update orders ${orders} = orders.id
    set orders.total_cents = orders.total_cents + 10`);
}

async function paidOrders(db: Database, limit: number, offset = 0): Promise<number[]> {
  const rows = await db.query(
    `
    select id
    from orders
    where status = 'PAID' and total_cents - refunded_cents > 1000 and id % 7 = 0
    order by id
    limit ? offset ?`,
    [limit, offset],
  );
  return rows.map(({ id }) => Number(id));
}

async function refundBy(
  service: Service,
  ids: readonly number[],
  bodyOf: (id: number) => unknown,
): Promise<void> {
  for (const id of ids) await service.ask("POST", `/orders/${id}/refunds`, bodyOf(id));
}

async function statesOf(db: Database): Promise<Record<string, number>> {
  const rows = await db.query(`
    select coalesce(failure_reason, status) as state, count(*) as n
    from orders
    group by coalesce(failure_reason, status)
    union all
    select concat('refund ', status), count(*)
    from refunds
    group by status`);
  return Object.fromEntries(rows.map(({ state, n }) => [String(state), Number(n)]));
}

/** Migrates while the version before takes orders and settles them; it goes on afterwards as before. */
async function migrateUnderLoad(upgrade: Upgrade): Promise<void> {
  const { stage, db, run, open } = upgrade;
  const service = await open("before", "start");
  const load = startLoad(service);
  await pauseMs(2_000);
  const before = load.sent;
  const quiet = load.slowestMs();
  const [start] = await db.query("select current_timestamp(6) as at");
  await run("new", "migrate");
  const during = load.slowestMs();
  const atOnce = load.sent;
  await pauseMs(3_000);
  await load.stop();
  if (load.sent === atOnce) throw new Error("the version before takes nothing any more");
  const took = await migrationTimes(db, String(start!.at));
  stage.figures.notes.push(
    `migrated: ${took.join(", ")}`,
    `${atOnce - before} orders taken meanwhile, the slowest in ${during.toFixed(0)} ms (${
      quiet.toFixed(0)
    } ms before)`,
  );
  await untilSettled(db);
  await service.stop();
  await run("new", "verify");
}

/** How long each migration took, the first of them with the start of its process. */
async function migrationTimes(db: Database, startedAt: string): Promise<string[]> {
  const rows = await db.query(
    `
    select name, timestampdiff(microsecond, greatest(?, before_it), created_at) as us
    from (
      select version, name, created_at, lag(created_at) over (order by version) as before_it
      from schema_migrations
    ) migrations
    where created_at > ?
    order by version`,
    [startedAt, startedAt],
  );
  return rows.map(({ name, us }) => `${name} ${(Number(us) / 1e6).toFixed(1)} s`);
}

/** Orders one after the other, each looked at once it is taken. */
function startLoad(service: Service) {
  let slowest = 0, stopped = false;
  const load = {
    sent: 0,
    /** Since it was asked before. */
    slowestMs: () => {
      const ms = slowest;
      slowest = 0;
      return ms;
    },
    stop: async () => {
      stopped = true;
      await working;
    },
  };
  const work = async () => {
    while (!stopped) {
      const startedAt = performance.now();
      const { body } = await service.ask("POST", "/orders", plainOrder(`load-${load.sent}`));
      await service.ask("GET", `/orders/${body.id}`);
      slowest = Math.max(slowest, performance.now() - startedAt);
      load.sent++;
      await pauseMs(20);
    }
  };
  const working = work();
  return load;
}

function plainOrder(externalOrderId: string) {
  return {
    external_order_id: externalOrderId,
    placed_at: "2026-01-05T10:00:00Z",
    currency: "EUR",
    customer: { external_id: "load", email: "load@example.com", name: "Load" },
    items: [{ sku: "SKU-000011", name: "Tea towel", unit_price_cents: 250, qty: 2 }],
  };
}

/** The first service of the new version has processes of the version before take nothing, running and started ones. */
async function runSideBySide({ stage, db, run, open }: Upgrade): Promise<void> {
  const older = [await open("before", "start"), await open("before", "start")];
  await run("new", "import", [join(stage.dir, "open.csv")]).then(
    () => {
      throw new Error("an import of the new version did not refuse beside the version before");
    },
    (error) => {
      if (!/Processes of the version before/.test(String(error))) throw error;
    },
  );
  const service = await open("new", "start");
  await older[0]!.stop();
  older[0] = await open("before", "start");
  for (let number = 0; number < 100; number++) {
    await service.ask("POST", "/orders", {
      ...plainOrder(`paid-${number}`),
      adjustments: [{ kind: "shipping", amount_cents: 490 }],
      total_cents: 990,
      payment: { status: "paid", provider: "stripe", reference: `ch_${number}` },
    });
    await older[number % 2]!.ask("POST", "/orders", plainOrder(`beside-${number}`));
  }
  await untilSettled(db);
  const [paid] = await db.query(`
    select count(*) as n
    from orders
    join payments on payments.order_id = orders.id
    where orders.external_order_id like 'paid-%' and orders.status = 'PAID'
      and payments.provider = 'stripe'`);
  equal("orders paid at their source, by what it says", Number(paid!.n), 100);
  const byOlder = await db.query(`
    select orders.external_order_id
    from orders
    join order_events on order_events.order_id = orders.id
    where orders.external_order_id regexp '^(paid|beside)-'
      and order_events.event in ('reserved', 'paid', 'failed')
      and order_events.actor not regexp ':v2:'
    limit 5`);
  equal("orders that the version before worked on", byOlder, []);
  const { body } = await service.ask("GET", "/streams");
  equal("pauses", JSON.stringify(body).includes('"paused":true'), false);
  for (const process of [...older, service]) await process.stop();
  await run("new", "verify");
}

/** What the version before has left is finished, edited, refunded, taken up again. */
async function goOn({ stage, db, files, run, open }: Upgrade): Promise<void> {
  const before = await sumsOf(db);
  for (const file of [files.finished, files.open]) {
    const report = JSON.parse(
      (await run("new", "import", [file, "--json"])).trim().split("\n").at(-1)!,
    );
    equal("known orders", report.orders_unchanged, report.orders);
  }
  equal("the sums after all files once more", await sumsOf(db), before);
  await editOpen({ db, files, run, open });
  const service = await open("new", "start");
  const ids = await paidOrders(db, 2 * refundedOrders, 3 * refundedOrders);
  const full = ids.splice(refundedOrders);
  equal("orders to refund", [ids.length, full.length], [refundedOrders, refundedOrders]);
  for (const id of ids) {
    const { body } = await service.ask("GET", `/orders/${id}`);
    const [item] = body.items;
    await service.ask("POST", `/orders/${id}/refunds`, {
      lines: [{ item_id: item.id, qty: 1, restock: true }],
    });
  }
  await refundBy(service, full, () => ({ restock: true }));
  await untilSettled(db);
  for (const sku of shortSkus) {
    await service.ask("PUT", `/products/${sku}/stock`, { add: 1_000_000 });
  }
  await run("new", "retry", ["--short"]);
  await untilSettled(db);
  await service.stop();
  await run("new", "verify");
  const after = await sumsOf(db);
  const [short] = await db.query(
    "select count(*) as n from orders where failure_reason = 'insufficient_stock'",
  );
  equal("orders that ran short", Number(short!.n), 0);
  stage.figures.orders = Number(after.orders);
  stage.figures.notes.push(`${ids.length} orders refunded by line, ${full.length} with all goods`);
}

/** Orders that the version before has taken and nobody has worked on get one unit more. */
async function editOpen(
  { db, files, run, open }: Pick<Upgrade, "db" | "files" | "run" | "open">,
): Promise<void> {
  await run("before", "import", [files.edited]);
  const service = await open("new", "serve");
  const rows = await db.query("select id from orders where status = 'PENDING' order by id");
  equal("orders to edit", rows.length, editedOrders);
  for (const { id } of rows) {
    const { body, etag } = await service.ask("GET", `/orders/${id}`);
    const { external_order_id, placed_at, currency, customer } = body;
    const items = (body.items as Record<string, number | string>[])
      .map(({ sku, name, unit_price_cents, qty }) => ({ sku, name, unit_price_cents, qty }));
    items[0]!.qty = Number(items[0]!.qty) + 1;
    const { external_id, email, name } = customer;
    await service.ask("PUT", `/orders/${id}`, {
      external_order_id,
      placed_at,
      currency,
      customer: { external_id, email, name },
      items,
    }, { "if-match": etag! });
  }
  await service.stop();
}

/** What must be the same whenever nothing has happened. */
async function sumsOf(db: Database): Promise<Record<string, unknown>> {
  const [sums] = await db.query(`
    select count(*) as orders, sum(total_cents) as total_cents, sum(refunded_cents) as refunded_cents,
      sum(if(status = 'PAID', total_cents, 0)) as paid_cents,
      (select sum(amount_cents) from payments) as payments, (select count(*) from refunds) as refunds,
      (select sum(stock_qty) from products) as stock, (select sum(received_qty) from products) as received,
      (select count(*) from notification_logs) as notices, (select count(*) from order_items) as items
    from orders`);
  return sums!;
}

async function untilSettled(db: Database): Promise<void> {
  await until("all work is done", maxMs, async () => {
    const [row] = await db.query(`
      select (select count(*) from orders where unfinished = 1) as orders,
        (select count(*) from refunds where unfinished = 1) as refunds`);
    return Number(row!.orders) + Number(row!.refunds) === 0 ||
      `${row!.orders} orders and ${row!.refunds} refunds are open`;
  });
}
