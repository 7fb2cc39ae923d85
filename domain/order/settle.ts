/**
 * Decides what a gateway's answer does to an order.
 *
 * @module
 */

import { type OrderFacts, type OrderStatus, orderTransitions } from "./order.ts";

/** What the gateway said of one charge. */
export interface GatewayAnswer {
  /** Whether the money was taken. */
  outcome: "succeeded" | "declined";
  /** What the provider says it took and still has, or refused to take. */
  amountCents: number;
  /** In what it took it: ISO 4217, upper case. */
  currency: string;
  /** The provider's own name for the charge. */
  providerRef: string;
  /** It is the payment that was made at the order's source. */
  isSourcePayment?: boolean;
}

/** Money that was recorded for an order, be it on its way back or gone; a refusal is none. */
export interface RecordedMoney {
  /** What was really taken. */
  amountCents: number;
  /** ISO 4217, upper case. */
  currency: string;
  /** The provider's own name for the charge. */
  providerRef: string;
  /** True while it waits for a person's decision. */
  disputed: boolean;
}

/** What became of one answer. Replays are outcomes too: they have the effects of the first time. */
export type SettleDecision =
  /** Record the payment and become `PAID`. */
  | { kind: "pay" }
  /** Give the stock back and become `FAILED` (`payment_declined`). */
  | { kind: "decline" }
  /** This answer, or one like it, was counted before: repeat what follows from it. */
  | { kind: "already_settled" }
  /** Money came for an order that is over without it: record it and give it back. */
  | { kind: "late_success" }
  /** The order is not reserved yet, so nothing can have been charged: look again later. */
  | { kind: "too_early" }
  /** Other money for an order that was paid at its source: look again once that payment is recorded. */
  | { kind: "source_first" }
  /** Another amount or currency was taken than was asked for: record it and hold the order for a person. */
  | { kind: "dispute" }
  /** It waits for a person already. */
  | { kind: "already_disputed" }
  /** This is other money than what was recorded for the order: record it beside that, for a person. */
  | { kind: "second_payment" }
  /** The provider now says another amount of money that was counted: a person has to look. */
  | { kind: "wrong_amount" }
  /** The provider now says that it declined the very charge by which the order is paid: a person has to look. */
  | { kind: "taken_back" };

/**
 * Decides what one answer does to its order.
 *
 * An order that is over gives back whatever was taken; one that is `RESERVED` is paid by its total alone, and one that
 * was paid at its source by that payment alone, which nobody else's refusal undoes.
 * While money is disputed, only the provider itself can repair it: by saying of the same charge that it took the
 * total after all, unless all of it went back. That it took nothing is not believed without a person, because it said otherwise before; nor is it
 * of money that a paid order was counted by.
 *
 * @param order as its locked row says
 * @param answer the gateway's
 * @param recorded the money that was recorded for the order first; null where there was none
 */
export function decideSettle(
  order: OrderFacts,
  answer: GatewayAnswer,
  recorded: RecordedMoney | null,
): SettleDecision {
  const { status } = order;
  if (status === "PENDING") return { kind: "too_early" };
  if (status === "RESERVED" && order.paidAtSource && !answer.isSourcePayment) {
    return { kind: answer.outcome === "declined" ? "already_settled" : "source_first" };
  }
  if (answer.outcome === "declined") {
    if (status === "PAID" && answer.providerRef === recorded?.providerRef && !recorded.disputed) {
      return { kind: "taken_back" };
    }
    if (status !== "RESERVED") return { kind: "already_settled" };
    return { kind: recorded === null ? "decline" : "already_disputed" };
  }
  const isTotal = isSame(answer, { amountCents: order.totalCents, currency: order.currency });
  if (recorded === null) {
    switch (status) {
      case "RESERVED":
        return { kind: isTotal ? "pay" : "dispute" };
      case "PAID":
        return { kind: isTotal ? "already_settled" : "wrong_amount" };
      case "FAILED":
      case "CANCELLED":
        // There is nothing to give back of nothing.
        return { kind: answer.amountCents === 0 ? "already_settled" : "late_success" };
    }
  }
  if (answer.providerRef !== recorded.providerRef) return { kind: "second_payment" };
  if (recorded.disputed) {
    // Nothing was left of the charge, so an answer of before is no correction.
    if (recorded.amountCents === 0) return { kind: "already_disputed" };
    if (isTotal && status === "RESERVED") return { kind: "pay" };
    return { kind: isSame(answer, recorded) ? "already_disputed" : "dispute" };
  }
  if (!isSame(answer, recorded)) {
    // The answer to a charge that was asked for again, after its money had gone back.
    const wentBack = status !== "PAID" && answer.amountCents === 0;
    return { kind: wentBack ? "already_settled" : "wrong_amount" };
  }
  return { kind: status === "PAID" ? "already_settled" : "late_success" };
}

