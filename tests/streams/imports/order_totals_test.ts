import assert from "node:assert/strict";
import fc from "fast-check";
import { orderTotals } from "../../../streams/imports/order_totals.ts";

function moneyOf(totals: readonly [currency: string, cents: number][], limit?: number) {
  const own = orderTotals(limit);
  try {
    for (const [currency, cents] of totals) own.add(currency, cents);
    return own.money();
  } finally {
    own.close();
  }
}

Deno.test("orderTotals() finds least, middle and most of each currency, in memory and on disk", () => {
  const cents = fc.oneof(
    fc.nat(20),
    fc.nat(2_000_000),
    fc.maxSafeNat(),
    fc.integer({ min: Number.MAX_SAFE_INTEGER - 3, max: Number.MAX_SAFE_INTEGER }),
  );
  const totals = fc.array(fc.tuple(fc.constantFrom("EUR", "GBP"), cents), { maxLength: 60 });
  fc.assert(fc.property(totals, fc.constantFrom(undefined, 0, 7), (totals, limit) => {
    const expected = ["EUR", "GBP"].flatMap((currency) => {
      const own = totals.filter(([of]) => of === currency).map(([, cents]) => BigInt(cents))
        .sort((a, b) => a < b ? -1 : a > b ? 1 : 0);
      if (own.length === 0) return [];
      const [lower, upper] = [own[(own.length - 1) >> 1]!, own[own.length >> 1]!];
      return [{
        currency,
        orders: own.length,
        sum_cents: Number(own.reduce((sum, one) => sum + one, 0n)),
        smallest_cents: Number(own[0]),
        median_cents: Number((lower + upper) / 2n),
        largest_cents: Number(own.at(-1)),
      }];
    });
    assert.deepEqual(moneyOf(totals, limit), expected);
  }));
});

Deno.test("orderTotals() says nothing of no orders", () => {
  assert.deepEqual(moneyOf([]), []);
});
