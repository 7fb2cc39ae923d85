import assert from "node:assert/strict";
import { deadLetterMessages } from "../../../db/dead_letters/dead_letters.ts";
import { recordDispute } from "../../../db/payments/payment_disputes.ts";
import { pauseGroup } from "../../../services/operation/pause_group.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { aDeadLetter } from "../../dead_letter.ts";
import { anOperator } from "../../operator.ts";
import { withinOneDay } from "../../one_day.ts";
import { requestRefund } from "../../../services/refunds/request_refunds.ts";
import { rebuildKpis } from "../../../streams/kpis/kpis_rebuild.ts";
import { type Api, ask, openApi, orderBodyOf, storeOrder } from "../api.ts";
import { openPage, sendForm } from "./pages.ts";

async function withApi(work: (api: Api) => Promise<void>): Promise<void> {
  const api = await openApi("dashboard_numbers");
  try {
    await work(api);
  } finally {
    await api.close();
  }
}

Deno.test("failed orders stand by reason with the money lost, and each reason leads to its orders", () =>
  withApi(async (api) => {
    const { db } = api.deps;
    await storeOrder(db, { status: "FAILED", totalCents: 1_200 });
    await storeOrder(db, { status: "FAILED", totalCents: 3_400 });
    const other = await storeOrder(db, { status: "FAILED", totalCents: 50 });
    await db.run("update orders set failure_reason = 'payment_declined' where id = ?", [other]);
    const { text, html } = await openPage(api, "/dashboard/failures?day=2024-05-06&currency=EUR");
    assert.match(text, /3 orders, €46.50 lost/);
    assert.match(text, /Not enough stock 2 €46.00/);
    const links = [...html.matchAll(/href="(\/dashboard\/orders\?status=FAILED[^"]*)"/g)]
      .map(([, href]) => href!.replaceAll("&amp;", "&"));
    // The name and the number of each reason.
    assert.deepEqual(links, [links[0], links[0], links[2], links[2]]);
    const orders = await openPage(api, links[2]!);
    assert.match(orders.text, /The payment was declined/);
    assert.match(orders.html, new RegExp(`/dashboard/orders/${other}"`));
    assert.match(orders.text, /1 order in all/);
    assert.match(orders.text, /Settled on/);
    assert.match(
      (await openPage(api, "/dashboard/failures?day=2024-05-07")).text,
      /No order failed/,
    );
  }));

