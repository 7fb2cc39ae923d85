/**
 * `order.reserve`, of the `orders` group: reserves stock for whole orders.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import { addOrderEvents, type OrderEventRow } from "../../db/orders/events.ts";
import { lockOrders, readItems, transitionOrders } from "../../db/orders/orders.ts";
import { readRetries } from "../../db/orders/retries.ts";
import { lockStock, writeStock } from "../../db/catalog/products.ts";
import { retryKpiEvents } from "../../domain/kpi/kpi.ts";
import type { ReserveMessage } from "../../domain/messages/messages.ts";
import { type Effects, effectsOfOrder } from "../../domain/order/effects.ts";
import { orderAfter, type OrderFacts } from "../../domain/order/order.ts";
import { type ReserveRequest, sumNeeds } from "../../domain/order/reserve.ts";
import { AheadInVain, holdToAhead, reserveAhead } from "../stock/reserve_ahead.ts";
import { decideInQueues, writeQueues } from "../stock/stock_queue.ts";
import {
  type Delivery,
  done,
  doneWith,
  type HandlerDeps,
  type Outcome,
  vanished,
  withFollowUps,
} from "../workflow/handler.ts";
import { readReversing } from "../../db/payments/payments.ts";
import { owePaidAtSource } from "../payments/source_money.ts";
import { acquireLocks, releaseLocks, untilLockFree } from "./product_locks.ts";

/** Rounds that wait for another's product locks; afterwards the database alone keeps the peace. */
const lockRounds = 3;

/**
 * How long a round waits while fewer than half of its orders have their locks, in milliseconds: a batch of
 * another consumer holds them for up to 100, and several may come before this one.
 */
const lockPatienceMs = 500;

/**
 * Reserves stock for the orders of a batch, first come first served, in one transaction a round: orders
 * whose products another consumer has locked wait for the next round.
 *
 * A crash leaves the rounds that were committed; their messages are delivered again and meet `RESERVED`
 * or `FAILED` orders, whose effects they repeat, or orders that wait for stock, which have none.
 */
export async function reserveOrders(
  deps: HandlerDeps,
  deliveries: readonly Delivery<ReserveMessage>[],
): Promise<Outcome[]> {
  const attempts = new Map(deliveries.map(({ message, attempt }) => [message.orderId, attempt]));
  const outcomes = new Map<number, Outcome>();
  const token = `${deps.consumer}:${crypto.randomUUID()}`;
  for (let round = 1; outcomes.size < attempts.size; round++) {
    const waiting = [...attempts.keys()].filter((orderId) => !outcomes.has(orderId));
    // A live batch waits for nobody's locks but those of the database: a bulk one holds those for a moment only.
    const locks = deps.lane === "bulk" && round <= lockRounds ? token : null;
    for (const [orderId, outcome] of await reserveRound(deps, waiting, attempts, locks)) {
      outcomes.set(orderId, outcome);
    }
  }
  return deliveries.map(({ message }) => outcomes.get(message.orderId)!);
}

/** @param lockToken null to do without product locks */
async function reserveRound(
  deps: HandlerDeps,
  orderIds: readonly number[],
  attempts: ReadonlyMap<number, number>,
  lockToken: string | null,
): Promise<Map<number, Outcome>> {
  try {
    return await reserveOnce(deps, orderIds, attempts, { lockToken, triesAhead: true });
  } catch (error) {
    if (!(error instanceof AheadInVain)) throw error;
    return await reserveOnce(deps, orderIds, attempts, { lockToken, triesAhead: false });
  }
}

async function reserveOnce(
  deps: HandlerDeps,
  orderIds: readonly number[],
  attempts: ReadonlyMap<number, number>,
  { lockToken, triesAhead }: { lockToken: string | null; triesAhead: boolean },
): Promise<Map<number, Outcome>> {
  const locked = new Set<number>();
  try {
    return await deps.db.transaction(async (tx) => {
      const { orders, now } = await lockOrders(tx, orderIds);
      const requests = await readRequests(tx, orderIds, orders);
      const ahead = triesAhead
        ? await reserveAhead(deps, tx, requests, { now, attempts })
        : new Set<number>();
      const free = ahead.size > 0
        ? requests
        : await withFreeProducts(deps, requests, lockToken, locked);
      const stock = await lockStock(
        tx,
        free.flatMap(({ needs }) => needs.map(({ productId }) => productId)),
      );
      return await decideAndWrite(deps, tx, {
        orderIds,
        orders,
        free,
        ahead,
        stock,
        now,
        attempts,
      });
    });
  } finally {
    if (lockToken !== null && locked.size > 0) await releaseLocks(deps, lockToken, [...locked]);
  }
}

async function readRequests(
  tx: Queryable,
  orderIds: readonly number[],
  orders: ReadonlyMap<number, OrderFacts>,
): Promise<ReserveRequest[]> {
  const found = orderIds.flatMap((id) => orders.get(id) ?? []);
  const pending = found.filter(({ status }) => status === "PENDING").map(({ id }) => id);
  const items = await readItems(tx, pending);
  return found.map((order) => ({ order, needs: sumNeeds(items.get(order.id) ?? []) }));
}

/** The requests whose products are free for this consumer; the others have to wait. */
async function withFreeProducts(
  deps: HandlerDeps,
  requests: ReserveRequest[],
  lockToken: string | null,
  locked: Set<number>,
): Promise<ReserveRequest[]> {
  if (lockToken === null) return requests;
  const products = requests.map(({ needs }) => needs.map(({ productId }) => productId));
  const deadline = performance.now() + lockPatienceMs;
  for (;;) {
    const isLast = performance.now() >= deadline;
    const min = isLast ? 0 : Math.ceil(products.length / 2);
    const { held, busyProduct } = await acquireLocks(deps, lockToken, products, min);
    if (held.includes(true) || busyProduct === null || isLast) {
      products.forEach((ids, index) => {
        if (held[index]) { for (const id of ids) locked.add(id); }
      });
      return requests.filter((_, index) => held[index]);
    }
    // Waiting here costs nothing but time: no product is locked yet, only this batch's own orders are.
    await untilLockFree(deps, busyProduct, deadline);
  }
}

