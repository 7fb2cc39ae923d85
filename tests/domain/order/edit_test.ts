import assert from "node:assert/strict";
import fc from "fast-check";
import {
  decideEdit,
  type EditFacts,
  moveUnits,
  refusalText,
  unitDifferences,
} from "../../../domain/order/edit.ts";
import {
  type FailureReason,
  type ItemNeed,
  type OrderStatus,
  orderTransitions,
} from "../../../domain/order/order.ts";

const ten = { totalCents: 1_000, currency: "EUR", paidBy: null };

const facts = (changes: Partial<EditFacts>): EditFacts => ({
  status: "RESERVED",
  failureReason: null,
  isDisputed: false,
  isOlders: false,
  before: ten,
  after: { ...ten, totalCents: 1_200 },
  differs: true,
  ...changes,
});

const kindOf = (changes: Partial<EditFacts>): string => {
  const decision = decideEdit(facts(changes));
  return decision.kind === "refused" ? decision.because : decision.kind;
};

Deno.test("decideEdit() changes what is not settled, and nothing else", () => {
  const kinds: Record<OrderStatus, string> = {
    PENDING: "replace",
    RESERVED: "charge_anew",
    PAID: "paid",
    FAILED: "failed",
    CANCELLED: "cancelled",
  };
  for (const status of Object.keys(orderTransitions) as OrderStatus[]) {
    assert.equal(kindOf({ status }), kinds[status], status);
    assert.equal(kindOf({ status, differs: false }), "unchanged", status);
  }
  const failed = (failureReason: FailureReason) => kindOf({ status: "FAILED", failureReason });
  assert.equal(failed("insufficient_stock"), "short");
  assert.equal(failed("payment_declined"), "failed");
});

Deno.test("decideEdit() keeps a charge only where exactly the same is to be paid", () => {
  assert.equal(kindOf({ after: ten }), "keep_charge");
  assert.equal(kindOf({ after: { ...ten, currency: "USD" } }), "charge_anew");
  assert.equal(kindOf({ after: { ...ten, totalCents: 999 } }), "charge_anew");
  assert.equal(kindOf({ after: ten, isOlders: true }), "keep_charge");
  assert.equal(kindOf({ isOlders: true }), "older");
  assert.equal(kindOf({ after: ten, isCaptureAsked: true }), "keep_charge");
  assert.equal(kindOf({ isCaptureAsked: true }), "capture_asked");
  assert.equal(kindOf({ after: ten, paysOtherwise: true, isCaptureAsked: true }), "capture_asked");
});

Deno.test("decideEdit() leaves alone what was paid at the source, or is in dispute", () => {
  const paid = { ...ten, paidBy: "shop\n1" };
  for (const status of ["PENDING", "RESERVED"] as const) {
    assert.equal(kindOf({ status, before: paid }), "paid_at_source");
    assert.equal(kindOf({ status, before: paid, after: ten }), "paid_at_source");
    assert.equal(
      kindOf({ status, before: paid, after: { ...paid, paidBy: "shop\n2" } }),
      "paid_at_source",
    );
    assert.equal(kindOf({ status, isDisputed: true }), "disputed");
  }
  assert.equal(kindOf({ before: paid, after: paid }), "keep_charge");
  assert.equal(kindOf({ status: "PENDING", before: paid, after: paid }), "replace");
  assert.equal(kindOf({ status: "PENDING", after: paid }), "replace", "it was not charged yet");
  assert.equal(kindOf({ after: paid }), "charged", "it may be charged at this moment");
});

Deno.test("refusalText() tells the way out", () => {
  assert.match(refusalText("paid", 42), /POST \/orders\/42\/refunds.* an order of its own$/);
  assert.match(refusalText("short", 42), /POST \/orders\/42\/retry, or place it as a new order$/);
  for (const because of ["failed", "cancelled", "paid_at_source", "charged", "older"] as const) {
    assert.match(refusalText(because, 42), /new order/, because);
  }
});

const needs = fc.uniqueArray(
  fc.record({ productId: fc.integer({ min: 1, max: 6 }), qty: fc.integer({ min: 1, max: 9 }) }),
  { selector: ({ productId }) => productId },
);

Deno.test("moveUnits() moves exactly the difference, or nothing where a product is short", () => {
  const stocks = fc.array(fc.nat(9), { minLength: 6, maxLength: 6 });
  fc.assert(fc.property(needs, needs, stocks, (before, after, units) => {
    const stock = new Map(units.map((qty, index) => [index + 1, qty]));
    const had = new Map(stock);
    const qtyOf = (list: readonly ItemNeed[], id: number) =>
      list.find(({ productId }) => productId === id)?.qty ?? 0;
    const short = moveUnits(before, after, stock);
    const missing = [...had.keys()].filter((id) =>
      qtyOf(after, id) - qtyOf(before, id) > had.get(id)!
    );
    assert.deepEqual(short.map(({ productId }) => productId), missing);
    for (const { productId, moreQty, leftQty } of short) {
      assert.equal(leftQty, had.get(productId));
      assert.equal(moreQty, qtyOf(after, productId) - qtyOf(before, productId));
    }
    for (const [id, left] of stock) {
      assert.ok(left >= 0);
      const held = short.length > 0 ? before : after;
      assert.equal(left + qtyOf(held, id), had.get(id)! + qtyOf(before, id), `product ${id}`);
    }
  }));
});

Deno.test("unitDifferences() is nothing of the same, and the opposite the other way round", () => {
  fc.assert(fc.property(needs, needs, (before, after) => {
    assert.equal(unitDifferences(before, before).size, 0);
    const there = [...unitDifferences(before, after)];
    const back = unitDifferences(after, before);
    assert.deepEqual(there.map(([id, qty]) => [id, -qty]), [...back]);
    assert.deepEqual(there.map(([id]) => id), there.map(([id]) => id).sort((a, b) => a - b));
  }));
});
