import assert from "node:assert/strict";
import { daysBefore } from "../../../domain/kpi/day.ts";
import { requestRefund } from "../../../services/refunds/request_refunds.ts";
import { applyKpis } from "../../../streams/kpis/kpis.ts";
import { isPause } from "../../../streams/queue/pause_group.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { type Api, ask, openApi, orderBodyOf, storeOrder } from "../api.ts";
import { openPage, sendForm } from "./pages.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("dashboard_lists");
});
Deno.test.afterAll(() => api.close());

const nothing = { reason: null, idempotencyKey: null };

Deno.test("refunds are listed from the newest down and by state", async () => {
  const { db } = api.deps;
  const orderId = await storeOrder(db, { totalCents: 100_000 });
  const ids: number[] = [];
  for (let index = 1; index <= 55; index++) {
    const { refund } = await requestRefund(db, { orderId, amountCents: index, ...nothing }, "test");
    ids.unshift(refund.id);
  }
  const idsOf = (html: string) =>
    [...html.matchAll(/<th scope="row">#(\d+)</g)].map(([, id]) => Number(id));
  const first = await openPage(api, "/dashboard/refunds?status=REQUESTED");
  const next = /href="([^"]+cursor=[^"]+)"/.exec(first.html)![1]!.replaceAll("&amp;", "&");
  const second = await openPage(api, next);
  assert.deepEqual([...idsOf(first.html), ...idsOf(second.html)].slice(0, 55), ids);
  const failed = await openPage(api, "/dashboard/refunds?status=FAILED");
  assert.match(failed.text, /No refund fits/);
});

Deno.test("customers are ranked in each currency", async () => {
  const { db } = api.deps;
  await storeOrder(db, { customer: "first" });
  await storeOrder(db, { customer: "second" });
  const ids = new Map(
    (await db.query(
      "select id, external_id from customers where external_id in ('first', 'second')",
    ))
      .map((row) => [String(row.external_id), Number(row.id)]),
  );
  const day = new Date().toISOString().slice(0, 10);
  const paid = (orderId: number, customer: string, cents: number, currency: string) =>
    ({ kind: "paid", orderId, day, currency, cents, customerId: ids.get(customer)! }) as const;
  await applyKpis(api.deps, [
    paid(900, "first", 100, "EUR"),
    paid(901, "second", 300, "EUR"),
    paid(902, "first", 500, "USD"),
  ]);
  const euros = await openPage(api, "/dashboard/customers");
  assert.match(euros.text, /1 Name of second second €3.00 2 Name of first first €1.00/);
  const dollars = await openPage(api, "/dashboard/customers?currency=USD");
  assert.match(dollars.text, /1 Name of first first \$5.00/);
  await db.run("update customers set guest = 1 where external_id = 'first'");
  const guest = await openPage(api, "/dashboard/customers?currency=USD");
  assert.match(guest.text, /1 Name of first Guest \$5.00/);
  assert.match(guest.html, /href="\/dashboard\/orders\?q=first%40example.com"/);
  const unknown = await openPage(api, "/dashboard/customers?currency=xxx");
  assert.match(unknown.text, /Nobody has paid in XXX yet/);
  const mistyped = await openPage(api, "/dashboard/customers?currency=EURO");
  assert.match(mistyped.text, /“EURO” is no currency/);
});

Deno.test("products show what is held and what is low", async () => {
  const insert = (sku: string, stock: number, received: number) =>
    api.deps.db.run(
      "insert into products (sku, name, price_cents, stock_qty, received_qty) values (?, ?, 250, ?, ?)",
      [sku, `Name 100% ${sku}`, stock, received],
    );
  await insert("P-NONE", 0, 40);
  await insert("P-LOW", 9, 1_000);
  await insert("P-MUCH", 900, 1_000);
  const { text } = await openPage(api, "/dashboard/products?q=100%25");
  assert.match(text, /Name 100% P-NONE P-NONE sold out 2.50 40 40 0/);
  assert.match(text, /Name 100% P-LOW P-LOW low 2.50 1,000 991 9/);
  assert.match(text, /Name 100% P-MUCH P-MUCH in stock 2.50 1,000 100 900/);
  const order = orderBodyOf({
    currency: "JPY",
    items: [{ sku: "P-YEN", name: "Bowl", unit_price_cents: 2_500, qty: 1 }],
  });
  assert.equal((await ask(api, "POST", "/orders", order)).status, 202);
  const priced = await openPage(api, "/dashboard/products?q=P-YEN");
  assert.match(priced.text, /Bowl P-YEN in stock ¥2,500 50 0 50/);
  const [yen] = await api.deps.db.query("select id from products where sku = 'P-YEN'");
  assert.match((await openPage(api, `/dashboard/products/${yen!.id}`)).text, /Last price ¥2,500/);
  const none = await openPage(api, "/dashboard/products?q=P-&stock=none");
  assert.match(none.text, /P-NONE/);
  assert.doesNotMatch(none.text, /P-LOW|P-MUCH/);
});

Deno.test("the figures of a range are a table, charts and a file", async () => {
  await applyKpis(api.deps, [
    { kind: "paid", orderId: 910, day: "2024-03-01", currency: "EUR", cents: 1_000, customerId: 1 },
    { kind: "paid", orderId: 911, day: "2024-03-03", currency: "EUR", cents: 501, customerId: 1 },
    { kind: "failed", orderId: 912, day: "2024-03-03", currency: "EUR", cents: 9, customerId: 1 },
    {
      kind: "refunded",
      refundId: 9,
      day: "2024-03-03",
      currency: "EUR",
      cents: 100,
      customerId: 1,
    },
    { kind: "paid", orderId: 913, day: "2024-03-03", currency: "SEK", cents: 7, customerId: 1 },
  ]);
  const { text, html } = await openPage(api, "/dashboard/kpis?from=2024-02-28&to=2024-03-03");
  assert.match(
    text,
    /Revenue €14.01 Orders paid 2 Average value €7.00 Failed 1 Refunds · 1 €1.00 Chargebacks · 0 €0.00/,
  );
  assert.match(text, /3 Mar 2024 €4.01 1 €4.01 1 1 €1.00 0 €0.00 1 Mar 2024 €10.00 1/);
  const series = JSON.parse(
    /data-chart="revenue" data-series="([^"]*)"/.exec(html)![1]!.replaceAll("&quot;", '"'),
  );
  assert.deepEqual(series.y, [[0, 0, 1_000, 0, 401]]);
  const file = await api.app.request("/kpis.csv?from=2024-03-03&to=2024-03-03");
  assert.match(file.headers.get("content-disposition")!, /kpis-2024-03-03.csv/);
  assert.deepEqual((await file.text()).split("\r\n"), [
    "date,currency,revenue_cents,order_count,avg_order_value_cents,failed_order_count,refund_count," +
    "refund_amount_cents,chargeback_count,chargeback_amount_cents",
    "2024-03-03,EUR,401,1,401,1,1,100,0,0",
    "2024-03-03,SEK,7,1,7,0,0,0,0,0",
    "",
  ]);
});

