/**
 * What a payment provider is: one file each in `providers/`. It makes single requests and says what was answered, and
 * nothing else. Tries, look-ups before a repetition, rests of a provider that fails, and distrust of what it answers are
 * the same for all of them and stand in `careful_gateway.ts`; see docs/writing-a-provider.md.
 *
 * @module
 */

import type { ChargebackState } from "../../domain/payment/chargeback.ts";
import type { GatewayRequest } from "./gateway_request.ts";

/** What a provider can do, as data: what it can't is not asked of it. */
export interface Capabilities {
  /** It tells what became of a charge or a refund by the key that it was asked for under. */
  looksUpByKey: boolean;
  /** It finds charges by the shop's own id of the order. */
  looksUpByReference: boolean;
  /** It lists what moved since a time. */
  lists: boolean;
  /** It gives back a part of a charge; else all of it or nothing. */
  refundsInPart: boolean;
  /** It holds money first and takes it later: `none` takes at once, `whole` all of what is held, `part` any part of it. */
  captures: "none" | "whole" | "part";
  /** It tells of charges by webhooks of its own. */
  webhooks: boolean;
  /** And of chargebacks, by the same; left out for no. */
  chargebacks?: boolean;
}

/** A charge as the provider has it. All of it is looked at before it counts. */
export interface ProviderCharge {
  /** The provider's own name for it. */
  ref: string;
  /**
   * `pending` until it is decided. `authorized` money is held and not taken; `requires_action` waits for the customer, see
   * `action`; `canceled` will never be taken.
   */
  state: "pending" | "requires_action" | "authorized" | "succeeded" | "declined" | "canceled";
  /** What it took, or holds, in minor units of `currency`. */
  amountCents: number;
  /** ISO 4217, upper case. */
  currency: string;
  /** What went back of it, in minor units; null or left out for nothing. */
  refundedCents?: number | null;
  /** The key that it was asked for under, where the provider repeats it. */
  key?: string | null;
  /** The shop's own id of the order, where the provider repeats it. */
  reference?: string | null;
  /** Which installation asked for it, where the provider repeats it; see {@linkcode GatewayRequest.installation}. */
  installation?: string | null;
  /** The provider's word for why, such as `insufficient_funds`. */
  code?: string | null;
  /** What the customer has to do. */
  action?: CustomerAction;
  /** Of money that is held: when the provider lets go of it; null or left out where it does not say. */
  holdExpiresAt?: Date | null;
}

/** What a customer has to do before the money moves. */
export interface CustomerAction {
  /** Where; null where the provider gives no link. */
  url: string | null;
  /** Until when; null where the provider does not say. */
  expiresAt: Date | null;
}

/** A refund as the provider has it. */
export interface ProviderRefund {
  /** The provider's own name for it; null where it has none. */
  ref: string | null;
  /** `refused` never will be. */
  state: "succeeded" | "pending" | "refused";
  /** The provider's word for why. */
  reason?: string | null;
  amountCents?: number | null;
  currency?: string | null;
  /** Names of the charge that it is of, any of which fits, where the provider repeats them. */
  chargeRefs?: readonly string[];
  key?: string | null;
  reference?: string | null;
}

/** A request that came from outside, of which nobody knows yet who sent it. */
export interface SignedRequest {
  /** Names in lower case. */
  header(name: string): string | undefined;
  text: string;
}

/**
 * A chargeback as the provider has it, which most providers call a dispute. What is said later counts, in whatever sequence it
 * comes.
 */
export interface ProviderChargeback {
  /** The provider's own name for it; the same however often it is told of. */
  ref: string;
  /** Names of the charge, one or two, any of which {@linkcode ProviderCharge.ref} may have been. */
  chargeRefs: readonly string[];
  state: ChargebackState;
  /** What is contested, in minor units of `currency`. */
  amountCents: number;
  /** ISO 4217, upper case. */
  currency: string;
  /** The provider's word for why, such as `fraudulent`. */
  reason?: string | null;
  /** Until when somebody has to answer. */
  dueBy?: Date | null;
  /** When it was opened. */
  openedAt?: Date | null;
  /** When it was as it is told here. */
  happenedAt: Date;
}

/** What a webhook says, once its signature is good. */
export type ProviderEvent =
  | { kind: "charge"; id: string; charge: ProviderCharge & { key: string } }
  | { kind: "chargeback"; id: string; chargeback: ProviderChargeback }
  /** Nothing that anybody waits for. */
  | { kind: "other"; id: string; type: string };

/** Money that moved at the provider. */
export type Movement =
  | { kind: "charge"; at: Date; charge: ProviderCharge }
  | { kind: "refund"; at: Date; refund: ProviderRefund };

/**
 * A payment provider. Every method makes one request, or the few that one question takes, and says what was answered.
 * Where there is nothing to be said it throws one of the errors of `unanswered.ts`; anything else that it throws counts
 * as no answer.
 */
export interface Provider {
  /** Stands in `payments.provider`: letters, digits and underscores. */
  name: string;
  can: Capabilities;
  /**
   * Asks for a charge under its key.
   *
   * @throws {Refused} where it will never be made as it was asked for
   * @throws {Denied} where nobody is served
   * @throws {Busy} where the same is being worked on
   * @throws {NoAnswer} where it may or may not have been made
   */
  charge(request: GatewayRequest): Promise<ProviderCharge>;
  /** What became of a charge; null where none is known under its key. Never charges. */
  findCharge?(request: GatewayRequest): Promise<ProviderCharge | null>;
  /** Asks for a refund of {@linkcode GatewayRequest.chargeRef}; throws as `charge`. */
  refund(request: GatewayRequest): Promise<ProviderRefund>;
  /** What became of a refund; null where none is known under its key. Never refunds. */
  findRefund?(request: GatewayRequest): Promise<ProviderRefund | null>;
  /** Takes money that is held by `chargeRef`: all of it, or `amountCents` of it; the rest is let go. */
  capture?(request: GatewayRequest): Promise<ProviderCharge>;
  /** Lets go of money that is held by `chargeRef`, or of a charge that waits for the customer. */
  cancel?(request: GatewayRequest): Promise<ProviderCharge>;
  /** Charges of an order by the shop's own id, the oldest first. */
  findByReference?(reference: string): Promise<ProviderCharge[]>;
  /** What moved since then, in no order. */
  listSince?(since: Date): AsyncIterable<Movement>;
  /**
   * Checks whose word it is, and reads it.
   *
   * @returns undefined where the signature is missing, wrong or too old
   * @throws {WorkflowError} `invalid` where it is signed and can't be understood
   */
  readWebhook?(request: SignedRequest): Promise<ProviderEvent | undefined>;
}
