import assert from "node:assert/strict";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { createImport } from "../../db/imports.ts";
import { writeNotifications } from "../../db/notifications.ts";
import { neededScopes } from "../../routes/access.ts";
import { ordersClient } from "../../routes/client.ts";
import { problemTypes } from "../../routes/problem.ts";
import { csvOf } from "../csv_orders.ts";
import { type Api, ask, openApi, orderBodyOf, storeOrder } from "./api.ts";
import { arbitraryOf, type Described, type Document, operationsOf } from "./schema_values.ts";

let api: Api;
let document: Document;
let ajv: Ajv2020;
Deno.test.beforeAll(async () => {
  api = await openApi("openapi_routes", {
    GATEWAY: "http",
    GATEWAY_URL: "http://127.0.0.1:9",
    GATEWAY_SECRETS: `whsec_${btoa("s".repeat(32))}`,
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
  { method, path, operation }: Described,
  response: Response,
  sent: string,
): Promise<void> {
  const what = `${method} ${path} ${sent} → ${response.status}`;
  const described = operation.responses[response.status];
  const text = await response.text();
  assert.ok(described !== undefined, `${what} is not described: ${text}`);
  const type = response.headers.get("content-type")!.split(";")[0]!;
  assert.ok(described.content?.[type] !== undefined, `${what}: ${type} is not described`);
  for (const header of ["location", "idempotent-replayed"]) {
    if (response.headers.has(header)) assert.ok(described.headers?.[header], `${what}: ${header}`);
  }
  if (!type.endsWith("json")) return;
  const pointer = [
    "paths",
    path,
    method.toLowerCase(),
    "responses",
    String(response.status),
    "content",
    type,
    "schema",
  ].map((part) => encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1"))).join("/");
  const validate = ajv.getSchema(`api#/${pointer}`)!;
  assert.ok(validate(JSON.parse(text)), `${what}: ${text} ${JSON.stringify(validate.errors)}`);
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

Deno.test("GET /openapi.json describes every route, its scopes and its problems", () => {
  const others = /^\/(dashboard.*|sign-in|sign-out|docs.*|openapi\.json|)$/;
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
  }
  const { description } = document.info as { description: string };
  const guide = Deno.readTextFileSync(new URL("../../docs/integrating.md", import.meta.url));
  for (const { type, status } of problemTypes()) {
    assert.ok(description.includes(type), type);
    assert.ok(guide.includes(`| \`${type.split(":").at(-1)}\` | ${status} |`), type);
  }
});

Deno.test("the examples of the document are taken as they stand", async () => {
  let taken = 0;
  for (const described of operations()) {
    const example = described.operation.requestBody?.content["application/json"]?.example;
    if (example === undefined) continue;
    const id = await storeOrder(api.deps.db, { status: "PAID", totalCents: 1_000 });
    const path = described.path.replace("{id}", String(id));
    const response = await api.app.request(path, {
      method: described.method,
      body: JSON.stringify(example),
      headers: { "content-type": "application/json" },
    });
    assert.equal(response.status, 202);
    await assertDescribed(described, response, "its example");
    taken++;
  }
  assert.equal(taken, 2);
});

Deno.test("every answer to what the document describes, and to what it does not, is described", async () => {
  const { body: { id: pending } } = await ask(api, "POST", "/orders", orderBodyOf());
  const paid = await storeOrder(api.deps.db, { status: "PAID", totalCents: 1_000_000 });
  const failed = await storeOrder(api.deps.db, { status: "FAILED" });
  const file = () => csvOf([{ external_order_id: `contract-${crypto.randomUUID()}` }]);
  await api.app.request("/imports?dry_run=1", {
    method: "POST",
    body: file(),
    headers: { "content-type": "text/csv" },
  });
  const cancelled = await createImport(api.deps.db, "cancelled");
  await api.deps.db.run("update imports set status = 'CANCELLED' where id = ?", [cancelled]);
  for (const orderId of [paid, failed]) {
    const notice = { orderId, refundId: null, event: "order.paid", amountCents: 1 };
    await api.deps.db.transaction((tx) => writeNotifications(tx, [notice], ["log", "webhook"]));
  }
  const ids = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(pending, paid, failed, cancelled, 1, 2) },
    { weight: 1, arbitrary: fc.nat() },
    { weight: 1, arbitrary: hostile },
  );
  const seen = new Map<string, Set<number>>();
  for (const described of operations()) {
    const { method, path, operation } = described;
    const parameters = fc.record(
      Object.fromEntries(
        (operation.parameters ?? []).map(({ in: place, name, schema }) => [
          `${place} ${name}`,
          fc.option(name === "id" ? ids : mostly(arbitraryOf(schema)), {
            nil: undefined,
            freq: place === "path" ? 1e6 : 2,
          }),
        ]),
      ),
    );
    const contents = Object.entries(operation.requestBody?.content ?? {});
    const body = contents.length === 0 ? fc.constant(undefined) : fc.oneof(
      ...contents.map(([type, { schema, example }]) => {
        const good = type === "application/json"
          ? fc.oneof(
            arbitraryOf(schema),
            fc.constant(example),
            mostly(fc.anything({ maxDepth: 2 })),
          ).map((value) =>
            JSON.stringify(value, (_, part) => typeof part === "bigint" ? 0 : part) ?? ""
          )
          : fc.oneof(fc.constant("").map(file), fc.string());
        return good.map((text) => ({ type, text }));
      }),
      hostile.map((value) => ({ type: "text/plain", text: textOf(value) })),
    );
    const statuses = new Set<number>();
    seen.set(`${method} ${path}`, statuses);
    await fc.assert(
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
        const sent = JSON.stringify([url, String(query), headers, content?.text.slice(0, 200)]);
        const response = await api.app.request(`${url}?${query}`, {
          method,
          body: content?.text,
          headers,
        });
        statuses.add(response.status);
        if (path === "/imports" && response.status === 202) {
          // Only so many run at once.
          const events = await api.app.request(`${response.headers.get("location")}/events`);
          await events.text();
        }
        assert.ok(response.status < 500, `${sent} ${response.status}`);
        // What is no path of the API is not described either.
        if (response.status === 404 && operation.responses[404] === undefined) {
          await response.body?.cancel();
          return;
        }
        await assertDescribed(described, response, sent);
      }),
      { numRuns: 60 },
    );
  }
  for (const [what, statuses] of seen) {
    // What it takes must be signed, which other tests do.
    if (what === "POST /payments/callback") continue;
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
  assert.equal(files.length, 3);
  for (const file of files) {
    const response = await api.app.request(file);
    assert.equal(response.status, 200, file);
    assert.ok((await response.text()).length > 50);
  }
  assert.doesNotMatch(html, /<script>|style=|\son\w+=/);
  assert.equal((await api.app.request("/docs/other.js")).status, 404);
  assert.equal((await api.app.request("/docs/constructor")).status, 404);
});

Deno.test("ordersClient() knows the routes and the types of their answers", async () => {
  const client = ordersClient("http://localhost", undefined, {
    fetch: ((input: Request | string, init?: RequestInit) =>
      api.app.request(input, init)) as typeof fetch,
  });
  const taken = await client.orders.$post({
    json: orderBodyOf({ external_order_id: "by-client" }) as never,
    header: { "idempotency-key": "by-client" },
  });
  assert.equal(taken.status, 202);
  if (!taken.ok) throw new Error("not taken");
  const order = await taken.json();
  const total: number = order.total_cents;
  assert.equal(total, 900);
  const shown = await client.orders[":id"].$get({ param: { id: String(order.id) } });
  if (!shown.ok) throw new Error("not shown");
  const { items, timeline } = await shown.json();
  assert.equal(items[0]!.sku, "TEA");
  assert.equal(timeline[0]!.event, "created");
  const missing = await client.orders[":id"].$get({ param: { id: "999999" } });
  assert.equal(missing.status, 404);
  if (missing.ok) throw new Error("found");
  const { title } = await missing.json();
  assert.equal(title, "Not found");
  const page = await client.orders.$get({ query: { limit: "1" } });
  if (!page.ok) throw new Error("no page");
  assert.equal((await page.json()).data.length, 1);
  const paid = await storeOrder(api.deps.db, { status: "PAID" });
  const refund = await client.orders[":id"].refunds.$post({
    param: { id: String(paid) },
    json: { amount_cents: 5 },
  });
  assert.equal(refund.status, 202);
});
