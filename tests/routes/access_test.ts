import assert from "node:assert/strict";
import { formatApiToken, type Scope, tokenHash } from "../../domain/api_token.ts";
import { neededScopes } from "../../routes/access.ts";
import { makeApp } from "../../routes/app.ts";
import { openRedis } from "../../streams/redis.ts";
import {
  type Answer,
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
  const entry = (name: string, scopes: Scope[]) =>
    formatApiToken({ name, hash: tokenHash(`${name}-secret`), scopes });
  api = await openApi("access_routes", {
    API_TOKENS: [
      entry("reader", ["read"]),
      entry("shop", ["orders"]),
      entry("desk", ["refunds"]),
      entry("boss", ["admin"]),
      entry("busy", ["read"]),
    ].join(),
    HOST: "0.0.0.0",
    RATE_LIMIT: "1000",
    CORS_ORIGINS: "https://shop.example",
  }, recorded.log);
});
Deno.test.afterAll(() => api.close());

const as = (name: string) => ({ authorization: `Bearer ${name}-secret` });

function assertChallenge(answer: Answer, status: number, challenge: RegExp): void {
  assertProblem(answer, status);
  assert.match(answer.headers.get("www-authenticate") ?? "", challenge);
}

Deno.test("every route but the probes, the sign-in and the document needs a token", async () => {
  for (const { method, path } of api.app.routes) {
    if (method === "ALL") continue;
    const real = path.replace(/:\w+/g, "1");
    if (real === "/sign-in") continue;
    const isOpen = /^\/(livez|readyz|sign-out|payments\/callback|openapi\.json|docs|docs\/1)$/.test(
      real,
    );
    const response = await api.app.request(real, { method });
    assert.equal(response.status === 401, !isOpen, `${method} ${real}`);
    await response.body?.cancel();
  }
  assertChallenge(await ask(api, "GET", "/nothing"), 401, /^Bearer realm="orders"$/);
});

Deno.test("who may bring and cancel orders learns nothing of customers that others have brought", async () => {
  const { customer } = orderBodyOf();
  const theirs = { ...customer, email: "secret@example.com", name: "Secret" };
  const brought = await ask(
    api,
    "POST",
    "/orders",
    orderBodyOf({ placed_at: "2025-01-01T00:00:00Z", customer: theirs }),
    as("boss"),
  );
  assert.equal(brought.body.customer.email, "secret@example.com");
  assert.equal(brought.body.recipient_email, "secret@example.com");
  const body = orderBodyOf({ customer: { ...customer, external_id: theirs.external_id } });
  const key = { "idempotency-key": crypto.randomUUID() };
  const first = await ask(api, "POST", "/orders", body, { ...as("shop"), ...key });
  assert.equal(first.status, 202);
  const answers = [
    first,
    await ask(api, "POST", "/orders", body, { ...as("shop"), ...key }),
    await ask(api, "POST", "/orders", body, as("shop")),
    await ask(api, "POST", `/orders/${first.body.id}/cancel`, undefined, as("shop")),
    await ask(api, "POST", `/orders/${brought.body.id}/cancel`, undefined, as("shop")),
  ];
  for (const { status, body } of answers) {
    assert.ok(status === 200 || status === 202);
    assert.deepEqual(Object.keys(body.customer), ["id", "external_id"]);
    assert.equal("recipient_name" in body || "recipient_email" in body, false);
  }
});

Deno.test("a token that is wrong, mangled or of another kind is refused", async () => {
  const wrong = [
    "Bearer wrong",
    "Bearer ",
    "Bearer",
    "Basic cmVhZGVyOnNlY3JldA==",
    "reader-secret",
    `Bearer ${tokenHash("reader-secret")}`,
    `Bearer ${"x".repeat(10_000)}`,
    "Bearer reader-secret boss-secret",
    "Bearer Reader-secret",
  ];
  for (const authorization of wrong) {
    const answer = await ask(api, "GET", "/orders", undefined, { authorization });
    assertChallenge(answer, 401, /error="invalid_token"$/);
  }
  const lower = { authorization: "bearer reader-secret" };
  assert.equal((await ask(api, "GET", "/orders", undefined, lower)).status, 200);
});

Deno.test("no scope does what is another's", async () => {
  const id = await storeOrder(api.deps.db, { status: "PAID" });
  const requests: [Scope, string, string, unknown?][] = [
    ["read", "GET", `/orders/${id}`],
    ["read", "GET", "/kpis"],
    ["read", "HEAD", "/orders"],
    ["read", "GET", "/streams"],
    ["orders", "POST", "/orders", orderBodyOf()],
    ["orders", "POST", `/orders/${id}/cancel`],
    ["orders", "POST", `/orders/${id}/cancel/`],
    ["refunds", "POST", `/orders/${id}/refunds`, { amount_cents: 1 }],
    ["refunds", "POST", `/orders/${id}/refunds/`, { amount_cents: 1 }],
  ];
  const nameOf = { read: "reader", orders: "shop", refunds: "desk" } as Record<Scope, string>;
  for (const [needed, method, path, body] of requests) {
    for (const name of ["reader", "shop", "desk", "boss"]) {
      const answer = await ask(api, method, path, body, as(name));
      if (name === "boss" || name === nameOf[needed]) {
        assert.ok(![401, 403].includes(answer.status), `${name} ${method} ${path}`);
      } else if (method === "HEAD") assert.equal(answer.status, 403);
      else assertChallenge(answer, 403, new RegExp(`insufficient_scope", scope="${needed}"$`));
    }
  }
});

