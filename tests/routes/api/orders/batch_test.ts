import assert from "node:assert/strict";
import type { Queryable } from "../../../../db/connection/database.ts";
import { gzipSync } from "node:zlib";
import { Hono } from "hono";
import { scopes, tokenHash } from "../../../../domain/operation/api_token.ts";
import { makeApp } from "../../../../routes/app.ts";
import { batchLimits } from "../../../../routes/api/orders/batch_body.ts";
import { type BatchOptions, batchTaker } from "../../../../routes/api/orders/order_batch.ts";
import { keyHolder } from "../../../../routes/middleware/idempotency.ts";
import { problemHandler } from "../../../../routes/middleware/problem.ts";
import { batchAnswer } from "../../../../routes/api/description/answers.ts";
import { eraseCustomer } from "../../../../services/customers/erase_customer.ts";
import { anOperator } from "../../../operator.ts";
import { type Api, ask, assertProblem, openApi, orderBodyOf } from "../../api.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("order_batch");
});
Deno.test.afterAll(() => api.close());

type Body = string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;

const ndjson = (orders: readonly unknown[]) =>
  orders.map((order) => `${JSON.stringify(order)}\n`).join("");

function send(
  body: Body,
  headers: Record<string, string> = {},
  app = api.app,
): Promise<Response> {
  return Promise.resolve(app.request("/orders/batch", {
    method: "POST",
    headers: { "content-type": "application/x-ndjson", ...headers },
    body,
    ...(body instanceof ReadableStream ? { duplex: "half" } : {}),
  } as RequestInit));
}

// deno-lint-ignore no-explicit-any
async function lines(response: Response): Promise<any[]> {
  const text = await response.text();
  assert.equal(response.status, 200, text);
  const isArray = response.headers.get("content-type") === "application/json";
  const found = isArray
    ? JSON.parse(text)
    : text.trimEnd().split("\n").map((one) => JSON.parse(one));
  batchAnswer.parse(found);
  return found;
}

async function problem(response: Response, status: number, type?: string): Promise<void> {
  const { headers } = response;
  assertProblem({ status: response.status, headers, body: await response.json() }, status, type);
}

async function orders(): Promise<number> {
  const [row] = await api.deps.db.query("select count(*) as n from orders");
  return Number(row!.n);
}

function published(): Promise<number> {
  return api.deps.redis.xlen(api.deps.keys.stream("orders", "bulk"));
}

Deno.test("POST /orders/batch answers each line as POST /orders answers it alone, in their order", async () => {
  const [first, second, known] = [orderBodyOf(), orderBodyOf(), orderBodyOf()];
  await lines(await send(ndjson([known])));
  const before = await published();
  const body = [
    JSON.stringify(first),
    "",
    JSON.stringify({ ...second, items: [{ ...second.items[0], qty: 0 }], currency: "XXY" }),
    "{oops",
    JSON.stringify(known),
    JSON.stringify({ ...known, currency: "USD" }),
    "  \r",
    JSON.stringify(first),
    JSON.stringify(second),
  ].join("\n");
  const response = await send(body);
  assert.equal(response.headers.get("content-type"), "application/x-ndjson");
  const found = await lines(response);
  assert.deepEqual(found.map(({ line, status }) => [line, status]), [
    [1, 202],
    [3, 422],
    [4, 400],
    [5, 200],
    [6, 409],
    [8, 200],
    [9, 202],
  ]);
  assert.equal(found[0].location, `/orders/${found[0].order.id}`);
  assert.deepEqual(found[1].problem.errors.map(({ pointer }: { pointer: string }) => pointer), [
    "#/currency",
    "#/items/0/qty",
  ]);
  assert.equal(found[5].order.id, found[0].order.id);
  assert.equal(found[4].problem.type, "/problems/order-conflict");
  assert.equal(await published(), before + 2);

  for (const at of [0, 4, 6]) {
    const lone = await api.app.request("/orders", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: body.split("\n")[found[at].line - 1],
    });
    const { problem = null, order = problem } = found[at];
    assert.deepEqual(await lone.json(), order);
    assert.equal(lone.headers.get("etag"), found[at].etag ?? null);
  }
});

Deno.test("an array is answered by an array, its elements cut where JSON cuts them", async () => {
  const odd = orderBodyOf({
    external_order_id: `Ü],[{"\\${crypto.randomUUID()}`.slice(0, 64),
    items: [{ sku: "TEA", name: 'Tea, "[{]}', unit_price_cents: 5, qty: 2 }],
  });
  const response = await send(
    ` [ ${JSON.stringify(odd)} , 17,\n{}, ${JSON.stringify(orderBodyOf())}]\n`,
    {
      "content-type": "application/json; charset=utf-8",
    },
  );
  const found = await lines(response);
  assert.deepEqual(found.map(({ line, status }) => [line, status]), [
    [1, 202],
    [2, 422],
    [3, 422],
    [4, 202],
  ]);
  assert.equal(found[0].order.external_order_id, odd.external_order_id);
});

