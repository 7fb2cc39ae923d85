/**
 * Every message comes twice and in any order, and answers come for orders that they don't fit.
 *
 * @module
 */

import { type Lane, lanes } from "../../domain/messages/lane.ts";
import { cancelOrder } from "../../services/orders/cancel_order.ts";
import { readCharges } from "../../db/orders/orders.ts";
import type { IncomingOrder } from "../../domain/order/incoming_order.ts";
import {
  type Group,
  groups,
  type Message,
  messageOfEntry,
} from "../../domain/messages/messages.ts";
import { simulatedRef } from "../../streams/payments/providers/simulated.ts";
import { publish } from "../../streams/workflow/publish.ts";
import { book, bringOrders, feed, take } from "./harness/feed.ts";
import { nthOrder, sampleOrders, willBePaid } from "./harness/orders.ts";
import { equal, settled, verifyNow } from "./harness/verification.ts";
import type { Scenario } from "./harness/scenario.ts";
import { productDeps, type Stage } from "./harness/stage.ts";
import { pauseMs, until } from "./harness/until.ts";

/** Orders of each kind that get an answer which does not fit. */
const oddities = 20;

/** An order id that no order has. */
const unknownOrder = 4_000_000_000;

/** Entries of a stream that are seen at once. */
const seenAtOnce = 500;

const scenario: Scenario = {
  name: "messages_doubled",
  summary: "every message twice and out of order; answers for unknown, cancelled or settled orders",
  stage: { env: { BATCH_SIZE: "40" } },
  async run(stage) {
    const { db, figures } = stage;
    const consumers = await Promise.all([stage.startConsumer(), stage.startConsumer()]);
    const settledOrders = await bringOrders(stage, 500);
    await settled(stage);

    const orders = feed(stage, { backlog: 600, from: settledOrders.length });
    const doubling = double(stage);
    await answersForSettled(stage);
    await answersForUnknown(stage);
    const cancelled = await answersForCancelled(stage);
    const early = await answersBeforeCharges(stage);
    await pauseMs(stage.seconds * 1_000);
    await orders.stop();
    await settled(stage);
    figures.faults += await doubling.stop();

    const [money] = await db.query(`
      select
        sum(payments.status = 'REVERSED') as reversed
      from payments
      join orders on orders.id = payments.order_id
      where orders.status = 'CANCELLED'`);
    equal("payments of cancelled orders that went back", Number(money?.reversed), cancelled);
    await discardUnknown(stage);
    await forgetCancelled(stage, cancelled);
    await verifyNow(stage, consumers, {
      orders: [...settledOrders, ...orders.orders, ...early],
    });
  },
};

export default scenario;

/** Copies whatever it sees in the streams, each message once, in any order. */
function double(stage: Stage): { stop(): Promise<number> } {
  const { client, keys, random } = stage;
  const copied = new Set<string>();
  let copies = 0;
  const copyOf = async (group: Group, lane: Lane): Promise<void> => {
    const entries = await client.xrange(keys.stream(group, lane), "-", "+", "COUNT", seenAtOnce);
    const messages: Message[] = [];
    for (const [, fields] of entries) {
      const message = messageOfEntry(fields);
      // The copy says the same, so it is known by what it says.
      const text = JSON.stringify(message);
      if (typeof message === "string" || copied.has(text)) continue;
      copied.add(text);
      messages.splice(random.integer(0, messages.length), 0, message);
    }
    // A copy may come by either lane.
    const enqueued = messages.map((message) => ({ message }));
    await publish(productDeps(stage), enqueued, { lane: random.pick(lanes) });
    copies += messages.length;
  };
  const stop = stage.repeat(async () => {
    for (const group of groups) {
      for (const lane of lanes) await copyOf(group, lane);
    }
    await pauseMs(5);
  });
  return {
    stop: async () => {
      await stop();
      return copies;
    },
  };
}

function answerFor(
  order: { id: number; totalCents: number },
  outcome: "succeeded" | "declined",
  providerRef: string,
): Message {
  return {
    type: "payment.callback",
    orderId: order.id,
    amountCents: order.totalCents,
    currency: "GBP",
    outcome,
    provider: "simulated",
    providerRef,
  };
}

async function send(stage: Stage, messages: Message[]): Promise<void> {
  await publish(productDeps(stage), messages.map((message) => ({ message })));
  stage.figures.faults += messages.length;
}

