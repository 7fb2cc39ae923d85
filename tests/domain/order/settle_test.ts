import assert from "node:assert/strict";
import { type OrderStatus, orderTransitions } from "../../../domain/order/order.ts";
import {
  decideDispute,
  decideSettle,
  decideSuperseded,
  decideTimeOut,
  type DisputeVerdict,
  type GatewayAnswer,
  type RecordedMoney,
  type SettleDecision,
} from "../../../domain/order/settle.ts";
import { orderIn, orderStates } from "./life.ts";

const answer = (
  outcome: GatewayAnswer["outcome"],
  amountCents = 1_000,
  currency = "EUR",
): GatewayAnswer => ({ outcome, amountCents, currency, providerRef: "ref" });

const money = (rest: Partial<RecordedMoney> = {}): RecordedMoney => ({
  amountCents: 1_000,
  currency: "EUR",
  providerRef: "ref",
  disputed: false,
  ...rest,
});

type Kinds = Record<OrderStatus, SettleDecision["kind"]>;

const onSuccess: Kinds = {
  PENDING: "too_early",
  RESERVED: "pay",
  PAID: "already_settled",
  FAILED: "late_success",
  CANCELLED: "late_success",
};

const onDecline: Kinds = {
  PENDING: "too_early",
  RESERVED: "decline",
  PAID: "already_settled",
  FAILED: "already_settled",
  CANCELLED: "already_settled",
};

Deno.test("decideSettle() answers for every state × outcome and moves only where the table does", () => {
  for (const status of orderStates) {
    const success = decideSettle(orderIn(status), answer("succeeded"), null);
    const decline = decideSettle(orderIn(status), answer("declined"), null);
    assert.equal(success.kind, onSuccess[status], `${status} × succeeded`);
    assert.equal(decline.kind, onDecline[status], `${status} × declined`);
    assert.equal(success.kind === "pay", orderTransitions[status].pay === "PAID");
    assert.equal(decline.kind === "decline", orderTransitions[status].decline === "FAILED");
  }
});

Deno.test("decideSettle() pays no order by another amount or currency, whatever the state", () => {
  const kinds: Kinds = {
    PENDING: "too_early",
    RESERVED: "dispute",
    PAID: "wrong_amount",
    FAILED: "late_success",
    CANCELLED: "late_success",
  };
  for (const status of orderStates) {
    for (const [cents, currency] of [[999, "EUR"], [1_001, "EUR"], [1_000, "USD"]] as const) {
      const decision = decideSettle(orderIn(status), answer("succeeded", cents, currency), null);
      assert.equal(decision.kind, kinds[status], `${status}, ${cents} ${currency}`);
    }
  }
  assert.equal(decideSettle(orderIn("RESERVED"), answer("succeeded", 0), null).kind, "dispute");
  for (const status of ["FAILED", "CANCELLED"] as const) {
    const nothing = decideSettle(orderIn(status), answer("succeeded", 0), null);
    assert.equal(nothing.kind, "already_settled", "there is nothing to give back of nothing");
  }
});

Deno.test("decideSettle() lets only the provider's own correction end a dispute", () => {
  const disputed = money({ amountCents: 1_001, disputed: true });
  const decide = (given: GatewayAnswer) => decideSettle(orderIn("RESERVED"), given, disputed).kind;
  assert.equal(decide(answer("succeeded", 1_001)), "already_disputed");
  assert.equal(decide(answer("succeeded", 1_002)), "dispute");
  assert.equal(decide(answer("succeeded", 1_000)), "pay");
  assert.equal(decide(answer("succeeded", 1_000, "USD")), "dispute");
  assert.equal(decide(answer("declined")), "already_disputed", "it said that it took the money");
  assert.equal(decide({ ...answer("succeeded"), providerRef: "other" }), "second_payment");
});

Deno.test("decideSettle() lets a decline fail the order whatever amount it names", () => {
  assert.equal(decideSettle(orderIn("RESERVED"), answer("declined", 1), null).kind, "decline");
});

Deno.test("decideSettle() tells other money for an order from the same money again", () => {
  for (const status of ["PAID", "FAILED", "CANCELLED"] as const) {
    const again = decideSettle(orderIn(status), answer("succeeded"), money());
    assert.equal(again.kind, onSuccess[status]);
    const more = decideSettle(orderIn(status), answer("succeeded", 1_001), money());
    assert.equal(more.kind, "wrong_amount", status);
    const before = money({ providerRef: "before" });
    const other = decideSettle(orderIn(status), answer("succeeded"), before);
    assert.equal(other.kind, "second_payment", status);
    const declined = decideSettle(orderIn(status), answer("declined"), before);
    assert.equal(declined.kind, "already_settled", status);
  }
  // A dispute that was accepted has made the order worth what was taken.
  const accepted = orderIn("PAID", { totalCents: 1_001 });
  const said = answer("succeeded", 1_001);
  assert.equal(decideSettle(accepted, said, money({ amountCents: 1_001 })).kind, "already_settled");
});