Deno.test("what is no batch is refused as a whole, and nothing of it is taken", async () => {
  const before = await orders();
  const good = JSON.stringify(orderBodyOf());
  const json = { "content-type": "application/json" };
  for (const body of ["", " \n\n", "\n"]) await problem(await send(body), 400, "bad-request");
  for (
    const body of ["[]", good, `[${good}`, `[${good},]`, `[${good}] x`, `[,${good}]`, `"[${good}]"`]
  ) {
    await problem(await send(body, json), 400, "bad-request");
  }
  await problem(await send(good, { "content-type": "text/csv" }), 415);
  await problem(await send(good, { "content-encoding": "br" }), 415);
  const tooMany = `${good}\n`.repeat(1) + "1\n".repeat(batchLimits.lines);
  await problem(await send(tooMany), 413);
  await problem(await send(`${good}\n${" ".repeat(batchLimits.bytes)}`), 413);
  assert.equal(await orders(), before);
});

Deno.test("a packed body is unpacked within its limit, and one that is broken is refused", async () => {
  const gzip = { "content-encoding": "gzip" };
  const packed = new Uint8Array(gzipSync(ndjson([orderBodyOf(), orderBodyOf()])));
  assert.deepEqual((await lines(await send(packed, gzip))).map(({ status }) => status), [202, 202]);
  await problem(await send(packed.slice(0, -9), gzip), 400, "bad-request");
  await problem(await send("no gzip", gzip), 400, "bad-request");
  const bomb = new Uint8Array(gzipSync(new Uint8Array(20 * batchLimits.bytes)));
  await problem(await send(bomb, gzip), 413);
});

Deno.test("a line may be as large as a body, and a larger one costs only itself", async () => {
  const large = orderBodyOf({ note: "x".repeat(batchLimits.lineBytes) });
  const found = await lines(await send(ndjson([large, orderBodyOf()])));
  assert.deepEqual(found.map(({ status }) => status), [413, 202]);
});

Deno.test("a batch of nothing but faults is answered by no more than it has room for", async () => {
  const faulty = ndjson(Array.from({ length: 1_000 }, () => ({ items: Array(20).fill({}) })));
  const good = orderBodyOf();
  const found = await lines(await send(`${faulty}${ndjson([good])}`));
  assert.equal(found.length, 1_001);
  const named: number[] = found.map(({ problem }) => problem?.errors.length ?? 0);
  assert.deepEqual([named[0], named[999], named[1_000]], [84, 1, 0]);
  assert.ok(named.reduce((sum, one) => sum + one) < 11_000);
  assert.equal(found[999].problem.errors[0].pointer, found[0].problem.errors[0].pointer);
  assert.equal(found[1_000].status, 202);
});

