/**
 * Orders that come one by one over HTTP, taken in sets.
 *
 * @module
 */

import type { Scope } from "../../../domain/operation/api_token.ts";
import type { IncomingOrder } from "../../../domain/order/incoming_order.ts";
import type { Message } from "../../../domain/messages/messages.ts";
import { takeOrders } from "../../../db/orders/intake.ts";
import { type OrderSummary, readOrderSummaries } from "../../../db/orders/order_queries.ts";
import { inSpan, traceparent, tracing } from "../../../streams/telemetry/tracing.ts";
import type { AppDeps } from "../../deps.ts";
import { gather } from "../../middleware/batcher.ts";
import { type HeldKey, type KeyedAnswer, storeAnswers } from "../../middleware/idempotency.ts";
import { orderReceiptJson } from "./order_json.ts";
import { isEngineAway } from "../../middleware/problem.ts";
import { publishAfterCommit } from "../../../services/publish_after_commit.ts";

/** Most orders to one transaction. */
const mostOrders = 200;

/** Orders that wait for their transaction; further ones are turned away. */
const mostWaiting = 10_000;

/** Longest time for one transaction and what follows from it, in milliseconds. */
const mostMs = 10_000;

/** An order that somebody brings. */
export interface BroughtOrder {
  /** As it came in. */
  order: IncomingOrder;
  /** Who brings it, for the timeline. */
  actor: string;
  /** What its sender may do, and so get to see. */
  scopes: readonly Scope[];
  /** Under which its answer is to be stored, if any. */
  key: HeldKey | null;
}

/** An order and the trace of the request that brings it. */
interface TracedOrder extends BroughtOrder {
  traceparent?: string;
}

/** What became of an order. */
export type TakenOrder =
  | { outcome: "new" | "unchanged"; order: OrderSummary }
  | { outcome: "conflict" };

/**
 * Makes the function that takes an order into the books and publishes it.
 *
 * A crash after the commit leaves an order that no stream knows: the sweep publishes it, and so does the
 * same order sent again.
 */
export function orderTaker(deps: AppDeps): (brought: BroughtOrder) => Promise<TakenOrder> {
  const { db, config } = deps;
  const take = async (brought: readonly TracedOrder[]): Promise<TakenOrder[]> => {
    const broughtOf = new Map(brought.map((one) => [one.order, one]));
    const taken = await takeOrders(db, [...broughtOf.keys()], {
      initialStock: config.initialStock,
      onPendingChange: "conflict",
      actor: "api",
      actorOf: (order) => broughtOf.get(order)!.actor,
      inTransaction: async (tx, inserted) => {
        const keyed = [...inserted].flatMap(([order, id]) => {
          const { key, scopes } = broughtOf.get(order)!;
          return key === null ? [] : [{ key, id, scopes }];
        });
        const summaries = await readOrderSummaries(tx, keyed.map(({ id }) => id));
        await storeAnswers(
          tx,
          keyed.map(({ key, id, scopes }) => ({
            key,
            answer: newOrderAnswer(summaries.get(id)!, scopes),
          })),
        );
      },
    });
    const messages = taken.flatMap((order): Message[] => {
      const { orderId, outcome, status, totalCents: amountCents, currency } = order;
      const waits = outcome === "new" || (outcome === "unchanged" && status === "PENDING");
      if (!waits || orderId === null) return [];
      return [{ type: "order.reserve", orderId, amountCents, currency }];
    });
    const traceparents = tracing ? traceparentsOf(taken, [...broughtOf.values()]) : undefined;
    await publishAfterCommit(deps, messages, { oncePerOrder: true, traceparents });
    const summaries = await readOrderSummaries(db, taken.flatMap(({ orderId }) => orderId ?? []));
    return taken.map(({ outcome, orderId }): TakenOrder => {
      if (outcome === "conflict") return { outcome };
      return { outcome: outcome === "new" ? "new" : "unchanged", order: summaries.get(orderId!)! };
    });
  };
  const options = { most: mostOrders, mostWaiting, mostMs, concernsAll: isEngineAway };
  if (!tracing) return gather(take, options);
  const gathered = gather<TracedOrder, TakenOrder>(
    // The requests of a batch are many traces, of which none may have all the work below it.
    (brought) =>
      inSpan(
        "take orders",
        { of: brought.map(({ traceparent }) => traceparent) },
        () => take(brought),
      ),
    options,
  );
  return (brought) => gathered({ ...brought, traceparent: traceparent() });
}

/** By order, the trace of the request that brought it. */
function traceparentsOf(
  taken: readonly { orderId: number | null }[],
  brought: readonly TracedOrder[],
): Map<number, string> {
  return new Map(taken.flatMap(({ orderId }, index) => {
    const { traceparent } = brought[index]!;
    return orderId === null || traceparent === undefined ? [] : [[orderId, traceparent]];
  }));
}

/**
 * What a new order is answered with.
 *
 * @param scopes of whoever has brought it: somebody else may have said more of its customer
 */
export function newOrderAnswer(order: OrderSummary, scopes: readonly Scope[]): KeyedAnswer {
  return { status: 202, location: `/orders/${order.id}`, body: orderReceiptJson(order, scopes) };
}