Deno.test("without scripts a chart has all of its figures, what went below zero too", async () => {
  await applyKpis(api.deps, [
    { kind: "paid", orderId: 920, day: "2022-03-01", currency: "CHF", cents: 2_000, customerId: 1 },
    {
      kind: "refunded",
      refundId: 920,
      day: "2022-03-02",
      currency: "CHF",
      cents: 1_000,
      customerId: 1,
    },
  ]);
  const query = "from=2022-03-01&to=2022-03-02&currency=CHF";
  const { html } = await openPage(api, `/dashboard/kpis?${query}`);
  const chart = /data-chart="revenue".*?<\/figure>/s.exec(html)![0];
  const bars = /<path class="bar" d="([^"]+)"/.exec(chart)![1]!;
  const ends = [...bars.matchAll(/M[\d.]+ ([\d.]+)V([\d.]+)/g)].map((m) => m.slice(1).map(Number));
  assert.equal(ends.length, 2);
  const [[zero, paid], [, refunded]] = ends as [[number, number], [number, number]];
  assert.ok(paid < zero && refunded > zero, bars);
  assert.ok(Math.abs((zero - paid) / (refunded - zero) - 2) < 0.02, bars);
  assert.match(chart, /spark-end most">20<.*spark-end least">-10</s);
  assert.match(chart, /spark-end first">1 Mar 2022<.*spark-end last">2 Mar 2022</s);
});

