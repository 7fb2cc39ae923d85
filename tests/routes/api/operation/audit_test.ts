import assert from "node:assert/strict";
import { addressesToldApart, failedSignIns } from "../../../../services/operation/sessions.ts";
import { tokenHash } from "../../../../domain/operation/api_token.ts";
import { deadLetterMessages } from "../../../../db/dead_letters/dead_letters.ts";
import { aDeadLetter } from "../../../dead_letter.ts";
import { openPage, sendForm } from "../../dashboard/pages.ts";
import { type Api, ask, assertProblem, openApi, storeOrder } from "../../api.ts";

const tokens: Record<string, string> = { boss: "admin", shop: "orders+read", desk: "refunds+read" };

async function withApi(work: (api: Api) => Promise<void>): Promise<void> {
  const api = await openApi("audit_routes", {
    API_TOKENS: Object.entries(tokens)
      .map(([name, scopes]) => `${name}:${tokenHash(name)}:${scopes}`).join(","),
    TRUSTED_PROXIES: "10.0.0.0/8",
  });
  try {
    await work(api);
  } finally {
    await api.close();
  }
}

const as = (name: string) => ({ authorization: `Bearer ${name}` });

/** The log, the first entry first, without what differs from run to run. */
async function log(api: Api, query = "") {
  const { status, body } = await ask(api, "GET", `/audit${query}`, undefined, as("boss"));
  assert.equal(status, 200, JSON.stringify(body));
  // deno-lint-ignore no-explicit-any
  return body.data.reverse().map(({ actor, via, action, subject, outcome, detail }: any) =>
    `${actor} ${via} ${action} ${subject.kind}:${subject.id} ${outcome}${
      detail ? ` ${detail}` : ""
    }`
  );
}

Deno.test("GET /audit tells of everything that operators did and tried, once", () =>
  withApi(async (api) => {
    const { db } = api.deps;
    const paid = await storeOrder(db, { status: "PAID" });
    const open = await storeOrder(db, { status: "PENDING" });
    const post = (path: string, body?: unknown, headers = {}) =>
      ask(api, "POST", path, body, { ...as("boss"), ...headers });
    const key = { "idempotency-key": "k-1" };
    for (let time = 0; time < 2; time++) {
      assert.equal((await post(`/orders/${open}/cancel`, undefined, key)).status, 200);
    }
    assert.equal((await post(`/orders/${open}/cancel`)).status, 200);
    assert.equal((await post(`/orders/${paid}/cancel`)).status, 409);
    const refund = await post(`/orders/${paid}/refunds`, { amount_cents: 5, reason: "for Ann" });
    assert.equal(refund.status, 202);
    assert.equal((await post(`/orders/${paid}/refunds`, { amount_cents: 5_000 })).status, 422);
    const stock = await ask(api, "PUT", "/products/TEA/stock", { set: 7 }, as("boss"));
    assert.equal(stock.status, 200);
    assert.equal((await post("/streams/payments/pause", { reason: "Ann says so" })).status, 200);
    assert.equal((await post("/streams/payments/resume")).status, 200);
    await deadLetterMessages(db, [aDeadLetter({ orderId: paid })]);
    assert.equal((await post("/dead-letters/1/retry")).status, 409);
    assert.equal((await post("/dead-letters/1/discard")).status, 200);
    assert.equal((await post("/dead-letters/1/discard")).status, 200);
    const said = await log(api);
    assert.deepEqual(said, [
      `api:boss token order.cancel order:${open} done`,
      `api:boss token order.cancel order:${open} unchanged`,
      `api:boss token order.cancel order:${paid} refused order_not_cancellable`,
      `api:boss token refund.request order:${paid} done refund ${refund.body.id}: 0.05 EUR`,
      `api:boss token refund.request order:${paid} refused refund_exceeds_left`,
      "api:boss token stock.change product:TEA done 99999 to 7",
      "api:boss token group.pause group:payments begun",
      "api:boss token group.pause group:payments done",
      "api:boss token group.resume group:payments begun",
      "api:boss token group.resume group:payments done",
      `api:boss token dead_letter.retry dead_letter:1 refused orders, order ${paid}`,
      `api:boss token dead_letter.discard dead_letter:1 done orders, order ${paid}`,
      "api:boss token dead_letter.discard dead_letter:1 unchanged",
    ]);
    assert.doesNotMatch(said.join(), /Ann/, "nothing of what somebody typed");
    assert.equal((await log(api, `?subject=order:${paid}`)).length, 3);
    assert.equal((await log(api, "?action=group.pause")).length, 2);
    assert.equal((await log(api, "?actor=api:boss&action=order.cancel")).length, 3);
    assert.equal((await log(api, "?actor=api:nobody")).length, 0);
    assert.equal((await log(api, "?from=2020-01-01")).length, said.length);
    assert.equal((await log(api, "?to=2020-01-01")).length, 0);
  }));