Deno.test("an order's page shows its dead letters, and every page how many wait", () =>
  withApi(async (api) => {
    const { db } = api.deps;
    const id = await storeOrder(db, { status: "RESERVED" });
    assert.doesNotMatch(
      (await openPage(api, "/dashboard/kpis")).html,
      /data-figure="dead-letters"/,
    );
    const error =
      "the provider says that ch_1 is the payment of order 1, but it is that of order 2";
    await deadLetterMessages(db, [aDeadLetter({ group: "payments", orderId: id, error })]);
    const page = await openPage(api, `/dashboard/orders/${id}`);
    assert.match(page.text, /Dead letter #1: One payment for two orders/);
    assert.match(page.html, /href="\/dashboard\/dead-letters\/1"/);
    const letter = await openPage(api, "/dashboard/dead-letters/1");
    assert.match(letter.text, /At the provider, whose payment it is/);
    const primary = [...letter.html.matchAll(/class="button primary" href="([^"]+)"/g)];
    assert.deepEqual(primary.map(([, href]) => href), [`/dashboard/orders/${id}`]);
    const question = await openPage(api, "/dashboard/dead-letters/decide?verb=retry&ids=1");
    assert.match(question.text, /1 of them can only end in the same way/);
    // The count is kept for two seconds.
    const fresh = await openApi("dashboard_badge");
    try {
      await deadLetterMessages(fresh.deps.db, [aDeadLetter({})]);
      const { html } = await openPage(fresh, "/dashboard/kpis");
      assert.match(html, /<span class="count" data-figure="dead-letters">1/);
    } finally {
      await fresh.close();
    }
  }));

Deno.test("a dead letter that a retry may help has retry as its loudest button, and one that is gone discard", () =>
  withApi(async (api) => {
    const payload = '["message","payment.charge 1 100 EUR"]';
    await deadLetterMessages(api.deps.db, [
      aDeadLetter({ error: "the provider gave no answer: it answered 502", payload }),
      aDeadLetter({ messageId: "2-1", error: "order 1 does not exist", payload }),
    ]);
    for (const [id, verb] of [[1, "retry"], [2, "discard"]]) {
      const { html } = await openPage(api, `/dashboard/dead-letters/${id}`);
      const primary = [...html.matchAll(/class="button primary" href="([^"]+)"/g)];
      assert.equal(primary.length, 1);
      assert.match(primary[0]![1]!, new RegExp(`verb=${verb}`));
    }
  }));

Deno.test("a paused group says who paused it, when and why, in the colour of alerts while money waits", () =>
  withApi(async (api) => {
    await pauseGroup(api.deps, "payments", anOperator("api:ann"), "the provider moves");
    const idle = await openPage(api, "/dashboard/streams/payments");
    assert.match(idle.html, /class="notice warn"[^>]*><strong>This group is paused</);
    assert.match(idle.text, /Paused .*ann.* since .*: the provider moves/);
    const message = {
      type: "payment.charge",
      orderId: 1,
      amountCents: 1_250,
      currency: "EUR",
    } as const;
    await publish(api.deps, [{ message }]);
    const busy = await openPage(api, "/dashboard/streams/payments");
    assert.match(
      busy.html,
      /class="notice bad" role="alert"><strong>This group is paused, and €12.50 waits</,
    );
  }));

Deno.test("a payment to decide about tells all of it on a phone as well", () =>
  withApi(async (api) => {
    const orderId = await storeOrder(api.deps.db, { status: "RESERVED" });
    const money = {
      orderId,
      provider: "simulated",
      providerRef: "ref_1",
      amountCents: 900,
      currency: "EUR",
    };
    await api.deps.db.transaction((tx) => recordDispute(tx, money, "2026-01-05 10:00:00"));
    const { html, text } = await openPage(api, "/dashboard/disputes");
    assert.match(text, /simulated ref_1 .*€9\.00/);
    for (const name of ["Customer", "Payment", "What is wrong", "Taken"]) {
      assert.match(html, new RegExp(`<td[^>]* data-label="${name}"`), name);
    }
  }));

Deno.test("what is raised leads to what it is about", () =>
  withApi(async (api) => {
    const { redis, keys } = api.deps;
    const at = "2026-01-05T10:00:00.000Z";
    const links = {
      "dead_letters:refunds": "/dashboard/dead-letters?group=refunds",
      "paused_with_work:orders": "/dashboard/streams/orders",
      "disputed_payments": "/dashboard/disputes",
      "given_twice": "/dashboard/given-twice",
      "chargebacks_due": "/dashboard/chargebacks?which=due",
      "chargebacks_unknown": "/dashboard/chargebacks?which=unknown",
      "webhook_disabled": "/dashboard/notifications",
    };
    for (const name of Object.keys(links)) {
      const facts = { name, severity: "warning", title: `Title of ${name}`, detail: "d" };
      const state = { ...facts, since: at, raisedAt: at, goodSince: null };
      await redis.hset(keys.alerts, name, JSON.stringify(state));
    }
    const { html } = await openPage(api, "/dashboard");
    for (const [name, href] of Object.entries(links)) {
      assert.ok(html.includes(`<strong><a href="${href}">Title of ${name}</a></strong>`), name);
      assert.equal((await openPage(api, href)).status, 200, href);
    }
  }));

/** How many rows a list has on all its pages; of failed orders by reason the orders. */
async function rowsBehind(api: Api, path: string): Promise<number> {
  let rows = 0;
  for (let next: string | undefined = path; next !== undefined;) {
    const { status, html, text } = await openPage(api, next);
    assert.equal(status, 200, next);
    assert.doesNotMatch(text, /is no |There is no /, next);
    if (path.includes("/failures")) {
      const counts = [...html.matchAll(/data-rows="(\d+)"/g)];
      return counts.reduce((sum, [, count]) => sum + Number(count), 0);
    }
    const body = html.split("<tbody>").slice(1).at(-1);
    if (body !== undefined) rows += body.split("</tbody>")[0]!.split("<tr").length - 1;
    next = /href="([^"]+)" rel="next"/.exec(html)?.[1]?.replaceAll("&amp;", "&");
  }
  return rows;
}

/** Every number of rows on a page with the list that it leads to. */
async function countsOn(api: Api, path: string): Promise<{ href: string; count: number }[]> {
  const { html } = await openPage(api, path);
  return [...html.matchAll(/<a\b[^>]*\bdata-rows="(\d+)"[^>]*>/g)].map(([tag, count]) => ({
    href: /href="([^"]*)"/.exec(tag)![1]!.replaceAll("&amp;", "&"),
    count: Number(count),
  }));
}