Deno.test("a currency that no later day has is found by its days, and kept for others", async () => {
  const { redis, keys } = api.deps;
  await applyKpis(api.deps, [
    { kind: "paid", orderId: 930, day: "1999-03-01", currency: "DEM", cents: 777, customerId: 1 },
  ]);
  // As many days as are looked at for the currencies of other pages.
  const later = Array.from({ length: 2_000 }, (_, n) => [0, `${daysBefore("2030-01-01", n)}:USD`]);
  await redis.zadd(keys.kpiIndex, ...later.flat());
  try {
    const options = (html: string) =>
      [...html.matchAll(/<option value="([A-Z]{3})"/g)].map(([, code]) => code);
    const old = await openPage(api, "/dashboard/kpis?from=1999-02-28&to=1999-03-02");
    assert.ok(options(old.html).includes("DEM"));
    const marks = "/dashboard/kpis?from=1999-02-28&to=1999-03-02&currency=DEM";
    assert.match((await openPage(api, marks)).text, /1 Mar 1999 DEM 7.77 1/);
    const now = await openPage(api, "/dashboard/kpis?currency=DEM");
    assert.match(now.html, /<option value="DEM" selected/);
    assert.match(now.text, /Nothing was settled on these days/);
    const customers = await openPage(api, "/dashboard/customers?currency=DEM");
    assert.match(customers.text, /DEM 7.77/);
  } finally {
    await redis.zrem(keys.kpiIndex, ...later.map(([, name]) => name!));
  }
});

Deno.test("a group's page shows its messages, and pauses and resumes it", async () => {
  const { redis, keys } = api.deps;
  await publish(api.deps, [
    { message: { type: "payment.charge", orderId: 5, amountCents: 700, currency: "EUR" } },
    {
      message: { type: "payment.ask_again", orderId: 6, amountCents: 900, currency: "EUR" },
      delayMs: 60_000,
    },
  ]);
  await redis.xgroup("CREATE", keys.stream("payments"), "payments", "0");
  await redis.xreadgroup("GROUP", "payments", "h:1:x", "STREAMS", keys.stream("payments"), ">");
  const { text } = await openPage(api, "/dashboard/streams/payments");
  assert.match(text, /Unread 0 In hand 1 Scheduled 1 Waiting for a retry 0/);
  assert.match(text, /5 times or more less than 10 s 1 – – – –/);
  assert.match(text, /payment.charge #5 €7.00 live .* 1 with h for/);
  assert.match(text, /payment.ask_again #6 €9.00 live in 60 s/);
  assert.match(text, /live requests and people: .* 0 1 1 0 .* €16\.00 bulk files, .* 0 0 0 0 – –/);
  for (const [verb, words] of [["pause", /This group is paused/], ["resume", /Pause/]] as const) {
    if (verb === "pause") {
      const question = await sendForm(api, `/dashboard/streams/payments/pause`, {});
      assert.match(question.text, /Pause the group payments\? .* €16\.00 waits in it now/);
      assert.equal(await redis.exists(keys.paused("payments")), 0);
    }
    const sent = await sendForm(api, `/dashboard/streams/payments/${verb}`, { confirmed: "yes" });
    assert.equal(sent.headers.get("location"), "/dashboard/streams/payments");
    assert.match((await openPage(api, "/dashboard/streams/payments")).text, words);
    assert.equal(isPause(await redis.get(keys.paused("payments"))), verb === "pause");
  }
  assert.equal((await openPage(api, "/dashboard/streams/nothing")).status, 404);
  const live = await api.app.request("/dashboard/streams/payments/live");
  assert.match(live.headers.get("content-type")!, /event-stream/);
  await live.body!.cancel();
});

Deno.test("a name that would turn what follows it is shown for what it is, on pages and in what they are sent", async () => {
  const turned = "Ann\u202e00.1 RUE";
  const body = orderBodyOf();
  const customer = { external_id: "c-turned", email: "turned@example.com", name: turned };
  const { body: order } = await ask(api, "POST", "/orders", { ...body, customer });
  for (const path of [`/dashboard/orders/${order.id}`, "/dashboard/orders"]) {
    const { html } = await openPage(api, path);
    assert.ok(html.includes("Ann\\u202e00.1 RUE"), path);
    assert.doesNotMatch(html, /[\u202a-\u202e\u2066-\u2069]/, path);
  }
  const { html } = await openPage(api, `/dashboard/orders?q=${encodeURIComponent(turned)}`);
  assert.ok(html.includes(`value="${turned}"`), "what somebody typed is asked for again as it was");
});