Deno.test("what is told no more of a batch of faults is not looked for either, and good orders among it are taken", async () => {
  const items = (good: number, bad: number) => [
    ...Array.from({ length: good }, (_, n) => itemOf(n)),
    ...Array(bad).fill({}),
  ];
  const itemOf = (n: number) => ({ sku: `P${n}`, name: "Pen", unit_price_cents: 100, qty: 1 });
  const hopeless = Array.from({ length: 130 }, () => orderBodyOf({ items: items(0, 100) }));
  const late = orderBodyOf({ items: items(37, 60) });
  const good = orderBodyOf({ items: items(37, 0) });
  const found = await lines(await send(ndjson([...hopeless, late, good])));
  assert.equal(found[0].problem.errors.length, 100);
  const [fault, ...others] = found[130].problem.errors;
  assert.deepEqual([fault.pointer, others], ["#/items/37/sku", []]);
  assert.match(found[130].problem.detail, /#\/items\/37\/sku is missing$/);
  assert.equal(found[131].status, 202);
});

Deno.test("a key gets the first answers again, whatever has happened since; without it known orders are 200", async () => {
  const batch = ndjson([orderBodyOf(), { bad: true }, orderBodyOf()]);
  const key = { "idempotency-key": crypto.randomUUID() };
  const first = await send(batch, key);
  assert.equal(first.headers.get("idempotent-replayed"), null);
  const text = await first.text();
  const id = JSON.parse(text.split("\n")[0]!).order.id;
  await api.app.request(`/orders/${id}/cancel`, { method: "POST" });
  const before = await published();
  const again = await send(batch, key);
  assert.equal(again.headers.get("idempotent-replayed"), "true");
  assert.equal(again.headers.get("content-type"), "application/x-ndjson");
  assert.equal(await again.text(), text);
  assert.equal(await published(), before);
  await problem(await send(`${batch}\n`, key), 422, "idempotency-key-reused");
  const found = await lines(await send(batch));
  assert.deepEqual(found.map(({ status }) => status), [200, 422, 200]);
  assert.equal(found[0].order.status, "CANCELLED");
});

Deno.test("orders are taken as answers are read; whoever hangs up gets the rest by sending the same again", async () => {
  const batch = Array.from({ length: 5_000 }, () => orderBodyOf());
  const before = await orders();
  const key = { "idempotency-key": crypto.randomUUID() };
  const response = await send(ndjson(batch), key);
  const reader = response.body!.getReader();
  await reader.read();
  await reader.cancel();
  const taken = await orders() - before;
  assert.ok(taken >= 1_000 && taken < 5_000, `${taken} were taken unread`);
  // The key is free again at once, so nobody waits for its time to be over.
  const found = await lines(await send(ndjson(batch), key));
  const counts = Map.groupBy(found, ({ status }) => status);
  assert.deepEqual([...counts.keys()].sort(), [200, 202]);
  assert.equal(counts.get(200)!.length + counts.get(202)!.length, 5_000);
  assert.equal(await orders(), before + 5_000);
  const ids = found.map(({ order }) => order.id);
  assert.deepEqual(ids, ids.toSorted((a: number, b: number) => a - b));
});

Deno.test("an engine that is away before the first order is the answer to all, and later to those that are left", async () => {
  const batch = ndjson(Array.from({ length: 2_500 }, () => orderBodyOf()));
  let transactions = 0;
  let allowed = 0;
  const away = Object.assign(new Error("gone"), { code: "ECONNREFUSED", fatal: true });
  const deps = {
    ...api.deps,
    db: {
      ...api.deps.db,
      transaction: ((work, options) => {
        if (transactions++ >= allowed) return Promise.reject(away);
        return api.deps.db.transaction(work, options);
      }) as typeof api.deps.db.transaction,
    },
  };
  const app = makeApp(deps);
  await problem(await send(batch, {}, app), 503, "unavailable");
  transactions = 0;
  allowed = 1;
  const found = await lines(await send(batch, {}, app));
  const counts = Map.groupBy(found, ({ status }) => status);
  assert.deepEqual([...counts].map(([status, { length }]) => [status, length]), [
    [202, 1_000],
    [503, 1_500],
  ]);
  const again = await lines(await send(batch));
  assert.deepEqual(
    [...Map.groupBy(again, ({ status }) => status)].map(([status, { length }]) => [status, length]),
    [[200, 1_000], [202, 1_500]],
  );
});

Deno.test("an order that nobody could write fails alone", async () => {
  const poison = orderBodyOf();
  const poisoned =
    <V, R>(ask: (sql: string, values?: V) => Promise<R>): typeof ask => (sql, values) =>
      JSON.stringify(values ?? []).includes(poison.external_order_id)
        ? Promise.reject(new Error("poison"))
        : ask(sql, values);
  const within = (one: Queryable): Queryable => ({
    ...one,
    query: poisoned(one.query),
    run: poisoned(one.run),
  });
  const { db } = api.deps;
  const together: typeof db.together = (read) => db.together((one) => read(within(one)));
  const transaction: typeof db.transaction = (work, options) =>
    db.transaction((tx) => work(within(tx)), options);
  const deps = { ...api.deps, db: { ...db, query: poisoned(db.query), together, transaction } };
  const app = makeApp(deps);
  const batch = ndjson([orderBodyOf(), orderBodyOf(), poison, orderBodyOf()]);
  const key = { "idempotency-key": crypto.randomUUID() };
  const statuses = async (app = api.app) =>
    (await lines(await send(batch, key, app))).map(({ status }) => status);
  assert.deepEqual(await statuses(app), [202, 202, 500, 202]);
  // It was no fault of the order's, so the key is free for another try.
  assert.deepEqual(await statuses(), [200, 200, 202, 200]);
  assert.deepEqual(await statuses(), [200, 200, 202, 200]);
});

Deno.test("answers are not kept where somebody was erased since the batch began", async () => {
  const batch = ndjson(Array.from({ length: 3_500 }, () => orderBodyOf()));
  const key = { "idempotency-key": crypto.randomUUID() };
  const response = await send(batch, key);
  const reader = response.body!.getReader();
  await reader.read();
  const { db } = api.deps;
  const gone = orderBodyOf();
  gone.customer.external_id = `gone-${crypto.randomUUID()}`;
  const [one] = await lines(await send(ndjson([gone])));
  await ask(api, "POST", `/orders/${one.order.id}/cancel`);
  const operator = anOperator("desk");
  // So old that an erasure does not wait for it any more.
  await db.run("update idempotency_keys set created_at = created_at - interval 2 minute");
  await eraseCustomer(api.deps, { externalId: gone.customer.external_id }, operator);
  while (!(await reader.read()).done);
  const again = await lines(await send(batch, key));
  assert.ok(again.every(({ status }) => status === 200));
});

/** The route on its own, with limits that a test can wait for. */
function routeWith(options: BatchOptions): Hono {
  const app = new Hono();
  app.onError(problemHandler(api.deps));
  app.use((c, next) => {
    const name = c.req.header("x-token") ?? null;
    c.set("caller", { actor: "api", name, scopes, by: "nothing", csrfToken: "" });
    return next();
  });
  app.post("/orders/batch", batchTaker(api.deps, keyHolder(api.deps), options));
  return app;
}

Deno.test("whoever reads nothing for too long is left, and the same batch again goes on", async () => {
  const app = routeWith({ silentMs: 20 });
  const batch = ndjson(Array.from({ length: 3_000 }, () => orderBodyOf()));
  const key = { "idempotency-key": crypto.randomUUID() };
  const response = await send(batch, key, app);
  const reader = response.body!.getReader();
  await reader.read();
  await assert.rejects(reader.closed, /Nobody has read it in time/);
  const found = await lines(await send(batch, key, routeWith({})));
  assert.deepEqual(new Set(found.map(({ status }) => status)), new Set([200, 202]));
});

Deno.test("only so many batches are worked on at once, and so many wait", async () => {
  const app = routeWith({ working: 1, waiting: 1 });
  const batch = () => ndjson(Array.from({ length: 2_001 }, () => orderBodyOf()));
  const first = await send(batch(), {}, app);
  const second = send(batch(), {}, app);
  const third = await send(batch(), {}, app);
  await problem(third, 503, "unavailable");
  await first.body!.cancel();
  const found = await lines(await second);
  assert.equal(found.length, 2_001);
  assert.deepEqual((await lines(await send(batch(), {}, app))).length, 2_001);
});

Deno.test("a token that reads no answers leaves a place for others, to be worked on and to wait", async () => {
  const app = routeWith({ working: 2, waiting: 2 });
  const batch = (orders: number) => ndjson(Array.from({ length: orders }, () => orderBodyOf()));
  const greedy = { "x-token": "greedy" };
  const unread = await send(batch(2_001), greedy, app);
  const second = send(batch(1), greedy, app);
  await problem(await send(batch(1), greedy, app), 503, "unavailable");
  const found = await lines(await send(batch(3), { "x-token": "other" }, app));
  assert.deepEqual(found.map(({ status }) => status), [202, 202, 202]);
  await unread.body!.cancel();
  assert.equal((await lines(await second)).length, 1);
});

Deno.test("a batch that was turned away after a long wait is not taken later", async () => {
  const app = routeWith({ working: 1, waitMs: 20 });
  const batch = ndjson(Array.from({ length: 2_001 }, () => orderBodyOf()));
  const unread = await send(batch, {}, app);
  const key = { "idempotency-key": crypto.randomUUID() };
  const late = ndjson([orderBodyOf()]);
  await problem(await send(late, key, app), 503, "unavailable");
  const before = await orders();
  await unread.body!.cancel();
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(await orders(), before);
  assert.equal((await lines(await send(late, key, app))).length, 1);
});

Deno.test("a batch needs the scope orders, and says nothing of customers without read", async () => {
  const config = {
    ...api.deps.config,
    apiTokens: [
      { name: "shop", hash: tokenHash("shop-token"), scopes: ["orders" as const] },
      { name: "eye", hash: tokenHash("eye-token"), scopes: ["read" as const] },
    ],
  };
  const app = makeApp({ ...api.deps, config });
  const body = ndjson([orderBodyOf()]);
  await problem(await send(body, {}, app), 401);
  await problem(await send(body, { authorization: "Bearer eye-token" }, app), 403);
  const [taken] = await lines(await send(body, { authorization: "Bearer shop-token" }, app));
  assert.deepEqual(Object.keys(taken.order.customer), ["id", "external_id"]);
  const detail = await app.request(taken.location, {
    headers: { authorization: "Bearer eye-token" },
  });
  assert.equal((await detail.json()).timeline[0].actor, "api:shop");
});
