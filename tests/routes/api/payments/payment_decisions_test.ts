import assert from "node:assert/strict";
import { recordDispute, recordSecondPayment } from "../../../../db/payments/payment_disputes.ts";
import { messageOfEntry, orderIdOf } from "../../../../domain/messages/messages.ts";
import { type Api, ask, assertProblem, openApi, storeOrder } from "../../api.ts";

const tokens = {
  shop: "s".repeat(40),
  desk: "d".repeat(40),
  reader: "r".repeat(40),
  clerk: "c".repeat(40),
};

async function hashed(token: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token));
  return new Uint8Array(digest).toHex();
}

let api: Api;
Deno.test.beforeAll(async () => {
  const scopes = { shop: "orders", desk: "refunds", reader: "read", clerk: "read+refunds" };
  const list = await Promise.all(
    (Object.keys(tokens) as (keyof typeof tokens)[]).map(async (name) =>
      `${name}:${await hashed(tokens[name])}:${scopes[name]}`
    ),
  );
  api = await openApi("payment_decisions", { API_TOKENS: list.join(",") });
});
Deno.test.afterAll(() => api.close());

const as = (name: keyof typeof tokens) => ({ authorization: `Bearer ${tokens[name]}` });
const now = "2026-01-05 10:00:00.000000";

const moneyOf = (orderId: number, rest = {}) => ({
  orderId,
  provider: "http",
  providerRef: `ch_${crypto.randomUUID()}`,
  amountCents: 1_001,
  currency: "EUR",
  ...rest,
});

async function disputed(rest = {}): Promise<number> {
  const id = await storeOrder(api.deps.db, { status: "RESERVED" });
  await api.deps.db.transaction((tx) => recordDispute(tx, moneyOf(id, rest), now));
  return id;
}

async function published(orderId: number): Promise<string[]> {
  const entries = await api.deps.redis.xrange(api.deps.keys.stream("payments"), "-", "+");
  return entries.map(([, fields]) => messageOfEntry(fields))
    .flatMap((message) =>
      typeof message !== "string" && orderIdOf(message) === orderId ? message.type : []
    );
}

Deno.test("POST /orders/{id}/payment/accept pays the order by what was taken, once", async () => {
  const id = await disputed();
  const path = `/orders/${id}/payment/accept`;
  const key = { "idempotency-key": "accept-1" };
  const first = await ask(api, "POST", path, undefined, { ...as("desk"), ...key });
  assert.equal(first.status, 200, JSON.stringify(first.body));
  assert.deepEqual([first.body.status, first.body.total_cents], ["PAID", 1_001]);
  assert.deepEqual(await published(id), ["payment.callback"]);
  const again = await ask(api, "POST", path, undefined, { ...as("desk"), ...key });
  assert.deepEqual(again.body, first.body);
  const unkeyed = await ask(api, "POST", path, undefined, as("desk"));
  assert.deepEqual([unkeyed.status, unkeyed.body.status], [200, "PAID"]);
  const back = await ask(api, "POST", `/orders/${id}/payment/give-back`, undefined, as("desk"));
  assertProblem(back, 409, "payment-not-disputed");
  const shown = await ask(api, "GET", `/orders/${id}`, undefined, as("reader"));
  assert.deepEqual(
    [shown.body.payment.status, shown.body.payment.amount_cents, shown.body.payment.currency],
    ["SUCCEEDED", 1_001, "EUR"],
  );
  assert.deepEqual(
    shown.body.adjustments.map((one: { amount_cents: number }) => one.amount_cents),
    [
      1,
    ],
  );
});

Deno.test("POST /orders/{id}/payment/give-back fails the order and sends the money back", async () => {
  const id = await disputed();
  const path = `/orders/${id}/payment/give-back`;
  const answer = await ask(api, "POST", path, undefined, as("desk"));
  assert.deepEqual(
    [answer.status, answer.body.status, answer.body.failure_reason],
    [200, "FAILED", "payment_declined"],
  );
  assert.deepEqual(await published(id), ["payment.callback"]);
});

Deno.test("decisions about payments need their scope, an order, and something to decide", async () => {
  const id = await disputed();
  for (const verdict of ["accept", "give-back", "dismiss"]) {
    const path = `/orders/${id}/payment/${verdict}`;
    for (const name of ["shop", "reader"] as const) {
      assert.equal((await ask(api, "POST", path, undefined, as(name))).status, 403, verdict);
    }
    const nothing = await ask(
      api,
      "POST",
      `/orders/999999/payment/${verdict}`,
      undefined,
      as("desk"),
    );
    assertProblem(nothing, 404, "not-found");
    const plain = await storeOrder(api.deps.db, { status: "PAID" });
    const calm = await ask(
      api,
      "POST",
      `/orders/${plain}/payment/${verdict}`,
      undefined,
      as("desk"),
    );
    assertProblem(calm, 409, "payment-not-disputed");
  }
  const dollars = await disputed({ currency: "USD" });
  const path = `/orders/${dollars}/payment/accept`;
  assertProblem(await ask(api, "POST", path, undefined, as("desk")), 409, "payment-not-disputed");
});

Deno.test("POST /orders/{id}/payment/dismiss lets go of a second payment, and the order stays paid", async () => {
  const id = await storeOrder(api.deps.db, { status: "PAID" });
  await api.deps.db.transaction((tx) => recordSecondPayment(tx, moneyOf(id), now));
  const shown = await ask(api, "GET", `/orders/${id}`, undefined, as("reader"));
  assert.deepEqual(
    shown.body.further_payments.map((one: { status: string }) => one.status),
    ["DISPUTED"],
  );
  const answer = await ask(api, "POST", `/orders/${id}/payment/dismiss`, undefined, as("desk"));
  assert.deepEqual([answer.status, answer.body.status], [200, "PAID"]);
  assert.deepEqual(await published(id), []);
});

Deno.test("the page of an order offers the decision, and carries it out", async () => {
  const id = await disputed();
  const headers = { ...as("clerk"), accept: "text/html" };
  const page = async (name: keyof typeof tokens = "reader") =>
    await (await api.app.request(`/dashboard/orders/${id}`, { headers: as(name) })).text();
  assert.match(await page(), /Decide about the payment/);
  const send = (verdict: string, confirmed = "") =>
    api.app.request(`/dashboard/orders/${id}/payment`, {
      method: "POST",
      headers: { ...headers, "content-type": "application/x-www-form-urlencoded" },
      body: `verdict=${verdict}${confirmed}`,
    });
  assert.equal((await send("nonsense")).status, 422);
  const question = await send("give_back");
  assert.equal(question.status, 200);
  assert.match(await question.text(), /<h1>Give back €[\d.,]+ of Name of [^<]+\?<\/h1>/);
  assert.match(await page(), /Decide about the payment/, "nothing has happened yet");
  const answer = await send("give_back", "&confirmed=yes");
  assert.equal(answer.status, 303);
  await answer.body?.cancel();
  assert.doesNotMatch(await page(), /Decide about the payment/);
  assert.match(await page(), /Payment to be given back/);
});
