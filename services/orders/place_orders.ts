/**
 * Placing orders: the one way for those that come one by one. Files of them come by `importFile`,
 * which takes them into the database by the same statements.
 *
 * @module
 */

import type { Config } from "../../config/config.ts";
import type { Queryable } from "../../db/connection/database.ts";
import { type KeptCustomers, keptCustomers } from "../../db/catalog/kept_customers.ts";
import { type KeptProducts, keptProducts } from "../../db/catalog/kept_products.ts";
import { takeOrders } from "../../streams/intake/take_orders.ts";
import { type OrderSummary, readOrderSummaries } from "../../db/orders/order_queries.ts";
import { type Lane, lanes } from "../../domain/messages/lane.ts";
import type { Message } from "../../domain/messages/messages.ts";
import type { IncomingOrder } from "../../domain/order/incoming_order.ts";
import { tracing } from "../../streams/telemetry/tracing.ts";
import { withDeadline } from "../../streams/timing/deadline.ts";
import { chooseLanes } from "../../streams/workflow/choose_lanes.ts";
import { publishAfterCommit, type ServiceDeps } from "../publish_after_commit.ts";

export { type KeptCustomers, keptCustomers, type KeptProducts, keptProducts };

/** An order that somebody brings. */
export interface BroughtOrder {
  /** As it came in. */
  order: IncomingOrder;
  /** Who brings it, for the timeline. */
  actor: string;
  /** The trace that brings it, if there is one. */
  traceparent?: string;
}

/** What became of an order. */
export type PlacedOrder =
  | { outcome: "new" | "unchanged"; order: OrderSummary }
  /** `paymentOf` is the order that the payment belongs to by which this one says that it was paid. */
  | { outcome: "conflict"; paymentOf?: string }
  | { outcome: "unknown_sku"; skus: string[] };

/** An order that is new. */
export interface InsertedOrder<B extends BroughtOrder> {
  brought: B;
  order: OrderSummary;
}

/** What belongs to placing orders. */
export interface PlaceOptions<B extends BroughtOrder> {
  /**
   * Is told the orders that are new, in the transaction that inserts them: what it writes is there with the
   * orders or not at all.
   */
  inTransaction?: (tx: Queryable, inserted: readonly InsertedOrder<B>[]) => Promise<void>;
  /** Where all of them go; left out for orders that are waited for, see {@linkcode chooseLanes}. */
  lane?: Lane;
  /** Products that were read for orders before; what is read for these is kept there. */
  products?: KeptProducts;
  /** Customers who were met before, likewise; with both, orders are taken for new ones first. */
  customers?: KeptCustomers;
}

/** Longest wait for the lanes of orders, in milliseconds. */
const maxChoiceMs = 500;

/**
 * Takes orders, many in one transaction, and publishes those that wait for their stock, new or not: whoever
 * sends an order again has it published where that was missed.
 *
 * They go by the live lane, unless it is crowded and whoever brings them has its share of it already, or another lane is named.
 *
 * A crash after the commit leaves an order that no stream knows: the sweep publishes it, and so does the
 * same order sent again. Safe to repeat.
 *
 * @returns for each order, in the same sequence, what became of it
 */
export async function placeAndPublish<B extends BroughtOrder>(
  deps: ServiceDeps & {
    config: Pick<Config, "initialStock" | "unknownSku"> & Partial<Pick<Config, "erasureSecret">>;
  },
  brought: readonly B[],
  options: PlaceOptions<B> = {},
): Promise<PlacedOrder[]> {
  const { db, config } = deps;
  const broughtOf = new Map(brought.map((one) => [one.order, one]));
  // Beside the transaction; a Redis that is away says nothing about lanes, and is waited for when it gets the messages.
  const choosing = lanesOf(deps, [...broughtOf.values()], options.lane);
  const summaries = new Map<number, OrderSummary>();
  const { inTransaction, products, customers } = options;
  const taken = await takeOrders(db, [...broughtOf.keys()], {
    initialStock: config.initialStock,
    unknownSku: config.unknownSku,
    erasureSecret: config.erasureSecret,
    onPendingChange: "conflict",
    actor: "api",
    actorOf: (order) => broughtOf.get(order)!.actor,
    products,
    customers,
    withSummaries: true,
    // Without it, the commit goes to the server with the last statements.
    inTransaction: inTransaction && (async (tx, inserted) => {
      const unread = [...inserted.values()].filter(({ summary }) => summary === undefined);
      const found = await readOrderSummaries(tx, unread.map(({ id }) => id));
      const added = [...inserted].map(([order, { id, summary = found.get(id)! }]) => ({
        brought: broughtOf.get(order)!,
        order: summary,
      }));
      await inTransaction(tx, added);
    }),
  });
  for (const { orderId, summary } of taken) {
    if (summary !== undefined) summaries.set(orderId!, summary);
  }
  const messages: Record<Lane, Message[]> = { live: [], bulk: [] };
  const laneOf = await choosing;
  for (const [index, order] of taken.entries()) {
    const { orderId, outcome, status, totalCents: amountCents, currency } = order;
    const waits = outcome === "new" || (outcome === "unchanged" && status === "PENDING");
    if (!waits || orderId === null) continue;
    messages[laneOf[index]!].push({ type: "order.reserve", orderId, amountCents, currency });
  }
  const traceparents = tracing ? traceparentsOf(taken, [...broughtOf.values()]) : undefined;
  const known = taken.flatMap(({ orderId }) =>
    orderId === null || summaries.has(orderId) ? [] : orderId
  );
  const [found] = await Promise.all([
    readOrderSummaries(db, known),
    ...lanes.filter((lane) => messages[lane].length > 0).map((lane) =>
      publishAfterCommit(deps, messages[lane], { lane, oncePerOrder: true, traceparents })
    ),
  ]);
  for (const [id, order] of found) summaries.set(id, order);
  return taken.map(({ outcome, orderId, paymentOf, unknownSkus: skus = [] }): PlacedOrder => {
    if (outcome === "conflict") return { outcome, paymentOf };
    if (outcome === "unknown_sku") return { outcome, skus };
    return { outcome: outcome === "new" ? "new" : "unchanged", order: summaries.get(orderId!)! };
  });
}

/** The lane of each order. */
async function lanesOf(
  deps: ServiceDeps,
  brought: readonly BroughtOrder[],
  lane: Lane | undefined,
): Promise<Lane[]> {
  if (lane !== undefined) return brought.map(() => lane);
  const chosen = chooseLanes(deps, brought.map(({ actor }) => actor));
  return await withDeadline(maxChoiceMs, "Redis", chosen)
    .catch(() => brought.map((): Lane => "live"));
}

/** By order, the trace that brought it. */
function traceparentsOf(
  taken: readonly { orderId: number | null }[],
  brought: readonly BroughtOrder[],
): Map<number, string> {
  return new Map(taken.flatMap(({ orderId }, index) => {
    const { traceparent } = brought[index]!;
    return orderId === null || traceparent === undefined ? [] : [[orderId, traceparent]];
  }));
}
