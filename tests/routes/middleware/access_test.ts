import assert from "node:assert/strict";
import { formatApiToken, type Scope, tokenHash } from "../../../domain/operation/api_token.ts";
import { neededScopes, scopesBy } from "../../../routes/middleware/access.ts";
import { makeApp } from "../../../routes/app.ts";
import { csvOf } from "../../csv_orders.ts";
import { openRedis } from "../../../streams/redis/redis.ts";
import {
  type Answer,
  type Api,
  ask,
  assertProblem,
  importsEnded,
  openApi,
  orderBodyOf,
  recordedLog,
  storeOrder,
} from "../api.ts";

const recorded = recordedLog();
let api: Api;
Deno.test.beforeAll(async () => {
  const entry = (name: string, scopes: Scope[]) =>
    formatApiToken({ name, hash: tokenHash(`${name}-secret`), scopes });
  api = await openApi("access_routes", {
    API_TOKENS: [
      entry("reader", ["read"]),
      entry("shop", ["orders"]),
      entry("mall", ["orders"]),
      entry("clerk", ["read", "orders"]),
      entry("care", ["cancel"]),
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
    const isOpen =
      /^\/(livez|readyz|sign-out|payments\/callback(\/1)?|openapi\.json|docs|docs\/1|problems|problems\/1)$/
        .test(
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
    await ask(api, "POST", `/orders/${brought.body.id}/cancel`, undefined, as("care")),
  ];
  for (const { status, body } of answers) {
    assert.ok(status === 200 || status === 202);
    assert.deepEqual(Object.keys(body.customer), ["id", "external_id"]);
    assert.equal("recipient_name" in body || "recipient_email" in body, false);
  }
});

Deno.test("who may not read is not told whose a payment is", async () => {
  const payment = { status: "paid", provider: "shop pay", reference: crypto.randomUUID() };
  const theirs = orderBodyOf({ payment });
  assert.equal((await ask(api, "POST", "/orders", theirs, as("boss"))).status, 202);
  const own = orderBodyOf();
  const { body: { id } } = await ask(api, "POST", "/orders", own, as("shop"));
  const edit = { ...own, payment };
  const answers = [
    await ask(api, "POST", "/orders", orderBodyOf({ payment }), as("shop")),
    await ask(api, "PUT", `/orders/${id}`, edit, { ...as("shop"), "if-match": "*" }),
  ];
  for (const answer of answers) {
    assertProblem(answer, 409, "order-conflict");
    assert.match(answer.body.detail, /belongs to another order$/);
  }
  const told = await ask(api, "POST", "/orders", orderBodyOf({ payment }), as("clerk"));
  assert.ok(told.body.detail.endsWith(`belongs to order "${theirs.external_order_id}"`));
});

Deno.test("a preview tells nothing of others to who may not read", async () => {
  const payment = { status: "paid", provider: "shop pay", reference: crypto.randomUUID() };
  const customer = {
    external_id: crypto.randomUUID(),
    email: "unseen@example.com",
    name: "Unseen",
  };
  const theirs = orderBodyOf({ customer, payment });
  assert.equal((await ask(api, "POST", "/orders", theirs, as("boss"))).status, 202);
  const sku = theirs.items[0]!.sku;
  const row = {
    order_placed_at: "2025-01-01T00:00:00Z",
    customer_id: customer.external_id,
    product_sku: sku,
    qty: 1_000_000,
  };
  const paid = {
    payment_status: "paid",
    payment_provider: payment.provider,
    payment_reference: payment.reference,
  };
  const csv = csvOf([
    { ...row, external_order_id: crypto.randomUUID() },
    { ...row, external_order_id: theirs.external_order_id },
    { ...row, ...paid, external_order_id: crypto.randomUUID() },
  ]);
  const preview = async (name: string) => {
    const response = await api.app.request("/imports?preview=true", {
      method: "POST",
      body: csv,
      headers: { "content-type": "text/csv", ...as(name) },
    });
    assert.equal(response.status, 200);
    return await response.json();
  };
  const told = await preview("clerk");
  assert.deepEqual([told.addresses.examples[0].before, told.shortages.products], [
    "unseen@example.com",
    1,
  ]);
  const shown = await preview("shop");
  assert.deepEqual(shown.addresses, { customers: 0, examples: [] });
  assert.deepEqual(shown.shortages, { products: 0, complete: false, examples: [] });
  assert.deepEqual(
    shown.conflicts.examples.map(({ status }: { status: string | null }) => status),
    [null, null],
  );
  const reasons = JSON.stringify([shown.reasons, shown.conflicts]);
  assert.match(reasons, /the payment that the order names belongs to another order"/);
  assert.ok(JSON.stringify(told.reasons).includes(`(${theirs.external_order_id})`));
});

Deno.test("who may not read learns nothing from the pages that answer a form", async () => {
  const customer = { ...orderBodyOf().customer, email: "hidden@example.com", name: "Hidden" };
  const brought = await ask(api, "POST", "/orders", orderBodyOf({ customer }), as("boss"));
  const form = "application/x-www-form-urlencoded";
  const order = `/dashboard/orders/${brought.body.id}`;
  for (
    const [name, path, body, type] of [
      ["shop", `${order}/cancel`, "", form],
      ["shop", `${order}/cancel`, "confirmed=yes", form],
      ["care", `${order}/cancel`, "", form],
      ["desk", `${order}/refund`, "which=none", form],
      ["desk", `${order}/payment`, "verdict=accept", form],
      ["shop", "/dashboard/imports", "no import", "text/csv"],
      ["shop", "/dashboard/imports/1/cancel", "", form],
    ] as const
  ) {
    const response = await api.app.request(path, {
      method: "POST",
      body,
      headers: { ...as(name), "content-type": type },
    });
    const text = await response.text();
    assert.equal(response.status, 403, `${name} ${path}: ${text}`);
    assert.doesNotMatch(text, /hidden@example\.com|Hidden|Earlier imports/);
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
    ["orders", "POST", "/imports?dry_run=1", "a,b\n"],
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

/** Sends a file of one order and waits until it is imported; @returns the import's id */
async function bring(
  name: string,
  row: Record<string, string | number>,
  { app }: Pick<Api, "app"> = api,
  query = "",
): Promise<number> {
  const sent = await ask({ app }, "POST", `/imports${query}`, csvOf([row]), {
    "content-type": "text/csv",
    ...as(name),
  });
  assert.equal(sent.status, 202, JSON.stringify(sent.body));
  await importsEnded(api);
  const { body } = await ask({ app }, "GET", `/imports/${sent.body.id}`, undefined, as(name));
  assert.equal(body.status, "DONE");
  return sent.body.id;
}

Deno.test("imports and their rejects are shown to who has brought them, and to who may read all", async () => {
  const mine = await bring("shop", { external_order_id: "shop-1", qty: "x" });
  const theirs = await bring("mall", { external_order_id: "mall-1", qty: "x" });
  const paths = (id: number) => ["", "/events", "/rejects"].map((end) => `/imports/${id}${end}`);
  const statuses = async (name: string, id: number) => {
    const all = paths(id).map(async (path) => {
      const response = await api.app.request(path, { headers: as(name) });
      await response.body?.cancel();
      return response.status;
    });
    return (await Promise.all(all)).join(" ");
  };
  assert.equal(await statuses("shop", mine), "200 200 200");
  assert.equal(await statuses("shop", theirs), "404 404 404");
  assert.equal(await statuses("mall", mine), "404 404 404");
  for (const name of ["reader", "clerk", "boss"]) {
    assert.equal(await statuses(name, mine), "200 200 200", name);
    assert.equal(await statuses(name, theirs), "200 200 200", name);
  }
  assert.equal(await statuses("care", mine), "403 403 403");
  const listed = async (name: string) => {
    const { body } = await ask(api, "GET", "/imports?limit=100", undefined, as(name));
    return body.data.map(({ id, actor }: { id: number; actor: string }) => [id, actor]);
  };
  assert.ok((await listed("shop")).every(([, actor]: [number, string]) => actor === "api:shop"));
  assert.deepEqual((await listed("shop"))[0], [mine, "api:shop"]);
  assert.deepEqual((await listed("reader")).slice(0, 2), [
    [theirs, "api:mall"],
    [mine, "api:shop"],
  ]);
  const cancel = (name: string, id: number) =>
    ask(api, "POST", `/imports/${id}/cancel`, undefined, as(name));
  assertProblem(await cancel("shop", theirs), 404, "not-found");
  assertProblem(await cancel("clerk", theirs), 403, "not-yours");
  for (const name of ["mall", "care", "boss"]) {
    assertProblem(await cancel(name, theirs), 409, "import-not-cancellable");
  }
});

Deno.test("an order is cancelled by who has brought it, or may cancel all", async () => {
  const cancel = (name: string, id: number) =>
    ask(api, "POST", `/orders/${id}/cancel`, undefined, as(name));
  const post = async (name: string): Promise<number> =>
    (await ask(api, "POST", "/orders", orderBodyOf(), as(name))).body.id;
  const mine = await post("shop");
  assertProblem(await cancel("mall", mine), 404, "not-found");
  const foreign = await cancel("clerk", mine);
  assertProblem(foreign, 403, "not-yours");
  assert.match(foreign.body.detail, /this needs the scope cancel/);
  const key = { ...as("mall"), "idempotency-key": "c-1" };
  assertProblem(await ask(api, "POST", `/orders/${mine}/cancel`, undefined, key), 404, "not-found");
  const [row] = await api.deps.db.query("select status from orders where id = ?", [mine]);
  assert.equal(row!.status, "PENDING");
  assert.equal((await cancel("shop", mine)).status, 200);
  for (const name of ["care", "boss"]) {
    assert.equal((await cancel(name, await post("mall"))).status, 200);
  }
  const nobodys = await storeOrder(api.deps.db, { status: "PENDING" });
  assertProblem(await cancel("shop", nobodys), 404, "not-found");

  const external = `mall-${crypto.randomUUID()}`;
  await bring("mall", { external_order_id: external });
  const [brought] = await api.deps.db.query("select id from orders where external_order_id = ?", [
    external,
  ]);
  assertProblem(await cancel("shop", Number(brought!.id)), 404, "not-found");
  assert.equal((await cancel("mall", Number(brought!.id))).status, 200, "by a file as well");
});

Deno.test("a file changes an order of who has brought it, or of whoever may cancel all", async () => {
  const { db } = api.deps;
  const external = crypto.randomUUID();
  const theirs = { external_order_id: external, customer_id: `c-${external}`, qty: 2 };
  await bring("shop", theirs);
  const stored = async () => {
    const [row] = await db.query(
      "select total_cents, recipient_name, recipient_email from orders where external_order_id = ?",
      [external],
    );
    return [Number(row!.total_cents), row!.recipient_name, row!.recipient_email];
  };
  const before = await stored();
  const outcome = async (name: string, change: Record<string, string | number>, query = "") => {
    const id = await bring(name, { ...theirs, ...change }, api, query);
    const { body } = await ask(api, "GET", `/imports/${id}`, undefined, as(name));
    const rejects = await api.app.request(`/imports/${id}/rejects`, { headers: as(name) });
    const counts = ["new", "updated", "unchanged", "rejected", "conflict"] as const;
    return { is: counts.find((count) => body[`orders_${count}`] === 1), csv: await rejects.text() };
  };
  const more = { qty: 3 };
  const given = { customer_name: "Evil", customer_email: "e@example.com" };
  const refusals: [string, string, Record<string, string | number>][] = [
    ["mall", "", more],
    ["mall", "?replace=true", { ...given, unit_price_cents: 1 }],
    ["clerk", "?replace=true", more],
  ];
  for (const [name, query, change] of refusals) {
    const { is, csv } = await outcome(name, change, query);
    assert.equal(is, "conflict", `${name} ${query}`);
    assert.match(csv, /brought by somebody else/);
    assert.doesNotMatch(csv, /PENDING|replace/);
  }
  assert.equal((await outcome("mall", more, "?dry_run=1")).is, "conflict");
  assert.equal((await outcome("mall", given, "?replace=true")).is, "unchanged");
  assert.equal((await outcome("mall", {})).is, "unchanged");
  assert.deepEqual(await stored(), before);
  const posted = orderBodyOf();
  assert.equal((await ask(api, "POST", "/orders", posted, as("shop"))).status, 202);
  const customer = { ...posted.customer, name: "Evil", email: "e@example.com" };
  const again = await ask(api, "POST", "/orders", { ...posted, customer }, as("mall"));
  assert.equal(again.status, 200);
  const [{ recipient_name }] = await db.query(
    "select coalesce(recipient_name, first_name) as recipient_name from orders " +
      "join customers on customers.id = orders.customer_id where external_order_id = ?",
    [posted.external_order_id],
  ) as [Record<string, unknown>];
  assert.equal(recipient_name, posted.customer.name);

  assert.equal((await outcome("shop", more)).is, "updated");
  assert.equal((await outcome("boss", { qty: 4 })).is, "updated", "by whom all may be cancelled");
  assert.equal((await outcome("shop", { qty: 5 })).is, "updated", "it is still whose it was");
  const [row] = await db.query("select id from orders where external_order_id = ?", [external]);
  const cancel = `/orders/${row!.id}/cancel`;
  assert.equal((await ask(api, "POST", cancel, undefined, as("shop"))).status, 200);
  assert.doesNotMatch((await outcome("mall", { qty: 6 })).csv, /CANCELLED/);
  assert.match((await outcome("shop", { qty: 6 })).csv, /is already CANCELLED/);
});

Deno.test("the guide's table of what each scope sees and cancels is true", async () => {
  const guide = await Deno.readTextFile(new URL("../../../docs/operating.md", import.meta.url));
  const table = guide.split("| scopes | imports and rejects |")[1]!.split("\n\n")[0]!;
  const rows = [...table.matchAll(/^\| `([a-z+]+)` \| (.+?) \| (.+?) \| (.+?) \|$/gm)];
  assert.equal(rows.length, 6);
  const tokenOf = (name: string, scopes: Scope[]) => ({
    name,
    hash: tokenHash(`${name}-secret`),
    scopes,
  });
  /** Statuses of what is one's own and of what is another's, in the words of the table. */
  const words = (own: number, others: number) =>
    own === 403
      ? "none: 403"
      : own !== 200
      ? `unexpected ${own}`
      : others === 200
      ? "all"
      : `own; others' are ${others}`;
  for (const [, scopeText = "", imports, cancels, changes] of rows) {
    const scopes = scopeText.split("+") as Scope[];
    // Whoever may bring nothing has another token of the same name that does.
    const mine = { ...tokenOf("mine", ["orders"]), name: "me" };
    const apiTokens = [tokenOf("me", scopes), mine, tokenOf("other", ["orders"])];
    const app = makeApp({ ...api.deps, config: { ...api.deps.config, apiTokens } });
    const changed: string[] = [];
    const statuses: { seen: number[]; cancelled: number[]; ended: number[] } = {
      seen: [],
      cancelled: [],
      ended: [],
    };
    for (const bringer of ["mine", "other"]) {
      const order = await ask({ app }, "POST", "/orders", orderBodyOf(), as(bringer));
      const id = await bring(bringer, { external_order_id: crypto.randomUUID(), qty: "x" }, {
        app,
      });
      const seen = await ask({ app }, "GET", `/imports/${id}`, undefined, as("me"));
      const cancelled = await ask(
        { app },
        "POST",
        `/orders/${order.body.id}/cancel`,
        undefined,
        as("me"),
      );
      const ended = await ask({ app }, "POST", `/imports/${id}/cancel`, undefined, as("me"));
      const external = crypto.randomUUID();
      await bring(bringer, { external_order_id: external, qty: 1 }, { app });
      const file = csvOf([{ external_order_id: external, qty: 2 }]);
      const csv = { "content-type": "text/csv", ...as("me") };
      const sent = await ask({ app }, "POST", "/imports", file, csv);
      if (sent.status === 202) {
        await importsEnded(api);
        const events = await app.request(`/imports/${sent.body.id}/events`, { headers: as("me") });
        const { orders_updated } = JSON.parse((await events.text()).match(/\{.*"DONE".*\}/)![0]);
        changed.push(orders_updated === 1 ? "all" : "own; others' are conflicts");
      } else changed.push(`none: ${sent.status}`);
      statuses.seen.push(seen.status);
      statuses.cancelled.push(cancelled.status);
      // It is over, so that 409 is the answer to whoever might have cancelled it.
      statuses.ended.push(ended.status === 409 ? 200 : ended.status);
    }
    assert.equal(words(statuses.seen[0]!, statuses.seen[1]!), imports, scopeText);
    assert.equal(words(statuses.cancelled[0]!, statuses.cancelled[1]!), cancels, scopeText);
    assert.equal(words(statuses.ended[0]!, statuses.ended[1]!), cancels, scopeText);
    // One's own may be changed by whoever may bring anything.
    if (!changed[0]!.startsWith("none")) assert.equal(changed[0], "all", scopeText);
    assert.equal(changed[1], changes, scopeText);
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

Deno.test("scopesBy() heeds a rule of any method", () => {
  const needed = scopesBy([["GET DELETE", /^\/x$/, ["stock"]], ["PATCH", /./, ["orders"]]]);
  assert.deepEqual(needed("DELETE", "/x/"), ["stock"]);
  assert.deepEqual(needed("PATCH", "/x"), ["orders"]);
  assert.deepEqual(needed("PUT", "/x"), ["admin"]);
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
  // The path of a route is no secret.
  assert.doesNotMatch(text.replaceAll(/"path":"[^"]*\/secret"/g, ""), /secret/);
  assert.ok(!text.includes(tokenHash("reader-secret")));
});
