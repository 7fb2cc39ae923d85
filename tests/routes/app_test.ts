import assert from "node:assert/strict";
import fc from "fast-check";
import type { Config } from "../../config/config.ts";
import { tokenHash } from "../../domain/operation/api_token.ts";
import { answerEndsBody } from "../../runtime/serve.ts";
import { makeApp } from "../../routes/app.ts";
import {
  type Api,
  ask,
  assertProblem,
  openApi,
  orderBodyOf,
  recordedLog,
  storeOrder,
} from "./api.ts";

const recorded = recordedLog();
let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("app_routes", {}, recorded.log);
});
Deno.test.afterAll(() => api.close());

async function rowCounts(): Promise<Record<string, number>> {
  const [row] = await api.deps.db.query(`
    select
      (select count(*) from orders) as orders, (select count(*) from order_items) as items,
      (select count(*) from customers) as customers, (select count(*) from products) as products,
      (select count(*) from refunds) as refunds, (select count(*) from order_events) as events`);
  return Object.fromEntries(Object.entries(row!).map(([name, n]) => [name, Number(n)]));
}

Deno.test("GET / lists the routes", async () => {
  const { status, body } = await ask(api, "GET", "/");
  assert.equal(status, 200);
  assert.ok(body.routes.includes("POST /orders/{id}/refunds"), JSON.stringify(body));
  assert.equal(new Set(body.routes).size, body.routes.length);
});

Deno.test("unknown routes are problems too", async () => {
  for (const path of ["/nothing", "/orders/1/2/3", "/refunds/1/2", "/.env", "/%00", "/kpis/2024"]) {
    assertProblem(await ask(api, "GET", path), 404);
  }
});

Deno.test("a method that a route does not take is answered with those it takes", async () => {
  const cases: [method: string, path: string, allow: string][] = [
    ["DELETE", "/orders", "GET, HEAD, POST"],
    ["DELETE", "/orders/1", "GET, HEAD, PUT"],
    ["POST", "/kpis", "GET, HEAD"],
    ["GET", "/orders/1/cancel", "POST"],
    ["PATCH", "/orders/1/refunds", "GET, HEAD, POST"],
    ["POST", "/livez", "GET, HEAD"],
  ];
  for (const [method, path, allow] of cases) {
    const answer = await ask(api, method, path);
    assertProblem(answer, 405);
    const methods = answer.headers.get("allow")!.split(", ").sort().join(", ");
    assert.equal(methods, allow, `${method} ${path}`);
  }
  const options = await ask(api, "OPTIONS", "/orders");
  assert.equal(options.status, 204);
  assert.match(options.headers.get("allow")!, /POST/);
  assert.equal((await ask(api, "HEAD", "/orders")).status, 200);
  assert.equal((await ask(api, "GET", "/orders/")).status, 200, "a slash at the end is no matter");
});

Deno.test("a body of another type is refused before it is read", async () => {
  const body = JSON.stringify(orderBodyOf());
  const types = ["text/plain", "application/x-www-form-urlencoded", "text/csv", "json", ""];
  for (const type of types) {
    assertProblem(await ask(api, "POST", "/orders", body, { "content-type": type }), 415);
    const refund = await ask(api, "POST", "/orders/1/refunds", body, { "content-type": type });
    assertProblem(refund, 415);
  }
  for (const type of ["application/json; charset=utf-8", "APPLICATION/JSON"]) {
    const answer = await ask(api, "POST", "/orders", orderBodyOf(), { "content-type": type });
    assert.equal(answer.status, 202);
  }
});

Deno.test("bodies of forms and of strangers may have as much as the guides say, and no more", async () => {
  for (const guide of ["integrating", "operating"]) {
    const text = await Deno.readTextFile(new URL(`../../docs/${guide}.md`, import.meta.url));
    assert.match(
      text.replaceAll(/\s+/g, " "),
      /1 MiB\W[^.]*32 KiB (for a|of) forms? without a file/,
    );
  }
  const form = "application/x-www-form-urlencoded";
  const json = "application/json";
  const cases = [
    ["/payments/callback", json, 32_768],
    ["/sign-in", form, 32_768],
    ["/dashboard/orders/1/cancel", form, 32_768],
    ["/orders", json, 1_048_576],
  ] as const;
  for (const [path, type, max] of cases) {
    for (const over of [0, 1]) {
      const response = await api.app.request(path, {
        method: "POST",
        body: "x".repeat(max + over),
        headers: { "content-type": type, "content-length": String(max + over) },
      });
      await response.body?.cancel();
      assert.equal(response.status === 413, over === 1, `${path} ${max + over}`);
    }
  }
});

