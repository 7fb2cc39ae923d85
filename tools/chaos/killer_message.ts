/**
 * A message that kills every consumer that takes it.
 *
 * @module
 */

import { messageOfEntry, orderIdOf } from "../../domain/messages/messages.ts";
import mysql from "mysql2/promise";
import { bringOrders, take } from "./harness/feed.ts";
import { nthOrder, sampleOrders } from "./harness/orders.ts";
import { equal, settled, verifyNow } from "./harness/verification.ts";
import type { Process } from "./harness/process.ts";
import type { Scenario } from "./harness/scenario.ts";
import type { Stage } from "./harness/stage.ts";
import { pauseMs, until } from "./harness/until.ts";

/** Orders around it. */
const neighbours = 400;

/** Errors that are allowed; the fewer, the fewer consumers it takes to call a message a killer. */
const maxDeliveries = 1;

/** Whoever holds the message for so long is handling it, in milliseconds. */
const handlingMs = 400;

/** Consumers after which the message should long be a dead letter. */
const maxKilled = 12;

const scenario: Scenario = {
  name: "killer_message",
  summary:
    "a message that kills its consumer every time ends as a dead letter, its neighbours do not",
  stage: { env: { BATCH_SIZE: "100", MAX_DELIVERIES: String(maxDeliveries) } },
  async run(stage) {
    const { db, figures } = stage;
    const sample = await sampleOrders();
    const killer = { ...nthOrder(sample, neighbours), externalOrderId: "killer" };
    await take(stage, [killer]);
    const [row] = await db.query("select id from orders where external_order_id = 'killer'");
    const killerId = Number(row!.id);
    const orders = await bringOrders(stage, neighbours);

    // Whoever takes it up waits for its locked row, and is killed there.
    const lock = await mysql.createConnection(stage.directEnv.DATABASE_URL);
    await lock.query("start transaction");
    await lock.query("select id from orders where id = ? for update", [killerId]);
    let consumers: Process[] = [];
    let killed = 0;
    try {
      consumers = await Promise.all([stage.startConsumer(), stage.startConsumer()]);
      const isDead = async () => {
        const [letter] = await db.query(
          "select count(*) as n from dead_letters where order_id = ?",
          [killerId],
        );
        return Number(letter!.n) === 1;
      };
      while (!await isDead()) {
        const holder = await holderOf(stage, consumers, killerId);
        await pauseMs(handlingMs);
        // One that only dead-letters it is done by now; one that handles it waits for the lock.
        if (holder === null || await holderOf(stage, consumers, killerId) !== holder) continue;
        consumers[holder]!.kill("SIGKILL");
        figures.faults = ++killed;
        consumers[holder] = await stage.startConsumer();
        if (killed > maxKilled) throw new Error("it goes on killing consumers");
      }
    } finally {
      await lock.query("rollback");
      await lock.end();
    }
    const [letter] = await db.query("select error, attempts from dead_letters");
    figures.notes.push(`buried after ${killed} consumers: "${letter!.error}"`);
    await settledButOne(stage);
    await stage.run("dead", ["retry", "--all"], stage.directEnv);
    await settled(stage);
    await verifyNow(stage, consumers, { orders: [...orders, killer] });
    equal("the notice of the killer", await notificationsOf(stage, killerId), 1);
  },
};

export default scenario;

/**
 * Which consumer is handling the message now.
 *
 * @returns its place, or null if nobody is, or the one that is has ended already
 */
async function holderOf(
  { client, keys, db }: Stage,
  consumers: readonly Process[],
  orderId: number,
): Promise<number | null> {
  const [open] = await db.query("select count(*) as n from dead_letters where order_id = ?", [
    orderId,
  ]);
  if (Number(open!.n) > 0) return null;
  const entries = await client.xrange(keys.stream("orders", "bulk"), "-", "+", "COUNT", 2_000);
  const entry = entries.find(([, fields]) => {
    const message = messageOfEntry(fields);
    return typeof message !== "string" && orderIdOf(message) === orderId;
  });
  if (entry === undefined) return null;
  const [pending] = await client.xpending(
    keys.stream("orders", "bulk"),
    "orders",
    entry[0],
    entry[0],
    1,
  ) as [id: string, consumer: string, idleMs: number, deliveries: number][];
  if (pending === undefined) return null;
  const at = consumers.findIndex(({ pid }) => pending[1].split(":")[1] === String(pid));
  return at < 0 ? null : at;
}

/** All but the killer, which nobody tries any more. */
async function settledButOne({ db }: Stage): Promise<void> {
  await until("its neighbours are settled", 30_000, async () => {
    const [row] = await db.query("select count(*) as n from orders where unfinished = 1");
    return Number(row!.n) === 1 || `${row!.n} orders are open`;
  });
}

async function notificationsOf({ db }: Stage, orderId: number): Promise<number> {
  const [row] = await db.query("select count(*) as n from notification_logs where order_id = ?", [
    orderId,
  ]);
  return Number(row!.n);
}
