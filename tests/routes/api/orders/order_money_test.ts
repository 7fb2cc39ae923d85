import assert from "node:assert/strict";
import { formatApiToken, tokenHash } from "../../../../domain/operation/api_token.ts";
import { giveMoney } from "../../../order_money.ts";
import { type Api, ask, openApi, storeOrder } from "../../api.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("order_money", {
    API_TOKENS: [
      formatApiToken({ name: "shop", hash: tokenHash("secret"), scopes: ["orders"] }),
      formatApiToken({ name: "reader", hash: tokenHash("eyes"), scopes: ["read"] }),
    ].join(),
  });
});
Deno.test.afterAll(() => api.close());

const by = (secret: string) => ({ authorization: `Bearer ${secret}` });
const show = async (path: string) => (await ask(api, "GET", path, undefined, by("eyes"))).body;

Deno.test("GET /orders/{id} shows what the total is made of and how the order stands at its source", async () => {
  const { db } = api.deps;
  const id = await storeOrder(db, { totalCents: 2_400, currency: "KWD" });
  await giveMoney(db, id, {
    adjustments: [
      { kind: "shipping", label: "Express", amountCents: 490 },
      { kind: "tax", label: "VAT 19 %", amountCents: 375, included: true },
      { kind: "discount", amountCents: -380 },
    ],
    source: { provider: "paypal", reference: "5O1-X", paidAt: "2024-05-06 07:07:00.123456" },
    language: "de-AT",
  });
  const order = await show(`/orders/${id}`);
  const rows = await db.query("select id from order_adjustments where order_id = ? order by id", [
    id,
  ]);
  const [first, second, third] = rows.map((row) => Number(row.id));
  assert.deepEqual(order.adjustments, [
    { id: first, kind: "shipping", label: "Express", amount_cents: 490, included: false },
    { id: second, kind: "tax", label: "VAT 19 %", amount_cents: 375, included: true },
    { id: third, kind: "discount", label: null, amount_cents: -380, included: false },
  ]);
  assert.deepEqual([order.items_cents, order.total_cents], [2_400, 2_510]);
  assert.deepEqual(order.source_payment, {
    provider: "paypal",
    reference: "5O1-X",
    paid_at: "2024-05-06T07:07:00.123456Z",
  });
  assert.deepEqual([order.payment_status, order.language], ["paid", "de-AT"]);
  const [item] = await db.query("select id from order_items where order_id = ?", [id]);
  assert.equal(order.items[0].id, Number(item!.id));

  const [listed] = (await show(`/orders?q=${id}`)).data;
  assert.equal(listed.payment_status, "paid");
  for (const name of ["items", "adjustments", "source_payment", "language"]) {
    assert.ok(!(name in listed), name);
  }
});

Deno.test("a plain order is due, without adjustments, and speaks no language", async () => {
  const order = await show(`/orders/${await storeOrder(api.deps.db, { totalCents: 700 })}`);
  assert.deepEqual(
    [order.payment_status, order.adjustments, order.items_cents, order.source_payment],
    ["due", [], 700, null],
  );
  assert.deepEqual([order.language, order.customer.guest], [null, false]);
});

Deno.test("a guest has no external id, in answers and in files, and may have no address", async () => {
  const { db } = api.deps;
  const customer = `key-of-a-guest-${crypto.randomUUID()}`;
  const id = await storeOrder(db, { customer, status: "PENDING" });
  await giveMoney(db, id, { guest: true, recipientEmail: null });
  await db.run("update customers set email = '' where external_id = ?", [customer]);
  const order = await show(`/orders/${id}`);
  assert.deepEqual(order.customer, {
    id: order.customer.id,
    external_id: null,
    email: null,
    name: `Name of ${customer}`,
    guest: true,
  });
  assert.equal(order.recipient_email, null);
  const [listed] = (await show(`/orders?customer=${order.customer.id}`)).data;
  assert.deepEqual(listed.customer, order.customer);
  await db.run(
    "insert into order_events (order_id, event, actor) values (?, 'created', 'api:shop')",
    [id],
  );
  const receipt = await ask(api, "POST", `/orders/${id}/cancel`, undefined, by("secret"));
  assert.equal(receipt.status, 200);
  assert.deepEqual(receipt.body.customer, { id: order.customer.id, external_id: null });
  const paid = await storeOrder(db, { customer, status: "PAID" });
  await db.run(
    "insert into refunds (order_id, amount_cents, status) values (?, 5, 'REQUESTED')",
    [paid],
  );
  const file = await api.app.request("/refunds.csv", { headers: by("eyes") });
  assert.doesNotMatch((await file.text()).replaceAll(`Name of ${customer}`, ""), /key-of-a-guest/);
});
