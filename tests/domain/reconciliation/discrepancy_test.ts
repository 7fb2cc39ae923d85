import assert from "node:assert/strict";
import {
  actionsFor,
  directlyBack,
  discrepancyActionNames,
  type DiscrepancyFacts,
  discrepancyKindNames,
  hasTooMuch,
  offeredActions,
} from "../../../domain/reconciliation/discrepancy.ts";

const facts: DiscrepancyFacts = {
  kind: "missing_with_us",
  movement: "charge",
  orderId: 7,
  paymentId: null,
  refundId: null,
  chargeRef: "ch_1",
  theirCents: 1_000,
  ourCents: null,
};

const offered = (change: Partial<DiscrepancyFacts>) => actionsFor({ ...facts, ...change }).join();

Deno.test("actionsFor() offers to record what has an order, and to give back what has none", () => {
  assert.equal(offered({}), "record,explain");
  assert.equal(offered({ orderId: null }), "give_back,explain");
  assert.equal(offered({ chargeRef: null }), "explain");
  assert.equal(offered({ kind: "twice" }), "give_back,explain");
  assert.equal(offered({ kind: "twice", chargeRef: null }), "explain");
  // Another line of the very charge that is on record.
  assert.equal(offered({ kind: "twice", ourCents: 1_000 }), "ask,explain");
  assert.equal(offered({ kind: "twice", ourCents: 1_000, paymentId: 3 }), "give_back,explain");
  const refund = { kind: "refund_without_refund", movement: "refund" } as const;
  assert.equal(offered(refund), "record,explain");
  assert.equal(offered({ ...refund, orderId: null }), "explain");
});

Deno.test("actionsFor() gives back what was taken too much of a charge, and asks about no chargeback", () => {
  const differs = { kind: "amount_differs", ourCents: 900 } as const;
  assert.equal(offered(differs), "ask,give_back,explain");
  assert.equal(offered({ ...differs, answer: `${hasTooMuch}: so much` }), "give_back,ask,explain");
  assert.equal(offered({ ...differs, answer: "it keeps it" }), "ask,give_back,explain");
  assert.equal(offered({ ...differs, ourCents: 1_000 }), "ask,explain");
  assert.equal(offered({ ...differs, ourCents: 1_100 }), "ask,explain");
  for (const movement of ["refund", "reversal", "mend"] as const) {
    assert.equal(offered({ ...differs, movement }), "ask,explain");
  }
  for (const movement of ["chargeback", "won_back"] as const) {
    assert.equal(offered({ ...differs, movement }), "explain");
  }
});

Deno.test("directlyBack() is what was taken too much, all of what has no order, and nothing of what has one", () => {
  const back = (change: Partial<DiscrepancyFacts>) => directlyBack({ ...facts, ...change });
  assert.equal(back({ kind: "amount_differs", ourCents: 900 }), 100);
  assert.equal(back({ orderId: null }), 1_000);
  assert.equal(back({ kind: "twice", orderId: null }), 1_000);
  assert.equal(back({ kind: "twice" }), null);
  assert.equal(back({ theirCents: null, orderId: null }), null);
});

Deno.test("offeredActions() offers nothing that only a provider can do which is not configured here", () => {
  const here = (change: Partial<DiscrepancyFacts>) =>
    offeredActions({ ...facts, ...change }, false).join();
  assert.equal(here({}), "explain");
  assert.equal(here({ orderId: null }), "explain");
  assert.equal(here({ kind: "missing_with_them" }), "explain");
  assert.equal(here({ kind: "corrected", movement: "unmended" }), "explain");
  for (
    const [kind, movement] of [
      ["refund_without_refund", "refund"],
      ["chargeback_without_record", "chargeback"],
      ["corrected", "correction"],
    ] as const
  ) {
    assert.equal(here({ kind, movement }), "record,explain");
  }
  assert.equal(offeredActions(facts, true).join(), "record,explain");
});

Deno.test("the words of discrepancies fit their columns", () => {
  assert.deepEqual(discrepancyKindNames.filter((name) => name.length > 32), []);
  assert.deepEqual(discrepancyActionNames.filter((name) => name.length > 12), []);
});
