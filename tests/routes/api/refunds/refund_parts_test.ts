import assert from "node:assert/strict";
import { type Api, ask, assertProblem, openApi } from "../../api.ts";
import { storeMixedOrder } from "../../mixed_order.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("refund_parts");
});
Deno.test.afterAll(() => api.close());

const refund = (id: number, body: unknown, headers: Record<string, string> = {}) =>
  ask(api, "POST", `/orders/${id}/refunds`, body, headers);

Deno.test("POST /orders/{id}/refunds gives back units, and parts of what was charged besides", async () => {
  const { id, items, mug } = await storeMixedOrder(api.deps.db);
  const answer = await refund(id, {
    lines: [{ sku: mug, qty: 3, restock: true }, { item_id: items[1], qty: 1 }],
    adjustments: [{ kind: "shipping", amount_cents: 90 }],
    reason: "the wrong colour",
  });
  assert.equal(answer.status, 202, JSON.stringify(answer.body));
  const { body } = answer;
  assert.equal(body.amount_cents, 1_163 + 310 + 387 + 90);
  const line = (index: number, qty: number, amount_cents: number, restock: boolean) => ({
    item_id: items[index],
    sku: body.lines.find(({ item_id }: { item_id: number }) => item_id === items[index]).sku,
    qty,
    amount_cents,
    restock,
    restocked: false,
  });
  assert.deepEqual(body.lines, [
    line(0, 2, 1_163, true),
    line(2, 1, 310, true),
    line(1, 1, 387, false),
  ]);
  assert.deepEqual(body.adjustments, [{ kind: "shipping", amount_cents: 90 }]);
  assert.deepEqual((await ask(api, "GET", `/refunds/${body.id}`)).body, body);
  assert.deepEqual((await ask(api, "GET", `/orders/${id}/refunds`)).body.data, [body]);
  assert.deepEqual((await ask(api, "GET", "/refunds?limit=1")).body.data, [body]);
  const detail = await ask(api, "GET", `/orders/${id}`);
  assert.deepEqual(detail.body.refunds, [body]);
  assert.deepEqual(detail.body.items.map((item: { id: number }) => item.id), items);

  const rest = await refund(id, {});
  assert.deepEqual([rest.body.amount_cents, rest.body.lines, rest.body.adjustments], [400, [], []]);
});

Deno.test("POST /orders/{id}/refunds names what is left of each part that is too much", async () => {
  const { id, mug, tea } = await storeMixedOrder(api.deps.db);
  assert.equal((await refund(id, { lines: [{ sku: mug, qty: 2 }] })).status, 202);
  const answer = await refund(id, {
    lines: [{ sku: mug, qty: 2 }, { sku: tea, qty: 1 }],
    adjustments: [{ kind: "shipping", amount_cents: 491 }],
  });
  assertProblem(answer, 422, "refund-exceeds-left");
  assert.deepEqual(answer.body.errors, [
    { pointer: "#/lines/0/qty", detail: `2 of ${mug} are more than the 1 of 3 that are left` },
    {
      pointer: "#/adjustments/0/amount_cents",
      detail: "4.91 EUR of shipping are more than the 4.90 of 4.90 that are left",
    },
  ]);
  const none = await refund(id, { lines: [{ sku: "CUP", qty: 1 }] });
  assertProblem(none, 422, "invalid");
  assert.equal(none.body.detail, `Cannot refund order ${id}: it has no CUP, only ${mug}, ${tea}`);

  assert.equal((await refund(id, { amount_cents: 1_000 })).status, 202);
  const exceeding = await refund(id, { lines: [{ sku: tea, qty: 1 }] });
  assertProblem(exceeding, 422, "refund-exceeds-left");
  assert.equal(
    exceeding.body.detail,
    `Cannot refund order ${id}: 1 × ${tea} 3.87 = 3.87 EUR exceed the 1.87 EUR that are left of the ` +
      "whole order",
  );
});