Deno.test("GET /audit is for admin, by pages, and refuses what names no subject", () =>
  withApi(async (api) => {
    assertProblem(await ask(api, "GET", "/audit", undefined, as("desk")), 403);
    for (const group of ["orders", "payments", "refunds"]) {
      await ask(api, "POST", `/streams/${group}/pause`, undefined, as("boss"));
    }
    const first = await ask(api, "GET", "/audit?limit=4", undefined, as("boss"));
    // deno-lint-ignore no-explicit-any
    const ids = ({ body }: any) => body.data.map(({ subject }: any) => subject.id);
    assert.deepEqual(ids(first), ["refunds", "refunds", "payments", "payments"], "begun and done");
    const cursor = first.body.next_cursor;
    const rest = await ask(api, "GET", `/audit?limit=4&cursor=${cursor}`, undefined, as("boss"));
    assert.deepEqual([ids(rest), rest.body.next_cursor], [["orders", "orders"], null]);
    for (const query of ["subject=42", "subject=person:1", "action=fly", "cursor=x"]) {
      assertProblem(await ask(api, "GET", `/audit?${query}`, undefined, as("boss")), 400);
    }
  }));

Deno.test("the audit log names the address behind trusted proxies, and the session of a page", () =>
  withApi(async (api) => {
    const request = (peer: string, forwarded: string) =>
      api.app.request("/streams/orders/pause", {
        method: "POST",
        headers: { ...as("boss"), "x-forwarded-for": forwarded },
      }, { remoteAddr: { transport: "tcp", hostname: peer, port: 1 } });
    await request("10.1.2.3", "203.0.113.7, 10.9.9.9");
    await request("198.51.100.4", "203.0.113.7");
    const { body } = await ask(api, "GET", "/audit", undefined, as("boss"));
    // deno-lint-ignore no-explicit-any
    const addresses = new Set(body.data.map(({ address }: any) => address));
    assert.deepEqual([...addresses], ["198.51.100.4", "203.0.113.7"]);
  }));

Deno.test("an action whose transaction fails leaves no entry that it was done", () =>
  withApi(async (api) => {
    const { db } = api.deps;
    const open = await storeOrder(db, { status: "PENDING" });
    await db.run("rename table order_events to order_events_away");
    const paid = await storeOrder(db, { status: "PAID" });
    const short = await storeOrder(db, { status: "FAILED" });
    await db.run("update orders set failure_reason = 'insufficient_stock' where id = ?", [short]);
    await deadLetterMessages(db, [aDeadLetter({ orderId: paid })]);
    for (
      const path of [
        `/orders/${open}/cancel`,
        `/orders/${paid}/refunds`,
        `/orders/${short}/retry`,
        "/dead-letters/1/discard",
      ]
    ) {
      assert.equal((await ask(api, "POST", path, undefined, as("boss"))).status, 503, path);
    }
    assert.deepEqual(await log(api), [
      `api:boss token order.cancel order:${open} failed`,
      `api:boss token refund.request order:${paid} failed`,
      `api:boss token order.retry order:${short} failed`,
      "api:boss token dead_letter.discard dead_letter:1 failed",
    ]);
    await db.run("rename table order_events_away to order_events");
  }));

Deno.test("the page of the audit log leads from an entry to all of its subject and its actor", async () => {
  const api = await openApi("audit_page");
  try {
    const open = await storeOrder(api.deps.db, { status: "PENDING" });
    await sendForm(api, `/dashboard/orders/${open}/cancel`, { confirmed: "yes" });
    const { text, html } = await openPage(api, "/dashboard/audit");
    assert.match(text, /Cancel an order/);
    assert.match(text, /dashboard/);
    assert.match(html, new RegExp(`href="/dashboard/audit\\?subject=order%3A${open}"`));
    assert.match(html, new RegExp(`href="/dashboard/orders/${open}"`));
    const none = await openPage(api, "/dashboard/audit?subject=order%3A999");
    assert.match(none.text, /No entry fits/);
  } finally {
    await api.close();
  }
});

const order = (qty: number) => ({
  external_order_id: "A-1",
  placed_at: "2026-01-05T10:00:00Z",
  currency: "EUR",
  customer: { name: "Ann" },
  items: [{ sku: "MUG", name: "Mug", unit_price_cents: 1_250, qty }],
});