Deno.test("a body beyond 1 MB is refused, declared or not", async () => {
  const declared = await ask(api, "POST", "/orders", "x".repeat(1_048_577), {
    "content-length": "1048577",
  });
  assertProblem(declared, 413);
  let sent = 0;
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      sent += 65_536;
      controller.enqueue(new Uint8Array(65_536).fill(32));
    },
  });
  const response = await api.app.request("/orders", {
    method: "POST",
    body: endless,
    headers: { "content-type": "application/json" },
  });
  assert.equal(response.status, 413);
  // Where the answer ends the body, what is on its way is read first, so that its sender can read why.
  assert.ok(sent < (answerEndsBody ? 18 : 3) * 1_048_576, "and not read to the end");
});

Deno.test("a body that is no JSON is refused", async () => {
  const bodies: (string | Uint8Array<ArrayBuffer>)[] = [
    "",
    "{",
    "{'a': 1}",
    "undefined",
    "NaN",
    '{"a": 1,}',
    "\ufeff",
    new Uint8Array([0x22, 0xff, 0x22]),
    new Uint8Array([0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00]),
  ];
  for (const body of bodies) {
    const response = await api.app.request("/orders", {
      method: "POST",
      body,
      headers: { "content-type": "application/json" },
    });
    const answer = {
      status: response.status,
      headers: response.headers,
      body: await response.json(),
    };
    assertProblem(answer, 400);
  }
});

Deno.test("a bad path or query parameter is named", async () => {
  const paths: [path: string, parameter: string][] = [
    ["/orders/abc", "id"],
    ["/orders/-1", "id"],
    ["/orders/1.5", "id"],
    ["/orders/1e3", "id"],
    ["/orders/0x10", "id"],
    ["/orders/99999999999999999999", "id"],
    ["/orders/9007199254740992", "id"],
    ["/orders/%F0%9F%98%80", "id"],
    ["/orders/1'--", "id"],
    ["/refunds/abc", "id"],
    ["/orders/abc/refunds", "id"],
    ["/orders?status=LOST", "status"],
    ["/orders?status=PAID&status=FAILED", "status"],
    ["/orders?limit=0", "limit"],
    ["/orders?limit=201", "limit"],
    ["/orders?limit=-1", "limit"],
    ["/orders?limit=1.5", "limit"],
    ["/orders?limit=ten", "limit"],
    ["/orders?cursor=abc", "cursor"],
    ["/orders?cursor=%00", "cursor"],
    ["/orders?cursor=a&cursor=b", "cursor"],
    ["/orders/1/refunds?cursor=abc", "cursor"],
    ["/orders/1/refunds?limit=0", "limit"],
    ["/orders?from=2024-02-30", "from"],
    ["/orders?to=2024-13-01", "to"],
    ["/orders?from=yesterday", "from"],
    ["/orders?to=2024-01-01T25:00:00Z", "to"],
    [`/orders?customer=${"x".repeat(65)}`, "customer"],
  ];
  for (const [path, parameter] of paths) {
    const answer = await ask(api, "GET", path);
    assertProblem(answer, 400, "bad-request");
    assert.equal(answer.body.errors[0].parameter, parameter, path);
  }
  assertProblem(await ask(api, "POST", "/orders/abc/cancel"), 400, "bad-request");
});

