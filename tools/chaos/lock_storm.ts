/**
 * Everybody wants the same product: lock waits, time-outs and deadlocks.
 *
 * @module
 */

import mysql from "mysql2/promise";
import type { IncomingOrder } from "../../domain/order/incoming_order.ts";
import { take } from "./harness/feed.ts";
import { nthOrder, sampleOrders } from "./harness/orders.ts";
import type { Process } from "./harness/process.ts";
import { equal, settled, stopInOrder, verifyNow } from "./harness/verification.ts";
import type { Scenario } from "./harness/scenario.ts";
import type { Stage } from "./harness/stage.ts";
import { pauseMs } from "./harness/until.ts";

/** Consumers that fight for the product. */
const consumerCount = 4;

/** Orders of the hot product in each wave. */
const waveOrders = 400;

/** Units that are left for the last wave, which wants more. */
const lastUnits = 100;

/** How long the database waits for a lock before it gives up; the harness holds one for longer. */
const holdMs = 6_500;

const scenario: Scenario = {
  name: "lock_storm",
  summary: "hundreds of orders for one product from four consumers, lock time-outs and deadlocks",
  stage: { env: { BATCH_SIZE: "20" } },
  async run(stage) {
    const { figures, db } = stage;
    const consumers = await Promise.all(
      Array.from({ length: consumerCount }, () => stage.startConsumer()),
    );
    const sample = await sampleOrders();
    const orders: IncomingOrder[] = [];
    const wave = async () => {
      const next = Array.from(
        { length: waveOrders },
        (_, at) => withHotProduct(nthOrder(sample, orders.length + at)),
      );
      orders.push(...next);
      await take(stage, next);
    };

    const before = await countDeadlocks(stage);
    const end = performance.now() + stage.seconds * 1_000;
    await wave();
    while (performance.now() < end) {
      await provokeDeadlocks(stage);
      await wave();
    }
    const holding = holdHotProduct(stage);
    await wave();
    await holding;
    await verifyNow(stage, consumers.splice(0, 2), { orders });
    figures.notes.push(`${await countDeadlocks(stage) - before} deadlocks`, "1 lock time-out");

    await sellOut(stage, consumers);
    const [row] = await db.query("select stock_qty from products where sku = 'LAST'");
    equal("the units left of what was sold out", Number(row!.stock_qty), 0);
  },
};

export default scenario;

/** The order with a unit of the one product that all of them want. */
function withHotProduct(order: IncomingOrder): IncomingOrder {
  const hot = { sku: "HOT", name: "What everybody wants", unitPriceCents: 100, qty: 1 };
  return { ...order, items: [...order.items, hot] };
}

/** Transactions that lock products in the wrong order, against those of the consumers. */
async function provokeDeadlocks(stage: Stage): Promise<void> {
  const { random, figures } = stage;
  const connection = await mysql.createConnection(stage.directEnv.DATABASE_URL);
  try {
    for (let round = 0; round < 20; round++) {
      await connection.query("start transaction");
      try {
        await connection.query("select id from products where sku = 'HOT' for update");
        await pauseMs(random.integer(1, 20));
        await connection.query("select id from products order by id limit 200 for update");
        await connection.query("commit");
        figures.faults++;
      } catch {
        // The database chose this one as the victim.
        await connection.query("rollback");
      }
    }
  } finally {
    await connection.end();
  }
}

/** Keeps the product from everybody for longer than a lock is waited for. */
async function holdHotProduct(stage: Stage): Promise<void> {
  const connection = await mysql.createConnection(stage.directEnv.DATABASE_URL);
  try {
    await connection.query("start transaction");
    await connection.query("select id from products where sku = 'HOT' for update");
    await pauseMs(holdMs);
    await connection.query("commit");
    stage.figures.faults++;
  } finally {
    await connection.end();
  }
}

/** More orders than units: exactly as many are paid as there are units. */
async function sellOut(stage: Stage, consumers: readonly Process[]): Promise<void> {
  const { db } = stage;
  const sample = await sampleOrders();
  const wanting = Array.from({ length: 3 * lastUnits }, (_, at): IncomingOrder => ({
    ...nthOrder(sample, at),
    externalOrderId: `last-${at}`,
    items: [{ sku: "LAST", name: "The last ones", unitPriceCents: 100, qty: 1 }],
  }));
  await take(stage, wanting.slice(0, 1));
  await settled(stage);
  await stage.run("stock", ["LAST", `--set=${lastUnits - 1}`], stage.directEnv);
  await take(stage, wanting.slice(1));
  await settled(stage);
  const [row] = await db.query(`
    select
      sum(status = 'PAID') as paid,
      sum(failure_reason = 'insufficient_stock') as short
    from orders
    where external_order_id like 'last-%'`);
  equal("the orders of what was sold out", [Number(row!.paid), Number(row!.short)], [
    lastUnits,
    2 * lastUnits,
  ]);
  await stage.run("verify", [], stage.directEnv);
  await stopInOrder(consumers);
}

async function countDeadlocks({ db }: Stage): Promise<number> {
  const [row] = await db.query(
    "select count from information_schema.innodb_metrics where name = 'lock_deadlocks'",
  );
  return Number(row!.count);
}
