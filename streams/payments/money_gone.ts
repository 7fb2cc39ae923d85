/**
 * Finds money that went back before the database forgot it.
 *
 * @module
 */

import { readPlacedBeforeLoss } from "../../db/recovery/database_losses.ts";
import type { ChargeFacts } from "../../db/orders/orders.ts";
import type { CallbackMessage } from "../../domain/messages/messages.ts";
import { type Installation, reversalKeyOf } from "../../domain/payment/payment_key.ts";
import type { ChargeAnswer, GatewayRequest } from "./gateway.ts";
import type { HandlerDeps } from "../workflow/handler.ts";

/** For so long after the database turned out to be older, charges are looked at twice. */
export const lossHours = 168;

/**
 * Asks, after the database turned out to be older than it had been, whether the money of charges that succeeded went
 * back by a reversal. Of what did, nothing is left, which holds the order for a person; what the provider does not
 * tell is not counted yet. A provider that names what went back of a charge has said so already.
 *
 * @param orders that were charged
 * @param answers about them, in the same order
 */
export async function withoutMoneyGone(
  { db, gateway }: HandlerDeps,
  installation: Installation,
  orders: readonly ChargeFacts[],
  answers: readonly ChargeAnswer[],
): Promise<ChargeAnswer[]> {
  if (gateway.refundStatus === undefined) return [...answers];
  const paid = orders.flatMap((order, index) => {
    const message = successOf(answers[index]!);
    const isTotal = message?.amountCents === order.totalCents &&
      message.currency === order.currency;
    return isTotal ? [{ order, index, message }] : [];
  });
  const doubtful = await readPlacedBeforeLoss(db, paid.map(({ order }) => order.id), lossHours);
  const wanted = paid.filter(({ order }) => doubtful.has(order.id));
  if (wanted.length === 0) return [...answers];
  const said = await gateway.refundStatus(
    wanted.map(({ order, message }) => reversalOf(installation, order, message)),
  );
  const after = [...answers];
  for (const [n, { index, message }] of wanted.entries()) {
    const answer = said[n]!;
    if (answer.kind === "refunded" || answer.kind === "pending") {
      after[index] = {
        kind: "accepted",
        callback: { message: { ...message, amountCents: 0 }, evenIfLost: true },
      };
    } else if (answer.kind !== "unknown" && answer.kind !== "refused") after[index] = answer;
  }
  return after;
}

function successOf(answer: ChargeAnswer): CallbackMessage | undefined {
  const message = answer.kind === "accepted" ? answer.callback?.message : undefined;
  return message?.type === "payment.callback" && message.outcome === "succeeded"
    ? message
    : undefined;
}

/** What would have given all of a charge back. */
function reversalOf(
  installation: Installation,
  { id: orderId, externalOrderId, totalCents: amountCents, currency }: ChargeFacts,
  { provider, providerRef }: CallbackMessage,
): GatewayRequest {
  const payment = { orderId, externalOrderId, provider, providerRef, amountCents, paidAt: null };
  return {
    orderId,
    reference: externalOrderId,
    amountCents,
    currency,
    idempotencyKey: reversalKeyOf(installation, payment),
    chargeRef: providerRef,
  };
}
