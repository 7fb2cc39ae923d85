/**
 * `order.reserve`, of the `orders` group: reserves stock for whole orders.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import { addOrderEvents, type OrderEventRow } from "../../db/orders/timelines.ts";
import { lockOrders, readItems, readOrders, transitionOrders } from "../../db/orders/orders.ts";
import { readRetries } from "../../db/orders/retries.ts";
import { readStockOfOrders, writeStock } from "../../db/catalog/products.ts";
import { retryKpiEvents } from "../../domain/kpi/kpi.ts";
import type { Message, ReserveMessage } from "../../domain/messages/messages.ts";
import { type Effects, effectsOfOrder } from "../../domain/order/effects.ts";
import { type ItemNeed, orderAfter, type OrderFacts } from "../../domain/order/order.ts";
import { findOpen, type ReserveRequest, sumNeeds } from "../../domain/order/reserve.ts";
import { isOutage } from "../queue/complete.ts";
import { compareEntryIds } from "../queue/entry_ids.ts";
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
import { orderHeld, orderLocks } from "../workflow/order_locks.ts";
import { isSmallBatch } from "../workflow/small_batch.ts";
import { store } from "../workflow/store.ts";
import { readReversing } from "../../db/payments/payments.ts";
import { owePaidAtSource } from "../payments/source_money.ts";
import { awaitTurn, type Decide, giveSigns, passTurn, type Undecided } from "./reserve_turns.ts";

/**
 * Reserves stock for the orders of a batch: first come, first served, by the order of the lane's stream and whoever has the
 * messages before these, see `reserve_turns.ts`. Mostly in one transaction.
 *
 * A crash leaves what was committed, also of orders whose messages others have; the messages are delivered again and meet
 * `RESERVED` or `FAILED` orders, whose effects they repeat, or orders that wait for stock, which have none.
 */
export async function reserveOrders(
  deps: HandlerDeps,
  deliveries: readonly Delivery<ReserveMessage>[],
): Promise<Outcome[]> {
  const firstOf = new Map<number, InLine>();
  for (const { id, message: { orderId }, attempt, again } of deliveries) {
    if (!firstOf.has(orderId)) firstOf.set(orderId, { id, orderId, attempt, again });
  }
  const arrived: Message[] = [];
  const decideAhead: Decide = async (messages, passedOver) => {
    const line = messages.map((message) => ({ ...message, attempt: 1 }));
    const round = await reserveRound(deps, line, { passedOver, skipLocked: true });
    arrived.push(...round.arrived);
    return new Set([...round.outcomes].flatMap(([id, { kind }]) => kind === "later" ? [] : id));
  };
  const outcomes = new Map<number, Outcome>();
  const line = [...firstOf.values()];
  // Between two that come again others may stand, so what comes twice says nothing of those before its second time.
  const lastId = deliveries.some(({ again }) => again) ? undefined : deliveries.at(-1)!.id;
  const stopSigns = giveSigns(deps, deliveries.at(-1)!.id);
  try {
    for (let from = 0; from < line.length;) {
      const rest = line.slice(from);
      const { count, passedOver } = await awaitTurn(deps, rest, decideAhead);
      const own = rest.slice(0, count);
      from += count;
      const isLast = from === line.length;
      const round = await reserveOwn(
        deps,
        own,
        passedOver,
        isLast ? lastId : undefined,
      );
      arrived.push(...round.arrived);
      for (const [orderId, outcome] of round.outcomes) outcomes.set(orderId, outcome);
    }
  } finally {
    stopSigns();
  }
  withFollowUps([...outcomes.values()], arrived);
  return deliveries.map(({ message }) => outcomes.get(message.orderId)!);
}

/** A message in its turn. */
interface InLine extends Undecided {
  attempt: number;
  again?: boolean;
}

/** What became of orders, and what follows from all of them together. */
interface Reserved {
  outcomes: Map<number, Outcome>;
  arrived: Message[];
}

