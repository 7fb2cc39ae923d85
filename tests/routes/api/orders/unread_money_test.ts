import assert from "node:assert/strict";
import { type Api, ask, openApi, orderBodyOf } from "../../api.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("unread_money");
});
Deno.test.afterAll(() => api.close());

const advice = (meant: string) =>
  `is not known and may be about money, so it is not passed over; did you mean ${meant}?`;

Deno.test("an order with a field about money that nobody knows is refused, and the others are passed over", async () => {
  const order = orderBodyOf();
  const [item] = order.items;
  const { status, body } = await ask(api, "POST", "/orders", {
    ...order,
    payments: [{ status: "paid" }],
    discount_cents: 500,
    note: "leave it at the door",
    items: [{ ...item, price: "12.50", note: "blue" }],
    adjustments: [{ kind: "shipping", amount_cents: 490, amount: "4.90" }],
    payment: { status: "due", payment_method: "pm_1" },
  });
  assert.equal(status, 422, JSON.stringify(body));
  assert.deepEqual(body.errors, [
    { pointer: "#/payments", detail: advice("payment") },
    { pointer: "#/discount_cents", detail: advice("adjustments") },
    { pointer: "#/items/0/price", detail: advice("unit_price_cents") },
    { pointer: "#/adjustments/0/amount", detail: advice("amount_cents") },
    { pointer: "#/payment/payment_method", detail: advice("method") },
  ]);
  const plain = {
    ...order,
    note: "leave it",
    tags: ["a"],
    // They say nothing.
    payments: [],
    discount_cents: 0,
    refunds: null,
    items: [{ ...item, note: "blue", tax: 0 }],
  };
  assert.equal((await ask(api, "POST", "/orders", plain)).status, 202);
});

Deno.test("all other faults of such an order are told with it", async () => {
  const { status, body } = await ask(api, "POST", "/orders", {
    ...orderBodyOf(),
    adjustment: [{ kind: "tip" }],
    currency: "EURO",
  });
  assert.equal(status, 422);
  assert.deepEqual(body.errors.map(({ pointer }: { pointer: string }) => pointer), [
    "#/adjustment",
    "#/currency",
  ]);
});

Deno.test("of a batch the orders with such fields are refused, and no others", async () => {
  const orders = [
    orderBodyOf(),
    { ...orderBodyOf(), total: "25.00" },
    { ...orderBodyOf(), channel: "web" },
  ];
  const { status, body } = await ask(api, "POST", "/orders/batch", orders);
  assert.equal(status, 200);
  const [first, second, third] = body;
  assert.deepEqual([first.status, second.status, third.status], [202, 422, 202]);
  assert.deepEqual(second.problem.errors, [{ pointer: "#/total", detail: advice("total_cents") }]);
});

Deno.test("of an order with thousands of unknown fields no more than a hundred are looked at", async () => {
  const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`more_${n}`, n]));
  const { status, body } = await ask(api, "POST", "/orders", {
    ...orderBodyOf(),
    ...many,
  });
  assert.equal(status, 422);
  assert.deepEqual(body.errors, [
    { pointer: "#", detail: "must have at most 100 different fields that are not known" },
  ]);
});
