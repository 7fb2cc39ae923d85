import assert from "node:assert/strict";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { tokenHash } from "../../../../domain/operation/api_token.ts";
import { decidePayment } from "../../../../services/payments/decide_payment.ts";
import { recordChargeback } from "../../../../services/payments/record_chargeback.ts";
import { aChargeback } from "../../../chargebacks.ts";
import { createImport } from "../../../../db/imports/imports.ts";
import { writeNotifications } from "../../../../db/notifications/notifications.ts";
import {
  leavePaymentToPerson,
  leaveRefundsToPerson,
} from "../../../../db/refunds/refunds_by_hand.ts";
import { recordDispute, recordSecondPayment } from "../../../../db/payments/payment_disputes.ts";
import { eventTypeNames } from "../../../../domain/feed/event_types.ts";
import { neededScopes } from "../../../../routes/middleware/access.ts";
import { newOrder } from "../../../../routes/api/orders/order_examples.ts";
import { reconciliationExample } from "../../../../routes/api/reconciliations/reconciliation_answers.ts";
import { operationIds } from "../../../../routes/api/description/operation_ids.ts";
import { keysFor } from "../../../../streams/redis/keys.ts";
import { makeApp } from "../../../../routes/app.ts";
import { problemTypes } from "../../../../routes/middleware/problem.ts";
import { serveHttp } from "../../../../routes/server.ts";
import { csvOf } from "../../../csv_orders.ts";
import { toInteger } from "../../../../db/connection/database.ts";
import { deadLetterMessages } from "../../../../db/dead_letters/dead_letters.ts";
import { entryOf } from "../../../../domain/messages/messages.ts";
import { aDeadLetter } from "../../../dead_letter.ts";
import { giveMoney } from "../../../order_money.ts";
import { askedKey } from "../../../workflow.ts";
import {
  type Api,
  ask,
  assertProblem,
  importsEnded,
  openApi,
  orderBodyOf,
  storeOrder,
} from "../../api.ts";
import { storeHeld } from "../../../held_order.ts";
import { providerSecret, signatureOf } from "../payments/callbacks.ts";
import {
  arbitraryOf,
  type DescribedOperation,
  type Document,
  operationsOf,
} from "./schema_values.ts";

let api: Api;
let document: Document;
let ajv: Ajv2020;
Deno.test.beforeAll(async () => {
  api = await openApi("openapi_routes", {
    GATEWAY: "http",
    GATEWAY_URL: "http://127.0.0.1:9",
    GATEWAY_SECRETS: providerSecret,
    NOTIFY_CHANNELS: "log,webhook",
    NOTIFY_WEBHOOK_URL: "http://127.0.0.1:9/hooks",
    NOTIFY_WEBHOOK_SECRETS: `whsec_${btoa("s".repeat(32))}`,
  });
  document = (await ask(api, "GET", "/openapi.json")).body;
  ajv = new Ajv2020({
    strict: false,
    formats: {
      "date-time": /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(\d{3})?Z$/,
      date: /^\d{4}-\d\d-\d\d$/,
      binary: true,
    },
  });
  ajv.addSchema(document, "api");
});
Deno.test.afterAll(() => api.close());

const operations = () => operationsOf(document);

/** Checks an answer against the document. */
async function assertDescribed(
  { method, path, operation }: DescribedOperation,
  response: Response,
  sent: string,
): Promise<void> {
  const what = `${method} ${path} ${sent} → ${response.status}`;
  const described = operation.responses[response.status];
  const text = await response.text();
  assert.ok(described !== undefined, `${what} is not described: ${text}`);
  if (response.status === 304) return assert.equal(text, "");
  const type = response.headers.get("content-type")!.split(";")[0]!;
  assert.ok(described.content?.[type] !== undefined, `${what}: ${type} is not described`);
  for (const header of tellingHeaders) {
    if (response.headers.has(header)) assert.ok(described.headers?.[header], `${what}: ${header}`);
  }
  if (!/[/+]json$/.test(type)) return;
  const body = JSON.parse(text);
  const pointer = ["paths", path, method.toLowerCase(), "responses", String(response.status)];
  assertFits([...pointer, "content", type, "schema"], body, what);
  if (type !== "application/problem+json") return;
  const problems = Object.values(described.content[type]!.examples!).map(({ value }) => value);
  assert.ok(problems.some((problem) => problem.type === body.type), `${what}: ${text}`);
}