Deno.test("POST /orders never fails on a bad body, whatever is wrong, and keeps nothing", async () => {
  const base = orderBodyOf();
  const paths = [
    ["external_order_id"],
    ["placed_at"],
    ["currency"],
    ["customer"],
    ["customer", "external_id"],
    ["customer", "email"],
    ["customer", "name"],
    ["items"],
    ["items", 0],
    ["items", 0, "sku"],
    ["items", 0, "name"],
    ["items", 0, "unit_price_cents"],
    ["items", 0, "qty"],
  ];
  const wrongs: unknown[] = [
    undefined,
    null,
    "",
    "   ",
    "\u0000",
    "\ud800",
    "x".repeat(256),
    "😀".repeat(256),
    [],
    {},
    [[]],
    true,
    -1,
    0.5,
    1e21,
    Number.MAX_SAFE_INTEGER,
    { toString: "x", __proto__: null },
    "'; drop table orders; --\u0000",
  ];
  const before = await rowCounts();
  // A guest has no id, and whoever has no address gets no e-mail.
  const isRight = (path: unknown[], value: unknown) => {
    const isEmpty = value === undefined || value === null ||
      (typeof value === "string" && value.trim() === "");
    return (path[1] === "external_id" || path[1] === "email") && isEmpty;
  };
  for (const path of paths) {
    for (const wrong of wrongs) {
      if (isRight(path, wrong)) continue;
      const body = structuredClone(base) as unknown as Record<PropertyKey, unknown>;
      let holder = body;
      for (const part of path.slice(0, -1)) {
        holder = holder[part] as Record<PropertyKey, unknown>;
      }
      holder[path.at(-1)!] = wrong;
      const answer = await ask(api, "POST", "/orders", body);
      assertProblem(answer, 422, "invalid");
      const at = `#/${path.join("/")}`;
      assert.ok(
        answer.body.errors.every(({ pointer }: { pointer: string }) => pointer.startsWith(at)),
        `${at}: ${JSON.stringify(answer.body.errors)}`,
      );
    }
  }
  const wholes = [
    "null",
    "[]",
    "1",
    '"text"',
    "true",
    '{"__proto__": {"items": []}}',
    `${"[".repeat(100_000)}${"]".repeat(100_000)}`,
    `${'{"items":'.repeat(50_000)}1${"}".repeat(50_000)}`,
    JSON.stringify({ ...base, items: Array(1_001).fill(base.items[0]) }),
    JSON.stringify({ ...base, items: Array(1_000).fill({}) }),
  ];
  for (const body of wholes) {
    const answer = await ask(api, "POST", "/orders", body);
    assertProblem(answer, 422, "invalid");
    assert.ok(answer.body.errors.length <= 5_000);
  }
  assert.deepEqual(await rowCounts(), before);
});

