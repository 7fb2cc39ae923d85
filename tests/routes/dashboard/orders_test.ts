import assert from "node:assert/strict";
import { type Api, openApi, storeAddresses, storeOrder } from "../api.ts";
import { fieldOf, openPage, sendForm } from "./pages.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("dashboard_orders");
});
Deno.test.afterAll(() => api.close());

/** Ids of the orders that a list shows. */
async function idsOn(path: string): Promise<number[]> {
  const { status, html } = await openPage(api, path);
  assert.equal(status, 200, path);
  return [...html.matchAll(/href="\/dashboard\/orders\/(\d+)"/g)].map(([, id]) => Number(id));
}

async function externalIdOf(id: number): Promise<string> {
  const [row] = await api.deps.db.query("select external_order_id from orders where id = ?", [id]);
  return String(row!.external_order_id);
}

Deno.test("the list finds orders by id, external id, customer, e-mail and SKU", async () => {
  const customer = `K-${crypto.randomUUID()}`;
  const first = await storeOrder(api.deps.db, { customer });
  const second = await storeOrder(api.deps.db, { customer });
  const other = await storeOrder(api.deps.db);
  for (const word of [customer, `${customer}@example.com`, `${customer.slice(0, 20)}`]) {
    assert.deepEqual(await idsOn(`/dashboard/orders?q=${encodeURIComponent(word)}`), [
      second,
      first,
    ]);
  }
  const bySku = await idsOn("/dashboard/orders?q=TEA");
  assert.deepEqual(bySku.slice(0, 3), [other, second, first]);
  for (const word of [String(other), `%23${other}`, await externalIdOf(other)]) {
    const found = await openPage(api, `/dashboard/orders?q=${word}`);
    if (found.status === 302) {
      assert.equal(found.headers.get("location"), `/dashboard/orders/${other}`);
    } else assert.ok(found.html.includes(`/dashboard/orders/${other}"`));
  }
  assert.deepEqual(await idsOn("/dashboard/orders?q=100%25_nobody"), []);
});

Deno.test("the list says when an e-mail's beginning means more addresses than it looks through", async () => {
  const { db } = api.deps;
  const path = "/dashboard/orders?q=everybody";
  const id = await storeOrder(db, { customer: "everybody" });
  assert.deepEqual(await idsOn(path), [id]);
  assert.doesNotMatch((await openPage(api, path)).text, /e-mail addresses begin so/);
  await storeAddresses(db, id, "everybody");
  const { text } = await openPage(api, path);
  assert.match(text, /More than 100 e-mail addresses begin so Only orders of the first 100/);
});

Deno.test("the list's filters hold together, and its pages neither repeat nor miss an order", async () => {
  const ids: number[] = [];
  for (let index = 0; index < 60; index++) {
    ids.unshift(await storeOrder(api.deps.db, { currency: "SEK", totalCents: 5_000 + index }));
  }
  await storeOrder(api.deps.db, { currency: "SEK", status: "PENDING", totalCents: 5_001 });
  const query = "currency=SEK&status=PAID&least=50&most=50.59";
  const first = await openPage(api, `/dashboard/orders?${query}`);
  const next = /href="([^"]+cursor=[^"]+)"/.exec(first.html)![1]!.replaceAll("&amp;", "&");
  const seen = [...await idsOn(`/dashboard/orders?${query}`), ...await idsOn(next)];
  assert.deepEqual(seen, ids);
  assert.deepEqual(await idsOn(`/dashboard/orders?${query}&from=2030-01-01`), []);
});

Deno.test("a filter that makes no sense is passed over and said so", async () => {
  const { status, text } = await openPage(
    api,
    "/dashboard/orders?from=2024-02-31&least=lots&status=X",
  );
  assert.equal(status, 200);
  assert.match(text, /“2024-02-31” is no date/);
  assert.match(text, /“lots” is no amount/);
  assert.match(text, /There is no status “X”/);
  assert.equal((await openPage(api, "/dashboard/orders?cursor=rubbish")).status, 400);
});

