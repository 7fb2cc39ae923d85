/**
 * Cancelling an order: the one way for the API and the dashboard.
 *
 * @module
 */

import type { Database, Queryable } from "../../db/connection/database.ts";
import { addOrderEvents, readBringer } from "../../db/orders/timelines.ts";
import { lockOrders, transitionOrders } from "../../db/orders/orders.ts";
import { readHoldOf } from "../../db/payments/payment_holds.ts";
import { WorkflowError } from "../../domain/errors.ts";
import type { Message } from "../../domain/messages/messages.ts";
import type { Operator } from "../../domain/operation/audit.ts";
import { foreignFault, type OnlyOf } from "../../domain/order/bringer.ts";
import { decideCancel } from "../../domain/order/cancel.ts";
import { orderAfter, type OrderFacts } from "../../domain/order/order.ts";
import { restock } from "../../streams/payments/restock.ts";
import { owePaidAtSource } from "../../streams/payments/source_money.ts";
import { leaveQueues } from "../../streams/stock/stock_queue.ts";
import { refundDisputed } from "../payments/decide_payment.ts";
import { audited } from "../audited.ts";
import { publishAfterCommit, type ServiceDeps } from "../publish_after_commit.ts";

/** What belongs to cancelling an order. */
export interface CancelOptions {
  /** Is called where the order is cancelled, in the same transaction. */
  inTransaction?: (tx: Queryable) => Promise<void>;
  /** Only an order that this one has brought. */
  only?: OnlyOf;
}

/** An order after its cancelling. */
export interface CancelResult {
  /** As it is now. */
  order: OrderFacts;
  /** False where it was cancelled before. */
  changed: boolean;
  /** What to publish. */
  messages: Message[];
}

/**
 * Cancels an order that is not settled, gives its units back, and publishes what follows. A
 * crash leaves it cancelled or as it was; what no stream holds then, the sweep publishes.
 *
 * @param operator who cancels, for the timeline and the audit log
 * @throws {WorkflowError} `not_found`, `not_yours`, or `order_not_cancellable` once it is settled otherwise
 */
export async function cancelAndPublish(
  deps: ServiceDeps,
  orderId: number,
  operator: Operator,
  options: CancelOptions = {},
): Promise<CancelResult> {
  const subject = { kind: "order", id: String(orderId) } as const;
  const about = { operator, action: "order.cancel", subject } as const;
  const result = await audited(deps, about, async (note) => {
    const result = await cancelOrder(deps.db, orderId, operator.actor, {
      ...options,
      inTransaction: async (tx) => {
        await options.inTransaction?.(tx);
        await note(tx);
      },
    });
    return { result, changed: result.changed };
  });
  await publishAfterCommit(deps, result.messages);
  return result;
}

/**
 * Cancels an order that is not settled and gives its units back, in one transaction. A crash leaves it
 * cancelled or as it was; that its end is told is a message of its own, which recovery repeats. Money of it
 * that is in dispute is given back, and so is what was paid at its source. One that waited for stock waits no more, and
 * others take its place.
 * Money that is held for it is let go.
 *
 * @param actor who cancels, for the timeline
 * @throws {WorkflowError} `not_found`, `not_yours`, or `order_not_cancellable` once it is settled otherwise
 */
export function cancelOrder(
  db: Database,
  orderId: number,
  actor: string,
  options: CancelOptions = {},
): Promise<CancelResult> {
  return db.transaction(async (tx) => {
    const { orders, now } = await lockOrders(tx, [orderId]);
    const order = orders.get(orderId);
    if (order === undefined) throw new WorkflowError("not_found", `There is no order ${orderId}`);
    if (options.only !== undefined) {
      const fault = foreignFault(options.only, await readBringer(tx, orderId), `order ${orderId}`);
      if (fault !== undefined) throw fault;
    }
    const decision = decideCancel(order.status);
    switch (decision.kind) {
      case "already_cancelled":
        return { order, changed: false, messages: endOf(order) };
      case "refused":
        throw new WorkflowError(
          "order_not_cancellable",
          `Cannot cancel order ${orderId}: it is ${order.status} already`,
        );
      case "cancel": {
        const arrived = decision.restocks
          ? await restock(tx, [orderId])
          : order.backordered
          ? await leaveQueues(tx, orderId)
          : [];
        await transitionOrders(tx, "cancel", [orderId], now);
        await addOrderEvents(tx, [{ orderId, event: "cancelled" }], actor);
        const reversals = await refundDisputed(tx, order, actor);
        const cancelled = orderAfter(order, "cancel", now);
        const owed = await owePaidAtSource(tx, [cancelled], { now, actor });
        await options.inTransaction?.(tx);
        return {
          order: cancelled,
          changed: true,
          messages: [
            ...endOf(order),
            ...reversals,
            ...owed.values(),
            ...await letGo(tx, order),
            ...arrived,
          ],
        };
      }
    }
  });
}

/**
 * What follows from the end of an order. That one which was taken up again had failed before leaves the figures with its
 * reservation, whose message a crash may have lost and nothing would publish again.
 */
function endOf({ id: orderId, totalCents: amountCents, currency, retryId }: OrderFacts): Message[] {
  const subject = { orderId, amountCents, currency };
  const notice: Message = { type: "notify.order", ...subject };
  return retryId === undefined ? [notice] : [notice, { type: "order.reserve", ...subject }];
}

/** Has money let go at once that is held for the order. */
async function letGo(
  tx: Queryable,
  { id: orderId, totalCents: amountCents, currency }: OrderFacts,
): Promise<Message[]> {
  const hold = await readHoldOf(tx, orderId);
  if (hold?.status !== "HELD") return [];
  return [{ type: "payment.charge", orderId, amountCents, currency }];
}