Deno.test("POST routes answer any JSON with less than 500", async () => {
  const id = await storeOrder(api.deps.db, { status: "PAID", totalCents: 1_000_000_000 });
  const { items: [item], ...rest } = orderBodyOf();
  const anything = fc.anything({ maxDepth: 3, withNullPrototype: false });
  const text = fc.oneof(fc.string({ unit: "binary", maxLength: 300 }), anything);
  const order = fc.record({
    external_order_id: fc.oneof(fc.constant(rest.external_order_id), text),
    placed_at: fc.oneof(fc.date().map(String), fc.constant(rest.placed_at), text),
    currency: fc.oneof(fc.constantFrom("EUR", "usd", "£££"), text),
    customer: fc.oneof(
      fc.constant(rest.customer),
      fc.record({ external_id: text, email: text, name: text }),
    ),
    items: fc.oneof(
      fc.constant([item]),
      fc.array(fc.record({
        sku: text,
        name: text,
        unit_price_cents: fc.oneof(fc.integer(), fc.double(), anything),
        qty: fc.oneof(fc.integer(), anything),
      })),
      anything,
    ),
  }, { requiredKeys: [] });
  const refund = fc.record({
    amount_cents: fc.oneof(fc.integer(), fc.double(), anything),
    reason: text,
  }, { requiredKeys: [] });
  const json = (value: unknown) =>
    JSON.stringify(value, (_, part) => typeof part === "bigint" ? String(part) : part) ?? "";
  await fc.assert(
    fc.asyncProperty(fc.oneof(order, anything), fc.oneof(refund, anything), async (one, other) => {
      const answers = [
        await ask(api, "POST", "/orders", json(one)),
        await ask(api, "POST", `/orders/${id}/refunds`, json(other)),
      ];
      for (const answer of answers) {
        assert.ok(answer.status < 500, `${json(one)} ${json(other)} ${answer.body?.detail}`);
        if (answer.status >= 400) assertProblem(answer, answer.status);
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("an unexpected error is a 500 that says nothing but where the log has it", async () => {
  const { db } = api.deps;
  const broken = {
    ...db,
    query: () => Promise.reject(new Error("secret in select * from orders")),
  };
  const app = makeApp({ ...api.deps, db: broken });
  const answer = await ask({ app }, "GET", "/orders", undefined, { "x-request-id": "find-me" });
  assertProblem(answer, 500);
  assert.doesNotMatch(JSON.stringify(answer.body), /secret|select/);
  assert.equal(answer.headers.get("x-request-id"), "find-me");
  const line = recorded.lines.find((text) =>
    text.includes("request failed") && text.includes("find-me")
  );
  assert.match(line!, /secret in select/);
});

Deno.test("every answer has the headers that keep browsers from harm, and a request id", async () => {
  for (const path of ["/", "/nothing", "/orders/abc"]) {
    const { headers } = await ask(api, "GET", path);
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.equal(headers.get("cache-control"), "no-store");
    assert.match(headers.get("content-security-policy")!, /default-src 'none'/);
    assert.match(headers.get("x-request-id")!, /^[0-9a-f-]{36}$/);
  }
});

Deno.test("a web page of another origin can change nothing", async () => {
  const body = orderBodyOf();
  const from = (origin: string) => ask(api, "POST", "/orders", body, { origin });
  for (const origin of ["https://evil.example", "null", "http://localhost:1"]) {
    assertProblem(await from(origin), 403);
  }
  assert.equal((await from("http://localhost")).status, 202);
  const cancel = await ask(api, "POST", "/orders/1/cancel", undefined, { origin: "null" });
  assertProblem(cancel, 403);
  assert.equal((await ask(api, "GET", "/kpis", undefined, { origin: "null" })).status, 200);
});

Deno.test("a name that nobody here has given is refused: whoever owns it can point it anywhere", async () => {
  const refused = await ask(api, "GET", "http://evil.example/orders");
  assertProblem(refused, 421);
  assert.match(refused.body.detail, /ALLOWED_HOSTS/);
  for (const host of ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "orders.localhost"]) {
    assert.equal((await ask(api, "GET", `http://${host}/orders`)).status, 200, host);
  }
  const statusOf = async (host: string, changes: Partial<Config>, path = "/orders") => {
    const app = makeApp({ ...api.deps, config: { ...api.deps.config, ...changes } });
    return (await ask({ app }, "GET", `http://${host}${path}`)).status;
  };
  const open = { allowAnonymous: true, host: "0.0.0.0" };
  const named = { allowedHosts: ["orders.example", "other.example:8443"] };
  const asked = { apiTokens: [{ name: "a", hash: "0".repeat(64), scopes: ["read" as const] }] };
  const cases: [host: string, changes: Partial<Config>, status: number][] = [
    ["10.0.0.7", {}, 421],
    ["evil.example", open, 421],
    ["10.0.0.7:8000", open, 200],
    ["[fd00::7]", open, 200],
    ["localhost", open, 200],
    ["orders.example", { ...open, ...named }, 200],
    ["ORDERS.example:8000", { ...open, ...named }, 200],
    ["other.example:8443", { ...open, ...named }, 200],
    ["other.example", { ...open, ...named }, 421],
    ["evil.example", { ...open, ...named }, 421],
    ["10.0.0.7", { ...open, ...named }, 421],
    ["localhost", { ...open, ...named }, 200],
    ["orders.example", { host: "orders.example" }, 200],
    ["anything.example", asked, 401],
    ["evil.example", { ...asked, ...named }, 421],
    ["orders.example", { ...asked, ...named }, 401],
  ];
  for (const [host, changes, status] of cases) {
    assert.equal(await statusOf(host, changes), status, `${host} ${JSON.stringify(changes)}`);
  }
  const collect = async (headers: Record<string, string>, changes: Partial<Config>) => {
    const app = makeApp({ ...api.deps, config: { ...api.deps.config, ...named, ...changes } });
    return (await app.request("http://10.0.0.7:8000/metrics", { headers })).status;
  };
  const token = "t".repeat(43);
  const known = { apiTokens: [{ name: "a", hash: tokenHash(token), scopes: ["read" as const] }] };
  assert.equal(await collect({ authorization: `Bearer ${token}` }, known), 200);
  assert.equal(await collect({ authorization: "Bearer other" }, known), 401);
  assert.equal(await collect({}, known), 421, "a session is for the names that are meant");
  assert.equal(await collect({ authorization: "Bearer other" }, {}), 421, "nobody is asked");
  for (const path of ["/livez", "/readyz", "/livez/"]) {
    assert.equal(await statusOf("10.0.0.7", {}, path), 200, "probes ask by any address");
  }
});