Deno.test("the refund form sent twice is one refund", async () => {
  const id = await storeOrder(api.deps.db, { totalCents: 10_000 });
  const page = await openPage(api, `/dashboard/orders/${id}`);
  assert.match(page.text, /All that is left, €100.00/);
  const form = { key: fieldOf(page, "key"), which: "part", amount: "12.50", reason: "a mug" };
  for (let clicks = 0; clicks < 2; clicks++) {
    const sent = await sendForm(api, `/dashboard/orders/${id}/refund`, form);
    assert.equal(sent.status, 303);
    assert.equal(sent.headers.get("location"), `/dashboard/orders/${id}?done=refund`);
  }
  const rows = await api.deps.db.query(
    "select amount_cents, reason from refunds where order_id = ?",
    [
      id,
    ],
  );
  assert.deepEqual(rows.map((row) => [Number(row.amount_cents), row.reason]), [[1_250, "a mug"]]);
  const after = await openPage(api, `/dashboard/orders/${id}?done=refund`);
  assert.match(after.text, /The refund was requested/);
  assert.match(after.text, /All that is left, €87.50/);
  assert.match(after.text, /Refund requested #\d+ 12.50 EUR: a mug/);
});

Deno.test("the refund form takes and shows amounts in the digits of the order's currency", async () => {
  const cases = [
    { currency: "JPY", all: "¥10,000", typed: "1,250", minor: 1_250, shown: "1,250 JPY" },
    { currency: "KWD", all: "KWD 10.000", typed: "1.25", minor: 1_250, shown: "1.250 KWD" },
  ];
  for (const { currency, all, typed, minor, shown } of cases) {
    const id = await storeOrder(api.deps.db, { totalCents: 10_000, currency });
    const page = await openPage(api, `/dashboard/orders/${id}`);
    assert.ok(page.text.replaceAll("\u00a0", " ").includes(`All that is left, ${all}`), page.text);
    const form = { key: fieldOf(page, "key"), which: "part", amount: typed, reason: "" };
    const finer = { ...form, amount: currency === "JPY" ? "1.5" : "1.2345" };
    const refused = await sendForm(api, `/dashboard/orders/${id}/refund`, finer);
    assert.equal(refused.status, 422);
    assert.match(refused.text, new RegExp(`is no amount to refund in ${currency}`));
    assert.equal((await sendForm(api, `/dashboard/orders/${id}/refund`, form)).status, 303);
    const [row] = await api.deps.db.query("select amount_cents from refunds where order_id = ?", [
      id,
    ]);
    assert.equal(Number(row!.amount_cents), minor);
    const after = await openPage(api, `/dashboard/orders/${id}`);
    assert.ok(after.text.includes(`Refund requested #`) && after.text.includes(shown), after.text);
  }
});

Deno.test("a refund that can't be is refused on the page, with what was typed", async () => {
  const id = await storeOrder(api.deps.db, { totalCents: 10_000 });
  const key = fieldOf(await openPage(api, `/dashboard/orders/${id}`), "key");
  const cases: [amount: string, status: number, words: RegExp][] = [
    ["100.01", 422, /exceed the 100.00 EUR that are left/],
    ["<b>", 422, /“<b>” is no amount/],
    ["0", 422, /is no amount/],
  ];
  for (const [amount, status, words] of cases) {
    const form = { key, which: "part", amount, reason: "why" };
    const page = await sendForm(api, `/dashboard/orders/${id}/refund`, form);
    assert.equal(page.status, status);
    assert.match(page.text, words);
    assert.equal(fieldOf(page, "reason"), "why");
  }
  const unpaid = await storeOrder(api.deps.db, { status: "PENDING" });
  const refused = await sendForm(api, `/dashboard/orders/${unpaid}/refund`, { key, which: "all" });
  assert.equal(refused.status, 409);
  const rows = await api.deps.db.query("select id from refunds where order_id in (?)", [[
    id,
    unpaid,
  ]]);
  assert.equal(rows.length, 0);
});

Deno.test("an order is cancelled once, and a settled one not at all", async () => {
  const id = await storeOrder(api.deps.db, { status: "RESERVED" });
  const { text } = await openPage(api, `/dashboard/orders/${id}`);
  assert.match(text, /Its units go back into stock/);
  for (let clicks = 0; clicks < 2; clicks++) {
    assert.equal((await sendForm(api, `/dashboard/orders/${id}/cancel`, {})).status, 303);
  }
  const after = await openPage(api, `/dashboard/orders/${id}?done=cancel`);
  assert.match(after.text, /The order was cancelled/);
  assert.doesNotMatch(after.text, /Cancel the order/);
  const paid = await storeOrder(api.deps.db);
  const refused = await sendForm(api, `/dashboard/orders/${paid}/cancel`, {});
  assert.equal(refused.status, 409);
  assert.match(refused.text, /Cannot cancel order \d+: it is PAID already/);
});

Deno.test("the timeline says in words who did what, and what the customer was told", async () => {
  const id = await storeOrder(api.deps.db);
  const { db } = api.deps;
  const steps: [event: string, detail: string | null, actor: string][] = [
    ["created", null, "api:shop import:7"],
    ["reserved", null, "worker-1.example:12:ab34"],
    ["paid", "sim_1", "worker-1.example:12:ab34:2"],
    ["refund_requested", "1250 cents: a mug", "cli:ann"],
  ];
  for (const [index, [event, detail, actor]] of steps.entries()) {
    await db.run(
      `
      insert into order_events (order_id, event, detail, actor, created_at)
      values (?, ?, ?, ?, ?)`,
      [id, event, detail, actor, `2024-05-06 08:00:0${index}`],
    );
  }
  await db.run(
    `
    insert into notification_logs
      (order_id, customer_id, event, channel, status, total_cents, payload, success, sent_at)
    select id, customer_id, 'order.paid', 'log', 'PAID', total_cents, '{}', 1, '2024-05-06 08:00:02.5'
    from orders
    where id = ?`,
    [id],
  );
  const { text } = await openPage(api, `/dashboard/orders/${id}`);
  const lines = [
    /Refund requested €12.50: a mug .* by ann on the command line/,
    /Customer told order.paid .* 500 ms later · by log/,
    /Paid Reference sim_1 .* worker on worker-1.example/,
    /Stock reserved .* worker on worker-1.example/,
    /Taken into the books .* import #7/,
  ];
  assert.match(text, new RegExp(lines.map(({ source }) => source).join(".*")));
});

Deno.test("an order that does not exist is a page that says so", async () => {
  const { status, text } = await openPage(api, "/dashboard/orders/999999999");
  assert.equal(status, 404);
  assert.match(text, /There is no order #999999999/);
});
