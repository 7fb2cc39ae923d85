import assert from "node:assert/strict";
import fc from "fast-check";
import type { ReadAdjustment } from "../../../../domain/import/profile/order_amounts.ts";
import {
  type PricedItem,
  type Reading,
  readingByTotal,
} from "../../../../domain/import/profile/order_readings.ts";
import { orderLimits, orderTotalOf } from "../../../../domain/order/incoming_order.ts";

const items = fc.array(
  fc.record({
    qty: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 9 })),
    cents: fc.oneof(
      fc.integer({ min: 0, max: 40 }),
      fc.constantFrom(orderLimits.unitPriceCents, 0),
    ),
  }),
  { minLength: 1, maxLength: 4 },
).map((some) =>
  some.map(({ qty, cents }, at): PricedItem => ({
    ...{ sku: `S-${at}`, name: "Thing", unitPriceCents: cents, qty },
    cents: cents * (at + 1),
  }))
);
const adjustments = fc.array(
  fc.record<ReadAdjustment>({
    kind: fc.constantFrom("tax", "shipping"),
    label: fc.constant(null),
    amountCents: fc.integer({ min: 1, max: 12 }),
    included: fc.constantFrom<readonly boolean[]>([false], [true], [false, true]),
  }),
  { maxLength: 3 },
);

/** All readings that there are, one by one, with what each comes to. */
function allReadings(
  priced: readonly PricedItem[],
  beside: readonly ReadAdjustment[],
  ways: readonly ("unit" | "line")[],
): Reading[] {
  let choices: boolean[][] = [[]];
  for (const { included } of beside) {
    choices = choices.flatMap((some) => included.map((one) => [...some, one]));
  }
  return ways.flatMap((way) =>
    choices.map((some) => ({
      items: priced.flatMap(({ sku, name, cents, qty }) => {
        const least = way === "line" ? Math.floor(cents / qty) : cents;
        const more = way === "line" ? cents % qty : 0;
        return [
          { sku, name, unitPriceCents: least, qty: qty - more },
          ...(more > 0 ? [{ sku, name, unitPriceCents: least + 1, qty: more }] : []),
        ];
      }),
      adjustments: beside.map((one, at) => ({ ...one, included: some[at]! })),
    }))
  );
}

Deno.test("readingByTotal() takes the reading that comes nearest to the total, or none where two differ", () => {
  const outcomes = { nearest: 0, far: 0, ambiguous: 0 };
  // By its place among the totals of all readings, and how far it is off.
  const named = fc.oneof(
    fc.tuple(fc.nat(99), fc.constantFrom(0, 0, 1, -1, 40)),
    fc.constant(undefined),
  );
  const pricePer = fc.constantFrom("unit" as const, "line" as const, "by_total" as const);
  fc.assert(
    fc.property(
      ...[items, adjustments, named, pricePer, fc.constantFrom(0, 2)] as const,
      (priced, beside, near, pricePer, tolerance) => {
        const isSingle = priced.every(({ qty }) => qty === 1);
        const ways = pricePer !== "by_total"
          ? [pricePer]
          : isSingle
          ? ["unit" as const]
          : ["unit" as const, "line" as const];
        const all = allReadings(priced, beside, ways);
        const named = near && orderTotalOf(all[near[0] % all.length]!) + near[1];
        const read = readingByTotal(priced, beside, named, { pricePer, tolerance });
        if (all.length === 1) return assert.deepEqual(read, all[0]);
        if (named === undefined) return assert("problem" in read);
        const off = all.map((one) =>
          one.items.some(({ unitPriceCents }) => unitPriceCents > orderLimits.unitPriceCents)
            ? Infinity
            : Math.abs(orderTotalOf(one) - named)
        );
        const nearest = Math.min(...off);
        const totals = new Set(
          all.filter((_, at) => off[at] === nearest).map((one) => orderTotalOf(one)),
        );
        if (nearest <= tolerance && totals.size > 1) {
          outcomes.ambiguous++;
          assert("problem" in read, JSON.stringify(read));
        } else {
          outcomes[nearest <= tolerance ? "nearest" : "far"]++;
          assert.deepEqual(read, all[off.indexOf(nearest)]);
        }
      },
    ),
    { numRuns: 20_000 },
  );
  assert(Object.values(outcomes).every((count) => count > 5), JSON.stringify(outcomes));
});
