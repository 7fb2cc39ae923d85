/**
 * Payment providers.
 *
 * @module
 */

import type { CallbackMessage } from "../../domain/messages/messages.ts";
import type { Enqueued } from "../workflow/publish.ts";

/** Money to take, or to refund. */
export interface GatewayRequest {
  orderId: number;
  /** The shop's own id of the order: what its row is called after it was lost and sent again. */
  reference: string;
  amountCents: number;
  currency: string;
  /** The same key is the same money, however often it is asked for; empty for one that {@linkcode Gateway.ignoresKeys}. */
  idempotencyKey: string;
  /** Of a charge: it may have been asked for before, perhaps so long ago that its key is forgotten. */
  askedBefore?: true;
  /** Of a charge: its key is made of a row id, as before there were others. */
  underOldKey?: true;
  /** Of a charge: an edit of its order has superseded an earlier one, so that its answer has to name the key. */
  afterEdit?: true;
  /** Of a refund: the provider's own name for the charge that took it. */
  chargeRef?: string;
}

/**
 * Asked right before each request that moves money: whether a message that wants it is still this consumer's. One
 * that stood still may have lost its messages to another, which has long been done with them.
 *
 * @throws where nobody can tell; then nothing may be asked
 */
export type StillOurs = (request: GatewayRequest) => Promise<boolean>;

/** What a provider says at once. */
export type ChargeAnswer =
  /** The outcome comes as a message of its own: here, or from outside if there is none. */
  | { kind: "accepted"; callback: Enqueued | null }
  /** It could not be asked, or answered about another order. */
  | { kind: "failed"; error: string; isOther?: true }
  | ProviderAway;

/** What a provider says of a charge that may have been asked for. */
export type ChargeStatus =
  | ChargeAnswer
  /** It was not, so no money was taken. */
  | { kind: "unknown" };

/** What a provider says of a refund. */
export type RefundAnswer =
  | { kind: "refunded" }
  /** It never will be. */
  | { kind: "refused"; reason: string }
  /** It could not be asked. */
  | { kind: "failed"; error: string }
  | ProviderAway;

/** What a provider says of a refund that may have been asked for. */
export type RefundStatusAnswer =
  | { kind: "refunded" }
  /** It knows of none under this key. */
  | { kind: "unknown" }
  /** It could not be asked. */
  | { kind: "failed"; error: string }
  | ProviderAway;

/** It answers nobody at the moment, or refuses everybody: what was to be asked waits, and is not to blame. */
export interface ProviderAway {
  kind: "away";
  error: string;
  /** The fault is not the provider's: the message may be another consumer's by now. */
  notAsked?: true;
}

/**
 * A payment provider. All calls take many requests and answer each, in the same order: one that can't be
 * asked takes none of the others' answers away.
 */
export interface Gateway {
  /** Stands in `payments.provider`. */
  name: string;
  /** It looks at no keys, so none are made for it: a digest takes longer than its answer. */
  ignoresKeys?: true;
  charge(requests: readonly GatewayRequest[], stillOurs?: StillOurs): Promise<ChargeAnswer[]>;
  refund(requests: readonly GatewayRequest[], stillOurs?: StillOurs): Promise<RefundAnswer[]>;
  /**
   * Tells what became of charges, and never charges. A provider whose answers all come as messages by
   * themselves has no need of it.
   */
  status?(requests: readonly GatewayRequest[]): Promise<ChargeStatus[]>;
  /** Tells what became of refunds, and never makes any. */
  refundStatus?(requests: readonly GatewayRequest[]): Promise<RefundStatusAnswer[]>;
  /**
   * Milliseconds after which a charge without an answer is asked about again, where answers may come from outside
   * as callbacks: then keys are noted before they are used, and what may have been asked for is looked for again.
   */
  callbackMs?: number;
  /** The longest that it delays an answer of its own, in milliseconds; none by default. */
  maxAnswerMs?: number;
}

/** How long a gateway has to answer when it is asked again, in milliseconds. */
export const secondAnswerMs = 30_000;

/** The longest that a message is scheduled ahead, in milliseconds. */
export function maxDelayMs({ maxAnswerMs = 0, callbackMs = 0 }: Gateway): number {
  return Math.max(secondAnswerMs, maxAnswerMs, callbackMs);
}

/** Gateways of a process. */
export interface Gateways {
  /** The one that charges. */
  gateway: Gateway;
  /** Further ones that are configured, for what they took earlier. */
  otherGateways?: readonly Gateway[];
}

/** The gateway that money is refunded through: the one that took it, or none. */
export function gatewayNamed(
  { gateway, otherGateways = [] }: Gateways,
  name: string,
): Gateway | undefined {
  return [gateway, ...otherGateways].find((configured) => configured.name === name);
}

/** Name of the provider that moves no money. */
const simulatedGatewayName = "simulated";

/**
 * A provider that pays even amounts, declines odd ones, and refunds everything.
 *
 * Its answer is a scheduled message, so the delay outlives a crash. Charging an order again schedules
 * the very same message, which is one message: that is its idempotency.
 *
 * @param options.delayMs milliseconds until it answers
 */
export function simulatedGateway(options: { delayMs: number }): Gateway {
  const name = simulatedGatewayName;
  return {
    name,
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
  };
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