/** Headers that say something of an answer; the others are the same for all. */
const tellingHeaders = [
  "location",
  "etag",
  "idempotent-replayed",
  "content-disposition",
  "x-request-id",
  "ratelimit",
  "ratelimit-policy",
  "retry-after",
  "www-authenticate",
];

/** Checks a value against a schema of the document. */
function assertFits(pointer: readonly string[], value: unknown, what: string): void {
  const path = pointer
    .map((part) => encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1")))
    .join("/");
  const validate = ajv.getSchema(`api#/${path}`)!;
  const text = JSON.stringify(value);
  assert.ok(validate(value), `${what}: ${text} ${JSON.stringify(validate.errors)}`);
}

const hostile = fc.constantFrom<unknown>(
  "",
  "'; drop table orders; --",
  "../../etc/passwd",
  "%00",
  "\u0000",
  "-1",
  "1e999",
  "9".repeat(400),
  "<script>",
  "{{7*7}}",
  "\r\nx-injected: 1",
  "\ud800",
  "NaN",
  null,
  true,
  [],
  {},
  -1,
  0.1,
  1e300,
);

function mostly(good: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 6, arbitrary: good }, { weight: 1, arbitrary: hostile });
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value) ?? "";
}

Deno.test("GET /openapi.json is a valid OpenAPI 3.1 document by an independent validator", async () => {
  const validator = new Validator();
  const result = await validator.validate(structuredClone(document));
  assert.ok(result.valid, JSON.stringify(result.errors));
  assert.equal(validator.version, "3.1");
});

Deno.test("GET /openapi.json is made once, before anybody is listened to", async () => {
  const { stringify } = JSON;
  let made = 0;
  JSON.stringify = (value: { openapi?: unknown }, ...rest: []) => {
    if (value?.openapi !== undefined) made++;
    return stringify(value, ...rest);
  };
  const stop = new AbortController();
  const listening = Promise.withResolvers<string>();
  const config = { ...api.deps.config, port: { first: 0, tries: 1 } };
  const served = serveHttp({ ...api.deps, config }, stop.signal, {
    onListening: listening.resolve,
  });
  try {
    const url = await Promise.race([listening.promise, served.then(() => "")]);
    assert.equal(made, 1);
    for (let n = 0; n < 3; n++) {
      const response = await fetch(`${url}/openapi.json`);
      assert.equal(response.headers.get("content-type"), "application/json");
      assert.deepEqual(await response.json(), document);
    }
    const head = await fetch(`${url}/openapi.json`, { method: "HEAD" });
    assert.equal(await head.text(), "");
    assert.equal(made, 1);
  } finally {
    JSON.stringify = stringify;
    stop.abort();
    await served;
  }
});

Deno.test("GET /openapi.json describes every route, its scopes and its problems", () => {
  const others = /^\/(dashboard.*|sign-in|sign-out|docs.*|problems.*|openapi\.json|)$/;
  const routes = api.app.routes
    .filter(({ method, path }) => method !== "ALL" && !others.test(path))
    .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, "{$1}")}`);
  const described = operations().map(({ method, path }) => `${method} ${path}`);
  assert.deepEqual(described.sort(), [...new Set(routes)].sort());
  for (const { method, path, operation } of operations()) {
    const needed = neededScopes(method, path.replace(/\{\w+\}/g, "1"));
    const said = operation.security[0]?.bearer ?? "nothing";
    assert.deepEqual(said, needed, `${method} ${path}`);
    assert.ok(operation.summary.length > 5);
    for (const { name, description } of operation.parameters ?? []) {
      assert.ok(description, `${method} ${path}: ${name} is not described`);
    }
  }
  const { description } = document.info as { description: string };
  const guide = Deno.readTextFileSync(new URL("../../../../docs/integrating.md", import.meta.url));
  for (const { type, status } of problemTypes()) {
    assert.ok(description.includes(type), type);
    assert.ok(guide.includes(`| \`${type.split("/").at(-1)}\` | ${status} |`), type);
  }
});

