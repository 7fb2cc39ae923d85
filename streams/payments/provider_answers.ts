/**
 * Looks at what a payment provider answered before it counts. Whatever an answer repeats of the request has to be what
 * was asked for, or it counts as no answer: a provider may be wrong in anything.
 *
 * @module
 */

import type { CallbackMessage, ChargeMessage } from "../../domain/messages/messages.ts";
import { cutText } from "../../domain/text/cut_text.ts";
import { isText } from "../../domain/text/is_text.ts";
import {
  type ChargeAnswer,
  type GatewayRequest,
  holdAgainMs,
  type MoneyAnswer,
  refundAgainMs,
  type RefundStatusAnswer,
} from "./gateway.ts";
import type { CustomerAction, ProviderCharge, ProviderRefund } from "./provider.ts";
import { failed, type Refused } from "./unanswered.ts";

/** Characters of the provider's name for a charge, as `payments.provider_ref` has room for them. */
const maxRefLength = 128;

/** Characters of a link for the customer that there is room for. */
const maxLinkLength = 2_048;

/** How an answer to a charge is read. */
export interface ChargeReading {
  /** The provider's name. */
  provider: string;
  /** Nothing was counted for the order, so what went back of the charge is not there to be counted. */
  isOpen: boolean;
  /** How long the webhook of a pending charge is waited for, in milliseconds. */
  callbackMs: number;
  /** It can take a part of what it holds. */
  takesPart?: boolean;
}

/** What a charge came to. */
export function readCharge(
  request: GatewayRequest,
  charge: ProviderCharge,
  { provider, isOpen, callbackMs, takesPart = false }: ChargeReading,
): ChargeAnswer {
  const { ref, state, currency, amountCents: tookCents } = charge;
  if (typeof ref !== "string" || ref === "") {
    return failed("the provider does not say what it calls the charge");
  }
  if (ref.length > maxRefLength) {
    return failed(`the provider's name for the charge has more than ${maxRefLength} characters`);
  }
  if (!ref.isWellFormed()) return failed("the provider's name for the charge is no text");
  if (typeof currency !== "string" || !/^[A-Z]{3}$/.test(currency)) {
    return failed("the provider does not say in which currency it took the money");
  }
  const other = otherOrder(request, charge);
  if (other !== undefined) return { ...failed(other), isOther: true };
  if (state === "authorized") return heldCharge(request, charge, { callbackMs, takesPart });
  if (state === "pending" || state === "requires_action") {
    const pending = pendingCharge(request, callbackMs);
    return state === "requires_action" ? { ...pending, action: actionOf(charge) } : pending;
  }
  if (state !== "succeeded" && state !== "declined" && state !== "canceled") {
    return failed(`the provider answered "${state}", which is not known`);
  }
  if (!isCents(tookCents)) return failed("the provider does not say which amount it took");
  const refundedCents = charge.refundedCents ?? 0;
  if (!isCents(refundedCents) || refundedCents > tookCents) {
    return failed(
      "the provider says that less than nothing, or more than it took, went back of the charge",
    );
  }
  // Another one than was asked for is disputed, see domain/order/settle.ts; so is one that went back whole. Of a part
  // that went back the request is sent again under its own key.
  const isGone = isOpen && state === "succeeded" && refundedCents === tookCents;
  return decidedCharge(request, {
    outcome: state === "succeeded" ? "succeeded" : "declined",
    amountCents: isGone ? 0 : tookCents,
    currency,
    provider,
    providerRef: ref,
  });
}

/** The webhook may never come. Meanwhile this message is what knows of the order. */
function pendingCharge(request: GatewayRequest, callbackMs: number) {
  const { orderId, amountCents, currency } = request;
  const message: ChargeMessage = { type: "payment.charge", orderId, amountCents, currency };
  const callback = { message, delayMs: callbackMs, evenIfLost: true } as const;
  return { kind: "accepted", callback } as const;
}

/**
 * Money that is held. Less than was asked for, or other money, would pay for nothing: it counts as no answer, so that the
 * order ends with its reservation, and what is held is let go. Of more a part is taken, where the provider can do that.
 */
function heldCharge(
  request: GatewayRequest,
  { ref, currency, amountCents, holdExpiresAt }: ProviderCharge,
  { callbackMs, takesPart }: { callbackMs: number; takesPart: boolean },
): ChargeAnswer {
  const fits = currency === request.currency && isCents(amountCents) &&
    (amountCents === request.amountCents || (takesPart && amountCents > request.amountCents));
  if (!fits) {
    return failed(
      `the provider holds ${amountCents} ${currency} by ${ref} to ${request.amountCents} ${request.currency}, in minor units`,
    );
  }
  const isTime = holdExpiresAt instanceof Date && Number.isFinite(holdExpiresAt.getTime());
  return {
    ...pendingCharge(request, holdAgainMs({ callbackMs })),
    hold: { providerRef: ref, amountCents, currency, expiresAt: isTime ? holdExpiresAt : null },
  };
}

