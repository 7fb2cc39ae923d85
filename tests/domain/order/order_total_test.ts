import assert from "node:assert/strict";
import fc from "fast-check";
import { type Adjustment, adjustmentKinds } from "../../../domain/order/adjustment.ts";
import { orderLimits, orderTotalOf } from "../../../domain/order/incoming_order.ts";
import { type Summands, totalProblem } from "../../../domain/order/order_total.ts";
import { currencyDigits } from "../../../domain/money.ts";

const amount = (kind: Adjustment["kind"], amountCents: number, included = false): Adjustment => ({
  kind,
  label: null,
  amountCents,
  included,
});

const order = (change: Partial<Summands> = {}): Summands => ({
  currency: "EUR",
  items: [{ sku: "MUG", name: "Mug", unitPriceCents: 1_200, qty: 2 }],
  ...change,
});

const shipped = [amount("shipping", 490), amount("discount", -540)];

Deno.test("totalProblem() writes out the sum that does not agree with what the source says", () => {
  const wrong = order({ adjustments: shipped, totalCents: 5_350 });
  assert.deepEqual(totalProblem(wrong, "file"), {
    of: "total",
    summary: "the order's total is another one",
    sum: "items 24.00 + shipping 4.90 − discount 5.40 = 23.50, the file says 53.50",
  });
  assert.equal(
    totalProblem(order({ totalCents: 1, currency: "JPY" }), "request")?.sum,
    "items 2,400, the request says 1",
  );
  const taxed = [amount("tax", 380, true), amount("gift_wrap", 1), amount("other", -2)];
  assert.equal(
    totalProblem(order({ adjustments: taxed, totalCents: 0, currency: "KWD" }), "request")?.sum,
    "items 2.400 + gift wrap 0.001 − other 0.002 = 2.399, the request says 0.000",
  );
  assert.equal(totalProblem(order({ adjustments: shipped, totalCents: 2_350 }), "file"), undefined);
  assert.equal(totalProblem(order({ totalCents: 2_400 }), "file"), undefined);
});

Deno.test("totalProblem() refuses a total below zero, and none of what costs something", () => {
  const adjustments = [amount("discount", -2_401)];
  assert.deepEqual(totalProblem(order({ adjustments }), "file"), {
    of: "adjustments",
    summary: "the order's total is below zero",
    sum: "items 24.00 − discount 24.01 = −0.01",
  });
  const free = [amount("discount", -2_400), amount("tax", 9, true)];
  assert.equal(totalProblem(order({ adjustments: free }), "file"), undefined);
  const none = { payment: { status: "none" } as const };
  assert.equal(totalProblem(order({ adjustments: free, ...none }), "file"), undefined);
  assert.deepEqual(totalProblem(order({ adjustments: shipped, ...none }), "file"), {
    of: "payment",
    summary: "the payment status none is for orders that cost nothing: write due or paid",
    sum: "items 24.00 + shipping 4.90 − discount 5.40 = 23.50",
  });
  const cheap = order({ adjustments: [amount("discount", -2_399)], ...none });
  assert.equal(totalProblem(cheap, "file")?.of, "payment");
});

Deno.test("totalProblem() refuses what is too large in either direction, with the exact sum", () => {
  const max = orderLimits.totalCents;
  const items = [{ sku: "G", name: "G", unitPriceCents: 2_147_483_647, qty: 1_000_000 }];
  assert.equal(totalProblem(order({ items, totalCents: max }), "file"), undefined);
  const more = totalProblem(order({ items, adjustments: [amount("tip", 1)] }), "file");
  assert.equal(more?.of, "adjustments");
  assert.match(
    more.sum,
    /^items 21,474,836,470,000\.00 \+ tip 0\.01 = 21,474,836,470,000\.01, and an order may be worth /,
  );
  const both = [amount("fee", max), amount("discount", -max)];
  assert.equal(totalProblem(order({ adjustments: both }), "file")?.of, "adjustments");
  const many = Array.from({ length: 100 }, () => amount("fee", max));
  assert.match(
    totalProblem(order({ items, adjustments: many }), "file")!.sum,
    / = 2,168,958,483,470,000\.00, /,
  );
});

