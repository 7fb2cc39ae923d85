/**
 * A payment provider that decides as it is told and keeps its own books, by key. It loses answers, and notes whatever
 * no provider should ever be asked for.
 *
 * @module
 */

import type {
  ChargeAnswer,
  Gateway,
  GatewayRequest,
  RefundAnswer,
  StillOurs,
} from "../../streams/payments/gateway.ts";
import { httpGatewayName } from "../../streams/payments/providers/http.ts";
import type { ChargeMessage } from "../../domain/messages/messages.ts";
import { oddCents } from "./order_money.ts";

/** What becomes of a charge; `later` is decided by a command of its own, `odd` takes another amount than was asked for. */
export type Verdict = "pay" | "decline" | "later" | "odd";

/** A charge in the provider's books. */
export interface BookedCharge {
  /** The provider's name for it. */
  id: string;
  /** Under which it was asked for; that of a payment at the source nobody knows. */
  key: string;
  reference: string;
  cents: number;
  currency: string;
  verdict: Verdict;
  /** Cents that went back, by the keys of the refunds. */
  back: Map<string, number>;
}

/** The provider and its books. */
export interface ModelProvider {
  gateway: Gateway;
  charges: BookedCharge[];
  /** What becomes of charges of an order that are asked for from now on; `pay` where nothing is said. */
  verdicts: Map<string, Verdict>;
  /** Orders of which refunds are refused. */
  refusing: Set<string>;
  /** Answers that get lost after the money has moved. */
  loseAnswers: number;
  /** What should never have been asked. */
  faults: string[];
  /** Books what was paid at the source of an order. */
  book(payment: { id: string; reference: string; cents: number; currency: string }): void;
  /** What it has of an order's money. */
  kept(reference: string): number;
  /** Forgets everything. */
  reset(): void;
}

/** How long after a charge that is undecided it is asked about again, in milliseconds. */
const callbackMs = 600_000;

/** Opens the books. */
export function modelProvider(): ModelProvider {
  const refusedKeys = new Set<string>();
  const provider: ModelProvider = {
    charges: [],
    verdicts: new Map(),
    refusing: new Set(),
    loseAnswers: 0,
    faults: [],
    book: (payment) =>
      void provider.charges.push({
        ...payment,
        key: "",
        verdict: "pay",
        back: new Map(),
      }),
    kept: (reference) =>
      provider.charges.filter((charge) => charge.reference === reference && hasTaken(charge))
        .reduce((sum, charge) => sum + leftOf(charge), 0),
    reset: () => {
      provider.charges.length = 0;
      provider.verdicts.clear();
      provider.refusing.clear();
      provider.loseAnswers = 0;
      refusedKeys.clear();
    },
    gateway: {
      name: httpGatewayName,
      callbackMs,
      charge: (requests, { stillOurs } = {}) =>
        each(requests, stillOurs, (request): ChargeAnswer => {
          const charge = chargeOf(provider, request);
          return isLost(provider) ? lost : answerOf(request, charge, true);
        }),
      refund: (requests, { stillOurs } = {}) =>
        each(requests, stillOurs, (request): RefundAnswer => {
          const answer = refund(provider, refusedKeys, request);
          return isLost(provider) ? lost : answer;
        }),
      status: (requests) =>
        Promise.resolve(requests.map((request) => {
          const charge = provider.charges.find(({ key }) => key === request.idempotencyKey);
          return charge === undefined ? { kind: "unknown" } : answerOf(request, charge, false);
        })),
      refundStatus: (requests) =>
        Promise.resolve(requests.map(({ idempotencyKey }) => {
          const isKnown = provider.charges.some(({ back }) => back.has(idempotencyKey));
          return { kind: isKnown ? "refunded" : "unknown" };
        })),
    },
  };
  return provider;
}

const lost = { kind: "failed", error: "the answer got lost" } as const;

