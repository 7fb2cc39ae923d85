/**
 * Messages that nobody can handle, among many that are all right.
 *
 * @module
 */

import { hostname } from "node:os";
import type { IncomingOrder } from "../../domain/order/incoming_order.ts";
import { book, take } from "./harness/feed.ts";
import { nthOrder, sampleOrders } from "./harness/orders.ts";
import { equal, settled, verifyNow } from "./harness/verification.ts";
import type { Scenario } from "./harness/scenario.ts";
import { productDeps, type Stage } from "./harness/stage.ts";
import { until } from "./harness/until.ts";
import { entryOf, messageField } from "../../domain/messages/messages.ts";
import { publish } from "../../streams/workflow/publish.ts";

/** Messages to a batch: one of them is poison. */
const batchSize = 500;

const batches = 6;

/** What a person who decides is called in the trace. */
const person = "grace";

/** Who decided, as the machine that is used knows them. */
const decider = `cli:${person}@${hostname()}`;

const scenario: Scenario = {
  name: "poison",
  summary:
    "messages that nobody understands and orders whose rows vanished, one in each batch of 500",
  stage: { env: { BATCH_SIZE: String(batchSize), USER: person } },
  async run(stage) {
    const { client, keys, db, figures } = stage;
    const sample = await sampleOrders();
    const orders: IncomingOrder[] = [];
    const poison = await poisonFields(stage);
    figures.faults = poison.length;
    // Nobody reads yet, so that each poison lies in the middle of a full batch.
    for (const fields of poison) {
      const good = Array.from(
        { length: batchSize - 1 },
        (_, at) => nthOrder(sample, orders.length + at),
      );
      const half = Math.floor(good.length / 2);
      await take(stage, good.slice(0, half));
      await client.xadd(keys.stream("orders", "bulk"), "*", ...fields);
      await take(stage, good.slice(half));
      orders.push(...good);
    }
    const consumers = await Promise.all([stage.startConsumer(), stage.startConsumer()]);
    await settled(stage);
    await checkDeadLetters(stage, poison);
    await decide(stage);
    await verifyNow(stage, consumers, { orders });
    const [row] = await db.query(
      "select count(*) as n from dead_letters where status = 'DISCARDED'",
    );
    figures.notes.push(`${row!.n} dead letters discarded`);
  },
};

export default scenario;

/** One of each kind: entries as anybody could have written them. */
async function poisonFields(stage: Stage): Promise<string[][]> {
  const vanished = await vanishedOrder(stage);
  return [
    entryOf({ type: "order.reserve", orderId: vanished, amountCents: 100, currency: "GBP" }),
    ["nothing", "that anybody knows"],
    [messageField, "order-teleport 1 100 GBP"],
    [messageField, "order.reserve -1 100 GBP"],
    [messageField, "order.reserve 99999999999999999999 100 GBP"],
    [messageField, "order.reserve 1 1e3 \u0000\ud83d\ude00"],
  ].slice(0, batches);
}

/** An order that was in the database and is gone, rows and all. */
async function vanishedOrder(stage: Stage): Promise<number> {
  const { db } = stage;
  const sample = await sampleOrders();
  const [taken] = await book(stage, [{ ...sample[0]!, externalOrderId: "vanished" }]);
  for (const table of ["order_events", "order_items"]) {
    await db.runText(`delete from ${table} where order_id = ?`, [taken!.orderId!]);
  }
  await db.runText("delete from orders where id = ?", [taken!.orderId!]);
  return taken!.orderId!;
}

/** Each is told with payload, error, attempts and times. */
async function checkDeadLetters(stage: Stage, poison: readonly string[][]): Promise<void> {
  const { db } = stage;
  await until("all poison is buried", 20_000, async () => {
    const [row] = await db.query("select count(*) as n from dead_letters");
    return Number(row!.n) === poison.length || `${row!.n} of ${poison.length} are`;
  });
  const letters = await db.query("select * from dead_letters order by id");
  const payloads = letters.map(({ payload }) => String(payload)).sort();
  equal("the payloads of the dead letters", payloads, poison.map((p) => JSON.stringify(p)).sort());
  for (const letter of letters) {
    const complete = letter.group_name === "orders" && String(letter.error).length > 0 &&
      Number(letter.attempts) === 1 && letter.first_seen_at !== null && letter.created_at !== null;
    if (!complete) throw new Error(`a dead letter lacks something: ${JSON.stringify(letter)}`);
  }
}

/** Retry and discard, one by one and all at once, leave a trace of who did it. */
async function decide(stage: Stage): Promise<void> {
  const { db } = stage;
  const known = await db.query(
    "select id, order_id from dead_letters where order_id is not null order by id limit 1",
  );
  const first = Number(known[0]!.id);
  await stage.run("dead", ["retry", `--id=${first}`], stage.directEnv);
  await until("the retried message has died again", 20_000, async () => {
    const [row] = await db.query("select count(*) as n from dead_letters where status = 'DEAD'");
    return Number(row!.n) === batches || `${row!.n} of ${batches} letters wait`;
  });
  const [other] = await db.query("select max(id) as id from dead_letters where status = 'DEAD'");
  await stage.run("dead", ["discard", `--id=${other!.id}`], stage.directEnv);

  // A letter about an order that exists leaves its trace in the order's timeline.
  const [order] = await db.query("select id, total_cents from orders order by id limit 1");
  const [foreign] = await db.query(
    "select provider_ref from payments where order_id <> ? and status = 'SUCCEEDED' limit 1",
    [Number(order!.id)],
  );
  await publish(productDeps(stage), [{
    message: {
      type: "payment.callback",
      orderId: Number(order!.id),
      amountCents: Number(order!.total_cents),
      currency: "GBP",
      outcome: "succeeded",
      provider: "simulated",
      providerRef: String(foreign!.provider_ref),
    },
  }]);
  await until("an answer that names another order's payment is a dead letter", 20_000, async () => {
    const [row] = await db.query(
      "select count(*) as n from dead_letters where status = 'DEAD' and order_id = ?",
      [Number(order!.id)],
    );
    return Number(row!.n) === 1 || "it is not";
  });
  await stage.run("dead", ["discard", "--all"], stage.directEnv);

  const decided = await db.query(
    "select status, resolved_by, resolved_at from dead_letters order by id",
  );
  const nameless = decided.filter((letter) =>
    letter.status === "DEAD" || letter.resolved_by !== decider ||
    letter.resolved_at === null
  );
  if (nameless.length > 0) throw new Error(`who decided? ${JSON.stringify(nameless)}`);
  const retried = decided.filter(({ status }) => status === "RETRIED").length;
  equal("the letters that were retried", retried, 1);
  const [trace] = await db.query(
    `
    select count(*) as n from order_events
    where order_id = ? and event = 'dead_letter_discarded' and actor = ?`,
    [Number(order!.id), decider],
  );
  equal("the traces in the order's timeline", Number(trace!.n), 1);
}
