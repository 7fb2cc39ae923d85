/**
 * Payment providers.
 *
 * @module
 */

import type { PaymentRoute } from "../../domain/payment/payment_route.ts";
import type { PaymentTry } from "../../domain/payment/payment_try.ts";
import type { GatewayRequest } from "./gateway_request.ts";
import type { Enqueued } from "../workflow/publish.ts";
import type { Capabilities, CustomerAction, Provider, ProviderChargeback } from "./provider.ts";

export type { GatewayRequest } from "./gateway_request.ts";

/**
 * Asked right before each request that moves money, or gives it up: whether a message that wants it is still this consumer's. One
 * that stood still may have lost its messages to another, which has long been done with them.
 *
 * @throws where nobody can tell; then nothing may be asked
 */
export type StillOurs = (request: GatewayRequest) => Promise<boolean>;

/** How requests are made. */
export interface AskOptions {
  /** Left out by whoever asks without a message. */
  stillOurs?: StillOurs;
  /** Is told each try as it ends. */
  tried?: (request: GatewayRequest, attempt: PaymentTry) => void;
}

/** What a provider says at once. */
export type ChargeAnswer =
  /** The outcome comes as a message of its own: here, or from outside if there is none. */
  | { kind: "accepted"; callback: Enqueued | null; action?: CustomerAction; hold?: HeldCharge }
  /** It could not be asked, or answered about another order. */
  | { kind: "failed"; error: string; isOther?: true }
  | ProviderAway;

/** Money that a provider holds and has not taken. */
export interface HeldCharge {
  /** The provider's own name for it. */
  providerRef: string;
  amountCents: number;
  currency: string;
  /** When the provider lets go of it; null where it does not say. */
  expiresAt: Date | null;
}

/** What a provider says of a charge that may have been asked for. */
export type ChargeStatus =
  | ChargeAnswer
  /** It was not, so no money was taken. */
  | { kind: "unknown" };

/** What a provider says of a refund. */
export type RefundAnswer =
  | { kind: "refunded" }
  /** It is being made, which may take days. */
  | RefundPending
  /** It never will be. */
  | { kind: "refused"; reason: string }
  /** It could not be asked. */
  | { kind: "failed"; error: string }
  | ProviderAway;

/** A refund that the provider has taken, and not made yet. */
export interface RefundPending {
  kind: "pending";
  /** After how many milliseconds it is asked about again. */
  delayMs: number;
}

/** What a provider says of a refund that may have been asked for. */
export type RefundStatusAnswer =
  | {
    kind: "refunded";
    /** What it is of, where that was not known and the provider says it. */
    amountCents?: number;
  }
  | RefundPending
  /** It knows of it, and it will never reach its customer: it was refused, or taken back. */
  | { kind: "refused"; reason: string }
  /** It knows of none under this key. */
  | { kind: "unknown" }
  /** It could not be asked. */
  | { kind: "failed"; error: string }
  | ProviderAway;

/** What a charge took, and what went back of it. */
export type MoneyAnswer =
  | {
    kind: "found";
    /** The provider's own name for it. */
    ref: string;
    /** In minor units of `currency`; 0 where it did not succeed, or did not after all. */
    tookCents: number;
    refundedCents: number;
    /** ISO 4217, upper case. */
    currency: string;
    /** Which installation asked for it, where the provider repeats it; see {@linkcode GatewayRequest.installation}. */
    installation?: string | null;
  }
  /** It knows of no such charge. */
  | { kind: "unknown" }
  /** It could not be asked. */
  | { kind: "failed"; error: string }
  | ProviderAway;

/** What a provider says of a chargeback. */
export type ChargebackAnswer =
  | { kind: "found"; chargeback: ProviderChargeback }
  /** It knows of none of this name. */
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
 * A payment provider as the workflow asks it. All calls take many requests and answer each, in the same order: one that can't be
 * asked takes none of the others' answers away.
 */