function isLost(provider: ModelProvider): boolean {
  if (provider.loseAnswers === 0) return false;
  provider.loseAnswers--;
  return true;
}

async function each<A>(
  requests: readonly GatewayRequest[],
  stillOurs: StillOurs | undefined,
  answer: (request: GatewayRequest) => A,
): Promise<(A | { kind: "away"; error: string; notAsked: true })[]> {
  const answers = [];
  for (const request of requests) {
    const ours = await stillOurs?.(request).catch(() => false) ?? true;
    answers.push(
      ours ? answer(request) : { kind: "away", error: "not ours", notAsked: true } as const,
    );
  }
  return answers;
}

function chargeOf(
  { charges, verdicts, faults }: ModelProvider,
  { idempotencyKey: key, reference, amountCents: cents, currency }: GatewayRequest,
): BookedCharge {
  const known = charges.find((charge) => charge.key === key);
  if (known !== undefined) {
    const isSame = known.cents === cents && known.currency === currency &&
      known.reference === reference;
    if (!isSame) faults.push(`${key} was ${known.cents} of ${known.reference}, and now ${cents}`);
    return known;
  }
  const charge: BookedCharge = {
    id: `ch_${charges.length + 1}_${reference}`,
    key,
    reference,
    cents,
    currency,
    verdict: verdicts.get(reference) ?? "pay",
    back: new Map(),
  };
  charges.push(charge);
  return charge;
}

function answerOf(
  { orderId, amountCents, currency, idempotencyKey }: GatewayRequest,
  charge: BookedCharge,
  isOpen: boolean,
): ChargeAnswer {
  if (charge.verdict === "later") {
    const message: ChargeMessage = { type: "payment.charge", orderId, amountCents, currency };
    return { kind: "accepted", callback: { message, delayMs: callbackMs, evenIfLost: true } };
  }
  const isGone = isOpen && hasTaken(charge) && leftOf(charge) === 0;
  return {
    kind: "accepted",
    callback: {
      message: {
        type: "payment.callback",
        orderId,
        amountCents: isGone ? 0 : takenCents(charge),
        currency: charge.currency,
        outcome: hasTaken(charge) ? "succeeded" : "declined",
        provider: httpGatewayName,
        key: idempotencyKey,
        providerRef: charge.id,
      },
      evenIfLost: true,
    },
  };
}

function refund(
  { charges, refusing, faults }: ModelProvider,
  refusedKeys: Set<string>,
  { idempotencyKey: key, reference, amountCents, currency, chargeRef }: GatewayRequest,
): RefundAnswer {
  const charge = charges.find(({ id }) => id === chargeRef);
  if (charge === undefined || !hasTaken(charge) || charge.currency !== currency) {
    faults.push(`a refund of ${reference} is of ${chargeRef}, which took nothing in ${currency}`);
    return { kind: "refused", reason: "no such charge" };
  }
  const before = charge.back.get(key);
  if (before !== undefined) {
    if (before !== amountCents) {
      faults.push(`${key} gave ${before} back, and now ${amountCents}`);
    }
    return { kind: "refunded" };
  }
  if (refusedKeys.has(key) || refusing.has(reference)) {
    refusedKeys.add(key);
    return { kind: "refused", reason: "the card is gone" };
  }
  if (amountCents > leftOf(charge)) {
    faults.push(`${amountCents} of ${reference} are more than ${leftOf(charge)}`);
    return { kind: "refused", reason: "too much" };
  }
  charge.back.set(key, amountCents);
  return { kind: "refunded" };
}

function hasTaken({ verdict }: BookedCharge): boolean {
  return verdict === "pay" || verdict === "odd";
}

/** What it took, or refused to take. */
export function takenCents({ cents, verdict }: BookedCharge): number {
  return verdict === "odd" ? cents + oddCents : cents;
}

function leftOf(charge: BookedCharge): number {
  return [...charge.back.values()].reduce((left, cents) => left - cents, takenCents(charge));
}