Deno.test("neededScopes() leaves to admin what nobody has thought of", () => {
  for (const path of ["/orders/1", "/livez", "/", "/dead", "/orders/1/cancel/x", "/sign-in/x"]) {
    assert.deepEqual(neededScopes("DELETE", path), ["admin"]);
  }
  for (const path of ["/dead", "/orders/1", "/orders/1/cancel/x", "//orders", "/readyz"]) {
    assert.deepEqual(neededScopes("POST", path), ["admin"]);
  }
});

Deno.test("the timeline tells whose token it was", async () => {
  const { body: { id } } = await ask(api, "POST", "/orders", orderBodyOf(), as("shop"));
  await ask(api, "POST", `/orders/${id}/cancel`, undefined, as("boss"));
  const paid = await storeOrder(api.deps.db, { status: "PAID" });
  await ask(api, "POST", `/orders/${paid}/refunds`, {}, as("desk"));
  const actors = async (order: number) => {
    const { body } = await ask(api, "GET", `/orders/${order}`, undefined, as("reader"));
    return body.timeline.map((step: { event: string; actor: string }) => [step.event, step.actor]);
  };
  assert.deepEqual(await actors(id), [["created", "api:shop"], ["cancelled", "api:boss"]]);
  assert.deepEqual(await actors(paid), [["refund_requested", "api:desk"]]);
});

Deno.test("orders that come together keep whose they are", async () => {
  const names = Array.from({ length: 40 }, (_, n) => n % 2 === 0 ? "shop" : "boss");
  const answers = await Promise.all(
    names.map((name) => ask(api, "POST", "/orders", orderBodyOf(), as(name))),
  );
  const rows = await api.deps.db.query(
    "select order_id, actor from order_events where order_id in (?)",
    [answers.map(({ body }) => body.id)],
  );
  const actorOf = new Map(rows.map((row) => [Number(row.order_id), row.actor]));
  answers.forEach(({ body }, n) => assert.equal(actorOf.get(body.id), `api:${names[n]}`));
});

Deno.test("a token beyond its limit is turned away and told when to come again", async () => {
  const config = { ...api.deps.config, rateLimitPerMinute: 2 };
  const limited = { app: makeApp({ ...api.deps, config }) };
  const get = () => ask(limited, "GET", "/orders", undefined, as("busy"));
  const answers = [await get(), await get(), await get()];
  assert.deepEqual(answers.map(({ status }) => status), [200, 200, 429]);
  assertProblem(answers[2]!, 429);
  assert.match(answers[2]!.headers.get("retry-after")!, /^(29|30)$/);
  assert.deepEqual(answers.map(({ headers }) => headers.get("ratelimit-policy")), [
    ...Array(3).fill('"token";q=2;w=60'),
  ]);
  assert.match(answers[0]!.headers.get("ratelimit")!, /^"token";r=1;t=\d+$/);
  assert.match(answers[2]!.headers.get("ratelimit")!, /^"token";r=0;t=\d+$/);
  assert.equal((await ask(limited, "GET", "/livez")).status, 200);
});

Deno.test("nobody is turned away while Redis can't count", async () => {
  const redis = await openRedis(api.deps.config.redisUrl);
  redis.disconnect();
  const config = { ...api.deps.config, rateLimitPerMinute: 1 };
  const app = makeApp({ ...api.deps, redis, config });
  for (let n = 0; n < 3; n++) {
    const answer = await ask({ app }, "GET", "/orders", undefined, as("busy"));
    assert.equal(answer.status, 200);
  }
  const warnings = recorded.lines.filter((line) => line.includes("requests not counted"));
  assert.equal(warnings.length, 1, "and Redis is left alone for a while");
});

Deno.test("only pages of listed origins may use the API, without cookies", async () => {
  const preflight = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization",
  };
  const allowed = (answer: Answer) => answer.headers.get("access-control-allow-origin");
  const from = (origin: string, extra = {}) => ({ origin, ...extra });
  const good = await ask(
    api,
    "OPTIONS",
    "/orders",
    undefined,
    from("https://shop.example", preflight),
  );
  assert.equal(good.status, 204);
  assert.equal(allowed(good), "https://shop.example");
  assert.match(good.headers.get("access-control-allow-headers")!, /authorization/);
  assert.equal(good.headers.get("access-control-allow-credentials"), null);
  for (const origin of ["https://evil.example", "null", "https://shop.example.evil.example"]) {
    assert.equal(
      allowed(await ask(api, "OPTIONS", "/orders", undefined, from(origin, preflight))),
      null,
    );
    assert.equal(
      allowed(await ask(api, "GET", "/orders", undefined, from(origin, as("reader")))),
      null,
    );
    const change = await ask(api, "POST", "/orders", orderBodyOf(), from(origin, as("shop")));
    assertProblem(change, 403);
  }
  const taken = await ask(api, "POST", "/orders", orderBodyOf(), {
    origin: "https://shop.example",
    ...as("shop"),
  });
  assert.equal(taken.status, 202);
  assert.equal(allowed(taken), "https://shop.example");
  assert.match(taken.headers.get("access-control-expose-headers")!, /location/);
  assert.match(taken.headers.get("vary")!, /origin/);
});

Deno.test("no token ends up in the log", async () => {
  await ask(api, "GET", "/orders", undefined, as("reader"));
  await ask(api, "GET", "/orders", undefined, { authorization: "Bearer guessed-secret" });
  const text = recorded.lines.join("\n");
  assert.match(text, /"actor":"api:reader"/);
  assert.doesNotMatch(text, /secret/);
  assert.ok(!text.includes(tokenHash("reader-secret")));
});