export interface Gateway {
  /** Stands in `payments.provider`. */
  name: string;
  /** It looks at no keys, so none are made for it: a digest takes longer than its answer. */
  ignoresKeys?: true;
  /** What it can do. */
  can?: Capabilities;
  /** What is asked, of one that is asked one by one. */
  provider?: Provider;
  /** Reads what tells of its money from outside, of one that is not asked one by one; see {@linkcode Provider}. */
  readWebhook?: Provider["readWebhook"];
  charge(requests: readonly GatewayRequest[], options?: AskOptions): Promise<ChargeAnswer[]>;
  refund(requests: readonly GatewayRequest[], options?: AskOptions): Promise<RefundAnswer[]>;
  /**
   * Tells what became of charges, and never charges. A provider whose answers all come as messages by
   * themselves has no need of it.
   */
  status?(requests: readonly GatewayRequest[], options?: AskOptions): Promise<ChargeStatus[]>;
  /**
   * Tells the same of charges that nobody wants any more, and has the provider give up those that still wait for the
   * customer, and let go of money that it holds. Left out where it can't be asked to.
   */
  end?(requests: readonly GatewayRequest[], options?: AskOptions): Promise<ChargeStatus[]>;
  /** Tells what became of refunds, and never makes any. */
  refundStatus?(
    requests: readonly GatewayRequest[],
    options?: AskOptions,
  ): Promise<RefundStatusAnswer[]>;
  /**
   * Tells what charges took and what went back of them, by their key or by the provider's own name (`chargeRef`). Left out
   * where it can't be asked.
   */
  money?(requests: readonly GatewayRequest[]): Promise<MoneyAnswer[]>;
  /** Tells how a chargeback is, by the provider's own name for it. Left out where it can't be asked. */
  chargeback?(ref: string): Promise<ChargebackAnswer>;
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

/** Gateways of a process. */
export interface Gateways {
  /** The one that charges, where no route says otherwise. */
  gateway: Gateway;
  /** Further ones that are configured: for what they took earlier, and for orders that a route leads to them. */
  otherGateways?: readonly Gateway[];
  /** Which of them charges what; the first row that fits counts, and where none does, `gateway` charges. */
  routes?: readonly PaymentRoute[];
}

/** All of them, the one that charges first. */
export function allGateways({ gateway, otherGateways = [] }: Gateways): readonly Gateway[] {
  return [gateway, ...otherGateways];
}

/** A refund takes a provider hours or days, so that it is asked about so many times less often than a charge. */
const refundPatience = 20;

/** After how many milliseconds a refund is asked about again that the provider has taken and not made yet. */
export function refundAgainMs({ callbackMs = 0 }: Pick<Gateway, "callbackMs">): number {
  return refundPatience * callbackMs;
}

/** After how many milliseconds an order whose money is held is looked at again; whether the provider is asked then is another matter. */
export function holdAgainMs(gateway: Pick<Gateway, "callbackMs">): number {
  return refundAgainMs(gateway);
}

/** The longest that a message is scheduled ahead, in milliseconds. */
export function maxDelayMs(gateways: Gateways): number {
  return Math.max(
    secondAnswerMs,
    ...allGateways(gateways).map((gateway) =>
      Math.max(gateway.maxAnswerMs ?? 0, gateway.callbackMs ?? 0, refundAgainMs(gateway))
    ),
  );
}

/**
 * Whether a provider can say itself how its chargebacks are: it is configured, and tells of them by webhooks or is asked about
 * them. What any other one has of them is known by its reports alone.
 */
export function tellsOfChargebacks(gateways: Gateways, name: string): boolean {
  const gateway = gatewayNamed(gateways, name);
  return gateway?.can?.chargebacks === true || gateway?.chargeback !== undefined;
}

/** The gateway that money is refunded through: the one that took it, or none. */
export function gatewayNamed(
  gateways: Gateways,
  name: string,
): Gateway | undefined {
  return allGateways(gateways).find((configured) => configured.name === name);
}
