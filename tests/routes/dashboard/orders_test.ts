import assert from "node:assert/strict";
import { type Api, ask, openApi, storeAddresses, storeOrder } from "../api.ts";
import { giveMoney } from "../../order_money.ts";
import { fail, told } from "../notified.ts";
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

Deno.test("an amount without a currency is one of the base currency, and finds no other", async () => {
  const euros = await storeOrder(api.deps.db, { totalCents: 777_700 });
  await storeOrder(api.deps.db, { totalCents: 777_700, currency: "JPY" });
  const { html, text } = await openPage(api, "/dashboard/orders?least=7777&most=7777.00");
  assert.match(html, new RegExp(`/dashboard/orders/${euros}"`));
  assert.match(text, /Amount from, EUR/);
  assert.doesNotMatch(text, /¥777,700/);
  assert.match(html, /orders\.csv\?currency=EUR&amp;least_cents=777700&amp;most_cents=777700/);
  const yen = await openPage(api, "/dashboard/orders?currency=JPY&least=777700");
  assert.match(yen.text, /Amount from, JPY .* ¥777,700/);
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

const refundsOf = async (id: number) =>
  (await api.deps.db.query("select amount_cents, reason from refunds where order_id = ?", [id]))
    .map((row) => [Number(row.amount_cents), row.reason]);

Deno.test("a refund is asked about first, with amount and customer, and its answer sent twice is one refund", async () => {
  const id = await storeOrder(api.deps.db, { totalCents: 10_000, customer: "asked" });
  const page = await openPage(api, `/dashboard/orders/${id}`);
  assert.match(page.text, /All that is left, €100.00/);
  const form = { which: "part", amount: "12.50", reason: " a mug " };
  const question = await sendForm(api, `/dashboard/orders/${id}/refund`, form);
  assert.equal(question.status, 200);
  assert.match(question.text, /Refund €12\.50 to Name of asked\? Order S-\S+ of €100\.00, asked@/);
  assert.match(question.text, /€87\.50 is left to refund then\. Reason: a mug\./);
  assert.deepEqual(await refundsOf(id), [], "nothing has happened yet");

  const answer = {
    confirmed: "yes",
    cents: fieldOf(question, "cents"),
    reason: fieldOf(question, "reason"),
    key: fieldOf(question, "key"),
  };
  for (let clicks = 0; clicks < 2; clicks++) {
    const sent = await sendForm(api, `/dashboard/orders/${id}/refund`, answer);
    assert.equal(sent.status, 303);
    assert.equal(sent.headers.get("location"), `/dashboard/orders/${id}?done=refund`);
  }
  assert.deepEqual(await refundsOf(id), [[1_250, "a mug"]]);
  const after = await openPage(api, `/dashboard/orders/${id}?done=refund`);
  assert.match(after.text, /The refund was requested/);
  assert.match(after.text, /All that is left, €87.50/);
  assert.match(after.text, /Refund requested #\d+ €12.50: a mug/);
});

Deno.test("the refund form takes and shows amounts in the digits of the order's currency", async () => {
  const cases = [
    { currency: "JPY", all: "¥10,000", typed: "1,250", minor: 1_250, shown: "¥1,250" },
    { currency: "KWD", all: "KWD 10.000", typed: "1.25", minor: 1_250, shown: "KWD 1.250" },
  ];
  for (const { currency, all, typed, minor, shown } of cases) {
    const id = await storeOrder(api.deps.db, { totalCents: 10_000, currency });
    const page = await openPage(api, `/dashboard/orders/${id}`);
    assert.ok(page.text.replaceAll("\u00a0", " ").includes(`All that is left, ${all}`), page.text);
    const form = { which: "part", amount: typed, reason: "" };
    const finer = { ...form, amount: currency === "JPY" ? "1.5" : "1.2345" };
    const refused = await sendForm(api, `/dashboard/orders/${id}/refund`, finer);
    assert.equal(refused.status, 422);
    assert.match(refused.text, new RegExp(`is no amount to refund in ${currency}`));
    const question = await sendForm(api, `/dashboard/orders/${id}/refund`, form);
    assert.equal(fieldOf(question, "cents"), String(minor));
    const answer = {
      confirmed: fieldOf(question, "confirmed"),
      cents: fieldOf(question, "cents"),
      key: fieldOf(question, "key"),
      reason: "",
    };
    assert.equal((await sendForm(api, `/dashboard/orders/${id}/refund`, answer)).status, 303);
    const [row] = await api.deps.db.query("select amount_cents from refunds where order_id = ?", [
      id,
    ]);
    assert.equal(Number(row!.amount_cents), minor);
    const after = await openPage(api, `/dashboard/orders/${id}`);
    assert.ok(after.text.includes(`Refund requested #`) && after.text.includes(shown), after.text);
  }
});

Deno.test("an amount that is typed is never passed over for all that is left", async () => {
  const id = await storeOrder(api.deps.db, { totalCents: 10_000 });
  const both = await sendForm(api, `/dashboard/orders/${id}/refund`, {
    which: "all",
    amount: "1.00",
  });
  assert.equal(both.status, 422);
  assert.match(
    both.text,
    /“1\.00” was typed and all that is left was selected: choose one of them/,
  );
  assert.equal(fieldOf(both, "amount"), "1.00");
  for (const form of [{ amount: "1.00" }, { which: "part", amount: "1.00" }]) {
    const question = await sendForm(api, `/dashboard/orders/${id}/refund`, { ...form } as never);
    assert.match(question.text, /Refund €1\.00 to/);
    assert.equal(fieldOf(question, "cents"), "100");
  }
  const whole = await sendForm(api, `/dashboard/orders/${id}/refund`, { which: "all", amount: "" });
  assert.match(whole.text, /Refund €100\.00 to .* Nothing is left to refund then/);
  // What was asked about is what goes back, whatever is left by then.
  const [first, second] = ["cents", "cents"].map((name) => fieldOf(whole, name));
  const answer = (key: string) =>
    sendForm(api, `/dashboard/orders/${id}/refund`, { confirmed: "yes", cents: first!, key });
  assert.equal(first, second);
  const part = { confirmed: "yes", cents: "1", key: "part-1" };
  assert.equal((await sendForm(api, `/dashboard/orders/${id}/refund`, part)).status, 303);
  assert.equal((await answer("whole-1")).status, 422);
  assert.deepEqual(await refundsOf(id), [[1, null]]);
});

Deno.test("a refund that can't be is refused on the page, with what was typed", async () => {
  const id = await storeOrder(api.deps.db, { totalCents: 10_000 });
  const cases: [amount: string, status: number, words: RegExp, reason?: string][] = [
    ["100.01", 422, /exceed the €100.00 that are left/],
    ["<b>", 422, /“<b>” is no amount/],
    ["0", 422, /is no amount/],
    ["", 422, /is no amount/],
    ["1.00", 422, /The reason must have at most 255 characters/, "x".repeat(256)],
    ["1.00", 422, /The reason must hold no control characters/, "a\u0007b"],
  ];
  for (const [amount, status, words, reason = "why"] of cases) {
    const form = { which: "part", amount, reason };
    const page = await sendForm(api, `/dashboard/orders/${id}/refund`, form);
    assert.equal(page.status, status, amount);
    assert.match(page.text, words);
    assert.equal(fieldOf(page, "reason"), reason);
  }
  const unpaid = await storeOrder(api.deps.db, { status: "PENDING" });
  const refused = await sendForm(api, `/dashboard/orders/${unpaid}/refund`, { which: "all" });
  assert.equal(refused.status, 409);
  const forged: Record<string, string>[] = [
    { confirmed: "yes" },
    { confirmed: "yes", cents: "100" },
    { confirmed: "yes", key: "k-1" },
    { confirmed: "yes", cents: "-5", key: "k-1" },
    { confirmed: "yes", cents: "1e3", key: "k-1" },
    { confirmed: "yes", cents: "100", key: "with space" },
    { confirmed: "yes", cents: "100", key: "k-1", reason: "a\u0007b" },
    { confirmed: "yes", cents: "100", key: "k-1", reason: "x".repeat(256) },
  ];
  for (const form of forged) {
    const page = await sendForm(api, `/dashboard/orders/${id}/refund`, form);
    assert.equal(page.status, 422, JSON.stringify(form));
  }
  assert.deepEqual([await refundsOf(id), await refundsOf(unpaid)], [[], []]);
});

Deno.test("an order is cancelled once and after a question, and a settled one not at all", async () => {
  const id = await storeOrder(api.deps.db, { status: "RESERVED", customer: "ended" });
  const { text } = await openPage(api, `/dashboard/orders/${id}`);
  assert.match(text, /Its units go back into stock/);
  const question = await sendForm(api, `/dashboard/orders/${id}/cancel`, {});
  assert.equal(question.status, 200);
  assert.match(question.text, /Cancel order S-\S+ of Name of ended\? €10\.00, ended@example\.com/);
  assert.match((await openPage(api, `/dashboard/orders/${id}`)).text, /Cancel the order/);
  const yes = { confirmed: fieldOf(question, "confirmed") };
  for (let clicks = 0; clicks < 2; clicks++) {
    assert.equal((await sendForm(api, `/dashboard/orders/${id}/cancel`, yes)).status, 303);
  }
  const after = await openPage(api, `/dashboard/orders/${id}?done=cancel`);
  assert.match(after.text, /The order was cancelled/);
  assert.doesNotMatch(after.text, /Cancel the order/);
  const paid = await storeOrder(api.deps.db);
  for (const form of [{}, yes]) {
    const refused = await sendForm(api, `/dashboard/orders/${paid}/cancel`, form as never);
    assert.equal(refused.status, 409);
    assert.match(refused.text, /Cannot cancel order \d+: it is PAID already/);
  }
});

Deno.test("the timeline says in words who did what, and what was sent", async () => {
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
    /Written to the log order.paid .* 500 ms later · notification #\d+/,
    /Paid Reference sim_1 .* worker on worker-1.example/,
    /Stock reserved .* worker on worker-1.example/,
    /Taken into the books .* import #7/,
  ];
  assert.match(text, new RegExp(lines.map(({ source }) => source).join(".*")));
});

Deno.test("a page claims no more of a notification than is known", async () => {
  const { db } = api.deps;
  const { orderId, ids } = await told(db);
  const shown = async () => {
    const { text } = await openPage(api, `/dashboard/orders/${orderId}`);
    const [timeline = "", list = ""] = [
      /Timeline(.*?)Notifications/.exec(text.slice(text.indexOf("Timeline")))?.[1],
      /Notifications order\.paid(.*?)(Refund All|$)/.exec(text)?.[1],
    ];
    assert.doesNotMatch(text, /\btold\b/i);
    return { timeline, list };
  };
  const states = async () => {
    const { body } = await ask(api, "GET", `/orders/${orderId}`);
    return body.notifications.map((one: { channel: string; state: string }) =>
      `${one.channel} ${one.state}`
    ).join();
  };
  const first = await shown();
  assert.match(first.timeline, /Written to the log order\.paid/);
  assert.doesNotMatch(
    first.timeline,
    /E-mail (waits|sent)|Webhook/,
    "what waits for its first try is no step",
  );
  assert.match(first.list, /Written to the log .* E-mail waits .* Webhook waits/);
  assert.equal(await states(), "log logged,email waiting,webhook waiting");

  await fail(db, ids.webhook!, "webhook", 60_000);
  const later = await shown();
  assert.match(later.timeline, /Webhook waits order\.paid: the endpoint answered 500/);
  await fail(db, ids.email!, "email", null);
  assert.match((await shown()).timeline, /E-mail given up order\.paid: the endpoint answered 500/);
  await db.run(
    "update notification_logs set success = 1, error = null, sent_at = created_at where id = ?",
    [ids.webhook!],
  );
  await db.run("delete from notification_deliveries where notification_log_id = ?", [ids.webhook!]);
  const last = await shown();
  assert.match(last.timeline, /Webhook sent order\.paid/);
  assert.match(last.list, /Written to the log .* E-mail given up .* Webhook sent/);
  assert.equal(await states(), "log logged,email given_up,webhook sent");
  const page = await openPage(api, `/dashboard/notifications/${ids.log}`);
  assert.match(page.text, /State Logged Channel log/);
});

Deno.test("an order's page shows what its total is made of, and what was paid at its source", async () => {
  const { db } = api.deps;
  const id = await storeOrder(db, { totalCents: 2_400, currency: "JPY" });
  const plain = await openPage(api, `/dashboard/orders/${id}`);
  assert.match(plain.text, /Tea TEA ¥2,400 1 ¥2,400 Total ¥2,400 Timeline/);
  await giveMoney(db, id, {
    adjustments: [
      { kind: "shipping", label: "Express <b>", amountCents: 490 },
      { kind: "tax", label: "VAT 19 %", amountCents: 375, included: true },
      { kind: "discount", amountCents: -540 },
    ],
    source: { provider: "paypal", reference: "5O1-X", paidAt: "2024-05-06 07:07:00.000000" },
    language: "de-AT",
  });
  await db.run("update orders set refunded_cents = 350 where id = ?", [id]);
  const { text, html } = await openPage(api, `/dashboard/orders/${id}`);
  assert.match(
    text,
    /Items ¥2,400 Express <b> ¥490 Discount -¥540 Total ¥2,350 VAT 19 %, included ¥375 Refunded -¥350/,
  );
  assert.doesNotMatch(html, /<b>\s*¥|Express <b>/);
  assert.match(
    text,
    /State Paid at its source Amount ¥2,350 Provider paypal Reference 5O1-X Paid 6 May 2024, 07:07/,
  );
  assert.match(text, /Language de-AT/);
  await db.run(
    "update payments set provider = 'paypal', provider_ref = '5O1-X', status = 'REVERSED' where order_id = ?",
    [id],
  );
  const after = await openPage(api, `/dashboard/orders/${id}`);
  assert.match(after.text, /State Gave back at its source Amount ¥2,350 Provider paypal/);
  assert.doesNotMatch(after.text, /Paid at its source/);
  const free = await storeOrder(db, { status: "PENDING", currency: "KWD", totalCents: 2_510 });
  await giveMoney(db, free, { paymentStatus: "none" });
  const { text: nothing } = await openPage(api, `/dashboard/orders/${free}`);
  assert.match(nothing, /There is nothing to pay/);
  assert.match(nothing.replaceAll("\u00a0", " "), /Total KWD 2\.510/);
});

Deno.test("a page lists the first items of an order that has very many, and says how many more", async () => {
  const { db } = api.deps;
  const id = await storeOrder(db);
  const numbers = Array.from({ length: 250 }, (_, n) => n);
  await db.run(
    `
    insert into order_items (order_id, product_id, unit_price_cents, qty, subtotal_cents)
    select order_items.order_id, order_items.product_id, 0, 1, 0
    from json_table(?, '$[*]' columns (n int path '$')) j
    straight_join order_items on order_items.order_id = ?`,
    [JSON.stringify(numbers), id],
  );
  const { html } = await openPage(api, `/dashboard/orders/${id}`);
  assert.match(html, new RegExp(`>51 more: by GET /orders/${id}<`));
});

Deno.test("a guest is shown as one, with or without an address, and is nowhere asked for by an id", async () => {
  const { db } = api.deps;
  const customer = `guest-key-${crypto.randomUUID()}`;
  const id = await storeOrder(db, { customer });
  await giveMoney(db, id, { guest: true });
  const page = await openPage(api, `/dashboard/orders/${id}`);
  assert.match(page.text, /Id Guest orders by this e-mail/);
  const link = `/dashboard/orders?q=${customer}%40example.com`;
  assert.ok(page.html.includes(`href="${link}"`));
  assert.deepEqual([...new Set(await idsOn(link))], [id]);
  const list = await openPage(api, link);
  assert.match(list.text, new RegExp(`Name of ${customer} guest`));
  await giveMoney(db, id, { recipientEmail: null });
  const { text, html } = await openPage(api, `/dashboard/orders/${id}`);
  assert.match(text, /E-mail None was given: no e-mail is sent Id Guest Placed/);
  assert.doesNotMatch(html, /[?&;]q=guest-key|>null</);
  const question = await sendForm(api, `/dashboard/orders/${id}/refund`, { which: "all" });
  assert.match(question.text, /of €10\.00 €10\.00 of order|of €10\.00 /);
  assert.doesNotMatch(question.text, /null/);
});

Deno.test("the question before an order is taken up again knows who paid already, and no address that is absent", async () => {
  const { db } = api.deps;
  const due = await storeOrder(db, { status: "FAILED", totalCents: 1_250 });
  const paid = await storeOrder(db, { status: "FAILED", totalCents: 1_250 });
  await giveMoney(db, paid, {
    source: { provider: "paypal", reference: "5O1-Y", paidAt: null },
    recipientEmail: null,
  });
  const question = async (id: number) =>
    (await sendForm(api, `/dashboard/orders/${id}/retry`, {})).text;
  assert.match(await question(due), /If they are there, €12\.50 are charged; if not/);
  const text = await question(paid);
  assert.match(text, /If they are there, it is settled, and nothing is charged; if not/);
  assert.doesNotMatch(text, /null/);
});

Deno.test("an order that does not exist is a page that says so", async () => {
  const { status, text } = await openPage(api, "/dashboard/orders/999999999");
  assert.equal(status, 404);
  assert.match(text, /There is no order #999999999/);
});

Deno.test("a refund is asked about from the row of a list: two clicks from the list, and nothing before the second", async () => {
  const api = await openApi("refund_from_the_row");
  try {
    const { db } = api.deps;
    const paid = await storeOrder(db, { status: "PAID", totalCents: 1_998 });
    const failed = await storeOrder(db, { status: "FAILED" });
    const given = await storeOrder(db, { status: "PAID", totalCents: 500 });
    await db.run("update orders set refunded_cents = total_cents where id = ?", [given]);
    const list = await openPage(api, "/dashboard/orders");
    const links = [...list.html.matchAll(/href="(\/dashboard\/orders\/\d+\/refund)"/g)];
    // In the column of its own, and where that is left out on phones below the total.
    const path = `/dashboard/orders/${paid}/refund`;
    assert.deepEqual(links.map(([, href]) => href), [path, path]);
    assert.match(list.text, /Refund… ?order /);

    const question = await openPage(api, links[0]![1]!);
    assert.equal(question.status, 200);
    assert.match(question.text, /Refund €19\.98 to .+\?/);
    assert.match(question.text, /Nothing is left to refund then/);
    assert.deepEqual(await db.query("select id from refunds"), []);

    const answer = await sendForm(api, links[0]![1]!, {
      confirmed: fieldOf(question, "confirmed"),
      cents: fieldOf(question, "cents"),
      key: fieldOf(question, "key"),
    });
    assert.equal(answer.status, 303);
    const [refund] = await db.query("select order_id, amount_cents from refunds");
    assert.deepEqual([Number(refund!.order_id), Number(refund!.amount_cents)], [paid, 1_998]);
    const refused = await openPage(api, `/dashboard/orders/${failed}/refund`);
    assert.ok(refused.status >= 400 && refused.status < 500, `${refused.status}`);
    assert.equal((await openPage(api, "/dashboard/orders/999999/refund")).status, 404);
  } finally {
    await api.close();
  }
});

Deno.test("on phones a row of the list has the customer and the refund as well", async () => {
  const customer = `P-${crypto.randomUUID()}`;
  const id = await storeOrder(api.deps.db, { customer });
  const { html } = await openPage(api, `/dashboard/orders?customer=${customer}`);
  const narrow = [...html.matchAll(/<div class="narrow before">(.*?)<\/div>/gs)].map(([, own]) =>
    own!
  );
  assert.ok(narrow.some((own) => own.includes(`>Name of ${customer}</a>`)), narrow.join("\n"));
  assert.ok(narrow.some((own) => own.includes(`href="/dashboard/orders/${id}/refund"`)));
});

Deno.test("the orders page of an empty shop has one way on, and no form to look for nothing", async () => {
  const api = await openApi("orders_of_an_empty_shop");
  try {
    const { html } = await openPage(api, "/dashboard/orders");
    const primary = [...html.matchAll(/class="[^"]*\bprimary\b[^"]*"[^>]*>([^<]+)/g)];
    assert.deepEqual(primary.map(([, text]) => text), ["Import a CSV file"]);
    assert.doesNotMatch(html, /role="search"|orders\.csv/);
    const filtered = await openPage(api, "/dashboard/orders?status=PAID");
    assert.match(filtered.html, /role="search"/);
  } finally {
    await api.close();
  }
});

Deno.test("filters that few need stand behind one word, and open where one of them has a value", async () => {
  const api = await openApi("orders_filters");
  try {
    await storeOrder(api.deps.db, { status: "PAID" });
    const opened = async (query: string) =>
      /<details class="more"( open="")?>/.exec(
        (await openPage(api, `/dashboard/orders${query}`)).html,
      )![1] !== undefined;
    assert.equal(await opened(""), false);
    assert.equal(await opened("?status=PAID&q=x"), false);
    for (
      const name of ["reason=insufficient_stock", "currency=EUR", "least=1.00", "from=2026-01-01"]
    ) {
      assert.equal(await opened(`?${name}`), true, name);
    }
  } finally {
    await api.close();
  }
});
