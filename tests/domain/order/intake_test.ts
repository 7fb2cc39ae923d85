import assert from "node:assert/strict";
import fc from "fast-check";
import { adjustmentKinds } from "../../../domain/order/adjustment.ts";
import {
  decideIntake,
  isOfAnother,
  type ItemSum,
  type KnownTerms,
  takesAway,
  takesTermsAway,
} from "../../../domain/order/intake.ts";
import { type OrderStatus, orderTransitions } from "../../../domain/order/order.ts";

const same = { content: false, recipient: false, takesAway: false, foreign: false };
const other = { ...same, content: true };

Deno.test("decideIntake() takes unknown orders and recognises known ones in every status", () => {
  for (const status of Object.keys(orderTransitions) as OrderStatus[]) {
    for (const mode of ["update", "replace", "conflict"] as const) {
      const mayChange = status === "PENDING" && mode !== "conflict";
      assert.equal(decideIntake(undefined, other, mode), "new");
      assert.equal(decideIntake({ status }, same, mode), "unchanged");
      assert.equal(decideIntake({ status }, other, mode), mayChange ? "updated" : "conflict");
    }
  }
});

Deno.test("decideIntake() takes nothing away from a known order unless it is told to", () => {
  for (const status of Object.keys(orderTransitions) as OrderStatus[]) {
    const less = { ...other, takesAway: true };
    assert.equal(decideIntake({ status }, less, "update"), "conflict");
    assert.equal(decideIntake({ status }, less, "conflict"), "conflict");
    assert.equal(
      decideIntake({ status }, less, "replace"),
      status === "PENDING" ? "updated" : "conflict",
    );
  }
});

Deno.test("decideIntake() changes whom an order is for only while it may be changed at all", () => {
  for (const status of Object.keys(orderTransitions) as OrderStatus[]) {
    for (const mode of ["update", "replace", "conflict"] as const) {
      assert.equal(
        decideIntake({ status }, { ...same, recipient: true }, mode),
        status === "PENDING" && mode !== "conflict" ? "updated" : "unchanged",
      );
    }
  }
});

Deno.test("decideIntake() changes nothing of what is another's", () => {
  for (const mode of ["update", "replace", "conflict"] as const) {
    const pending = { status: "PENDING" } as const;
    assert.equal(decideIntake(pending, { ...other, foreign: true }, mode), "conflict");
    assert.equal(
      decideIntake(pending, { ...same, recipient: true, foreign: true }, mode),
      "unchanged",
    );
    assert.equal(decideIntake(pending, { ...same, foreign: true }, mode), "unchanged");
    assert.equal(decideIntake(undefined, { ...other, foreign: true }, mode), "new");
  }
});

Deno.test("takesAway() tells less of anything, at its price, from more", () => {
  const item = (sku: string, qty: number, unitPriceCents = 100): ItemSum => ({
    sku,
    qty,
    unitPriceCents,
  });
  const known = [item("TV", 1), item("CABLE", 2)];
  const cases: [items: ItemSum[], less: boolean][] = [
    [[item("TV", 1), item("CABLE", 2)], false],
    [[item("CABLE", 1), item("TV", 1), item("CABLE", 1)], false],
    [[item("TV", 1), item("CABLE", 3), item("MUG", 1)], false],
    [[item("TV", 1)], true],
    [[item("TV", 1), item("CABLE", 1)], true],
    [[item("TV", 1, 99), item("CABLE", 2)], true],
    [[item("TV", 1, 101), item("CABLE", 2)], true],
    [[item("TV", 1, 99), item("TV", 1), item("CABLE", 2)], false],
    [[], true],
  ];
  for (const [items, less] of cases) {
    assert.equal(takesAway(known, items), less, JSON.stringify(items));
  }
});

Deno.test("takesAway() never says so of an order to which something was added", () => {
  const items = fc.array(fc.record({
    sku: fc.constantFrom("1", "1 1", "a", "A"),
    unitPriceCents: fc.nat(3),
    qty: fc.integer({ min: 1, max: 3 }),
  }));
  fc.assert(fc.property(items, items, (known, added) => {
    assert.equal(takesAway(known, [...added, ...known]), false);
    assert.equal(takesAway([...known, ...added], known), added.length > 0);
  }));
});

Deno.test("decideIntake() takes nothing that names an unknown SKU, and leaves alone what it would anyway", () => {
  const change = {
    content: true,
    recipient: false,
    takesAway: false,
    foreign: false,
    namesUnknown: true,
  };
  assert.equal(decideIntake(undefined, change, "update"), "unknown_sku");
  assert.equal(decideIntake({ status: "PENDING" }, change, "update"), "unknown_sku");
  assert.equal(decideIntake({ status: "PAID" }, change, "update"), "conflict");
  const same = { ...change, content: false };
  assert.equal(decideIntake({ status: "PENDING" }, same, "update"), "unchanged");
});

