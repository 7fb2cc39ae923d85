import assert from "node:assert/strict";
import {
  paymentOf,
  providerProblem,
  referenceProblem,
  type SaidPayment,
} from "../../../domain/order/source_payment.ts";

const nothing: SaidPayment = { status: undefined, provider: undefined, reference: undefined };
const of = (said: Partial<SaidPayment>) => paymentOf({ ...nothing, ...said }, "A-1");

Deno.test("paymentOf() takes an order for due unless its source says otherwise", () => {
  assert.deepEqual(of({}), { status: "due" });
  assert.deepEqual(of({ status: "due" }), { status: "due" });
  assert.deepEqual(of({ status: "none" }), { status: "none" });
});

Deno.test("paymentOf() names a payment by the order where its source names nobody who took the money", () => {
  const paid = { status: "paid", provider: "external", reference: "A-1", paidAt: null };
  assert.deepEqual(of({ status: "paid" }), paid);
  assert.deepEqual(of({ status: "paid", reference: "R" }), { ...paid, reference: "R" });
  const paidAt = "2026-01-05 10:00:00.000";
  assert.deepEqual(of({ status: "paid", provider: "stripe", reference: "ch_1", paidAt }), {
    status: "paid",
    provider: "stripe",
    reference: "ch_1",
    paidAt,
  });
});

Deno.test("paymentOf() names what does not fit", () => {
  assert.deepEqual(of({ status: "paid", provider: "stripe" }), [
    { of: "reference", detail: "is missing: the payment's id at stripe" },
  ]);
  for (const status of [undefined, "due", "none"] as const) {
    const faults = of({ status, provider: "stripe", reference: "ch_1" });
    assert.ok(Array.isArray(faults));
    assert.deepEqual(faults.map(({ of }) => of), ["provider", "reference"]);
    assert.match(faults[0]!.detail, /the payment status is (due|none): write paid/);
  }
});

Deno.test("providerProblem() and referenceProblem() keep to what the database holds", () => {
  for (const name of ["stripe", "Shopify Payments", "a", "pay_pal-2.0", "x".repeat(32)]) {
    assert.equal(providerProblem(name), undefined, name);
  }
  for (const name of ["", " a", "é", "x".repeat(33), "a\n", "a/b"]) {
    assert.match(String(providerProblem(name)), /at most 32 letters/, name);
  }
  assert.match(String(providerProblem("None")), /must not be none/);
  assert.equal(referenceProblem("😀".repeat(128)), undefined);
  assert.match(String(referenceProblem("x".repeat(129))), /at most 128 characters/);
  assert.match(String(referenceProblem("a\tb")), /control characters/);
});