Deno.test("decideSettle() shows a person a decline of the charge that an order is paid by", () => {
  const kinds: Kinds = { ...onDecline, RESERVED: "already_disputed", PAID: "taken_back" };
  for (const status of orderStates) {
    const same = decideSettle(orderIn(status), answer("declined"), money());
    assert.equal(same.kind, kinds[status], status);
    // Which amount it names is all one, as that of any decline.
    assert.equal(decideSettle(orderIn(status), answer("declined", 1), money()).kind, kinds[status]);
    const other = { ...answer("declined"), providerRef: "other" };
    if (status !== "PAID") continue;
    assert.equal(decideSettle(orderIn(status), other, money()).kind, "already_settled");
    assert.equal(decideSettle(orderIn(status), answer("declined"), null).kind, "already_settled");
  }
});

Deno.test("decideSettle() counts no money of which nothing is left", () => {
  const gone = money({ amountCents: 0, disputed: true });
  const reserved = orderIn("RESERVED");
  assert.equal(decideSettle(reserved, answer("succeeded", 0), null).kind, "dispute");
  for (const cents of [0, 999, 1_000]) {
    const later = decideSettle(reserved, answer("succeeded", cents), gone);
    assert.equal(later.kind, "already_disputed", String(cents));
  }
  for (const status of ["FAILED", "CANCELLED"] as const) {
    const late = decideSettle(orderIn(status), answer("succeeded", 0), money());
    assert.equal(late.kind, "already_settled", "its money went back");
    const given = decideSettle(orderIn(status), answer("succeeded", 0), money({ amountCents: 0 }));
    assert.equal(given.kind, "late_success", "a reversal of nothing is over without a provider");
  }
  const paid = decideSettle(orderIn("PAID"), answer("succeeded", 0), money());
  assert.equal(paid.kind, "wrong_amount");
});

Deno.test("decideDispute() decides about what waits, and repeats what was decided", () => {
  const awaited = { currency: "EUR", isSurplus: false };
  const second = { currency: "EUR", isSurplus: true };
  const verdicts: DisputeVerdict[] = ["accept", "give_back", "dismiss"];
  const all = (
    disputed: Parameters<typeof decideDispute>[1],
    before: DisputeVerdict[] = [],
    status: OrderStatus = "RESERVED",
  ) =>
    verdicts.map((verdict) => {
      const decision = decideDispute(orderIn(status), disputed, verdict, before);
      return decision.kind === "refused" ? decision.because : decision.kind;
    });
  assert.deepEqual(all([]), ["not_disputed", "not_disputed", "not_disputed"]);
  assert.deepEqual(all([], ["accept"]), ["already_decided", "not_disputed", "not_disputed"]);
  assert.deepEqual(all([awaited]), ["decide", "decide", "settles"]);
  assert.deepEqual(all([{ ...awaited, currency: "USD" }]), ["other_currency", "decide", "settles"]);
  assert.deepEqual(all([awaited, second]), ["decide", "decide", "decide"]);
  assert.deepEqual(all([second], [], "PAID"), ["settles_nothing", "decide", "decide"]);
  assert.deepEqual(all([second], ["accept"], "PAID"), ["already_decided", "decide", "decide"]);
});

Deno.test("decideTimeOut() ends reservations only", () => {
  for (const status of Object.keys(orderTransitions) as OrderStatus[]) {
    const expected = status === "RESERVED" ? "time_out" : "already_settled";
    assert.equal(decideTimeOut(status).kind, expected, status);
  }
});

Deno.test("decideSettle() settles an order that was paid at its source by that payment alone", () => {
  const order = orderIn("RESERVED", { paidAtSource: true });
  const decide = (given: GatewayAnswer) => decideSettle(order, given, null).kind;
  assert.equal(decide({ ...answer("succeeded"), isSourcePayment: true }), "pay");
  assert.equal(decide(answer("succeeded")), "source_first");
  assert.equal(decide({ ...answer("succeeded"), isSourcePayment: false }), "source_first");
  assert.equal(decide(answer("declined")), "already_settled", "nobody else's refusal fails it");
  const paid = orderIn("PAID", { paidAtSource: true });
  const other = decideSettle(paid, answer("succeeded"), money({ providerRef: "source" }));
  assert.equal(other.kind, "second_payment");
});

Deno.test("decideSuperseded() gives back whatever was taken, and nothing of nothing", () => {
  const kind = (outcome: GatewayAnswer["outcome"], amountCents: number) =>
    decideSuperseded({ outcome, amountCents }).kind;
  assert.equal(kind("succeeded", 1), "give_back");
  assert.equal(kind("succeeded", 0), "nothing_taken");
  assert.equal(kind("declined", 1_000), "nothing_taken");
});
