import assert from "node:assert/strict";
import {
  decideRefundRequests,
  type KeyedRequest,
  type KnownRequest,
} from "../../../domain/refund/refund_batch.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import type { OrderContents, RefundItems } from "../../../domain/refund/refund_items.ts";

const order = { id: 7, status: "PAID", totalCents: 1_000, currency: "EUR" } as const;

/** Two mugs of 3.00 and a bag of tea of 4.00. */
const contents: OrderContents = {
  items: [
    { id: 1, sku: "MUG", qty: 2, subtotalCents: 600 },
    { id: 2, sku: "TEA", qty: 1, subtotalCents: 400 },
  ],
  adjustments: [],
  returned: new Map(),
  givenBack: new Map(),
};

const units = (sku: string, qty: number): RefundItems => ({
  lines: [{ sku, itemId: null, qty, restock: false }],
  adjustments: [],
  restock: false,
});

const ask = (amountCents: number | null, request: Partial<KeyedRequest> = {}): KeyedRequest => ({
  orderId: order.id,
  amountCents,
  items: null,
  idempotencyKey: crypto.randomUUID(),
  keyOwner: "api:shop",
  requestHash: Uint8Array.of(amountCents ?? 0),
  fault: undefined,
  ...request,
});

/** What each comes to: cents, the place of the one that it repeats, or the code of its refusal. */
function decide(requests: KeyedRequest[], known: Record<string, KnownRequest[]> = {}): unknown[] {
  const decisions = [...decideRefundRequests(requests, {
    orders: new Map([[order.id, order]]),
    refunds: new Map([[order.id, [{ id: 1, amountCents: 100, status: "PROCESSED" as const }]]]),
    contents: new Map([[order.id, contents]]),
    known: new Map(Object.entries(known)),
  })];
  return decisions.map((decision) => {
    switch (decision.kind) {
      case "accept":
        return decision.amountCents;
      case "repeats":
        return { of: decision.of };
      case "requested_before":
        return "before";
      case "refused":
        return decision.fault.code;
    }
  });
}

Deno.test("decideRefundRequests() leaves each what those before it did not take", () => {
  assert.deepEqual(decide([ask(600), ask(301), ask(300), ask(null), ask(1, { orderId: 8 })]), [
    600,
    "refund_exceeds_left",
    300,
    "order_not_refundable",
    "not_found",
  ]);
  const fault = new WorkflowError("invalid", "Cannot refund order 7: 0 is no amount");
  assert.deepEqual(decide([ask(0, { fault }), ask(null)]), ["invalid", 900]);
});

Deno.test("decideRefundRequests() leaves each the units that those before it did not take", () => {
  const requests = [units("MUG", 1), units("MUG", 2), units("MUG", 1), units("TEA", 1)];
  assert.deepEqual(decide(requests.map((items) => ask(null, { items }))), [
    300,
    "refund_exceeds_left",
    300,
    // 1.00 of the 10.00 went back before.
    "refund_exceeds_left",
  ]);
  const mug = ask(300, { items: units("MUG", 1) });
  assert.deepEqual(decide([mug, ask(299, { items: units("MUG", 1) }), ask(600)]), [
    300,
    "invalid",
    600,
  ]);
  assert.deepEqual(decide([ask(900), mug]), [900, "order_not_refundable"]);
});

Deno.test("decideRefundRequests() takes a key once, by its owner and what was asked under it", () => {
  const key = { idempotencyKey: "k" };
  const other = { ...key, keyOwner: "api:other" };
  assert.deepEqual(decide([ask(100), ask(5, key), ask(5, key), ask(6, key), ask(5, other)]), [
    100,
    5,
    { of: 1 },
    "idempotency_key_reused",
    5,
  ]);
  const hash = { requestHash: Uint8Array.of(5) };
  const known = { k: [{ ...hash, keyOwner: "api:shop" }] };
  assert.deepEqual(decide([ask(5, key), ask(6, key), ask(5, other)], known), [
    "before",
    "idempotency_key_reused",
    5,
  ]);
  const unowned = { k: [{ ...hash, keyOwner: null }] };
  assert.deepEqual(decide([ask(5, key), ask(6, key)], unowned), ["before", 6]);
});
