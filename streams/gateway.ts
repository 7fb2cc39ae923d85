/**
 * Payment providers.
 *
 * @module
 */

import type { CallbackMessage } from "../domain/messages.ts";
import type { Enqueued } from "./queue.ts";

/** Money to take, or to give back. */
export interface GatewayRequest {
  orderId: number;
  amountCents: number;
  currency: string;
  /** The same key is the same money, however often it is asked for. */
  idempotencyKey: string;
  /** Of money to give back: the provider's own name for the charge that took it. */
  chargeId?: string;
  /** Of a charge: it may have been asked for before, perhaps so long ago that its key is forgotten. */
  askedBefore?: true;
}

/** What a provider says at once. */
export type ChargeAnswer =
  /** The outcome comes as a message of its own: here, or from outside if there is none. */
  | { kind: "accepted"; callback: Enqueued | null }
  /** It could not be asked. */
  | { kind: "failed"; error: string }
  | ProviderAway;

/** What a provider says of a charge that may have been asked for. */
export type ChargeStatus =
  | ChargeAnswer
  /** It was not, so no money was taken. */
  | { kind: "unknown" };

/** What a provider says of money to give back. */
export type GiveBackAnswer =
  | { kind: "given_back" }
  /** It never will be. */
  | { kind: "refused"; reason: string }
  /** It could not be asked. */
  | { kind: "failed"; error: string }
  | ProviderAway;

/** It answers nobody at the moment, or refuses everybody: what was to be asked waits, and is not to blame. */
export interface ProviderAway {
  kind: "away";
  error: string;
}

/**
 * A payment provider. All calls take many requests and answer each, in the same order: one that can't be
 * asked takes none of the others' answers away.
 */
export interface Gateway {
  /** Stands in `payments.provider`. */
  name: string;
  charge(requests: readonly GatewayRequest[]): Promise<ChargeAnswer[]>;
  giveBack(requests: readonly GatewayRequest[]): Promise<GiveBackAnswer[]>;
  /**
   * Tells what became of charges, and never charges. A provider whose answers all come as messages by
   * themselves has no need of it.
   */
  status?(requests: readonly GatewayRequest[]): Promise<ChargeStatus[]>;
}

/** How long a gateway has to answer when it is asked again, in milliseconds. */
export const secondAnswerMs = 30_000;

/** Stands in `payments.provider` of an order that costs nothing: no provider was asked, and none ever is. */
export const noProvider = "none";

/** Idempotency key of an order's one charge. */
export function chargeKey(orderId: number): string {
  return `order-${orderId}`;
}

/**
 * A provider that pays even amounts and declines odd ones, and gives everything back.
 *
 * Its answer is a scheduled message, so the delay outlives a crash. Charging an order again schedules
 * the very same message, which is one message: that is its idempotency.
 *
 * @param options.delayMs milliseconds until it answers
 */
export function simulatedGateway(options: { delayMs: number }): Gateway {
  const name = "simulated";
  return {
    name,
    charge: (requests) =>
      Promise.resolve(requests.map(({ orderId, amountCents, currency }): ChargeAnswer => {
        const message: CallbackMessage = {
          type: "payment.callback",
          orderId,
          amountCents,
          currency,
          outcome: amountCents % 2 === 0 ? "succeeded" : "declined",
          provider: name,
          providerRef: `sim_${orderId}`,
        };
        return { kind: "accepted", callback: { message, delayMs: options.delayMs } };
      })),
    giveBack: (requests) =>
      Promise.resolve(requests.map((): GiveBackAnswer => ({ kind: "given_back" }))),
  };
}