Deno.test("every operation has an id as a person would give it, and no two have the same", () => {
  const verbs = new Set<string>();
  const ids = operations().map(({ method, path, operation }) => {
    const { operationId } = operation;
    assert.equal(operationId, operationIds[`${method} ${path}`], `${method} ${path}`);
    assert.match(operationId, /^[a-z]+([A-Z][a-z]+)+$/, `${operationId} is a verb and a noun`);
    verbs.add(/^[a-z]+/.exec(operationId)![0]);
    return operationId;
  });
  assert.equal(new Set(ids).size, ids.length);
  assert.deepEqual(Object.keys(operationIds).length, ids.length, "none is of a route that is gone");
  for (const verb of ["post", "put", "delete", "index"]) assert.ok(!verbs.has(verb), verb);
});

Deno.test("every type of problem is the address of a page that says what it means and what to do", async () => {
  const list = await (await api.app.request("/problems")).text();
  for (const { type, status, title } of problemTypes()) {
    const response = await api.app.request(type);
    assert.equal(response.status, 200, type);
    assert.match(response.headers.get("content-type")!, /^text\/html/);
    const text = await response.text();
    assert.ok(text.includes(`<h1>${title}</h1>`.replaceAll("'", "&#39;")), text);
    assert.ok(text.includes(`status ${status}`));
    const said = text.replace(/\s+/g, " ");
    assert.match(said, /<h2>What it means<\/h2> ?<p>[^<]{20,}\.<\/p>/, type);
    assert.match(said, /<h2>What to do<\/h2> ?<p>[^<]{15,}\.<\/p>/, type);
    assert.ok(list.includes(`href="${type}"`), type);
  }
  const { status, body } = await ask(api, "GET", "/problems/nothing-such");
  assert.deepEqual([status, body.type], [404, "about:blank"]);
  const refused = await ask(api, "GET", "/orders?limit=0");
  assert.equal((await api.app.request(refused.body.type)).status, 200);
});

Deno.test("every list has one shape, with limit and cursor", async () => {
  const lists = operations().filter(({ operation }) => operation.operationId.startsWith("list"));
  assert.ok(lists.length >= 9);
  for (const { path, operation } of lists) {
    const names = operation.parameters!.map(({ name }) => name);
    assert.ok(names.includes("limit") && names.includes("cursor"), path);
    const id = path.startsWith("/webhook-endpoints") ? await storeEndpoint() : 1;
    const url = path.replace("{id}", String(id)).replace("{sku}", "TEA");
    await storeOrder(api.deps.db);
    const { status, body } = await ask(api, "GET", `${url}?limit=1`);
    assert.equal(status, 200, path);
    assert.deepEqual(Object.keys(body), ["data", "next_cursor"], path);
    const unknown = await ask(api, "GET", `${url}?lmit=1`);
    assertProblem(unknown, 400, "bad-request");
  }
});

Deno.test("the document has every webhook with an example that fits its schema", () => {
  const { webhooks } = document as unknown as {
    webhooks: Record<string, { post: DescribedOperation["operation"] }>;
  };
  assert.deepEqual(
    Object.keys(webhooks).sort(),
    [
      ...eventTypeNames,
      "webhook.test",
      "notification",
      "alert",
    ].sort(),
  );
  for (const [name, { post }] of Object.entries(webhooks)) {
    const { example } = post.requestBody!.content["application/json"]!;
    const pointer = ["webhooks", name, "post", "requestBody", "content", "application/json"];
    assertFits([...pointer, "schema"], example, name);
    assert.ok(post.summary.length > 20);
  }
});

Deno.test("every body of the document has an example that fits its schema", () => {
  let checked = 0;
  for (const { method, path, operation } of operations()) {
    const start = ["paths", path, method.toLowerCase()];
    const bodies = Object.entries(operation.responses).map(([status, { content }]) =>
      [["responses", status], content] as const
    );
    for (
      const [place, content] of [
        [["requestBody"], operation.requestBody?.content] as const,
        ...bodies,
      ]
    ) {
      for (const [type, { example, examples }] of Object.entries(content ?? {})) {
        const what = `${method} ${path} ${place.join(" ")} ${type}`;
        const values = examples === undefined
          ? [example]
          : Object.values(examples).map(({ value }) => value);
        assert.ok(values.length > 0 && values.every((value) => value !== undefined), what);
        for (const value of values) {
          assertFits([...start, ...place, "content", type, "schema"], value, what);
          checked++;
        }
      }
    }
  }
  assert.ok(checked > 200, String(checked));
});

