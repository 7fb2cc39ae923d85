/**
 * Orders that come one by one over HTTP, placed in sets.
 *
 * @module
 */

import { unknownSkuFault } from "../../../domain/catalog/unknown_sku.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import { isAllowed, type Scope } from "../../../domain/operation/api_token.ts";
import type { IncomingOrder } from "../../../domain/order/incoming_order.ts";
import { orderTag } from "../../../domain/order/order_tag.ts";
import type { OrderSummary } from "../../../db/orders/order_queries.ts";
import { expectHolding } from "../../../services/orders/expect_holding.ts";
import type { Queryable } from "../../../db/connection/database.ts";
import {
  type BroughtOrder,
  type InsertedOrder,
  keptCustomers,
  keptProducts,
  placeAndPublish,
  type PlacedOrder,
} from "../../../services/orders/place_orders.ts";
import { inSpan, traceparent, tracing } from "../../../streams/telemetry/tracing.ts";
import type { AppDeps } from "../../deps.ts";
import { batcher, type BatcherOptions } from "../../middleware/batcher.ts";
import type { Caller } from "../../middleware/caller.ts";
import {
  type HeldKey,
  type KeyedAnswer,
  type OnceAnswer,
  storeAnswers,
  workOnce,
} from "../../middleware/idempotency.ts";
import { orderReceiptJson } from "./order_json.ts";
import { isEngineAway } from "../../middleware/problem.ts";

/** Most orders to one transaction. */
const maxOrders = 200;

/** Orders that wait for their transaction; further ones are turned away. */
const maxWaiting = 10_000;

/** Transactions at the same time: while the database works on one, this process reads and answers the orders of the other. */
const maxRunning = 2;

/** Longest time for one transaction and what follows from it, in milliseconds. */
const maxMs = 10_000;

/** Most items of them, unless one order alone has more: others wait while they are written. */
const maxItems = 4_000;

/** Items that count as one turn; most orders have no more. */
const itemsToTurn = 10;

/** An order that a request brings. */
export interface RequestedOrder extends BroughtOrder {
  /** Who takes turns with others: whoever brings it, or where nobody is asked who they are, the address that it comes from. */
  from: string;
  /** What its sender may do, and so get to see. */
  scopes: readonly Scope[];
  /** Under which its answer is to be stored, if any. */
  key: HeldKey | null;
}

/** Takes an order of a request, once a key, and gives its answer. */
export type TakeOrder = (
  requested: { order: IncomingOrder; caller: Caller; address: string; key: string | undefined },
) => Promise<OnceAnswer>;

/** Makes the function that takes an order of a request. */
export function orderTaker(deps: AppDeps): TakeOrder {
  const placeOrder = orderPlacer(deps);
  const once = workOnce(deps);
  const expectHeld = expectHolding(deps.config);
  return ({ order, caller: { actor, name, scopes }, address, key }) => {
    expectHeld(order);
    return once({ owner: actor, key }, ["order", order], async (key) => {
      const from = name === null ? address : actor;
      const placed = await placeOrder({ order, actor, from, scopes, key });
      if (placed.outcome === "conflict" || placed.outcome === "unknown_sku") {
        throw refusalOf(placed, order, scopes);
      }
      const answer = newOrderAnswer(placed.order, scopes);
      const isNew = placed.outcome === "new";
      return { ...answer, status: isNew ? 202 : 200, stored: isNew };
    });
  };
}

/** Makes the function that places an order, together with others that come at the same time. */
function orderPlacer(deps: AppDeps): (requested: RequestedOrder) => Promise<PlacedOrder> {
  const products = keptProducts(), customers = keptCustomers();
  const store = (tx: Queryable, inserted: readonly InsertedOrder<RequestedOrder>[]) =>
    storeAnswers(
      tx,
      inserted.flatMap(({ brought: { key, scopes }, order }) =>
        key === null ? [] : [{ key, answer: newOrderAnswer(order, scopes) }]
      ),
    );
  const place = (requested: readonly RequestedOrder[]): Promise<PlacedOrder[]> => {
    const inTransaction = requested.some(({ key }) => key !== null) ? store : undefined;
    return placeAndPublish(deps, requested, { inTransaction, products, customers });
  };
  const options: BatcherOptions<RequestedOrder> = {
    maxInputs: maxOrders,
    maxWeight: maxItems / itemsToTurn,
    maxWaiting,
    maxRunning,
    maxMs,
    callerOf: ({ from }) => from,
    weightOf: ({ order: { items } }) => Math.ceil(items.length / itemsToTurn),
    concernsAll: isEngineAway,
  };
  if (!tracing) return batcher(place, options);
  const placeTogether = batcher<RequestedOrder, PlacedOrder>(
    // The requests of a batch are many traces, of which none may have all the work below it.
    (requested) =>
      inSpan(
        "take orders",
        { of: requested.map(({ traceparent }) => traceparent) },
        () => place(requested),
      ),
    options,
  );
  return (requested) => placeTogether({ ...requested, traceparent: traceparent() });
}

/**
 * Why an order was not taken; undefined for one that was.
 *
 * @param scopes of whoever has brought it: which order another one's payment belongs to is for `read`
 */
export function refusalOf(
  placed: PlacedOrder,
  order: IncomingOrder,
  scopes: readonly Scope[],
): WorkflowError | undefined {
  if (placed.outcome === "unknown_sku") return unknownSkuFault(order, placed.skus);
  if (placed.outcome !== "conflict") return undefined;
  const { paymentOf } = placed;
  const name = JSON.stringify(order.externalOrderId);
  if (paymentOf === undefined) {
    return new WorkflowError("order_conflict", `Order ${name} is known with another content`);
  }
  const owner = isAllowed(scopes, ["read"])
    ? `order ${JSON.stringify(paymentOf)}`
    : "another order";
  return new WorkflowError(
    "order_conflict",
    `Order ${name} says that it was paid by a payment that belongs to ${owner}`,
  );
}

/**
 * What a new order is answered with.
 *
 * @param scopes of whoever has brought it: somebody else may have said more of its customer
 */
export function newOrderAnswer(order: OrderSummary, scopes: readonly Scope[]): KeyedAnswer {
  return {
    status: 202,
    location: `/orders/${order.id}`,
    etag: orderTag(order),
    body: orderReceiptJson(order, scopes),
  };
}