/** @param lastId of the last message that this decides about, where it is none of these */
async function reserveOwn(
  deps: HandlerDeps,
  own: readonly InLine[],
  passedOver: readonly Undecided[],
  lastId = own.at(-1)!.id,
): Promise<Reserved> {
  let round: Reserved;
  try {
    round = await reserveRound(deps, own, { passedOver });
  } catch (error) {
    // Of one alone that fails it is known which one it is: those behind it need not find out.
    if (own.length === 1 && !isOutage(store, error)) await passTurn(deps, lastId, own, []);
    throw error;
  }
  const isLater = ({ orderId }: Undecided) => round.outcomes.get(orderId)!.kind === "later";
  const decided = own.filter((message) => !isLater(message));
  await passTurn(deps, lastId, own.filter(isLater), decided);
  return round;
}

/** How a round is decided. */
interface RoundOptions {
  passedOver: readonly Undecided[];
  /** Stop before the first order that another transaction has locked; it and the rest have no outcome. */
  skipLocked?: boolean;
}

interface ReserveOptions extends RoundOptions {
  lock: ReturnType<typeof orderLocks>;
  triesAhead: boolean;
}

/**
 * Decides about orders in one transaction; in a second one, where there turn out to be fewer units than it seemed.
 *
 * @param line in their turn
 */
async function reserveRound(
  deps: HandlerDeps,
  line: readonly InLine[],
  options: RoundOptions,
): Promise<Reserved> {
  const triesAhead = options.passedOver.length === 0 && !options.skipLocked;
  const lock = orderLocks(deps.db);
  try {
    return await reserveOnce(deps, line, { ...options, lock, triesAhead });
  } catch (error) {
    if (!(error instanceof AheadInVain)) throw error;
    return await reserveOnce(deps, line, { ...options, lock, triesAhead: false });
  }
}

function reserveOnce(
  deps: HandlerDeps,
  line: readonly InLine[],
  { passedOver, skipLocked = false, lock, triesAhead }: ReserveOptions,
): Promise<Reserved> {
  return deps.db.transaction(async (tx) => {
    const ids = line.map(({ orderId }) => orderId);
    const readsBeside = triesAhead && isSmallBatch(ids);
    const { orders, now, held, beside } = skipLocked
      ? {
        ...await lockOrders(tx, ids, { skipLocked }),
        held: new Set<number>(),
        beside: undefined,
      }
      : await lock(tx, ids, readsBeside ? () => readBeside(tx, ids) : undefined);
    const heldHere = line.filter(({ orderId }) => held.has(orderId));
    const reached = skipLocked
      ? await untilLocked(tx, line, orders)
      : line.filter(({ orderId }) => !held.has(orderId));
    const orderIds = reached.map(({ orderId }) => orderId);
    const attempts = new Map(reached.map(({ orderId, attempt }) => [orderId, attempt]));
    const requests = await readRequests(tx, orderIds, orders, beside?.items);
    const tries = triesAhead && heldHere.length === 0;
    const seen = beside?.stock;
    const { ids: ahead, stock, isTaken } = await reserveAhead(deps, tx, requests, {
      now,
      attempts,
      tries,
      seen,
    });
    const open = await findWaiting(tx, {
      line: reached,
      requests,
      stock,
      passedOver: [...passedOver, ...heldHere],
    });
    const free = requests.filter(({ order }) => !open.has(order.id));
    const round = { orderIds, orders, free, ahead, stock, isTaken, now, attempts };
    const { outcomes, arrived } = await decideAndWrite(deps, tx, round);
    for (const id of open) outcomes.set(id, { kind: "later", error: notYet });
    for (const { orderId } of heldHere) outcomes.set(orderId, orderHeld(orderId));
    return { outcomes, arrived };
  });
}

const notYet = "its units may be those of an order that came before it and is tried again";

/** What is needed of few orders besides their rows, asked for at once. */
async function readBeside(tx: Queryable, orderIds: readonly number[]) {
  const [items, stock] = await Promise.all([
    readItems(tx, orderIds),
    readStockOfOrders(tx, orderIds),
  ]);
  return { items, stock };
}