Deno.test("the examples of requests are taken as they stand", async () => {
  const taken: string[] = [];
  for (const described of operations()) {
    for (const [type, content] of Object.entries(described.operation.requestBody?.content ?? {})) {
      if (!/json|csv/.test(type)) continue;
      const { example } = content;
      const { path, method } = described;
      const id = await (isByHand(path)
        ? storeByHand(path)
        : path.endsWith("/capture")
        ? storeHeld(api.deps.db, 2_500)
        : storeOrder(api.deps.db, { status: "PAID", totalCents: 1_000 }));
      if (path === "/orders/{id}/refunds") {
        await nameItem(id, newOrder.items[0]!.sku);
      }
      const sent = isCallback(path)
        ? {
          ...example as Json,
          data: { ...(example as { data: Json }).data, ...await callbackOf(id) },
        }
        : example;
      const body = typeof sent === "string" ? sent : JSON.stringify(sent);
      const isEndpoint = path.startsWith("/webhook-endpoints/");
      const isEdit = method === "PUT" && path === "/orders/{id}";
      // That of an order is of the one that the example of POST makes.
      const [edited] = isEdit
        ? await api.deps.db.query(
          "select max(id) as id from orders where external_order_id = 'web-1'",
        )
        : [];
      const ownId = isEndpoint
        ? await storeEndpoint()
        : path.startsWith("/discrepancies/")
        ? await storeDiscrepancy()
        : path.startsWith("/reconciliations/")
        ? await storeReport()
        : path.startsWith("/chargebacks/")
        ? await storeChargeback()
        : edited?.id ?? id;
      const url = path
        .replace("{id}", String(ownId))
        .replace("{sku}", "TEA")
        .replace("{group}", "payments")
        .replace("{provider}", "http");
      const response = await api.app.request(url, {
        method,
        body,
        headers: {
          "content-type": type,
          ...(isEdit ? { "if-match": "*" } : {}),
          ...(isCallback(path) ? signatureOf(body) : {}),
        },
      });
      const good = path === "/products" || path === "/webhook-endpoints"
        ? 201
        : isEdit || path.startsWith("/products/") || path.endsWith("/returned") ||
            path.startsWith("/streams/") || path === "/orders/batch" ||
            path.startsWith("/discrepancies/") || path === "/reconciliations/{id}/approve" ||
            path.startsWith("/chargebacks/") ||
            path.startsWith("/webhook-endpoints/")
        ? 200
        : 202;
      assert.equal(response.status, good, path);
      await assertDescribed(described, response, "its example");
      taken.push(`${path} ${type}`);
      if (isEdit) {
        const back = await ask(api, method, `/orders/${edited!.id}`, newOrder, { "if-match": "*" });
        assert.equal(back.status, 200);
      }
    }
  }
  assert.deepEqual(taken.sort(), [
    "/chargebacks/{id}/decide application/json",
    "/discrepancies/{id}/approve application/json",
    "/discrepancies/{id}/mend application/json",
    "/imports text/csv",
    "/orders application/json",
    "/orders/batch application/json",
    "/orders/batch application/x-ndjson",
    "/orders/{id} application/json",
    "/orders/{id}/capture application/json",
    "/orders/{id}/payment/returned application/json",
    "/orders/{id}/refunds application/json",
    "/payments/callback application/json",
    "/payments/callback/{provider} application/json",
    "/products application/json",
    "/products/stock text/csv",
    "/products/{sku}/stock application/json",
    "/reconciliations text/csv",
    "/reconciliations/{id}/approve application/json",
    "/refunds/{id}/complete application/json",
    "/refunds/{id}/refuse application/json",
    "/streams/{group}/pause application/json",
    "/webhook-endpoints application/json",
    "/webhook-endpoints/{id} application/json",
    "/webhook-endpoints/{id}/secret application/json",
  ]);
});

type Json = Record<string, unknown>;

const isCallback = (path: string) => path.startsWith("/payments/callback");