Deno.test("totalProblem() refuses more contained tax than all that may contain it", () => {
  const tax = amount("tax", 999_999, true);
  assert.deepEqual(totalProblem(order({ adjustments: [tax] }), "request"), {
    of: "adjustments",
    summary: "the contained tax is larger than what contains it",
    sum: "tax 9,999.99 contained in items 24.00",
  });
  const parts = [amount("tax", 2_000, true), amount("tax", 900, true)];
  const others = [amount("shipping", 490), amount("discount", -300), amount("tax", 400)];
  assert.equal(
    totalProblem(order({ adjustments: [...parts, ...others] }), "file")?.sum,
    "tax 29.00 contained in items 24.00 + shipping 4.90 = 28.90",
  );
  // All that is charged may be tax, and an order that costs nothing may tell the tax of what it would cost.
  const whole = [amount("tax", 2_890, true), ...others];
  assert.equal(totalProblem(order({ adjustments: whole }), "file"), undefined);
  const free = [amount("tax", 383, true), amount("discount", -2_400)];
  assert.equal(totalProblem(order({ adjustments: free }), "file"), undefined);
});

Deno.test("totalProblem() accepts exactly what a sum of integers says, in every currency", () => {
  const adjustment = fc.record({
    kind: fc.constantFrom(...adjustmentKinds),
    label: fc.constant(null),
    amountCents: fc.integer({ min: -1_000, max: 1_000 }),
    included: fc.boolean(),
  });
  const item = fc.record({
    sku: fc.constant("a"),
    name: fc.constant("a"),
    unitPriceCents: fc.nat(300),
    qty: fc.integer({ min: 1, max: 3 }),
  });
  const any = fc.record({
    currency: fc.constantFrom(...Intl.supportedValuesOf("currency")),
    items: fc.array(item, { minLength: 1, maxLength: 4 }),
    adjustments: fc.array(adjustment, { minLength: 1, maxLength: 5 }),
  });
  fc.assert(fc.property(any, fc.nat(2_000), (order, totalCents) => {
    let sum = 0n;
    for (const { unitPriceCents, qty } of order.items) sum += BigInt(unitPriceCents * qty);
    for (const { included, amountCents } of order.adjustments) {
      if (!included) sum += BigInt(amountCents);
    }
    assert.equal(BigInt(orderTotalOf(order)), sum);
    let heldCents = 0, holdingCents = orderTotalOf({ ...order, adjustments: [] });
    for (const { kind, included, amountCents } of order.adjustments) {
      if (included) heldCents += amountCents;
      else if (kind !== "tax") holdingCents += Math.max(0, amountCents);
    }
    const isBad = sum < 0n || heldCents > holdingCents;
    assert.equal(totalProblem(order, "file")?.of, isBad ? "adjustments" : undefined);
    if (isBad) return;
    assert.equal(totalProblem({ ...order, totalCents: Number(sum) }, "file"), undefined);
    const other = totalProblem({ ...order, totalCents }, "file");
    assert.equal(other === undefined, BigInt(totalCents) === sum);
    if (other === undefined) return;
    // Read as decimals, the written sum comes out as well.
    const digits = currencyDigits(order.currency);
    const [parts] = other.sum.split(" = ") as [string];
    const units = [...parts.split(",").join("").matchAll(/(−|\+|items).*?([\d.]+)/g)];
    const written = units.reduce(
      (left, [, sign, value]) =>
        left + (sign === "−" ? -1n : 1n) * BigInt(Math.round(Number(value) * 10 ** digits)),
      0n,
    );
    if (other.sum.includes(" = ")) assert.equal(written, sum);
  }));
});
