import assert from "node:assert/strict";
import fc from "fast-check";
import {
  apportion,
  centsOfUnits,
  type PaidOrder,
  sharesOf,
} from "../../../domain/refund/shares.ts";
import { anyCents, anyPaidOrder } from "./paid_order.ts";

const item = (id: number, subtotalCents: number, qty = 1) => ({
  id,
  sku: `S${id}`,
  qty,
  subtotalCents,
});

const adjustment = (kind: string, amountCents: number, included = false) => ({
  kind,
  amountCents,
  included,
});

/** Cents of each item, then of each kind. */
function shared(order: PaidOrder): [number[], Record<string, number>] {
  const { items, adjustments } = sharesOf(order);
  return [order.items.map(({ id }) => items.get(id)!), Object.fromEntries(adjustments)];
}

Deno.test("sharesOf() shares discounts and taxes over the items, and leaves the rest as it is", () => {
  const order = {
    totalCents: 2_460 + 490,
    items: [item(1, 1_000), item(2, 2_000)],
    adjustments: [
      adjustment("discount", -600),
      adjustment("tax", 60),
      adjustment("tax", 480, true),
      adjustment("shipping", 490),
    ],
  };
  assert.deepEqual(shared(order), [[820, 1_640], { shipping: 490 }]);
});

Deno.test("sharesOf() gives the cents that rounding leaves over to the largest remainders", () => {
  const thirds = { totalCents: 100, items: [1, 2, 3].map((id) => item(id, 50)) };
  const discount = [adjustment("discount", -50)];
  assert.deepEqual(shared({ ...thirds, adjustments: discount })[0], [34, 33, 33]);
  const items = [item(1, 1), item(2, 1), item(3, 98)];
  assert.deepEqual(shared({ totalCents: 50, items, adjustments: discount })[0], [1, 0, 49]);
});

Deno.test("sharesOf() takes what a discount is more than the items from what was charged besides", () => {
  const order = {
    totalCents: 90,
    items: [item(1, 1_000), item(2, 0)],
    adjustments: [
      adjustment("discount", -1_400),
      adjustment("shipping", 390),
      adjustment("gift_wrap", 100),
    ],
  };
  assert.deepEqual(shared(order), [[0, 0], { shipping: 72, gift_wrap: 18 }]);
});

Deno.test("sharesOf() shares by units where the items cost nothing", () => {
  const order = {
    totalCents: 100,
    items: [item(1, 0, 3), item(2, 0)],
    adjustments: [adjustment("tax", 100)],
  };
  assert.deepEqual(shared(order), [[75, 25], {}]);
});

Deno.test("sharesOf() shares what takes something off and the difference of an accepted payment alike", () => {
  const items = [item(1, 100), item(2, 300)];
  const off = [adjustment("other", -100), adjustment("fee", 50), adjustment("fee", -80)];
  assert.deepEqual(shared({ totalCents: 270, items, adjustments: off }), [[68, 202], {}]);
  const more = [adjustment("payment_difference", 4)];
  assert.deepEqual(shared({ totalCents: 404, items, adjustments: more }), [[101, 303], {}]);
  // A row that is missing: what was paid counts.
  assert.deepEqual(shared({ totalCents: 404, items, adjustments: [] }), [[101, 303], {}]);
});

Deno.test("sharesOf() shares out exactly what was paid, and nothing below zero, whatever the order", () => {
  fc.assert(
    fc.property(anyPaidOrder, (order) => {
      const { items, adjustments } = sharesOf(order);
      const parts = [...items.values(), ...adjustments.values()];
      assert.ok(parts.every((cents) => Number.isSafeInteger(cents) && cents >= 0), `${parts}`);
      assert.equal(parts.reduce((sum, cents) => sum + cents, 0), order.totalCents);
      for (const [kind, cents] of adjustments) {
        const charged = order.adjustments.filter((one) => one.kind === kind && !one.included)
          .reduce((sum, one) => sum + one.amountCents, 0);
        assert.ok(cents <= charged, `${cents} of ${charged} for ${kind}`);
      }
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("sharesOf() is within a cent of the exact proportion", () => {
  fc.assert(fc.property(anyPaidOrder, (order) => {
    const { items, adjustments } = sharesOf(order);
    const sum = order.items.reduce((sum, { subtotalCents }) => sum + subtotalCents, 0);
    const forItems = [...items.values()].reduce((sum, cents) => sum + cents, 0);
    if (sum === 0) return;
    for (const { id, subtotalCents } of order.items) {
      const off = BigInt(items.get(id)!) * BigInt(sum) - BigInt(forItems) * BigInt(subtotalCents);
      assert.ok(off < BigInt(sum) && off > -BigInt(sum), `item ${id} of ${[...adjustments]}`);
    }
  }));
});

Deno.test("centsOfUnits() adds up to the share, unit by unit or in pieces", () => {
  fc.assert(fc.property(anyCents, fc.integer({ min: 1, max: 60 }), (share, qty) => {
    let sum = 0;
    for (let units = 1; units <= qty; units++) {
      const cents = centsOfUnits(share, qty, units) - centsOfUnits(share, qty, units - 1);
      assert.ok(Math.abs(cents - share / qty) <= 1);
      sum += cents;
    }
    assert.equal(sum, share);
    assert.equal(centsOfUnits(share, qty, 0), 0);
  }));
  assert.equal(centsOfUnits(2_147_483_647_000_000, 1_000_000, 1_000_000), 2_147_483_647_000_000);
});

Deno.test("apportion() gives out nothing where nobody has any weight", () => {
  assert.deepEqual(apportion(5, []), []);
  assert.deepEqual(apportion(0, [0, 0]), [0, 0]);
  assert.deepEqual(apportion(5, [0, 1, 1]), [0, 3, 2]);
});