/** An endpoint of webhooks. @returns its id */
async function storeEndpoint(): Promise<number> {
  const { insertId } = await api.deps.db.run(
    `insert into webhook_endpoints (url, types, secret, from_step, from_movement)
     values (?, '["*"]', 'whsec_s', 0, 0)`,
    [`https://shop.example/${crypto.randomUUID()}`],
  );
  return insertId;
}

/** An open discrepancy. @returns its id */
async function storeDiscrepancy(): Promise<number> {
  const { insertId } = await api.deps.db.run(
    `insert into discrepancies
       (reconciliation_id, provider, kind, identity, day, movement, action, note, proposed_by, proposed_at)
     values (999, 'simulated', 'late', unhex(?), '2026-01-05', 'charge', 'explain', 'so', 'test',
       '2026-01-06 09:00:00')`,
    [crypto.randomUUID().replaceAll("-", "")],
  );
  return insertId;
}

/** Adds a chargeback that waits for an answer, of a charge that nobody here knows. @returns its id */
async function storeChargeback(): Promise<number> {
  const one = aChargeback("needs_response", 0, { providerRef: "dp_open" });
  return (await recordChargeback(api.deps, one, "test")).id;
}

/** A report of another person, finished at the time of the example, whose fees wait. @returns its id */
async function storeReport(): Promise<number> {
  const { insertId } = await api.deps.db.run(
    `insert into reconciliations
       (provider, source, name, digest, period_from, period_to, state, actor, finished_at, fees_wait, is_noted, fees)
     values ('simulated', 'report', 'r.csv', unhex(?), '2026-01-05', '2026-01-06', 'DONE', 'another', ?, 1, 1, '{"EUR":5}')`,
    [
      (crypto.randomUUID() + crypto.randomUUID()).replaceAll("-", ""),
      reconciliationExample.finished_at.slice(0, -1).replace("T", " "),
    ],
  );
  return insertId;
}

/** Makes the item of an order one of another product. */
async function nameItem(orderId: number, sku: string): Promise<void> {
  const { db } = api.deps;
  await db.run(
    `
    insert into products (sku, name, price_cents, stock_qty, received_qty)
    values (?, 'Mug', 1, 1, 1)
    on duplicate key update name = name`,
    [sku],
  );
  await db.run(
    "update order_items set product_id = (select id from products where sku = ?) where order_id = ?",
    [sku, orderId],
  );
}

const isByHand = (path: string) => /\/(complete|refuse|returned)$/.test(path);

/** Money that waits for a person. @returns the id that the path is about, of a refund or of an order */
async function storeByHand(path: string): Promise<number> {
  const { db } = api.deps;
  const isReturned = path.endsWith("/returned");
  const orderId = await storeOrder(db, { status: isReturned ? "FAILED" : "PAID" });
  if (!isReturned) {
    const { body: { id } } = await ask(api, "POST", `/orders/${orderId}/refunds`, {
      amount_cents: 5,
    });
    await db.transaction((tx) => leaveRefundsToPerson(tx, [{ id, provider: "shop" }]));
    return id;
  }
  await db.run("update orders set payment_status = 'paid' where id = ?", [orderId]);
  const { insertId } = await db.run(
    `insert into payments (order_id, provider, provider_ref, amount_cents, status, paid_at)
     values (?, 'shop', ?, 1000, 'REVERSING', current_timestamp(6))`,
    [orderId, `src_${orderId}`],
  );
  await db.transaction((tx) => leavePaymentToPerson(tx, insertId));
  return orderId;
}

const callbackOf = async (orderId: number) => ({
  idempotency_key: await askedKey(api.deps.db, orderId),
});

