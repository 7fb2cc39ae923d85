import assert from "node:assert/strict";
import { Hono } from "hono";
import { deadLetterMessages } from "../../../db/dead_letters/dead_letters.ts";
import { insertGivenTwice } from "../../../db/refunds/given_twice.ts";
import { addEndpoint } from "../../../services/notifications/manage_webhooks.ts";
import { recordChargeback } from "../../../services/payments/record_chargeback.ts";
import type { Caller } from "../../../routes/middleware/caller.ts";
import { answerDoubleClicks } from "../../../routes/dashboard/double_click.ts";
import { aChargeback } from "../../chargebacks.ts";
import { anOperator } from "../../operator.ts";
import { type Api, openApi, storeOrder } from "../api.ts";
import { openPage, type Page, sendForm } from "./pages.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("dashboard_double");
});
Deno.test.afterAll(() => api.close());

/** All that the form of a question sends, and where to. */
function formOf({ html, text }: Page): { action: string; fields: Record<string, string> } {
  const form = /<form method="post" action="([^"]+)" class="card stack-form"(.*?)<\/form>/s.exec(
    html,
  );
  assert.ok(form !== null, text);
  const hidden = form[2]!.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g);
  const fields = Object.fromEntries([...hidden].map(([, name, value]) => [name!, value!]));
  return { action: form[1]!, fields };
}

const storeLetter = async (orderId: number): Promise<void> => {
  await deadLetterMessages(api.deps.db, [{
    group: "orders",
    messageId: `1-${orderId}`,
    orderId,
    refundId: null,
    amountCents: 1_000,
    currency: "EUR",
    payload: JSON.stringify({ m: `order.reserve ${orderId} 1000 EUR` }),
    error: "it broke",
    attempts: 5,
    firstSeenMs: Date.now(),
  }]);
};

const storeTwice = async (): Promise<number> => {
  const { db } = api.deps;
  const orderId = await storeOrder(db, { status: "FAILED" });
  const { insertId: paymentId } = await db.run(
    `
    insert into payments (order_id, provider, provider_ref, amount_cents, status, paid_at)
    values (?, 'shop pay', 'src_1', 1000, 'REVERSED', now())`,
    [orderId],
  );
  const money = {
    orderId,
    refundId: null,
    paymentId,
    amountCents: 1_000,
    currency: "EUR",
    chargebackId: null,
  };
  await db.transaction((tx) => insertGivenTwice(tx, money));
  const [row] = await db.query("select max(id) as id from money_given_twice");
  return Number(row!.id);
};

/** Asks a question of each kind; what is asked is open to a POST, or to a GET where it begins with one. */
const questions: Record<string, () => Promise<[path: string, fields?: Record<string, string>]>> = {
  cancel: async () => [
    `/dashboard/orders/${await storeOrder(api.deps.db, { status: "RESERVED" })}/cancel`,
  ],
  retry: async () => [
    `/dashboard/orders/${await storeOrder(api.deps.db, { status: "FAILED" })}/retry`,
  ],
  refund: async () => [
    `/dashboard/orders/${await storeOrder(api.deps.db)}/refund`,
    { which: "all" },
  ],
  stock: async () => {
    await storeOrder(api.deps.db);
    return ["/dashboard/products/1/stock", { how: "add", qty: "5", detail: "" }];
  },
  chargeback: async () => {
    const { id } = await recordChargeback(api.deps, aChargeback("needs_response", 0), "test");
    return [`/dashboard/chargebacks/${id}/decide`, { outcome: "lost" }];
  },
  given_twice: async () => [
    `/dashboard/given-twice/${await storeTwice()}/dismiss`,
    { reason: "returned" },
  ],
  endpoint: async () => {
    const content = {
      url: "https://shop.example/hooks",
      types: ["order.*"],
      description: "",
      enabled: true,
    };
    const { endpoint } = await addEndpoint(api.deps, content, anOperator("desk"));
    return [`/dashboard/webhook-endpoints/${endpoint.id}/remove`];
  },
  dead_letter: async () => {
    await storeLetter(await storeOrder(api.deps.db, { status: "PENDING" }));
    return ["GET /dashboard/dead-letters/decide?verb=discard&all=1"];
  },
};

const ask = ([path, fields = {}]: [string, Record<string, string>?]): Promise<Page> =>
  path.startsWith("GET ") ? openPage(api, path.slice(4)) : sendForm(api, path, fields);

for (const [name, question] of Object.entries(questions)) {
  Deno.test(`a double click on the answer to a question is no refusal: ${name}`, async () => {
    const { action, fields } = formOf(await ask(await question()));
    const clicks = await Promise.all([1, 2].map(() => sendForm(api, action, fields)));
    clicks.push(await sendForm(api, action, fields));
    const led = clicks.map(({ status, headers }) => `${status} ${headers.get("location")}`);
    assert.equal(new Set(led).size, 1, led.join("\n"));
    assert.match(led[0]!, /^303 \/dashboard\//);
  });
}

Deno.test("units that are added by a double click are added once", async () => {
  const units = async () =>
    Number((await api.deps.db.query("select stock_qty from products where id = 1"))[0]!.stock_qty);
  const { action, fields } = formOf(await ask(await questions.stock!()));
  const before = await units();
  for (let click = 0; click < 3; click++) await sendForm(api, action, fields);
  assert.equal(await units(), before + 5);
});

Deno.test("an answer that was refused counts anew at once, one that led on a minute later", async () => {
  const { db } = api.deps;
  const id = await storeOrder(db, { status: "RESERVED" });
  const cancel = formOf(await sendForm(api, `/dashboard/orders/${id}/cancel`, {}));
  const send = async () => (await sendForm(api, cancel.action, cancel.fields)).status;
  const become = (status: string, settled: string) =>
    db.run("update orders set status = ?, settled_time = ? where id = ?", [status, settled, id]);
  await become("PAID", "2024-05-06 08:00:00");
  assert.deepEqual(await Promise.all([send(), send()]), [409, 409]);
  await become("RESERVED", "1000-01-01 00:00:00");
  assert.equal(await send(), 303);

  const clock = { ms: 0 };
  let times = 0;
  const app = new Hono()
    .use((c, next) => (c.set("caller", { actor: "desk" } as Caller), next()))
    .use(answerDoubleClicks({ now: () => clock.ms }))
    .post("/pause", (c) => c.redirect(`/paused/${++times}`, 303));
  const led = async (fields: Record<string, string>) =>
    (await sendForm({ app }, "/pause", fields)).headers.get("location");
  const once = crypto.randomUUID();
  assert.equal(await led({ once }), "/paused/1");
  clock.ms = 59_999;
  assert.equal(await led({ once }), "/paused/1");
  assert.equal(await led({ once, reason: "another" }), "/paused/2", "it says something else");
  clock.ms = 60_000;
  assert.equal(await led({ once }), "/paused/3");
});