/** Those before the first one that somebody else has locked. */
async function untilLocked(
  tx: Queryable,
  line: readonly InLine[],
  locked: ReadonlyMap<number, OrderFacts>,
): Promise<readonly InLine[]> {
  const missing = line.flatMap(({ orderId }) => locked.has(orderId) ? [] : orderId);
  const others = await readOrders(tx, missing);
  const end = line.findIndex(({ orderId }) => others.has(orderId));
  return end < 0 ? line : line.slice(0, end);
}

/** The orders that have to wait for those that were passed over: their products are locked, so no other decides meanwhile. */
async function findWaiting(
  tx: Queryable,
  { line, requests, stock, passedOver }: {
    line: readonly InLine[];
    requests: readonly ReserveRequest[];
    stock: ReadonlyMap<number, number>;
    passedOver: readonly Undecided[];
  },
): Promise<Set<number>> {
  const own = new Map(requests.map((request) => [request.order.id, request]));
  const others = passedOver.filter(({ orderId }) => !own.has(orderId));
  if (others.length === 0) return new Set();
  const ids = others.map(({ orderId }) => orderId);
  const facts = await readOrders(tx, ids);
  const items = await readItems(tx, ids);
  const pending = others.filter(({ orderId }) => facts.get(orderId)?.status === "PENDING");
  const ownPending = line.filter(({ orderId }) => own.get(orderId)?.order.status === "PENDING");
  const all = [
    ...pending.map(({ id, orderId }) => ({
      id,
      orderId,
      needs: sumNeeds(items.get(orderId) ?? []),
      isOpen: true,
    })),
    ...ownPending.map(({ id, orderId }) => ({
      id,
      orderId,
      needs: own.get(orderId)!.needs,
      isOpen: false,
    })),
  ].sort((a, b) => compareEntryIds(a.id, b.id));
  const open = findOpen(all, stock);
  return new Set(all.flatMap(({ orderId }, at) => open[at] && own.has(orderId) ? orderId : []));
}

/** @param seen the items of all, where they were read already */
async function readRequests(
  tx: Queryable,
  orderIds: readonly number[],
  orders: ReadonlyMap<number, OrderFacts>,
  seen: ReadonlyMap<number, ItemNeed[]> | undefined,
): Promise<ReserveRequest[]> {
  const found = orderIds.flatMap((id) => orders.get(id) ?? []);
  const pending = found.filter(({ status }) => status === "PENDING").map(({ id }) => id);
  const items = seen ?? await readItems(tx, pending);
  return found.map((order) => {
    const own = order.status === "PENDING" ? items.get(order.id) : undefined;
    return { order, needs: sumNeeds(own ?? []) };
  });
}

interface Round {
  orderIds: readonly number[];
  orders: ReadonlyMap<number, OrderFacts>;
  free: readonly ReserveRequest[];
  /** Those of whom it is written already that they are reserved. */
  ahead: ReadonlySet<number>;
  stock: Map<number, number>;
  /** Nothing is to be written any more. */
  isTaken: boolean;
  now: string;
  attempts: ReadonlyMap<number, number>;
}

async function decideAndWrite(
  deps: HandlerDeps,
  tx: Queryable,
  { orderIds, orders, free, ahead, stock, isTaken, now, attempts }: Round,
): Promise<Reserved> {
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

  if (reserved.length > 0 && !isTaken) {
    // All else is written ahead.
    const isLast = free.every(({ order: { id, retryId } }) =>
      ahead.has(id) && retryId === undefined
    );
    if (isLast) tx.asksLast?.();
    await writeStock(tx, takenStock(free, reserved, stock));
  }
  const arrived = await writeQueues(tx, free, decided, stock);
  await transitionOrders(tx, "reserve", reserved.filter((id) => !ahead.has(id)), now);
  await transitionOrders(tx, "run_short", short, now);
  await addOrderEvents(tx, events, deps.consumer);
  for (const [id, effects] of await effectsOfEnded(deps, tx, ended, { before, now })) {
    outcomes.set(id, done(effects));
  }
  await addRetries(deps, tx, free, outcomes);
  return { outcomes, arrived };
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