interface Round {
  orderIds: readonly number[];
  orders: ReadonlyMap<number, OrderFacts>;
  free: readonly ReserveRequest[];
  /** Those of whom it is written already that they are reserved. */
  ahead: ReadonlySet<number>;
  stock: Map<number, number>;
  now: string;
  attempts: ReadonlyMap<number, number>;
}

async function decideAndWrite(
  deps: HandlerDeps,
  tx: Queryable,
  { orderIds, orders, free, ahead, stock, now, attempts }: Round,
): Promise<Map<number, Outcome>> {
  const decided = await decideInQueues(tx, free, stock, deps.onShortage ?? "fail");
  holdToAhead(ahead, free, decided.decisions);
  const outcomes = new Map<number, Outcome>();
  for (const id of orderIds) if (!orders.has(id)) outcomes.set(id, vanished("order", id));

  const reserved: number[] = [];
  const short: number[] = [];
  const ended: OrderFacts[] = [];
  const before: OrderFacts[] = [];
  const events: OrderEventRow[] = [];
  decided.decisions.forEach((decision, index) => {
    const { order } = free[index]!;
    const attempt = attempts.get(order.id) ?? 1;
    const charge = {
      type: "payment.charge",
      orderId: order.id,
      amountCents: order.totalCents,
      currency: order.currency,
    } as const;
    switch (decision.kind) {
      case "reserve":
        reserved.push(order.id);
        if (!ahead.has(order.id)) events.push({ orderId: order.id, event: "reserved", attempt });
        outcomes.set(order.id, doneWith(charge));
        break;
      case "already_reserved":
        outcomes.set(order.id, doneWith(charge));
        break;
      case "fail": {
        const { reason } = decision;
        short.push(order.id);
        events.push({ orderId: order.id, event: "failed", detail: reason, attempt });
        ended.push(orderAfter(order, "run_short", now));
        break;
      }
      case "wait":
        if (!order.backordered) events.push({ orderId: order.id, event: "backordered", attempt });
        outcomes.set(order.id, done());
        break;
      case "already_settled":
        ended.push(order);
        before.push(order);
        break;
    }
  });

  if (reserved.length > 0) await writeStock(tx, takenStock(free, reserved, stock));
  const arrived = await writeQueues(tx, free, decided, stock);
  await transitionOrders(tx, "reserve", reserved.filter((id) => !ahead.has(id)), now);
  await transitionOrders(tx, "run_short", short, now);
  await addOrderEvents(tx, events, deps.consumer);
  for (const [id, effects] of await effectsOfEnded(deps, tx, ended, { before, now })) {
    outcomes.set(id, done(effects));
  }
  await addRetries(deps, tx, free, outcomes);
  withFollowUps([...outcomes.values()], arrived);
  return outcomes;
}

/**
 * What follows from orders that are settled; money that was paid at the source of those that failed goes back, and so does
 * what those of `before`, which had ended already, have to give back yet.
 */
async function effectsOfEnded(
  deps: HandlerDeps,
  tx: Queryable,
  orders: readonly OrderFacts[],
  { before, now }: { before: readonly OrderFacts[]; now: string },
): Promise<Map<number, Effects>> {
  const unpaid = ({ status }: OrderFacts) => status !== "PAID";
  const reversals = await owePaidAtSource(tx, orders.filter(unpaid), { now, actor: deps.consumer });
  // Recovery takes it that whatever is to be given back of an order follows from its message.
  for (const payment of await readReversing(tx, before.filter(unpaid).map(({ id }) => id))) {
    const { orderId, amountCents } = payment;
    if (reversals.has(orderId)) continue;
    const own = orders.find(({ id }) => id === orderId)!.currency;
    const currency = payment.currency ?? own;
    reversals.set(orderId, { type: "payment.reverse", orderId, amountCents, currency });
  }
  return new Map(orders.map((order) => {
    const { messages, kpis } = effectsOfOrder(order, deps.kpiDay);
    const reversal = reversals.get(order.id);
    return [order.id, { messages: reversal ? [...messages, reversal] : messages, kpis }];
  }));
}

/**
 * Has what orders had failed as before they were taken up again leave the figures: here, because an order that was
 * taken up passes here before anything else becomes of it.
 */
async function addRetries(
  deps: HandlerDeps,
  tx: Queryable,
  requests: readonly ReserveRequest[],
  outcomes: ReadonlyMap<number, Outcome>,
): Promise<void> {
  const ids = requests.flatMap(({ order }) => order.retryId === undefined ? [] : order.id);
  for (const retry of await readRetries(tx, ids)) {
    const outcome = outcomes.get(retry.orderId);
    if (outcome?.kind === "done") outcome.events.push(...retryKpiEvents(retry, deps.kpiDay));
  }
}

/** What is left of the products from which units were taken; the others need no writing. */
function takenStock(
  requests: readonly ReserveRequest[],
  reserved: readonly number[],
  stock: ReadonlyMap<number, number>,
): Map<number, number> {
  const ids = new Set(reserved);
  const taken = new Map<number, number>();
  for (const { order, needs } of requests) {
    if (!ids.has(order.id)) continue;
    for (const { productId } of needs) taken.set(productId, stock.get(productId)!);
  }
  return taken;
}
