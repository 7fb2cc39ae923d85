import assert from "node:assert/strict";
import {
  chargeKeyOf,
  type Installation,
  orderOfOldKey,
  refundKeyOf,
  reversalKeyOf,
} from "../../../domain/payment/payment_key.ts";

const here: Installation = {
  name: "here",
  oldKeysUntil: "2026-01-01 00:00:00.000000",
  olderSeenAt: null,
};

const order = {
  id: 1,
  externalOrderId: "web-1",
  totalCents: 1_000,
  currency: "EUR",
  reservedAt: "2026-01-02 00:00:00.000000",
};

Deno.test("chargeKeyOf() depends on installation, order and money, and not on the row", () => {
  const key = chargeKeyOf(here, order);
  assert.match(key, /^charge_[0-9a-f]{40}$/);
  assert.equal(chargeKeyOf(here, { ...order, id: 77, reservedAt: "2026-02-01" }), key);
  assert.equal(chargeKeyOf(here, { ...order, reservedAt: null }), key);
  const others = [
    chargeKeyOf({ ...here, name: "there" }, order),
    chargeKeyOf(here, { ...order, externalOrderId: "web-2" }),
    chargeKeyOf(here, { ...order, totalCents: 1_001 }),
    chargeKeyOf(here, { ...order, currency: "USD" }),
    chargeKeyOf(here, { ...order, totalCents: 1, externalOrderId: "000\nweb-1" }),
  ];
  assert.equal(new Set([key, ...others]).size, 6);
});

Deno.test("chargeKeyOf() keeps the key of what was reserved while keys were made of row ids", () => {
  const { oldKeysUntil } = here;
  assert.equal(chargeKeyOf(here, { ...order, reservedAt: oldKeysUntil }), "order-1");
  assert.equal(chargeKeyOf({ ...here, oldKeysUntil: null }, order), "order-1");
  assert.equal(orderOfOldKey("order-42"), 42);
  const others = ["order-", "order-042", "order-4x", "refund-42", "42", "", "order-1e3", "order-0"];
  for (const key of others) assert.equal(orderOfOldKey(key), undefined, key);
});

Deno.test("refundKeyOf() tells orders, owners, keys and amounts apart", () => {
  const refund = {
    externalOrderId: "web-1",
    owner: "api:shop",
    idempotencyKey: "k",
    amountCents: 5,
  };
  const key = refundKeyOf(here, refund);
  assert.match(key!, /^refund_[0-9a-f]{40}$/);
  assert.equal(refundKeyOf(here, { ...refund }), key);
  const others = [
    refundKeyOf({ ...here, name: "there" }, refund),
    refundKeyOf(here, { ...refund, externalOrderId: "web-2" }),
    refundKeyOf(here, { ...refund, owner: "" }),
    refundKeyOf(here, { ...refund, idempotencyKey: "l" }),
    refundKeyOf(here, { ...refund, amountCents: 6 }),
  ];
  assert.equal(new Set([key, ...others]).size, 6);
  assert.equal(refundKeyOf({ ...here, oldKeysUntil: null }, refund), null);
});

Deno.test("reversalKeyOf() is of the payment, and keeps the key of one that may be on its way back", () => {
  const payment = {
    orderId: 1,
    externalOrderId: "web-1",
    provider: "http",
    providerRef: "ch_1",
    amountCents: 1_000,
    paidAt: "2026-01-02 00:00:00.000000",
  };
  const key = reversalKeyOf(here, payment);
  assert.match(key, /^reversal_[0-9a-f]{40}$/);
  assert.equal(reversalKeyOf(here, { ...payment, orderId: 77 }), key);
  assert.notEqual(reversalKeyOf(here, { ...payment, providerRef: "ch_2" }), key);
  assert.equal(reversalKeyOf(here, { ...payment, paidAt: here.oldKeysUntil }), "reversal-1");
});

Deno.test("chargeKeyOf() gives an edited order a key that it never had", () => {
  const eur = (amountCents: number) => ({ amountCents, currency: "EUR" });
  const first = chargeKeyOf(here, order);
  const keyAfter = (...superseded: { amountCents: number; currency: string }[]) =>
    chargeKeyOf(here, { ...order, superseded });
  assert.equal(keyAfter(), first);
  assert.equal(keyAfter(eur(order.totalCents + 1)), first, "it was not asked for this amount yet");
  assert.equal(keyAfter({ ...eur(order.totalCents), currency: "USD" }), first);
  const again = keyAfter(eur(order.totalCents), eur(7));
  const third = keyAfter(eur(order.totalCents), eur(7), eur(order.totalCents));
  assert.match(again, /^charge_[0-9a-f]{40}$/);
  assert.equal(new Set([first, again, third]).size, 3);
});
