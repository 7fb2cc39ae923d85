import assert from "node:assert/strict";
import fc from "fast-check";
import { recordedKinds } from "../../../../domain/order/adjustment.ts";
import { moneyColumns } from "../../../../routes/api/exports/money_columns.ts";

Deno.test("moneyColumns() has a discount as the import file has it, and included tax by itself", () => {
  assert.deepEqual(
    moneyColumns(2_350, [
      { kind: "shipping", included: false, amountCents: 490 },
      { kind: "discount", included: false, amountCents: -540 },
      { kind: "tax", included: true, amountCents: 375 },
      { kind: "other", included: false, amountCents: 10 },
      { kind: "payment_difference", included: false, amountCents: -10 },
    ]),
    {
      items_cents: 2_400,
      shipping_cents: 490,
      discount_cents: 540,
      tax_included_cents: 375,
      other_cents: 0,
    },
  );
  assert.deepEqual(moneyColumns(1_000), { items_cents: 1_000 });
});

Deno.test("moneyColumns() of any order add up to its total, the discount taken off and no included tax", () => {
  const sum = fc.record({
    kind: fc.constantFrom(...recordedKinds),
    included: fc.boolean(),
    amountCents: fc.integer({ min: -1_000_000, max: 1_000_000 }),
  });
  fc.assert(fc.property(fc.nat(), fc.array(sum), (total, sums) => {
    const { discount_cents = 0, tax_included_cents: _, ...added } = moneyColumns(total, sums);
    const cents = Object.values(added).reduce((all, one) => all + one, 0);
    assert.equal(cents - discount_cents, total);
    assert.ok(Object.values(moneyColumns(total, sums)).every((one) => !Object.is(one, -0)));
  }));
});
