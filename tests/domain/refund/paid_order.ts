/**
 * Orders that were paid, for property tests.
 *
 * @module
 */

import fc from "fast-check";
import { recordedKinds } from "../../../domain/order/adjustment.ts";
import type { PaidOrder } from "../../../domain/refund/shares.ts";

/** Amounts of which small and odd ones come often. */
export const anyCents: fc.Arbitrary<number> = fc.oneof(
  fc.constantFrom(0, 1, 2, 3),
  fc.nat(10_000),
  fc.nat({ max: 2_147_483_647 }),
);

/** Any order that was paid, its items alone or with what there is besides. */
export const anyPaidOrder: fc.Arbitrary<PaidOrder> = fc.record({
  items: fc.array(
    fc.record({
      unit: anyCents,
      qty: fc.oneof(fc.integer({ min: 1, max: 7 }), fc.constant(1_000_000)),
    }),
    { minLength: 1, maxLength: 6 },
  ),
  adjustments: fc.array(
    fc.record({
      kind: fc.constantFrom(...recordedKinds),
      size: anyCents,
      included: fc.boolean(),
    }),
    { maxLength: 5 },
  ),
}).map(({ items, adjustments }) => {
  const all = adjustments.map(({ kind, size, included }) => ({
    kind,
    amountCents: kind === "discount" ? -size : size,
    included: kind === "tax" && included,
  }));
  const lines = items.map(({ unit, qty }, index) => ({
    id: index + 1,
    sku: `S${index % 3}`,
    qty,
    subtotalCents: unit * qty,
  }));
  const sum = lines.reduce((sum, { subtotalCents }) => sum + subtotalCents, 0) +
    all.reduce((sum, one) => one.included ? sum : sum + one.amountCents, 0);
  return { items: lines, adjustments: all, totalCents: Math.max(0, sum) };
});
