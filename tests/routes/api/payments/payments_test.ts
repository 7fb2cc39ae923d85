import assert from "node:assert/strict";
import { makeApp } from "../../../../routes/app.ts";
import { type CallbackMessage, messageOfEntry } from "../../../../domain/messages/messages.ts";
import { askedKey } from "../../../workflow.ts";
import { type Api, ask, assertProblem, openApi, storeOrder } from "../../api.ts";
import { signatureOf } from "./callbacks.ts";

const secrets = ["old", "new"].map((name) => `whsec_${btoa(name.padEnd(32, "."))}`);

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("payments_routes", {
    GATEWAY: "http",
    GATEWAY_URL: "http://127.0.0.1:9",
    GATEWAY_SECRETS: secrets.join(),
    API_TOKENS: `shop:${"0".repeat(64)}:read`,
  });
});
Deno.test.afterAll(() => api.close());

interface Sent {
  secret?: string;
  id?: string;
  at?: Date;
  body?: string;
  headers?: Record<string, string>;
}

/** An order that was charged, as far as the books know. */
async function charged(): Promise<{ order: number; key: string }> {
  const order = await storeOrder(api.deps.db, { status: "RESERVED" });
  return { order, key: await askedKey(api.deps.db, order) };
}

function callbackOf(key: string, changes: Record<string, unknown> = {}): string {
  return JSON.stringify({
    type: "charge.succeeded",
    timestamp: new Date().toISOString(),
    data: {
      id: "ch_1",
      idempotency_key: key,
      amount_cents: 1_000,
      currency: "EUR",
      ...changes,
    },
  });
}

function send(body: string, { secret = secrets[0]!, id, at, ...rest }: Sent = {}) {
  return ask(api, "POST", "/payments/callback", rest.body ?? body, {
    ...signatureOf(body, { secret, id, at }),
    ...rest.headers,
  });
}

async function published(orderId: number): Promise<CallbackMessage[]> {
  const entries = await api.deps.redis.xrange(api.deps.keys.stream("payments"), "-", "+");
  return entries
    .map(([, fields]) => messageOfEntry(fields) as CallbackMessage)
    .filter((message) => message.orderId === orderId);
}

Deno.test("POST /payments/callback takes what is signed with either secret, without a token", async () => {
  for (const secret of secrets) {
    const { order: id, key } = await charged();
    const answer = await send(callbackOf(key), { secret });
    assert.equal(answer.status, 202, JSON.stringify(answer.body));
    assert.deepEqual(answer.body, { duplicate: false });
    assert.deepEqual(await published(id), [{
      type: "payment.callback",
      orderId: id,
      amountCents: 1_000,
      currency: "EUR",
      outcome: "succeeded",
      provider: "http",
      key,
      providerRef: "ch_1",
    }]);
  }
});

for (
  const [when, change] of [
    ["while processes of the version before may read answers", "old_keys_until = null"],
    ["once one was seen again", "older_seen_at = utc_timestamp(6) + interval 1 second"],
  ] as const
) {
  Deno.test(`${when}, these are as those know them`, async () => {
    const { db } = api.deps;
    const { order } = await charged();
    await db.run("update orders set reserved_time = utc_timestamp(6) where id = ?", [order]);
    await db.run(`update installation set ${change}`);
    try {
      assert.equal((await send(callbackOf(`order-${order}`))).status, 202);
      const entries = await api.deps.redis.xrange(api.deps.keys.stream("payments"), "-", "+");
      const texts = entries.map(([, fields]) => fields[1]!.split(" "));
      assert.deepEqual(
        texts.filter(([, id]) => id === String(order)),
        [["payment.callback", String(order), "1000", "EUR", "succeeded", "http", "ch_1"]],
      );
    } finally {
      await db.run(
        "update installation set old_keys_until = '1000-01-01 00:00:00', older_seen_at = null",
      );
    }
  });
}

Deno.test("POST /payments/callback takes an id once", async () => {
  const { order, key } = await charged();
  const body = callbackOf(key);
  const first = await send(body, { id: "msg_1" });
  const again = await send(body, { id: "msg_1" });
  assert.deepEqual([first.body.duplicate, again.body.duplicate], [false, true]);
  assert.equal(again.status, 202);
  assert.equal((await published(order)).length, 1);
});

Deno.test("POST /payments/callback refuses what is not signed, and what is too old or too new", async () => {
  const { order, key } = await charged();
  const body = callbackOf(key);
  const minutes = (n: number) => new Date(Date.now() + n * 60_000);
  const forgeries: Sent[] = [
    { secret: `whsec_${btoa("x".repeat(32))}` },
    { at: minutes(-6) },
    { at: minutes(6) },
    { body: body.replace("1000", "1001") },
    { body: `${body} ` },
    { headers: { "webhook-id": "another" } },
    { headers: { "webhook-timestamp": String(Math.floor(Date.now() / 1_000) - 10) } },
    { headers: { "webhook-timestamp": "now" } },
    { headers: { "webhook-signature": "" } },
    { headers: { "webhook-signature": "v1," } },
    { headers: { "webhook-signature": "v2,AAAA" } },
  ];
  for (const forgery of forgeries) assertProblem(await send(body, forgery), 401);
  assertProblem(await ask(api, "POST", "/payments/callback", body), 401);
  assert.equal((await published(order)).length, 0);
  assert.equal((await send(body, { at: minutes(-4) })).status, 202);
});

Deno.test("POST /payments/callback takes money of another currency, which will be disputed", async () => {
  const { order, key } = await charged();
  assert.equal((await send(callbackOf(key, { currency: "USD" }))).status, 202);
  assert.deepEqual((await published(order)).map(({ currency }) => currency), ["USD"]);
});

Deno.test("POST /payments/callback refuses a signed callback that does not fit its order", async () => {
  const { order, key } = await charged();
  const bodies = [
    callbackOf(key, { reference: "another" }),
    callbackOf(key, { amount_cents: -1 }),
    callbackOf(key, { amount_cents: "1000" }),
    callbackOf(key, { id: "" }),
    // Half of a character, which JSON can say and no database takes.
    callbackOf(key, { id: "\ud800" }),
    callbackOf("\ud800"),
    callbackOf(key, { reference: "\udfff" }),
    JSON.stringify({ type: "charge.other" }),
    "no JSON",
  ];
  for (const body of bodies) assertProblem(await send(body), 422, "invalid");
  assert.equal((await published(order)).length, 0);
});

Deno.test("POST /payments/callback wants a callback again whose charge is not known, or not any more", async () => {
  const { order, key } = await charged();
  const stale = await charged();
  await api.deps.db.run("update charge_keys set order_id = ? where charge_key = ?", [
    order,
    stale.key,
  ]);
  const keys = [
    stale.key,
    `${key}x`,
    `order-${order}`,
    `refund-${order}`,
    "order-999999999",
    "",
    "😀",
  ];
  for (const unknown of keys) {
    assertProblem(await send(callbackOf(unknown)), 409, "charge-not-known");
  }
  assert.equal((await published(order)).length, 0);
  await askedKey(api.deps.db, stale.order);
  const body = callbackOf(stale.key);
  assert.equal((await send(body)).status, 202);
  assert.equal((await published(stale.order)).length, 1);
});

Deno.test("POST /payments/callback is not there for the simulated gateway", async () => {
  const config = { ...api.deps.config, gateway: "simulated" as const };
  const app = makeApp({ ...api.deps, config });
  assertProblem(await ask({ app }, "POST", "/payments/callback", callbackOf("1")), 404);
});