Deno.test("every number of rows leads to a list of just so many", () =>
  withApi(async (api) => {
    const { deps } = api;
    const { db } = deps;
    const today = await withinOneDay();
    const store = async (status: "PAID" | "FAILED", times: number, currency = "EUR") => {
      const ids: number[] = [];
      for (let at = 0; at < times; at++) ids.push(await storeOrder(db, { status, currency }));
      return ids;
    };
    const paid = [...await store("PAID", 53), ...await store("PAID", 2, "GBP")];
    const failed = await store("FAILED", 3);
    // One of yesterday counts there, and nobody's order of long ago counts anywhere here.
    const [old] = await store("PAID", 1);
    await store("PAID", 2);
    const now = new Date().toISOString();
    const before = new Date(Date.now() - 86_400_000).toISOString();
    const settle = (ids: readonly number[], at: string) =>
      db.run(`update orders set settled_time = ? where id in (${ids.join(",")})`, [
        at.slice(0, 19).replace("T", " "),
      ]);
    await settle([...paid, ...failed], now);
    await settle([old!], before);
    const order = { reason: null, idempotencyKey: null, amountCents: 100 };
    const refunds: number[] = [];
    for (const orderId of [paid[0]!, paid[0]!, paid[54]!, old!]) {
      const { refund } = await requestRefund(db, { ...order, orderId }, "test");
      refunds.push(refund.id);
    }
    await db.run(
      `update refunds set status = 'PROCESSED', processed_at = current_timestamp(6) where id in (${
        refunds.join(",")
      })`,
    );
    await rebuildKpis(deps);
    await deadLetterMessages(db, [
      aDeadLetter({ group: "payments", orderId: paid[0]! }),
      aDeadLetter({ group: "payments", messageId: "2-1", orderId: paid[1]! }),
      aDeadLetter({ group: "refunds", messageId: "3-1", orderId: paid[2]! }),
    ]);
    const demo = await api.app.request("/imports?dry_run=false", {
      method: "POST",
      headers: { "content-type": "text/csv" },
      body: await (await api.app.request("/dashboard/first-steps/demo.csv")).text(),
    });
    const { id } = await demo.json();
    while ((await (await api.app.request(`/imports/${id}`)).json()).status === "RUNNING") {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const seen = new Map<string, number>();
    const paths = ["", "/failures", "/kpis", "/imports", `/imports/${id}`, "/notifications"];
    for (const path of [...paths, "/streams", "/dead-letters", `/failures?day=${today}`]) {
      for (const { href, count } of await countsOn(api, `/dashboard${path}`)) {
        assert.equal(await rowsBehind(api, href), count, `${path || "/"} leads to ${href}`);
        seen.set(href, count);
      }
    }
    const processed = "/dashboard/refunds?status=PROCESSED";
    assert.deepEqual(
      {
        paid: seen.get(`/dashboard/orders?status=PAID&currency=EUR&settled=${today}`),
        failed: seen.get(`/dashboard/failures?day=${today}&currency=EUR`),
        refunds: seen.get(`${processed}&currency=EUR&settled=${today}`),
        pounds: seen.get(`${processed}&currency=GBP&settled=${today}`),
        yesterday: seen.get(`${processed}&currency=EUR&settled=${deps.kpiDay(before)}`),
        letters: seen.get("/dashboard/dead-letters?group=payments"),
        brought: seen.get(`/dashboard/orders?import=${id}`),
      },
      { paid: 53, failed: 3, refunds: 2, pounds: 1, yesterday: 1, letters: 2, brought: 6 },
    );
  }));

Deno.test("alerts stand with the critical ones first, those of one kind in one entry", () =>
  withApi(async (api) => {
    const { redis, keys } = api.deps;
    const raise = async (name: string, severity: string, detail: string, at: string) => {
      const facts = { name, severity, title: `Title of ${name}`, detail };
      const state = { ...facts, since: at, raisedAt: at, goodSince: null };
      await redis.hset(keys.alerts, name, JSON.stringify(state));
    };
    const pause = "paused by api:ann since 2026-01-05 09:59 UTC; 3 messages wait, 2,110.54 GBP";
    await raise("paused_with_work:orders", "warning", pause, "2026-01-05T10:00:00.000Z");
    await raise("paused_with_work:refunds", "warning", "it is", "2026-01-05T10:01:00.000Z");
    await raise("payment_provider", "critical", "away", "2026-01-05T10:02:00.000Z");
    const { html, text } = await openPage(api, "/dashboard");
    assert.match(
      text,
      /Title of payment_provider away; it began 5 Jan 2026, 10:02 UTC .*Paused while work waits orders : paused by api:ann since 5 Jan 2026, 09:59 UTC; 3 messages wait, £2,110\.54; it began 5 Jan 2026, 10:00 UTC refunds : it is; it began 5 Jan 2026, 10:01 UTC/,
    );
    assert.equal([...html.matchAll(/class="notice (bad|warn)"/g)].length, 2);
    assert.match(html, /href="\/dashboard\/streams\/orders" data-key="paused_with_work:orders"/);
  }));

Deno.test("the refund of a long order hides its items behind their sum, and shows what was typed", () =>
  withApi(async (api) => {
    const item = (at: number) =>
      ({ sku: `PART-${at}`, name: `Part ${at}`, unit_price_cents: 100 + at, qty: 2 }) as const;
    const placed = await ask(
      api,
      "POST",
      "/orders",
      orderBodyOf({ items: Array.from({ length: 58 }, (_, at) => item(at)) }),
    );
    const { id } = placed.body;
    await api.deps.db.run(
      "update orders set status = 'PAID', settled_time = '2024-05-06 08:00:00' where id = ?",
      [id],
    );
    const { html } = await openPage(api, `/dashboard/orders/${id}`);
    assert.match(html, /<details class="more"><summary>58 items, €149\.06<\/summary><fieldset/);
    const [, name] = /name="(units-\d+)"/.exec(html)!;
    const refused = await sendForm(api, `/dashboard/orders/${id}/refund`, {
      which: "items",
      [name!]: "many",
    });
    assert.match(refused.html, /<details class="more" open=""><summary>58 items/);
  }));
