/**
 * Reads what a payment provider answers over HTTP. Whatever an answer repeats of the request has to be what was asked
 * for, or it counts as no answer.
 *
 * @module
 */

import type { CallbackMessage, ChargeMessage } from "../../domain/messages/messages.ts";
import { cutText } from "../../domain/text/cut_text.ts";
import type { ChargeAnswer, GatewayRequest, RefundAnswer, RefundStatusAnswer } from "./gateway.ts";
import type { Reply } from "./provider_requests.ts";
import { failed } from "./unanswered.ts";

/** Stands in `payments.provider`. */
export const httpGatewayName = "http";

/** Characters of the provider's name for a charge, as `payments.provider_ref` has room for them. */
const maxRefLength = 128;

/** Characters of a provider's reason that are kept. */
const maxReasonLength = 120;

/** True where a request was refused for what it asks. */
export function isRefusal({ method, status }: Reply): boolean {
  return method === "POST" && status >= 400 && status < 500;
}

/**
 * What a charge came to.
 *
 * @param options.isOpen nothing was counted for the order, so what went back of the charge is not there to be counted
 * @param options.callbackMs how long the callback of a pending charge is waited for
 */
export function readCharge(
  request: GatewayRequest,
  reply: Reply,
  { isOpen, callbackMs }: { isOpen: boolean; callbackMs: number },
): ChargeAnswer {
  const { status, body } = reply;
  const { id, status: outcome } = body;
  if (status >= 300 || typeof id !== "string" || id === "" || typeof outcome !== "string") {
    return failed(`the provider refused to charge: it answered ${status}`);
  }
  if (id.length > maxRefLength) {
    return failed(`the provider's name for the charge has more than ${maxRefLength} characters`);
  }
  const { currency } = body;
  if (typeof currency !== "string" || !/^[A-Z]{3}$/.test(currency)) {
    return failed("the provider does not say in which currency it took the money");
  }
  const other = otherOrder(request, body);
  if (other !== undefined) return { ...failed(other), isOther: true };
  if (outcome === "pending") return pendingCharge(request, callbackMs);
  if (outcome !== "succeeded" && outcome !== "declined") {
    return failed(`the provider answered "${outcome}", which is not known`);
  }
  const { amount_cents: tookCents, refunded_cents: refunded } = body;
  if (!isCents(tookCents)) return failed("the provider does not say which amount it took");
  const refundedCents = refunded ?? 0;
  if (!isCents(refundedCents) || refundedCents > tookCents) {
    return failed(
      "the provider says that less than nothing, or more than it took, went back of the charge",
    );
  }
  // Another one than was asked for is disputed, see domain/order/settle.ts; so is one that went back whole. Of a part
  // that went back the request is sent again under its own key.
  const isGone = isOpen && outcome === "succeeded" && refundedCents === tookCents;
  const amountCents = isGone ? 0 : tookCents;
  return decidedCharge(request, { outcome, amountCents, currency, providerRef: id });
}

/** The callback may never come. Meanwhile this message is what knows of the order. */
function pendingCharge(request: GatewayRequest, callbackMs: number): ChargeAnswer {
  const { orderId, amountCents, currency } = request;
  const message: ChargeMessage = { type: "payment.charge", orderId, amountCents, currency };
  return { kind: "accepted", callback: { message, delayMs: callbackMs, evenIfLost: true } };
}

/** A charge that was refused and of which the provider knows nothing: it took no money, and never will. */
export function refusedCharge(request: GatewayRequest, reply: Reply): ChargeAnswer {
  const { amountCents, currency, idempotencyKey } = request;
  return decidedCharge(request, {
    outcome: "declined",
    amountCents,
    currency,
    // The charge has no name: the key tells it from others, and people find the reason here.
    providerRef: cutText(`refused ${idempotencyKey}: ${reasonOf(reply)}`, maxRefLength),
  });
}

function decidedCharge(
  { orderId, idempotencyKey }: GatewayRequest,
  charge: Pick<CallbackMessage, "outcome" | "amountCents" | "currency" | "providerRef">,
): ChargeAnswer {
  const { outcome, amountCents, currency, providerRef } = charge;
  const message: CallbackMessage = {
    type: "payment.callback",
    orderId,
    amountCents,
    currency,
    outcome,
    provider: httpGatewayName,
    key: idempotencyKey,
    providerRef,
  };
  return { kind: "accepted", callback: { message, evenIfLost: true } };
}

/** What a refund came to. */
export function readRefund(request: GatewayRequest, { status, body }: Reply): RefundAnswer {
  if (status >= 300) return failed(`the provider answered ${status} to a refund`);
  const other = otherRefund(request, body);
  if (other !== undefined) return failed(other);
  if (body.status === "succeeded") return { kind: "refunded" };
  if (body.status === "refused") return { kind: "refused", reason: String(body.reason ?? "") };
  return failed(`the provider answered ${status} to a refund`);
}

/** What the look-up of a refund says. */
export function readRefundStatus(
  request: GatewayRequest,
  { status, body }: Reply,
): RefundStatusAnswer {
  if (status === 404) return { kind: "unknown" };
  const other = status < 300 ? otherRefund(request, body) : undefined;
  if (other !== undefined) return failed(other);
  if (status < 300 && body.status === "succeeded") return { kind: "refunded" };
  if (status < 300 && body.status === "refused") return { kind: "unknown" };
  return failed(`the provider does not tell of the refund: it answered ${status}`);
}

/** True of an amount in minor units. */
function isCents(value: unknown): value is number {
  return Number.isSafeInteger(value) && value as number >= 0;
}

/** Status and words of a refusal, on one line. */
export function reasonOf({ status, body }: Reply): string {
  const nested = typeof body.error === "object" && body.error !== null
    ? (body.error as Record<string, unknown>).message
    : body.error;
  const words = [body.reason, nested, body.message, body.detail, body.title]
    .find((value) => typeof value === "string" && value !== "");
  const text = String(words ?? "").replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, " ").trim();
  return cutText(`${status} ${text}`.trim(), maxReasonLength);
}

/** What is wrong with an answer that repeats another order or key than was asked about. */
function otherOrder(request: GatewayRequest, body: Record<string, unknown>): string | undefined {
  const { reference, idempotencyKey } = request;
  const isOther = (repeated: unknown, asked: string) =>
    repeated !== undefined && repeated !== null && repeated !== asked;
  return isOther(body.reference, reference) || isOther(body.idempotency_key, idempotencyKey)
    ? `the provider answered about another order than ${JSON.stringify(reference)}`
    : undefined;
}

/** What is wrong with an answer that is about another refund than was asked for. */
function otherRefund(request: GatewayRequest, body: Record<string, unknown>): string | undefined {
  const { amountCents, currency, chargeRef } = request;
  if ((body.charge_id ?? chargeRef) !== chargeRef) {
    return `the provider answered about a refund of charge ${JSON.stringify(body.charge_id)} ` +
      `to one of ${JSON.stringify(chargeRef)}`;
  }
  const amount = body.amount_cents ?? amountCents;
  const money = body.currency ?? currency;
  return amount !== amountCents || money !== currency
    ? `the provider answered about a refund of ${amount} ${money} to one of ${amountCents} ${currency}, in minor units`
    : otherOrder(request, body);
}
