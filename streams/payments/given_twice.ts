/**
 * Writes down that money went back twice, so that a person gets one of both back.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import { addOrderEvents } from "../../db/orders/timelines.ts";
import { type GivenTwice, insertGivenTwice } from "../../db/refunds/given_twice.ts";
import { namedAmount } from "../../domain/money.ts";
import type { HandlerDeps } from "../workflow/handler.ts";

/**
 * Writes down, once each, what a person gave back while its provider did: for the alert and its list, on the timeline,
 * and in the log. The orders must be locked; a crash leaves none of it, and the message comes again.
 *
 * @param twice with the delivery count of the message behind it
 */
export async function noteGivenTwice(
  { consumer, log }: Pick<HandlerDeps, "consumer" | "log">,
  tx: Queryable,
  twice: readonly (GivenTwice & { attempt: number })[],
): Promise<void> {
  for (const one of twice) {
    if (!await insertGivenTwice(tx, one)) continue;
    const { orderId, refundId, amountCents, currency, attempt, chargebackId } = one;
    const ways = chargebackId === null
      ? "by hand, and by its provider"
      : "by a refund, and by a chargeback that was lost";
    const detail = `${namedAmount(amountCents, currency)}: ${ways}`;
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