Deno.test("POST /orders/{id}/refunds takes an amount beside parts only where it is their sum", async () => {
  const { id, tea } = await storeMixedOrder(api.deps.db);
  const lines = [{ sku: tea, qty: 1 }];
  const other = await refund(id, { lines, amount_cents: 500 });
  assertProblem(other, 422, "invalid");
  assert.deepEqual(other.body.errors, [{
    pointer: "#/amount_cents",
    detail: `1 × ${tea} 3.87 = 3.87 EUR, and the amount says 5.00 EUR`,
  }]);
  assert.equal((await refund(id, { lines, amount_cents: 387 })).status, 202);
  assertProblem(await refund(id, { restock: true, amount_cents: 1_000 }), 422, "invalid");
  const whole = await refund(id, { restock: true, amount_cents: 2_350 - 387 });
  assert.equal(whole.status, 202);
  assert.deepEqual(
    whole.body.lines.map(({ restock }: { restock: boolean }) => restock),
    [true, true],
  );
  assertProblem(await refund(id, { lines }), 409, "order-not-refundable");
});

Deno.test("POST /orders/{id}/refunds refuses parts that make no sense, and nothing happens", async () => {
  const { id, items, mug } = await storeMixedOrder(api.deps.db);
  const line = { sku: mug, qty: 1 };
  const bodies: [body: unknown, pointer: string][] = [
    [{ lines: [] }, "#/lines"],
    [{ lines: null }, "#/lines"],
    [{ lines: line }, "#/lines"],
    [{ adjustments: [] }, "#/adjustments"],
    [{ lines: [{ qty: 1 }] }, "#/lines/0"],
    [{ lines: [{ ...line, item_id: items[0] }] }, "#/lines/0"],
    [{ lines: [{ ...line, qty: 0 }] }, "#/lines/0/qty"],
    [{ lines: [{ ...line, qty: 1.5 }] }, "#/lines/0/qty"],
    [{ lines: [{ ...line, qty: "1" }] }, "#/lines/0/qty"],
    [{ lines: [{ ...line, qty: 1_000_001 }] }, "#/lines/0/qty"],
    [{ lines: [{ ...line, restock: "yes" }] }, "#/lines/0/restock"],
    [{ lines: [{ ...line, amount_cents: 5 }] }, "#/lines/0/amount_cents"],
    [{ lines: [line, { sku: "x".repeat(65), qty: 1 }] }, "#/lines/1/sku"],
    [{ lines: [{ item_id: 0, qty: 1 }] }, "#/lines/0/item_id"],
    [{ adjustments: [{ kind: "tax", amount_cents: 5 }] }, "#/adjustments/0/kind"],
    [{ adjustments: [{ kind: "shipping", amount_cents: 0 }] }, "#/adjustments/0/amount_cents"],
    [{ adjustments: [{ kind: "shipping" }] }, "#/adjustments/0/amount_cents"],
    [{ restock: "true" }, "#/restock"],
    [{ lines: [line], restock: true }, "#/restock"],
    [{ line: [line] }, "#/line"],
  ];
  for (const [body, pointer] of bodies) {
    const answer = await refund(id, body);
    assertProblem(answer, 422, "invalid");
    const pointers = answer.body.errors.map((one: { pointer: string }) => one.pointer);
    assert.ok(pointers.includes(pointer), `${JSON.stringify(body)}: ${pointers}`);
  }
  const inUnits = await refund(id, { amount_cents: 12.5 });
  assert.deepEqual(inUnits.body.errors, [{
    pointer: "#/amount_cents",
    detail: "must be an integer, in minor units (12.50 EUR is 1250), not 12.5",
  }]);
  assert.deepEqual((await ask(api, "GET", `/orders/${id}/refunds`)).body.data, []);
});

Deno.test("POST /orders/{id}/refunds tells requests of other parts from each other under a key", async () => {
  const { id, mug } = await storeMixedOrder(api.deps.db);
  const headers = { "idempotency-key": crypto.randomUUID() };
  const request = { lines: [{ sku: mug, qty: 1, restock: true }] };
  const first = await refund(id, request, headers);
  assert.equal(first.status, 202);
  const same = { lines: [{ restock: true, qty: 1, sku: mug }], reason: null };
  for (const body of [request, same]) {
    const again = await refund(id, body, headers);
    assert.equal(again.headers.get("idempotent-replayed"), "true");
    assert.deepEqual(again.body, first.body);
  }
  const others = [
    { lines: [{ sku: mug, qty: 2, restock: true }] },
    { lines: [{ sku: mug, qty: 1 }] },
    { restock: true },
    {},
    { amount_cents: first.body.amount_cents },
  ];
  for (const other of others) {
    assertProblem(await refund(id, other, headers), 422, "idempotency-key-reused");
  }
});
