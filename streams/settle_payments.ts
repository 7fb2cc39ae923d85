/**
 * Settles orders by the gateway's answers: those that come as messages, and those that it gives at once.
 *
 * @module
 */

import type { Queryable } from "../db/database.ts";
import { addOrderEvents, type OrderEventRow } from "../db/events.ts";
import { readInstallation } from "../db/installation.ts";
import { lockOrders, markFailed, markPaid, readCharges, readItems } from "../db/orders.ts";
import {
  insertPayments,
  type PaymentRow,
  readPayments,
  recordLatePayment,
} from "../db/payments.ts";
import { lockStock, writeStock } from "../db/products.ts";
import { effectsOfOrder } from "../domain/effects.ts";
import type { CallbackMessage } from "../domain/messages.ts";
import { chargeKeyOf } from "../domain/payment_key.ts";
import { sumNeeds } from "../domain/reserve.ts";
import { decideSettle } from "../domain/settle.ts";
import { type Delivery, done, type HandlerDeps, type Outcome, vanished } from "./handler.ts";

/**
 * Settles the orders of a batch of answers in one transaction: payment row and `PAID`, or payment row,
 * `FAILED` and the stock back.
 *
 * A crash leaves all of it or nothing. Redelivery meets settled orders and repeats their effects.
 */
export function settlePayments(
  deps: HandlerDeps,
  deliveries: readonly Delivery<CallbackMessage>[],
): Promise<Outcome[]> {
  return deps.db.transaction(async (tx) => {
    const { orders, now } = await lockOrders(
      tx,
      [...new Set(deliveries.map(({ message }) => message.orderId))],
    );
    const settled = [...orders.values()].filter(({ settledAt }) => settledAt !== null);
    // Money that goes back or went back counts as well: its reversal does not cover a second payment.
    const paidBy = new Map(
      [...await readPayments(tx, settled.map(({ id }) => id))]
        .filter(([, { status }]) => status !== "DECLINED")
        .map(([orderId, { providerRef }]) => [orderId, providerRef]),
    );
    const keyOf = await keysOf(tx, deliveries);
    const paid: number[] = [];
    const declined: number[] = [];
    const late: CallbackMessage[] = [];
    const payments: PaymentRow[] = [];
    const events: OrderEventRow[] = [];

    const outcomes = deliveries.map(({ message, attempt }): Outcome => {
      const { orderId } = message;
      const order = orders.get(orderId);
      if (order === undefined) return vanished("order", orderId);
      if (message.key !== undefined && message.key !== keyOf.get(orderId)) {
        return {
          kind: "dead",
          error: `the answer to charge ${message.key} is not about order ${orderId}`,
        };
      }
      const decision = decideSettle(order, message, paidBy.get(orderId) ?? null);
      switch (decision.kind) {
        case "pay":
          paid.push(orderId);
          paidBy.set(orderId, message.providerRef);
          payments.push(paymentOf(message, "SUCCEEDED"));
          events.push({ orderId, event: "paid", detail: message.providerRef, attempt });
          orders.set(orderId, { ...order, status: "PAID", settledAt: now });
          break;
        case "decline":
          declined.push(orderId);
          payments.push(paymentOf(message, "DECLINED"));
          events.push({ orderId, event: "failed", detail: "payment_declined", attempt });
          orders.set(orderId, {
            ...order,
            status: "FAILED",
            failureReason: "payment_declined",
            settledAt: now,
          });
          break;
        case "already_settled":
          break;
        case "late_success": {
          late.push(message);
          paidBy.set(orderId, message.providerRef);
          const { messages, kpis } = effectsOfOrder(order, deps.kpiDay);
          const { amountCents } = message;
          messages.push({
            type: "payment.reverse",
            orderId,
            amountCents,
            currency: order.currency,
          });
          return done({ messages, kpis });
        }
        case "too_early":
          return { kind: "retry", error: `order ${orderId} was paid before it was reserved` };
        case "paid_twice":
          return {
            kind: "dead",
            error: `the provider took money for order ${orderId} by ${message.providerRef}, ` +
              `but it was paid by ${paidBy.get(orderId)} before`,
          };
        case "wrong_amount":
          return {
            kind: "dead",
            error: `the provider took ${message.amountCents} cents for order ${orderId}, ` +
              `whose total is ${order.totalCents}`,
          };
      }
      return done(effectsOfOrder(orders.get(orderId)!, deps.kpiDay));
    });

    await markPaid(tx, paid, now);
    await markFailed(tx, "RESERVED", "payment_declined", declined, now);
    await insertPayments(tx, payments, now);
    for (const answer of late) {
      if (!await recordLatePayment(tx, answer, now)) continue;
      const status = orders.get(answer.orderId)!.status;
      events.push({
        orderId: answer.orderId,
        event: "payment_late",
        detail: `order was ${status}`,
      });
    }
    await addOrderEvents(tx, events, deps.consumer);
    // Last, because other consumers wait for products that are locked here.
    await giveStockBack(tx, declined);
    return outcomes;
  });
}

/**
 * The keys of the orders that answers with a key name. Row ids may have been given anew since the answer came: after a
 * failover that lost the last commits, an answer that waits in Redis is about an order that is no more.
 */
async function keysOf(
  tx: Queryable,
  deliveries: readonly Delivery<CallbackMessage>[],
): Promise<Map<number, string>> {
  const ids = deliveries.flatMap(({ message }) => message.key === undefined ? [] : message.orderId);
  if (ids.length === 0) return new Map();
  const installation = await readInstallation(tx);
  const orders = await readCharges(tx, ids);
  return new Map([...orders].map(([id, order]) => [id, chargeKeyOf(installation, order)]));
}

function paymentOf(answer: CallbackMessage, status: PaymentRow["status"]): PaymentRow {
  const { orderId, provider, providerRef, amountCents } = answer;
  return { orderId, provider, providerRef, amountCents, status };
}

/** Gives the units of locked `RESERVED` orders back, which must fail in the same transaction. */
export async function giveStockBack(
  tx: Queryable,
  orderIds: readonly number[],
): Promise<void> {
  if (orderIds.length === 0) return;
  const items = await readItems(tx, orderIds);
  const needs = sumNeeds([...items.values()].flat());
  const stock = await lockStock(tx, needs.map(({ productId }) => productId));
  for (const { productId, qty } of needs) stock.set(productId, stock.get(productId)! + qty);
  await writeStock(tx, stock);
}