/** The simulated provider's own names for the charges of orders. */
async function simulatedRefs({ db }: Stage, ids: number[]): Promise<(id: number) => string> {
  const orders = await readCharges(db, ids);
  return (id) => simulatedRef({ orderId: id, reference: orders.get(id)!.externalOrderId });
}

/** The same answer again, and a decline of what was paid. */
async function answersForSettled(stage: Stage): Promise<void> {
  const rows = await stage.db.query(
    "select id, total_cents from orders where status = 'PAID' order by id limit ?",
    [oddities],
  );
  const orders = rows.map((row) => ({ id: Number(row.id), totalCents: Number(row.total_cents) }));
  const refOf = await simulatedRefs(stage, orders.map(({ id }) => id));
  await send(stage, [
    ...orders.map((order) => answerFor(order, "succeeded", refOf(order.id))),
    ...orders.map((order) => answerFor(order, "declined", refOf(order.id))),
  ]);
}

async function answersForUnknown(stage: Stage): Promise<void> {
  const unknown = Array.from(
    { length: oddities },
    (_, at) => ({ id: unknownOrder + at, totalCents: 100 }),
  );
  await send(stage, unknown.map((order) => answerFor(order, "succeeded", `lost_${order.id}`)));
}

/**
 * Money for orders that were cancelled: it must go back.
 *
 * @returns how many there are
 */
async function answersForCancelled(stage: Stage): Promise<number> {
  const { db } = stage;
  const sample = await sampleOrders();
  const orders = Array.from({ length: oddities }, (_, at): IncomingOrder => ({
    ...nthOrder(sample, at),
    externalOrderId: `cancelled-${at}`,
  }));
  const cancelled = (await book(stage, orders)).map(({ orderId, totalCents }) => ({
    id: orderId!,
    totalCents,
  }));
  for (const { id } of cancelled) await cancelOrder(db, id, "chaos");
  await send(stage, [
    ...cancelled.map(({ id: orderId, totalCents: amountCents }): Message => ({
      type: "order.reserve",
      orderId,
      amountCents,
      currency: "GBP",
    })),
    ...cancelled.map(({ id: orderId, totalCents: amountCents }): Message => ({
      type: "notify.order",
      orderId,
      amountCents,
      currency: "GBP",
    })),
    ...cancelled.map((order) => answerFor(order, "succeeded", `late_${order.id}`)),
  ]);
  return cancelled.length;
}

/** Answers that come before anybody has reserved, let alone charged. */
async function answersBeforeCharges(stage: Stage): Promise<IncomingOrder[]> {
  const { db } = stage;
  const sample = await sampleOrders();
  const early = sample.filter(willBePaid).slice(0, oddities).map((order, at): IncomingOrder => ({
    ...order,
    externalOrderId: `early-${at}`,
  }));
  await take(stage, early);
  const rows = await db.query(
    "select id, total_cents from orders where external_order_id like 'early-%'",
  );
  const refOf = await simulatedRefs(stage, rows.map(({ id }) => Number(id)));
  await send(
    stage,
    rows.map((row) => {
      const order = { id: Number(row.id), totalCents: Number(row.total_cents) };
      return answerFor(order, "succeeded", refOf(order.id));
    }),
  );
  return early;
}

/** Answers for orders that don't exist are for a person to look at. */
async function discardUnknown(stage: Stage): Promise<void> {
  const { db } = stage;
  await until("every answer for an unknown order is a dead letter", 20_000, async () => {
    const [row] = await db.query(
      "select count(distinct order_id) as n from dead_letters where status = 'DEAD' and order_id >= ?",
      [unknownOrder],
    );
    return Number(row!.n) === oddities || `${row!.n} of ${oddities} are`;
  });
  await stage.run("dead", ["discard", "--all"], stage.directEnv);
}

/** They are right, and not part of what the database is compared with. */
async function forgetCancelled({ db }: Stage, count: number): Promise<void> {
  const ids = "select id from orders where status = 'CANCELLED'";
  const [row] = await db.query(`
    select count(*) as told from notification_logs where order_id in (${ids})`);
  equal("customers who were told of the cancellation", Number(row!.told), count);
  for (const table of ["notification_logs", "order_events", "payments", "order_items"]) {
    await db.runText(`delete from ${table} where order_id in (select * from (${ids}) ids)`);
  }
  await db.runText("delete from orders where status = 'CANCELLED'");
}
