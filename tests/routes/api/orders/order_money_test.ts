import assert from "node:assert/strict";
import { formatApiToken, tokenHash } from "../../../../domain/operation/api_token.ts";
import { termColumns } from "../../../../domain/import/csv_rows.ts";
import { importOrders } from "../../../../streams/imports/orders_import.ts";
import { csvOf, sourceOf } from "../../../csv_orders.ts";
import { giveMoney } from "../../../order_money.ts";
import { type Api, ask, openApi, orderBodyOf, storeOrder } from "../../api.ts";

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

Deno.test("what POST /orders takes of a guest's order is what GET /orders/{id} and its page show", async () => {
  const reference = crypto.randomUUID();
  const body = orderBodyOf({
    currency: "KWD",
    customer: { email: "ida@guest.example", name: "Ida" },
    language: "ar-KW",
    adjustments: [
      { kind: "shipping", label: "Express", amount_cents: 1_250 },
      { kind: "gift_wrap", amount_cents: 100 },
      { kind: "discount", amount_cents: -740 },
      { kind: "tax", label: "VAT", amount_cents: 43, included: true },
    ],
    total_cents: 1_510,
    payment: { status: "paid", provider: "stripe", reference },
  });
  const { status, body: taken } = await ask(api, "POST", "/orders", body, by("secret"));
  assert.equal(status, 202, JSON.stringify(taken));
  assert.deepEqual(taken.customer, { id: taken.customer.id, external_id: null });
  assert.equal(taken.payment_status, "paid");
  const order = await show(`/orders/${taken.id}`);
  assert.deepEqual(order.adjustments.map(({ id: _, ...rest }: { id: number }) => rest), [
    { kind: "shipping", label: "Express", amount_cents: 1_250, included: false },
    { kind: "gift_wrap", label: null, amount_cents: 100, included: false },
    { kind: "discount", label: null, amount_cents: -740, included: false },
    { kind: "tax", label: "VAT", amount_cents: 43, included: true },
  ]);
  assert.deepEqual([order.items_cents, order.total_cents, order.language], [900, 1_510, "ar-KW"]);
  assert.deepEqual(order.source_payment, {
    provider: "stripe",
    reference,
    paid_at: null,
  });
  assert.deepEqual([order.customer.external_id, order.customer.guest], [null, true]);
  assert.equal(order.recipient_email, "ida@guest.example");
  const page = await api.app.request(`/dashboard/orders/${taken.id}`, {
    headers: { ...by("eyes"), accept: "text/html" },
  });
  const text = (await page.text()).replace(/<[^>]*>/g, " ").replace(/\s+/g, " ");
  assert.match(
    text,
    /Items KWD 0\.900 Express KWD 1\.250 Gift wrap KWD 0\.100 Discount -KWD 0\.740 Total KWD 1\.510 VAT, included KWD 0\.043/,
  );
});

Deno.test("what an import file says of an order's money stands in /orders.csv under the same names", async () => {
  const row = {
    external_order_id: `agree-${crypto.randomUUID()}`,
    unit_price_cents: 1_200,
    qty: 2,
    shipping_cents: 490,
    tax_cents: 75,
    discount_cents: 540,
    tip_cents: 20,
    fee_cents: 5,
    payment_status: "paid",
    payment_provider: "stripe",
    payment_reference: crypto.randomUUID(),
  };
  const included = {
    external_order_id: `agree-${crypto.randomUUID()}`,
    tax_cents: 32,
    tax_included: "true",
  };
  const report = await importOrders(api.deps, sourceOf(csvOf([row, included])), {
    name: "agree.csv",
    initialStock: 50,
  });
  assert.equal(report.orders_new, 2, JSON.stringify(report));
  const text = await (await api.app.request("/orders.csv", { headers: by("eyes") })).text();
  const [header, ...lines] = text.split("\r\n").map((line) => line.split(","));
  const rowOf = (id: string) => {
    const fields = lines.find((line) => line[1] === id)!;
    return Object.fromEntries(header!.map((name, index) => [name, fields[index]]));
  };
  const shown = rowOf(row.external_order_id);
  const shared = termColumns.filter((name) => header!.includes(name));
  assert.deepEqual(shared, [
    "shipping_cents",
    "tax_cents",
    "discount_cents",
    "tip_cents",
    "fee_cents",
    "payment_status",
  ]);
  for (const name of shared) {
    assert.equal(shown[name], String((row as Record<string, unknown>)[name]), name);
  }
  assert.deepEqual([shown.items_cents, shown.total_cents], ["2400", "2450"]);
  const other = rowOf(included.external_order_id);
  assert.deepEqual(
    [other.tax_cents, other.tax_included_cents, other.items_cents, other.total_cents],
    ["", "32", "200", "200"],
  );
});