/** What the customer has to do; a link that is none leads nowhere. */
function actionOf({ action }: ProviderCharge): CustomerAction {
  const { url = null, expiresAt = null } = action ?? {};
  const isLink = isText(url, { min: 1, max: maxLinkLength }) &&
    /^https?:$/.test(URL.parse(url)?.protocol ?? "");
  return {
    url: isLink ? url : null,
    expiresAt: expiresAt !== null && Number.isFinite(expiresAt.getTime()) ? expiresAt : null,
  };
}

/** A charge that was refused and of which the provider knows nothing: it took no money, and never will. */
export function refusedCharge(
  request: GatewayRequest,
  { message }: Refused,
  provider: string,
): ChargeAnswer {
  const { amountCents, currency, idempotencyKey } = request;
  return decidedCharge(request, {
    outcome: "declined",
    amountCents,
    currency,
    provider,
    // The charge has no name: the key tells it from others, and people find the reason here.
    providerRef: cutText(`refused ${idempotencyKey}: ${message}`, maxRefLength),
  });
}

function decidedCharge(
  { orderId, idempotencyKey }: GatewayRequest,
  charge: Pick<
    CallbackMessage,
    "outcome" | "amountCents" | "currency" | "provider" | "providerRef"
  >,
): ChargeAnswer {
  const { outcome, amountCents, currency, provider, providerRef } = charge;
  const message: CallbackMessage = {
    type: "payment.callback",
    orderId,
    amountCents,
    currency,
    outcome,
    provider,
    key: idempotencyKey,
    providerRef,
  };
  return { kind: "accepted", callback: { message, evenIfLost: true } };
}

/**
 * What a refund came to.
 *
 * @param options.callbackMs after how long one that is being made is asked about again
 */
export function readRefund(
  request: GatewayRequest,
  refund: ProviderRefund,
  { callbackMs }: { callbackMs: number },
) {
  const other = otherRefund(request, refund);
  if (other !== undefined) return failed(other);
  switch (refund.state) {
    case "succeeded":
      return { kind: "refunded" } as const;
    case "refused":
      return { kind: "refused", reason: refund.reason ?? "" } as const;
    case "pending":
      return { kind: "pending", delayMs: refundAgainMs({ callbackMs }) } as const;
    default:
      return failed(`the provider answered "${refund.state}" to a refund, which is not known`);
  }
}

/**
 * What the look-up of a refund says.
 *
 * @param refund null where none is known
 */
export function readRefundStatus(
  request: GatewayRequest,
  refund: ProviderRefund | null,
  reading: { callbackMs: number },
): RefundStatusAnswer {
  if (refund === null) return { kind: "unknown" };
  const { ofAnyAmount = false } = request;
  const amountCents = ofAnyAmount ? refund.amountCents : undefined;
  if (!isCents(amountCents)) return readRefund(request, refund, reading);
  const answer = readRefund({ ...request, amountCents }, refund, reading);
  return answer.kind === "refunded" ? { ...answer, amountCents } : answer;
}

/**
 * What a charge took and what went back of it, whatever was asked for.
 *
 * @param charge null where none is known
 */
export function readMoney(charge: ProviderCharge | null): MoneyAnswer {
  if (charge === null) return { kind: "unknown" };
  const { ref, state, amountCents, currency } = charge;
  const refundedCents = charge.refundedCents ?? 0;
  const isUsable = isText(ref, { min: 0, max: maxRefLength }) && isCents(amountCents) &&
    isCents(refundedCents) &&
    refundedCents <= amountCents && typeof currency === "string" && /^[A-Z]{3}$/.test(currency);
  if (!isUsable) return failed("the provider does not say what it took, or what went back of it");
  const tookCents = state === "succeeded" ? amountCents : 0;
  const { installation = null } = charge;
  return {
    kind: "found",
    ref,
    tookCents,
    refundedCents,
    currency,
    ...(installation === null ? {} : { installation }),
  };
}

/** True of an amount in minor units. */
function isCents(value: unknown): value is number {
  return Number.isSafeInteger(value) && value as number >= 0;
}

/** What is wrong with an answer that repeats another order or key than was asked about. */
function otherOrder(
  { reference, idempotencyKey }: GatewayRequest,
  repeated: Pick<ProviderCharge, "reference" | "key">,
): string | undefined {
  const isOther = (said: unknown, asked: string) =>
    said !== undefined && said !== null && said !== asked;
  return isOther(repeated.reference, reference) || isOther(repeated.key, idempotencyKey)
    ? `the provider answered about another order than ${JSON.stringify(reference)}`
    : undefined;
}

/** What is wrong with an answer that is about another refund than was asked for. */
function otherRefund(request: GatewayRequest, refund: ProviderRefund): string | undefined {
  const { amountCents, currency, chargeRef } = request;
  const { chargeRefs = [] } = refund;
  if (chargeRefs.length > 0 && !chargeRefs.includes(chargeRef ?? "")) {
    return `the provider answered about a refund of charge ${JSON.stringify(chargeRefs[0])} ` +
      `to one of ${JSON.stringify(chargeRef)}`;
  }
  const amount = refund.amountCents ?? amountCents;
  const money = refund.currency ?? currency;
  return amount !== amountCents || money !== currency
    ? `the provider answered about a refund of ${amount} ${money} to one of ${amountCents} ${currency}, in minor units`
    : otherOrder(request, refund);
}
