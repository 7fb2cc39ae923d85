import assert from "node:assert/strict";
import { deadLetterMessages } from "../../../db/dead_letters/dead_letters.ts";
import { pauseGroup } from "../../../services/pause_group.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { aDeadLetter } from "../../dead_letter.ts";
import { anOperator } from "../../operator.ts";
import { type Api, openApi, storeOrder } from "../api.ts";
import { openPage } from "./pages.ts";

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
    assert.equal(links.length, 2);
    const orders = await openPage(api, links[1]!);
    assert.match(orders.text, /The payment was declined/);
    assert.match(orders.html, new RegExp(`/dashboard/orders/${other}"`));
    assert.match(orders.text, /1 orders, the last ones/);
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
    assert.match(idle.text, /By .*ann.* since .*: the provider moves/);
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
      /class="notice bad" role="alert"><strong>This group is paused, and €12.50 wait</,
    );
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