Deno.test("whom a route turns away is told as the document says, on every route", async () => {
  const secretOf = (name: string) => `secret-of-${name}`;
  const scopesOf = { reader: "read", shop: "orders", returns: "refunds" };
  const guarded = await openApi("openapi_guarded", {
    RATE_LIMIT: "1000",
    GATEWAY: "http",
    GATEWAY_URL: "http://127.0.0.1:9",
    GATEWAY_SECRETS: providerSecret,
    API_TOKENS: Object.entries(scopesOf)
      .map(([name, scope]) => `${name}:${tokenHash(secretOf(name))}:${scope}`).join(","),
  });
  // Counted apart: what one request a minute leaves behind is too much of any limit for a while.
  const limited = makeApp({
    ...guarded.deps,
    keys: keysFor(`${guarded.deps.config.redisPrefix}limited:`, guarded.deps.baseCurrency),
    config: { ...guarded.deps.config, rateLimitPerMinute: 1 },
  });
  try {
    for (const described of operations()) {
      const { method, path, operation } = described;
      const url = path.replace("{channel}", "webhook").replace(/\{(id|sku)\}/, "1")
        .replace("{group}", "payments").replace("{provider}", "http");
      const needed = operation.security[0]?.bearer;
      const askBy = async (app: Api["app"], name: string | undefined) => {
        const authorization = name === undefined ? "" : `Bearer ${secretOf(name)}`;
        const response = await app.request(url, {
          method,
          headers: authorization === "" ? {} : { authorization },
        });
        await assertDescribed(described, response.clone(), `by ${name ?? "nobody"}`);
        return response;
      };
      const stranger = await askBy(guarded.app, undefined);
      if (needed === undefined) {
        assert.notEqual(stranger.status, 403, `${method} ${path}`);
        continue;
      }
      assert.equal(stranger.status, 401, `${method} ${path}`);
      assert.ok(stranger.headers.has("www-authenticate"));
      assert.equal((await askBy(guarded.app, "unknown")).status, 401, `${method} ${path}`);
      for (const [name, scope] of Object.entries(scopesOf)) {
        const { status, headers } = await askBy(guarded.app, name);
        assert.equal(status === 403, !needed.includes(scope), `${method} ${path} by ${name}`);
        assert.ok(headers.has("ratelimit"), `${method} ${path} by ${name} counts, refused or not`);
      }
      const name = Object.entries(scopesOf).find(([, scope]) => needed.includes(scope))?.[0];
      if (name === undefined) continue;
      // Where what was asked before is forgotten already, one more may come.
      let one = await askBy(limited, name);
      if (one.status !== 429) one = await askBy(limited, name);
      assert.equal(one.status, 429, `${method} ${path}`);
      assert.ok(one.headers.has("retry-after"));
    }
  } finally {
    await guarded.close();
  }
});

/** Leaves an order of which every decision about its payments was taken: each again is answered well. */
async function decideEveryWay(orderId: number): Promise<void> {
  const money = (providerRef: string) => ({
    orderId,
    provider: "http",
    providerRef,
    amountCents: 1_001,
    currency: "EUR",
  });
  const now = "2026-01-05 10:00:00.000000";
  const { db } = api.deps;
  await db.transaction((tx) => recordDispute(tx, money("decided"), now));
  await decidePayment(db, orderId, "accept", "test");
  for (const verdict of ["give_back", "dismiss"] as const) {
    await db.transaction((tx) => recordSecondPayment(tx, money(verdict), now));
    await decidePayment(db, orderId, verdict, "test");
  }
}