/** What becomes of an answer to a charge that an edit of its order has superseded. */
export type SupersededDecision =
  /** Record the money as something to give back. */
  | { kind: "give_back" }
  /** Nothing was taken, or nothing is left of it. */
  | { kind: "nothing_taken" };

/**
 * Decides what an answer to a superseded charge does: whatever was taken goes back, and the order, which costs another
 * amount by now, is not settled by it wherever it stands.
 */
export function decideSuperseded(
  { outcome, amountCents }: Pick<GatewayAnswer, "outcome" | "amountCents">,
): SupersededDecision {
  return { kind: outcome === "succeeded" && amountCents > 0 ? "give_back" : "nothing_taken" };
}

function isSame(
  a: { amountCents: number; currency: string },
  b: { amountCents: number; currency: string },
): boolean {
  return a.amountCents === b.amountCents && a.currency === b.currency;
}

/** What a person decides about disputed money. */
export type DisputeVerdict =
  /** The order is worth what was taken: it is paid. */
  | "accept"
  /** What was taken goes back; the order that waited for it fails. */
  | "give_back"
  /** It is no money of ours any more: it went back by other ways, or never was other money. */
  | "dismiss";

/** What a verdict does. */
export type DisputeDecision =
  /** Record it. */
  | { kind: "decide" }
  /** The same was decided before: repeat what follows from it. */
  | { kind: "already_decided" }
  /** It can't be done. */
  | { kind: "refused"; because: "not_disputed" | "other_currency" | "settles_nothing" | "settles" };

/**
 * Decides whether a verdict about an order's disputed payments can be carried out. `accept` is about the one
 * that the order waits for, `dismiss` about those beside it, `give_back` about all of them.
 *
 * @param order as its locked row says
 * @param disputed what waits for a decision
 * @param before the verdicts of earlier decisions about this order
 */
export function decideDispute(
  order: Pick<OrderFacts, "status" | "currency">,
  disputed: readonly { currency: string; isSurplus: boolean }[],
  verdict: DisputeVerdict,
  before: readonly DisputeVerdict[],
): DisputeDecision {
  if (disputed.length === 0) {
    return before.includes(verdict)
      ? { kind: "already_decided" }
      : { kind: "refused", because: "not_disputed" };
  }
  const awaited = disputed.find(({ isSurplus }) => !isSurplus);
  switch (verdict) {
    case "give_back":
      return { kind: "decide" };
    case "dismiss":
      return disputed.some(({ isSurplus }) => isSurplus)
        ? { kind: "decide" }
        : { kind: "refused", because: "settles" };
    case "accept":
      if (awaited === undefined) {
        return before.includes("accept")
          ? { kind: "already_decided" }
          : { kind: "refused", because: "settles_nothing" };
      }
      return awaited.currency === order.currency
        ? { kind: "decide" }
        : { kind: "refused", because: "other_currency" };
  }
}

/**
 * Decides what becomes of an order whose gateway gave no answer, not even when asked again.
 *
 * @param status of the locked order
 */
export function decideTimeOut(status: OrderStatus): { kind: "time_out" | "already_settled" } {
  return { kind: orderTransitions[status].time_out === undefined ? "already_settled" : "time_out" };
}
