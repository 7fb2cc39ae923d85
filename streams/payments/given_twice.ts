/**
 * Writes down that money went back twice, so that a person gets one of both back.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import { addOrderEvents } from "../../db/orders/timelines.ts";
import { readReturned, type ReturnedPayment } from "../../db/payments/returned_money.ts";
import {
  type GivenTwice,
  insertGivenTwice,
  readTwiceByChargeback,
  reopenGivenTwice,
  writeTwiceByChargeback,
} from "../../db/refunds/given_twice.ts";
import { namedAmount } from "../../domain/money.ts";
import {
  givenTwiceEnds,
  type KnownTwice,
  twiceAfter,
  twiceCents,
} from "../../domain/refund/given_twice.ts";
import type { HandlerDeps } from "../workflow/handler.ts";

/** What writing it down works with. */
export interface GivenTwiceDeps extends Pick<HandlerDeps, "log"> {
  /** For the timeline: who moved the money. */
  consumer: string;
}

/**
 * Writes down, once each, what a person gave back while its provider did: for the alert and its list, on the timeline,
 * and in the log. The orders must be locked; a crash leaves none of it, and the message comes again.
 *
 * @param twice with the delivery count of the message behind it
 * @param options.afterAll its provider says so when it is asked, whatever it said before: what was over because one of both came
 * back is not. A message alone may be of before that.
 */
export async function noteGivenTwice(
  { consumer, log }: GivenTwiceDeps,
  tx: Queryable,
  twice: readonly (GivenTwice & { chargebackId: null; attempt: number })[],
  { afterAll = false } = {},
): Promise<void> {
  for (const one of twice) {
    const isNew = await insertGivenTwice(tx, one) ||
      (afterAll && await reopenGivenTwice(tx, one));
    if (!isNew) continue;
    const { orderId, refundId, amountCents, currency, attempt } = one;
    const detail = `${namedAmount(amountCents, currency)}: by hand, and by its provider`;
    const step = refundId === null
      ? { orderId, event: "payment_given_twice" as const }
      : { orderId, refundId, event: "refund_given_twice" as const };
    await addOrderEvents(tx, [{ ...step, detail, attempt }], consumer);
    log.error("money given back twice", {
      order_id: orderId,
      ...(refundId === null ? {} : { refund_id: refundId }),
      detail,
    });
  }
}

/**
 * Writes down what of the payments of some orders is gone by chargebacks and went back otherwise as well, in the place of what
 * it was: to be called in every transaction that moves such money, behind what it moves. It follows from what there is by then
 * alone, whatever the sequence, so that the same again changes nothing. The orders must be locked.
 */
export async function noteChargedBackTwice(
  deps: GivenTwiceDeps,
  tx: Queryable,
  orderIds: readonly number[],
): Promise<void> {
  const payments = await readReturned(tx, orderIds);
  const known = await readTwiceByChargeback(tx, payments.map(({ paymentId }) => paymentId));
  for (const payment of payments) {
    const before = known.get(payment.paymentId) ?? null;
    const after = twiceAfter(before, twiceCents(payment));
    if (after === undefined) continue;
    const { orderId, paymentId, currency, chargebackId } = payment;
    await writeTwiceByChargeback(tx, { orderId, paymentId, currency, chargebackId, ...after });
    await tell(deps, tx, payment, { before, after });
  }
}

async function tell(
  { consumer, log }: GivenTwiceDeps,
  tx: Queryable,
  { orderId, currency, givenBackCents }: ReturnedPayment,
  { before, after }: { before: KnownTwice | null; after: KnownTwice },
): Promise<void> {
  if (after.amountCents === 0) {
    const detail = `${namedAmount(before!.amountCents, currency)}: ${givenTwiceEnds.returned}`;
    await addOrderEvents(tx, [{ orderId, event: "given_twice_dismissed", detail }], consumer);
    return;
  }
  const ways = givenBackCents === 0
    ? "by chargebacks that were lost"
    : "by a refund, and by a chargeback that was lost";
  const detail = `${namedAmount(after.amountCents, currency)}: ${ways}`;
  await addOrderEvents(tx, [{ orderId, event: "payment_given_twice", detail }], consumer);
  log.error("money given back twice", { order_id: orderId, detail });
}