Deno.test("every answer to what the document describes, and to what it does not, is described", async () => {
  const order = orderBodyOf();
  const { body: { id: pending } } = await ask(api, "POST", "/orders", order);
  const past = orderBodyOf({ customer: { external_id: "C-over", name: "Over" } });
  const { body: { id: over } } = await ask(api, "POST", "/orders", past);
  await ask(api, "POST", `/orders/${over}/cancel`);
  const paid = await storeOrder(api.deps.db, { status: "PAID", totalCents: 1_000_000 });
  const failed = await storeOrder(api.deps.db, { status: "FAILED" });
  const file = () => csvOf([{ external_order_id: `contract-${crypto.randomUUID()}` }]);
  const reportFile = () =>
    "entry_id,kind,created_utc,charge_id,gross_cents,currency\n" +
    "txn_1,payout,2026-01-05 10:00:00,,-5,EUR\n";
  const stockFile = () => `sku,set_qty\nTEA,${crypto.getRandomValues(new Uint8Array(1))[0]}\n`;
  await api.app.request("/imports?dry_run=1", {
    method: "POST",
    body: file(),
    headers: { "content-type": "text/csv" },
  });
  const cancelled = await createImport(api.deps.db, "cancelled");
  await api.deps.db.run("update imports set status = 'CANCELLED' where id = ?", [cancelled]);
  for (const orderId of [paid, failed]) {
    const notification = { orderId, refundId: null, event: "order.paid", amountCents: 1 };
    await api.deps.db.transaction((tx) =>
      writeNotifications(tx, [notification], ["log", "webhook"])
    );
  }
  await giveMoney(api.deps.db, paid, {
    adjustments: [
      { kind: "shipping", label: "Express", amountCents: 490 },
      { kind: "tax", amountCents: 375, included: true },
      { kind: "discount", amountCents: -540 },
    ],
    source: { provider: "paypal", reference: "5O1", paidAt: "2026-01-05 09:59:00.000000" },
    language: "de-AT",
    guest: true,
    recipientEmail: null,
  });
  const decided = await storeOrder(api.deps.db, { status: "RESERVED" });
  await decideEveryWay(decided);
  for (const providerRef of ["dp_1", "dp_2"]) {
    await recordChargeback(api.deps, aChargeback("lost", 0, { providerRef }), "test");
  }
  const letter = (n: number) =>
    aDeadLetter({
      messageId: `${n}-0`,
      payload: JSON.stringify(entryOf({
        type: "payment.charge",
        orderId: paid,
        amountCents: 1,
        currency: "EUR",
      })),
    });
  await deadLetterMessages(
    api.deps.db,
    Array.from({ length: 40 }, (_, n) => n + 1).map(letter),
  );
  // Whoever discards comes after those that retry, whatever they have met.
  const newLetter = async () => {
    await deadLetterMessages(api.deps.db, [letter(1_000)]);
    const [row] = await api.deps.db.query("select max(id) as id from dead_letters");
    return toInteger(row!.id);
  };
  const byHand = await Promise.all(["/complete", "/refuse", "/returned"].map(storeByHand));
  const asked = await Promise.all([pending, paid, failed].map(callbackOf));
  const callbacks = fc.constantFrom(...asked).map((key) => ({
    type: "charge.succeeded",
    timestamp: "",
    data: { id: "ch-1", amount_cents: 1, currency: "EUR", ...key },
  }));
  const ids = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(pending, paid, failed, cancelled, decided, 1, 2) },
    { weight: 3, arbitrary: fc.constantFrom(...byHand) },
    { weight: 1, arbitrary: fc.nat() },
    { weight: 1, arbitrary: hostile },
  );
  const people = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom("C-over", order.customer.external_id, "nobody") },
    { weight: 1, arbitrary: hostile },
  );
  const skus = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom("TEA", "nothing") },
    { weight: 1, arbitrary: hostile },
  );
  // That of the example may be added anew.
  await api.deps.db.run("delete from webhook_endpoints");
  const endpointIds = await Promise.all(Array.from({ length: 30 }, storeEndpoint));
  const endpoints = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...endpointIds) },
    { weight: 1, arbitrary: hostile },
  );
  const tags = fc.constantFrom("*", '"0-0000000000000000"', "0");
  const seen = new Map<string, Set<number>>();
  for (const described of operations()) {
    const { method, path, operation } = described;
    const discarded = path.endsWith("/discard") ? await newLetter() : 0;
    const differing = path.startsWith("/discrepancies/") ? await storeDiscrepancy() : 0;
    const reported = path.startsWith("/reconciliations/") ? await storeReport() : 0;
    const held = path.endsWith("/capture") ? await storeHeld(api.deps.db, 2_500) : 0;
    const parameters = fc.record(
      Object.fromEntries(
        (operation.parameters ?? []).map(({ in: place, name, schema }) => [
          `${place} ${name}`,
          fc.option(
            path.endsWith("/discard")
              ? mostly(fc.constant(discarded))
              : path.endsWith("/capture")
              ? fc.oneof({ weight: 3, arbitrary: fc.constant(held) }, ids)
              : path.startsWith("/customers/")
              ? people
              : path.startsWith("/webhook-endpoints/") && name === "id"
              ? endpoints
              : path.startsWith("/discrepancies/") && name === "id"
              ? mostly(fc.constant(differing))
              : path.startsWith("/reconciliations/") && name === "id"
              ? mostly(fc.constant(reported))
              : path === "/reconciliations" && name === "provider"
              ? mostly(fc.constant("http"))
              : name === "id"
              ? ids
              : name === "sku"
              ? skus
              : name === "if-match"
              ? tags
              : mostly(arbitraryOf(schema)),
            { nil: undefined, freq: place === "path" ? 1e6 : 2 },
          ),
        ]),
      ),
    );
    const contents = Object.entries(operation.requestBody?.content ?? {});
    const body = contents.length === 0 ? fc.constant(undefined) : fc.oneof(
      ...contents.map(([type, { schema, example }]) => {
        const good = type === "application/json"
          ? fc.oneof(
            ...(isCallback(path) ? [{ weight: 4, arbitrary: callbacks }] : []),
            ...(method === "PUT" ? [{ weight: 4, arbitrary: fc.constant(order) }] : []),
            arbitraryOf(schema),
            fc.constant(example),
            mostly(fc.anything({ maxDepth: 2 })),
          ).map((value) =>
            JSON.stringify(value, (_, part) => typeof part === "bigint" ? 0 : part) ?? ""
          )
          : fc.oneof(
            fc.constant("").map(
              path === "/products/stock"
                ? stockFile
                : path === "/reconciliations"
                ? reportFile
                : file,
            ),
            fc.string(),
          );
        return good.map((text) => ({ type, text }));
      }),
      hostile.map((value) => ({ type: "text/plain", text: textOf(value) })),
    );
    const statuses = new Set<number>();
    seen.set(`${method} ${path}`, statuses);
    const wentWell = () => [...statuses].some((status) => status < 300);
    const asking = () =>
      fc.assert(
        fc.asyncProperty(parameters, body, async (values, content) => {
          let url = path;
          const query = new URLSearchParams();
          const headers: Record<string, string> = {};
          for (const [parameter, value] of Object.entries(values)) {
            const [place, name] = parameter.split(" ") as [string, string];
            if (value === undefined) continue;
            const text = textOf(value);
            if (place === "query") query.append(name, text);
            else if (place === "path") {
              url = url.replace(`{${name}}`, encodeURIComponent(text.toWellFormed()) || "0");
            } else if (/^[\x20-\x7e]*$/.test(text)) headers[name] = text;
          }
          if (content !== undefined) headers["content-type"] = content.type;
          // Hardly ever would chance make a signature.
          if (isCallback(path) && headers["webhook-timestamp"] === undefined) {
            Object.assign(headers, signatureOf(content?.text ?? ""));
          }
          const sent = JSON.stringify([url, String(query), headers, content?.text.slice(0, 200)]);
          const response = await api.app.request(`${url}?${query}`, {
            method,
            body: content?.text,
            headers,
          });
          statuses.add(response.status);
          if (path === "/imports" && response.status === 202) {
            // Only so many run at once.
            await importsEnded(api);
          }
          assert.ok(response.status < 500, `${sent} ${response.status}`);
          // What is no path of the API is not described either.
          if (response.status === 404 && operation.responses[404] === undefined) {
            await response.body?.cancel();
            return;
          }
          await assertDescribed(described, response, sent);
        }),
        { numRuns: isCallback(path) ? 200 : 60 },
      );
    await asking();
    // Chance may have met none of what an operation is for.
    for (let more = 1; more <= 20 && !wentWell(); more++) {
      // One verification at once, and the last one may still go on.
      await Promise.allSettled(api.deps.background!);
      await asking();
    }
  }
  for (const [what, statuses] of seen) {
    const good = [...statuses].some((status) => status < 300);
    assert.ok(good, `${what} was never asked for well: ${[...statuses]}`);
  }
});

Deno.test("GET /docs is a page that loads nothing from elsewhere", async () => {
  const page = await api.app.request("/docs");
  assert.equal(page.status, 200);
  const csp = page.headers.get("content-security-policy")!;
  assert.match(csp, /script-src 'self'; style-src 'self'/);
  assert.doesNotMatch(csp, /unsafe|http/);
  const html = await page.text();
  const files = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => file!);
  assert.equal(files.length, 4);
  for (const file of files) {
    const response = await api.app.request(file);
    assert.equal(response.status, 200, file);
    assert.ok((await response.text()).length > 50);
  }
  assert.doesNotMatch(html, /<script>|style=|\son\w+=/);
  assert.equal((await api.app.request("/docs/other.js")).status, 404);
  assert.equal((await api.app.request("/docs/constructor")).status, 404);
});
