/**
 * Takes what providers and reports say of payments that went back whole, and came back to their providers.
 *
 * @module
 */

import { restoreOrders } from "../../db/archive/archive.ts";
import type { Database, Queryable } from "../../db/connection/database.ts";
import { lockOrders } from "../../db/orders/orders.ts";
import { addOrderEvents, type OrderEventRow } from "../../db/orders/timelines.ts";
import { readInstallation } from "../../db/payments/installation.ts";
import { noteReturned } from "../../db/payments/returned_money.ts";
import {
  readReturnedReversals,
  readReversalState,
  reopenReversal,
  reversalReturnedDetail,
  type ReversalState,
  wasReturnedByHand,
} from "../../db/payments/returned_reversals.ts";
import { type NamedPayment, readPaymentsNamed } from "../../db/reconciliation/line_facts.ts";
import { endTwiceReturned } from "../../db/refunds/given_twice.ts";
import { namedAmount } from "../../domain/money.ts";
import type { Log } from "../../domain/operation/log.ts";
import { reversalKeysOf } from "../../domain/payment/payment_key.ts";
import { decideReversalReturn, type ReversalReturnDecision } from "../../domain/refund/returned.ts";
import { bookOrders } from "../ledger/book_orders.ts";
import { noteChargedBackTwice } from "./given_twice.ts";

/** What is told of a payment that went back. */
export interface TakenBackWhole {
  /** Database id. */
  paymentId: number;
  orderId: number;
  /** The provider's word for why; null where it says none. */
  reason: string | null;
}

/**
 * Finds the payment whose giving back a provider means: by its charge, and by the key that it was asked for under.
 *
 * @param said.key null where the provider does not repeat it
 */
export async function findReversalOf(
  db: Queryable,
  provider: string,
  said: { key: string | null; chargeRefs: readonly string[] },
): Promise<NamedPayment | undefined> {
  const { key, chargeRefs } = said;
  const payments = await readPaymentsNamed(db, provider, chargeRefs);
  if (payments.size === 0) return undefined;
  const installation = await readInstallation(db);
  return [...payments.values()].find(({ ref: providerRef, ...payment }) =>
    key === null ||
    reversalKeysOf(installation, { ...payment, provider, providerRef }).includes(key)
  );
}

/**
 * Writes that a provider took back what it had given back of a whole payment, in one transaction under the order's lock: the
 * payment is `REVERSING` again and on the list of what a person gives back, because its provider answers the same under the same
 * key for ever; the ledger holds its money for the customer again; and the timeline says so, which is the once-key.
 *
 * Where a chargeback took the same money besides, it went back by that, and only once. What a person gave back by then went back
 * once as well.
 *
 * A crash leaves all of it or nothing; told again it changes nothing.
 *
 * @param actor who tells it, for the timeline
 * @returns undefined where there is no such payment any more
 */
export async function takeBackReversal(
  { db, log }: { db: Database; log: Log },
  { paymentId, orderId, reason }: TakenBackWhole,
  actor: string,
): Promise<ReversalReturnDecision["kind"] | undefined> {
  return await db.transaction(async (tx) => {
    const { now } = await lockOrders(tx, [orderId]);
    await restoreOrders(tx, [orderId]);
    const payment = await readReversalState(tx, paymentId);
    if (payment === undefined) return undefined;
    const named = [{ id: paymentId, orderId, ref: payment.providerRef }];
    const { kind } = decideReversalReturn({
      ...payment,
      isReturned: (await readReturnedReversals(tx, named)).has(paymentId),
      isByHand: await wasReturnedByHand(tx, payment),
    });
    if (kind === "already_returned" || kind === "too_early" || kind === "never_made") return kind;
    const steps = stepsOf(payment, kind, reason);
    if (kind === "return") await reopenReversal(tx, paymentId);
    if (kind === "charged_back") await noteReturned(tx, payment);
    if (kind === "given_by_hand") await endTwiceReturned(tx, { paymentId });
    await addOrderEvents(tx, steps, actor);
    await noteChargedBackTwice({ consumer: actor, log }, tx, [orderId]);
    await bookOrders(tx, [orderId], now);
    log.warn("a provider took back a payment that it had given back", {
      order_id: orderId,
      payment_id: paymentId,
      outcome: kind,
      reason,
    });
    return kind;
  });
}

function stepsOf(
  payment: ReversalState,
  kind: "return" | "charged_back" | "given_by_hand",
  reason: string | null,
): OrderEventRow[] {
  const { orderId, amountCents, currency, provider } = payment;
  const amount = namedAmount(amountCents, currency);
  const returned: OrderEventRow = {
    orderId,
    event: "payment_reversal_returned",
    detail: reversalReturnedDetail(amount, payment),
  };
  if (kind !== "return") return [returned];
  const detail = `${amount}: "${provider}" took it back${reason === null ? "" : `: ${reason}`}`;
  return [returned, { orderId, event: "payment_by_hand", detail }];
}
