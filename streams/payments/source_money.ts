/**
 * Money that was paid at the source of orders that came to nothing.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import { addOrderEvents } from "../../db/orders/timelines.ts";
import { readPayments } from "../../db/payments/payments.ts";
import { insertSourcePayments, readSourcePayments } from "../../db/payments/source_payments.ts";
import type { ReversalMessage } from "../../domain/messages/messages.ts";
import { namedAmount } from "../../domain/money.ts";
import type { OrderFacts } from "../../domain/order/order.ts";
import { bookOrders } from "../ledger/book_orders.ts";

/**
 * Records what was paid at the source of orders that failed or were cancelled as money to give back; the orders must
 * be locked. Costs nothing where none of them was. Asking again records nothing more and has the same messages.
 *
 * A payment that is another order's by the provider's own name for it is never recorded: it would be given back twice.
 *
 * @param ended as they stand now
 * @param now the database's clock, UTC
 * @param actor for the timelines
 * @returns what gives the money back, by order id, as long as it is not back
 */
export async function owePaidAtSource(
  tx: Queryable,
  ended: readonly OrderFacts[],
  { now, actor }: { now: string; actor: string },
): Promise<Map<number, ReversalMessage>> {
  const orders = ended.filter(({ paidAtSource, totalCents }) => paidAtSource && totalCents > 0);
  if (orders.length === 0) return new Map();
  const ids = orders.map(({ id }) => id);
  const recorded = await readPayments(tx, ids);
  const sources = await readSourcePayments(tx, ids.filter((id) => !recorded.has(id)));
  const owed = orders.filter(({ id }) => sources.get(id)?.ownerId === null);
  await insertSourcePayments(tx, owed.map(({ id }) => id), "REVERSING", now);
  await bookOrders(tx, owed.map(({ id }) => id), now);
  await addOrderEvents(
    tx,
    owed.map(({ id: orderId, totalCents, currency }) => ({
      orderId,
      event: "payment_given_back",
      detail: `${namedAmount(totalCents, currency)} by ${sources.get(orderId)!.reference}`,
    })),
    actor,
  );
  const open = orders.filter((order) =>
    owed.includes(order) || recorded.get(order.id)?.status === "REVERSING"
  );
  return new Map(open.map(({ id: orderId, totalCents: amountCents, currency }) => [orderId, {
    type: "payment.reverse",
    orderId,
    amountCents,
    currency,
  }]));
}
