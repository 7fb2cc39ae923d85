import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type OrderContent,
  orderContentHash,
  refundRequestHash,
} from "../../../domain/order/content_hash.ts";
import type { Adjustment } from "../../../domain/order/adjustment.ts";
import { guestOf } from "../../../domain/order/guest.ts";
import { contentOf, type IncomingOrder } from "../../../domain/order/incoming_order.ts";

const hex = (bytes: Uint8Array) => bytes.toHex();

const content = (change: Partial<OrderContent> = {}): OrderContent => ({
  customerExternalId: "c1",
  currency: "EUR",
  placedAt: "2025-03-01 12:00:00.000",
  items: [{ sku: "a", unitPriceCents: 100, qty: 1 }, { sku: "b", unitPriceCents: 50, qty: 2 }],
  ...change,
});

Deno.test("orderContentHash() is 16 bytes and does not depend on the order of the items", () => {
  const hash = orderContentHash(content());
  assert.match(hash, /^[0-9a-f]{32}$/);
  const reversed = content({ items: content().items.toReversed() });
  assert.equal(orderContentHash(reversed), hash);
});

Deno.test("orderContentHash() tells every difference in content", () => {
  const [a, b] = content().items as [OrderContent["items"][number], OrderContent["items"][number]];
  const variants = [
    content(),
    content({ customerExternalId: "c2" }),
    content({ customerExternalId: "C1" }),
    content({ currency: "GBP" }),
    content({ placedAt: "2025-03-01 12:00:00.001" }),
    content({ items: [a] }),
    content({ items: [a, b, b] }),
    content({ items: [{ ...a, qty: 2 }, b] }),
    content({ items: [{ ...a, unitPriceCents: 101 }, b] }),
    content({ items: [{ ...a, sku: "A" }, b] }),
    content({ items: [{ ...a, sku: 'a",100,1' }, b] }),
    content({ items: [{ sku: "a", unitPriceCents: 1, qty: 1001 }, b] }),
  ];
  assert.equal(
    new Set(variants.map((variant) => orderContentHash(variant))).size,
    variants.length,
  );
});

Deno.test("orderContentHash() is equal only for equal contents, whatever text they hold", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "\n", '"', "[", ",", "1"), maxLength: 4 });
  const item = fc.record({
    sku: text,
    unitPriceCents: fc.integer({ min: 0, max: 11 }),
    qty: fc.integer({ min: 1, max: 11 }),
  });
  const any = fc.record({
    customerExternalId: text,
    currency: fc.constantFrom("EUR", "GBP"),
    placedAt: fc.constant("2025-03-01 12:00:00.000"),
    items: fc.array(item, { maxLength: 3 }),
  });
  const canonical = (order: OrderContent) =>
    JSON.stringify({ ...order, items: order.items.map((item) => JSON.stringify(item)).sort() });
  fc.assert(fc.property(any, any, (one, other) => {
    assert.equal(
      orderContentHash(one) === orderContentHash(other),
      canonical(one) === canonical(other),
    );
  }));
});

Deno.test("orderContentHash() stays what it was: the books are full of it", () => {
  assert.equal(orderContentHash(content()), "e94a0753d413ea09e41e062d502e3174");
  const odd = content({
    customerExternalId: "Zoë",
    items: [
      { sku: 'a"\\b', unitPriceCents: 0, qty: 7 },
      { sku: "😀 é\u2028", unitPriceCents: 2_147_483_647, qty: 1_000_000 },
      { sku: "~ !#[]", unitPriceCents: 5, qty: 1 },
    ],
  });
  assert.equal(orderContentHash(odd), "b539c654a266bfd3d06c9fb38b885e6b");
});

const order: IncomingOrder = {
  externalOrderId: "A",
  placedAt: content().placedAt,
  currency: "EUR",
  customer: { externalId: "c1", email: "c1@example.com", name: "C" },
  items: content().items.map((item) => ({ ...item, name: "Item" })),
};

Deno.test("orderContentHash() of an order without anything new is what it was before there was anything new", () => {
  // Both were computed before orders could have adjustments.
  assert.equal(orderContentHash(contentOf(order)), "e94a0753d413ea09e41e062d502e3174");
  const said = { adjustments: [], payment: { status: "due" } as const };
  assert.equal(orderContentHash(content(said)), "e94a0753d413ea09e41e062d502e3174");
  const spoken = { ...order, language: "de", totalCents: 200 };
  assert.equal(orderContentHash(contentOf(spoken)), "e94a0753d413ea09e41e062d502e3174");
});

Deno.test("orderContentHash() tells adjustments and payments apart, in any order", () => {
  const shipping: Adjustment = { kind: "shipping", label: null, amountCents: 490, included: false };
  const tax: Adjustment = { kind: "tax", label: null, amountCents: 490, included: false };
  const paid = { status: "paid", provider: "external", reference: "R", paidAt: null } as const;
  const variants: Partial<OrderContent>[] = [
    {},
    { adjustments: [shipping] },
    { adjustments: [shipping, shipping] },
    { adjustments: [tax] },
    { adjustments: [{ ...tax, included: true }] },
    { adjustments: [{ ...shipping, label: "Express" }] },
    { adjustments: [{ ...shipping, amountCents: 491 }] },
    { adjustments: [shipping, tax] },
    { payment: { status: "none" } },
    { payment: paid },
    { payment: { ...paid, provider: "other" } },
    { payment: { ...paid, reference: "S" } },
    { payment: paid, adjustments: [shipping] },
  ];
  const hashes = variants.map((variant) => orderContentHash(content(variant)));
  assert.equal(new Set(hashes).size, variants.length);
  assert.equal(orderContentHash(content({ adjustments: [tax, shipping] })), hashes[7]);
  const later = { ...paid, paidAt: "2026-01-01 00:00:00.000" };
  assert.equal(orderContentHash(content({ payment: later })), hashes[9]);
  // The books are full of these as well.
  assert.equal(hashes[7], "16964d6b5a8c0d3b6f095f2b205b1b1f");
  assert.equal(hashes[9], "127d4ddf71d2194f961be998f18b5085");
});

Deno.test("contentOf() is the same for an order of one guest and of another, whose address was corrected", () => {
  const of = (email: string | null) => ({ ...order, customer: guestOf(email, "", "A") });
  assert.equal(contentOf(of(null)).customerExternalId, "");
  assert.deepEqual(contentOf(of("ann@example.com")), contentOf(of(null)));
});

Deno.test("refundRequestHash() tells every difference in a request", () => {
  const requests = [
    { orderId: 1, amountCents: null, reason: null },
    { orderId: 2, amountCents: null, reason: null },
    { orderId: 1, amountCents: 100, reason: null },
    { orderId: 1, amountCents: 100, reason: "" },
    { orderId: 1, amountCents: 100, reason: "null" },
    { orderId: 1, amountCents: null, reason: "100" },
    { orderId: 1, amountCents: null, reason: null, owner: "api:a" },
    { orderId: 1, amountCents: null, reason: null, owner: "api:b" },
  ].map((request) => ({ owner: "", ...request }));
  const hashes = requests.map((request) => hex(refundRequestHash(request)));
  assert.equal(new Set(hashes).size, requests.length);
  assert.equal(hex(refundRequestHash({ ...requests[2]! })), hashes[2]);
  assert.equal(refundRequestHash(requests[0]!).length, 16);
});