Deno.test("the audit log tells of an order that was changed by PUT, once, and of one that may not be", () =>
  withApi(async (api) => {
    const taken = await ask(api, "POST", "/orders", order(1), as("shop"));
    const { id } = taken.body;
    const put = (qty: number, headers = {}) =>
      ask(api, "PUT", `/orders/${id}`, order(qty), { ...as("shop"), "if-match": "*", ...headers });
    assert.equal((await put(2)).status, 200);
    assert.equal((await put(2)).status, 200);
    assert.equal((await put(3, { "if-match": '"0-0"' })).status, 412);
    assert.deepEqual(await log(api), [
      `api:shop token order.edit order:${id} done`,
      `api:shop token order.edit order:${id} unchanged`,
      `api:shop token order.edit order:${id} refused precondition_failed`,
    ]);
  }));

Deno.test("the audit log tells of an import with its file, and of all orders that it changed by one entry", () =>
  withApi(async (api) => {
    const csv = (qty: number) =>
      "external_order_id,order_placed_at,currency,customer_name,product_sku,product_name,unit_price_cents,qty\n" +
      [1, 2].map((n) => `C-${n},2026-01-05T10:00:00Z,EUR,Ann,MUG,Mug,1250,${qty}\n`).join("");
    const bring = async (qty: number, query: string) => {
      const response = await api.app.request(`/imports?${query}`, {
        method: "POST",
        headers: { ...as("shop"), "content-type": "text/csv" },
        body: csv(qty),
      });
      assert.equal(response.status, 202, await response.text());
      await Promise.all(api.deps.background!);
    };
    await bring(1, "name=/home/ann/orders.csv&dry_run=true");
    await bring(1, "name=first.csv");
    await bring(3, "name=second.csv&replace=true");
    await bring(4, "name=third.csv&replace=true&dry_run=true");
    const said: string[] = await log(api);
    assert.deepEqual(said.map((one) => one.replace(/, plan [0-9a-f]{64}$/, ", plan …")), [
      "api:shop token import.start import:1 done orders.csv, dry run, profile native, plan …",
      "api:shop token import.start import:2 done first.csv, profile native, plan …",
      "api:shop token import.start import:3 done second.csv, profile native, plan …",
      "api:shop token order.edit import:3 done 2 orders",
      "api:shop token import.start import:4 done third.csv, dry run, profile native, plan …",
    ]);
  }));

Deno.test("the audit log tells who signed in and out, and of a token that is not known", () =>
  withApi(async (api) => {
    const post = (path: string, fields: Record<string, string>, headers = {}) =>
      api.app.request(path, {
        method: "POST",
        headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
        body: new URLSearchParams(fields).toString(),
      });
    assert.equal((await post("/sign-in", { token: "guess" })).status, 401);
    const signedIn = await post("/sign-in", { token: "desk" });
    const cookie = signedIn.headers.get("set-cookie")!.split(";")[0]!;
    const page = await openPageOf(api, cookie);
    const csrf = /name="csrf_token" value="([^"]+)"/.exec(page)![1]!;
    assert.equal((await post("/sign-out", { csrf_token: csrf }, { cookie })).status, 303);
    assert.equal((await post("/sign-out", {}, { cookie })).status, 303);
    assert.deepEqual(await log(api), [
      "unknown open session.begin session:unknown refused a token that is not known",
      "api:desk session session.begin session:desk done",
      "api:desk session session.end session:desk done",
    ]);
  }));

async function openPageOf(api: Api, cookie: string): Promise<string> {
  return await (await api.app.request("/dashboard", { headers: { cookie, accept: "text/html" } }))
    .text();
}

Deno.test("a session is begun and told of together, or not at all", () =>
  withApi(async (api) => {
    await api.deps.db.run("rename table audit_log to audit_log_away");
    const answer = await api.app.request("/sign-in", {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: "token=desk",
    });
    await api.deps.db.run("rename table audit_log_away to audit_log");
    assert.ok(answer.status >= 500);
    assert.deepEqual(await api.deps.db.query("select id_hash from sessions"), []);
  }));

Deno.test("a flood of sign-ins that fail leaves a line or two an address, and few in all", () =>
  withApi(async (api) => {
    const failed = failedSignIns(api.deps);
    for (let time = 0; time < 5; time++) {
      for (let host = 1; host <= addressesToldApart + 20; host++) {
        await failed.add(`203.0.113.${host}`);
      }
    }
    assert.equal(
      (await log(api)).length,
      addressesToldApart + 1,
      "each address is told of at once",
    );
    await failed.flush();
    const said = await log(api, "?limit=200");
    assert.equal(said.length, 2 * (addressesToldApart + 1));
    assert.match(said.at(-1)!, /refused 99 more tries within a minute$/);
    assert.match(said.at(-2)!, /refused 4 more tries within a minute$/);
    await failed.add("203.0.113.1");
    await failed.flush();
    assert.equal((await log(api, "?limit=200")).length, said.length + 1, "a new minute");
  }));
