/**
 * The payment provider that moves no money.
 *
 * @module
 */

import type { CallbackMessage } from "../../../domain/messages/messages.ts";
import type { ChargeAnswer, Gateway, GatewayRequest, RefundAnswer } from "../gateway.ts";
import type { Capabilities, ProviderEvent, SignedRequest } from "../provider.ts";
import {
  isMeantFor,
  isOfChargeback,
  readChargeback,
  standardSignatures,
} from "./standard_webhook.ts";

/** Name of the provider that moves no money. */
const simulatedGatewayName = "simulated";

const can: Capabilities = {
  looksUpByKey: false,
  looksUpByReference: false,
  lists: false,
  refundsInPart: true,
  captures: "none",
  webhooks: false,
};

/**
 * A provider that pays even amounts, declines odd ones, and refunds everything.
 *
 * Its answer is a scheduled message, so the delay outlives a crash. Charging an order again schedules
 * the very same message, which is one message: that is its idempotency.
 *
 * Its money is charged back by whoever says so at its callback, in the form of the provider `http`: no bank will. The body has
 * to say that it is meant for this provider, because the secrets are those of `http` as well.
 *
 * @param options.delayMs milliseconds until it answers
 * @param options.secrets any of them signs its callbacks; read at each of them
 */
export function simulatedGateway(
  options: { delayMs: number; readonly secrets?: readonly string[] },
): Gateway {
  const name = simulatedGatewayName;
  const isSigned = standardSignatures(options);
  return {
    name,
    can,
    ignoresKeys: true,
    maxAnswerMs: options.delayMs,
    charge: (requests) =>
      Promise.resolve(
        requests.map((request): ChargeAnswer => {
          const { orderId, amountCents, currency } = request;
          const message: CallbackMessage = {
            type: "payment.callback",
            orderId,
            amountCents,
            currency,
            outcome: amountCents % 2 === 0 ? "succeeded" : "declined",
            provider: name,
            ...(request.afterEdit ? { key: request.idempotencyKey } : {}),
            providerRef: simulatedRef(request),
          };
          return { kind: "accepted", callback: { message, delayMs: options.delayMs } };
        }),
      ),
    refund: (requests) => Promise.resolve(requests.map((): RefundAnswer => ({ kind: "refunded" }))),
    readWebhook: (request) =>
      Promise.resolve(isSigned(request) ? readSimulated(request) : undefined),
  };
}

/** @returns undefined for what the secrets have signed for another provider */
function readSimulated({ header, text }: SignedRequest): ProviderEvent | undefined {
  const id = header("webhook-id") ?? "";
  const body = objectOf(text);
  if (!isMeantFor(simulatedGatewayName, body)) return undefined;
  if (isOfChargeback(body)) return readChargeback(id, body);
  return { kind: "other", id, type: String(body.type) };
}

function objectOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
  } catch {
    return {};
  }
}

/**
 * The simulated provider's name for a charge: of the order as the shop calls it, like the key, and without the time that
 * its digest takes. One under an old key keeps the name that it had, because its answer may be on its way; the shop may
 * call another order what that one's row is called. One that follows an edit is called by its key.
 */
export function simulatedRef(
  { orderId, reference, underOldKey, afterEdit, idempotencyKey }:
    & Pick<GatewayRequest, "orderId" | "reference" | "underOldKey" | "afterEdit">
    & Partial<Pick<GatewayRequest, "idempotencyKey">>,
): string {
  if (afterEdit) return `sim_${idempotencyKey}`;
  return underOldKey ? `sim_${orderId}` : `sim_of_${reference}`;
}