Deno.test("decideIntake() takes no order that was paid by another's payment", () => {
  const taken = { ...other, paymentTaken: true };
  for (const mode of ["update", "replace", "conflict"] as const) {
    assert.equal(decideIntake(undefined, taken, mode), "conflict");
    assert.equal(decideIntake({ status: "PENDING" }, taken, mode), "conflict");
    const unchanged = { ...same, paymentTaken: true };
    assert.equal(decideIntake({ status: "PAID" }, unchanged, mode), "unchanged");
  }
});

Deno.test("takesTermsAway() tells less of an adjustment in either direction, and another payment", () => {
  const known: KnownTerms = {
    adjustments: [
      { kind: "shipping", amountCents: 490, included: false },
      { kind: "discount", amountCents: -540, included: false },
      { kind: "tax", amountCents: 380, included: true },
    ],
    payment: { provider: "stripe", reference: "ch_1" },
  };
  const payment = { status: "paid", provider: "stripe", reference: "ch_1", paidAt: null } as const;
  const of = (shipping: number, discount: number, included = true) => ({
    payment,
    adjustments: [
      { kind: "shipping", label: "Other", amountCents: shipping, included: false },
      { kind: "discount", label: null, amountCents: discount, included: false },
      { kind: "tax", label: null, amountCents: 380, included },
    ] as const,
  });
  assert.equal(takesTermsAway(known, of(490, -540)), false);
  assert.equal(takesTermsAway(known, of(491, -541)), false);
  assert.equal(takesTermsAway(known, of(489, -540)), true);
  assert.equal(takesTermsAway(known, of(490, -539)), true);
  assert.equal(takesTermsAway(known, of(490, -540, false)), true);
  assert.equal(takesTermsAway(known, { payment }), true);
  const { adjustments } = of(490, -540);
  assert.equal(takesTermsAway(known, { adjustments }), true);
  assert.equal(takesTermsAway(known, { adjustments, payment: { status: "none" } }), true);
  for (const other of [{ provider: "paypal" }, { reference: "ch_2" }]) {
    assert.equal(takesTermsAway(known, { adjustments, payment: { ...payment, ...other } }), true);
  }
  assert.equal(takesTermsAway({ adjustments: [], payment: undefined }, { payment }), false);
});

Deno.test("takesTermsAway() never says so of an order to which more of the same was added", () => {
  const adjustment = fc.record({
    kind: fc.constantFrom(...adjustmentKinds.filter((kind) => kind !== "other")),
    label: fc.constant(null),
    amountCents: fc.integer({ min: 1, max: 9 }),
    included: fc.boolean(),
  }).map((one) => one.kind === "discount" ? { ...one, amountCents: -one.amountCents } : one);
  const some = fc.array(adjustment, { maxLength: 5 });
  fc.assert(fc.property(some, some, (known, added) => {
    const terms = (adjustments: typeof known) => ({ adjustments, payment: undefined });
    assert.equal(takesTermsAway(terms(known), { adjustments: [...added, ...known] }), false);
    assert.equal(
      takesTermsAway(terms([...known, ...added]), { adjustments: known }),
      added.length > 0,
    );
  }));
});

Deno.test("decideIntake() lets no file change the order of another customer unless it replaces", () => {
  const known = { status: "PENDING" } as const;
  const change = {
    content: true,
    recipient: true,
    takesAway: false,
    foreign: false,
    ofAnother: true,
  };
  assert.equal(decideIntake(known, change, "update"), "conflict");
  assert.equal(decideIntake(known, change, "replace"), "updated");
  assert.equal(
    decideIntake(known, { ...change, content: false, ofAnother: false }, "update"),
    "updated",
  );
});

Deno.test("isOfAnother() takes a corrected name, address or time for the same customer", () => {
  const known = {
    recipient: { name: "Ann", email: "ann@example.com" },
    placedAt: "2026-01-05 10:00:00.000000",
  };
  const of = (name: string, email: string | null, placedAt = "2026-01-05 11:00:00.000") =>
    isOfAnother(known, { customer: { externalId: "1", name, email }, placedAt });
  assert.equal(of("Bob", "bob@example.com"), true);
  assert.equal(of("Bob", null), true);
  assert.equal(of("Anna", "Ann@example.com"), false);
  assert.equal(of("ANN", "other@example.com"), false);
  assert.equal(of("Bob", "bob@example.com", "2026-01-05 10:00:00.000"), false);
});
