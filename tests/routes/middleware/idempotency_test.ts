import assert from "node:assert/strict";
import { formatApiToken, tokenHash } from "../../../domain/operation/api_token.ts";
import { requestHash } from "../../../domain/order/content_hash.ts";
import { cancelOrder } from "../../../services/orders/cancel_order.ts";
import {
  answerKeys,
  claimKeys,
  claimSeconds,
  type KeyClaim,
  prolongKey,
  purgeKeys,
  releaseKey,
  settleKey,
} from "../../../db/clients/idempotency.ts";
import { Hono } from "hono";
import { makeApp } from "../../../routes/app.ts";
import { identifyCaller } from "../../../routes/middleware/access.ts";
import { idempotency, storeAnswers } from "../../../routes/middleware/idempotency.ts";
import { makeSessions } from "../../../routes/middleware/session.ts";
import { type Api, ask, assertProblem, openApi, orderBodyOf, storeOrder } from "../api.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("idempotency_routes");
});
Deno.test.afterAll(() => api.close());

const withKey = (key: string = crypto.randomUUID()) => ({ "idempotency-key": key });

async function countOf(table: string): Promise<number> {
  const [row] = await api.deps.db.query(`select count(*) as n from ${table}`);
  return Number(row!.n);
}

/** A claim as a request of the API makes it. */
function claimOf(key: string, request: unknown, changes: Partial<KeyClaim> = {}): KeyClaim {
  const claim = crypto.randomUUID().replaceAll("-", "");
  return { owner: "api", key, requestHash: requestHash(request), claim, ...changes };
}

Deno.test("POST /orders answers a repeated key with the first answer, whatever happened since", async () => {
  const headers = withKey();
  const order = orderBodyOf();
  const first = await ask(api, "POST", "/orders", order, headers);
  assert.equal(first.status, 202);
  assert.equal(first.headers.get("idempotent-replayed"), null);
  await cancelOrder(api.deps.db, first.body.id, "test");

  const again = await ask(api, "POST", "/orders", JSON.stringify(order, null, 2), headers);
  assert.equal(again.status, 202);
  assert.equal(again.headers.get("idempotent-replayed"), "true");
  assert.equal(again.headers.get("location"), first.headers.get("location"));
  assert.deepEqual(again.body, first.body);

  const other = await ask(api, "POST", "/orders", orderBodyOf(), headers);
  assertProblem(other, 422, "idempotency-key-reused");
  const elsewhere = await ask(api, "POST", `/orders/${first.body.id}/cancel`, undefined, headers);
  assertProblem(elsewhere, 422, "idempotency-key-reused");
  const refund = await ask(api, "POST", `/orders/${first.body.id}/refunds`, undefined, headers);
  assertProblem(refund, 422, "idempotency-key-reused");
});

Deno.test("POST /orders keeps the answer to an order that is known as well", async () => {
  const order = orderBodyOf();
  await ask(api, "POST", "/orders", order);
  const headers = withKey();
  const first = await ask(api, "POST", "/orders", order, headers);
  assert.equal(first.status, 200);
  await cancelOrder(api.deps.db, first.body.id, "test");
  const again = await ask(api, "POST", "/orders", order, headers);
  assert.equal(again.status, 200);
  assert.equal(again.headers.get("idempotent-replayed"), "true");
  assert.equal(again.body.status, "PENDING");
});

Deno.test("POST /orders/{id}/cancel answers a repeated key with the first answer", async () => {
  const id = await storeOrder(api.deps.db, { status: "PENDING" });
  const headers = withKey();
  const cancel = (order: number) => ask(api, "POST", `/orders/${order}/cancel`, undefined, headers);
  const first = await cancel(id);
  assert.equal(first.status, 200);
  const again = await cancel(id);
  assert.equal(again.headers.get("idempotent-replayed"), "true");
  assert.deepEqual(again.body, first.body);
  const twice = await ask(api, "POST", `/orders/${id}/cancel`, undefined, withKey());
  assert.equal(twice.status, 200);
  assert.equal(twice.headers.get("idempotent-replayed"), null);
  assertProblem(await cancel(await storeOrder(api.deps.db)), 422, "idempotency-key-reused");
});

Deno.test("a refused request frees its key", async () => {
  const headers = withKey();
  const id = await storeOrder(api.deps.db, { status: "PAID", totalCents: 100 });
  const refund = (amount_cents: number) =>
    ask(api, "POST", `/orders/${id}/refunds`, { amount_cents }, headers);
  assertProblem(await refund(101), 422, "refund-exceeds-left");
  assert.equal((await refund(100)).status, 202);
  const settled = withKey();
  const cancel = () => ask(api, "POST", `/orders/${id}/cancel`, undefined, settled);
  assertProblem(await cancel(), 409, "order-not-cancellable");
  assertProblem(await cancel(), 409, "order-not-cancellable");
});

Deno.test("many requests with one key, over several processes, are one", async () => {
  const apps = [api.app, makeApp(api.deps), makeApp(api.deps)];
  const before = await countOf("orders");
  const headers = withKey();
  const order = orderBodyOf();
  const answers = await Promise.all(
    Array.from(
      { length: 30 },
      (_, n) => ask({ app: apps[n % 3]! }, "POST", "/orders", order, headers),
    ),
  );
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([202]));
  assert.equal(new Set(answers.map(({ body }) => JSON.stringify(body))).size, 1);
  const replayed = answers.filter(({ headers }) => headers.get("idempotent-replayed") === "true");
  assert.equal(replayed.length, 29);
  assert.equal(await countOf("orders"), before + 1);
});

Deno.test("a key whose request is still running is a 409 that says to come again", async () => {
  const id = await storeOrder(api.deps.db, { status: "PENDING" });
  const key = crypto.randomUUID();
  const [result] = await claimKeys(api.deps.db, [claimOf(key, ["cancel", id])]);
  assert.equal(result!.kind, "claimed");
  const answer = await ask(api, "POST", `/orders/${id}/cancel`, undefined, withKey(key));
  assertProblem(answer, 409, "idempotency-key-in-use");
  assert.equal(answer.headers.get("retry-after"), "1");
  const { body } = await ask(api, "GET", `/orders/${id}`);
  assert.equal(body.status, "PENDING");
});

Deno.test("a key whose request died is free again after its time", async () => {
  const id = await storeOrder(api.deps.db, { status: "PENDING" });
  const key = crypto.randomUUID();
  const dead = claimOf(key, ["something else"]);
  await claimKeys(api.deps.db, [dead]);
  await api.deps.db.run(
    "update idempotency_keys set claimed_until = current_timestamp(6) - interval 1 second " +
      "where idempotency_key = ?",
    [key],
  );
  const answer = await ask(api, "POST", `/orders/${id}/cancel`, undefined, withKey(key));
  assert.equal(answer.status, 200);
  // It was not dead after all: what it changes must not be committed.
  const late = api.deps.db.transaction(async (tx) => {
    await tx.run("update orders set total_cents = 1 where id = ?", [id]);
    await storeAnswers(tx, [{
      key: { ...dead },
      answer: { status: 200, location: null, body: {} },
    }]);
  });
  await assert.rejects(late, { code: "idempotency_key_in_use" });
  assert.equal(await settleKey(api.deps.db, dead, "{}"), null);
  await releaseKey(api.deps.db, dead);
  const again = await ask(api, "POST", `/orders/${id}/cancel`, undefined, withKey(key));
  assert.equal(again.headers.get("idempotent-replayed"), "true");
  assert.equal(again.body.total_cents, 1_000);
});

Deno.test("an answer is there with the change, or neither is", async () => {
  const id = await storeOrder(api.deps.db, { status: "PENDING" });
  const claim = claimOf(crypto.randomUUID(), ["cancel", id]);
  await claimKeys(api.deps.db, [claim]);
  const died = cancelOrder(api.deps.db, id, "test", {
    inTransaction: async (tx) => {
      assert.equal(await answerKeys(tx, [{ claim, answer: "{}" }]), true);
      throw new Error("died");
    },
  });
  await assert.rejects(died, { message: "died" });
  const { body } = await ask(api, "GET", `/orders/${id}`);
  assert.equal(body.status, "PENDING");
  assert.deepEqual(await claimKeys(api.deps.db, [claim]), [{ kind: "claimed" }]);
});

Deno.test("a purge leaves none of many old keys, and all young ones", async () => {
  const { db } = api.deps;
  const names = Array.from({ length: 2_500 }, (_, index) => `old-${index}`);
  const claims = names.map((key) => ({
    owner: "many",
    key,
    requestHash: "0".repeat(64),
    claim: crypto.randomUUID().replaceAll("-", ""),
  }));
  await claimKeys(db, [...claims, { ...claims[0]!, key: "young" }]);
  await db.run(
    `
    update idempotency_keys
    set created_at = current_timestamp(6) - interval 25 hour
    where owner = 'many' and idempotency_key <> 'young'`,
    [],
  );
  await purgeKeys(db);
  const left = await db.query("select idempotency_key from idempotency_keys where owner = 'many'");
  assert.deepEqual(left.map((row) => row.idempotency_key), ["young"]);
});

Deno.test("a key is free again after a day, and is then forgotten", async () => {
  const headers = withKey();
  const key = headers["idempotency-key"];
  assert.equal((await ask(api, "POST", "/orders", orderBodyOf(), headers)).status, 202);
  const age = (hours: number) =>
    api.deps.db.run(
      "update idempotency_keys set created_at = current_timestamp(6) - interval ? hour " +
        "where idempotency_key = ?",
      [hours, key],
    );
  await age(23);
  await purgeKeys(api.deps.db);
  const other = await ask(api, "POST", "/orders", orderBodyOf(), headers);
  assertProblem(other, 422, "idempotency-key-reused");
  await age(25);
  const fresh = await ask(api, "POST", "/orders", orderBodyOf(), headers);
  assert.equal(fresh.status, 202);
  assert.equal(fresh.headers.get("idempotent-replayed"), null);
  await age(25);
  await purgeKeys(api.deps.db);
  const rows = await api.deps.db.query(
    "select owner from idempotency_keys where idempotency_key = ?",
    [
      key,
    ],
  );
  assert.equal(rows.length, 0);
});

Deno.test("keys are each token's own", async () => {
  const names = ["one", "two"];
  const apiTokens = names.map((name) => ({
    name,
    hash: tokenHash(`${name}-secret`),
    scopes: ["orders" as const],
  }));
  assert.equal(new Set(apiTokens.map(formatApiToken)).size, 2);
  const app = makeApp({ ...api.deps, config: { ...api.deps.config, apiTokens } });
  const headers = withKey();
  const ids = [];
  for (const name of names) {
    const { status, body } = await ask({ app }, "POST", "/orders", orderBodyOf(), {
      ...headers,
      authorization: `Bearer ${name}-secret`,
    });
    assert.equal(status, 202);
    ids.push(body.id);
  }
  assert.notEqual(ids[0], ids[1]);
});

Deno.test("a refund is never another token's that used the same key", async () => {
  const tokenOf = (name: string) => ({
    name,
    hash: tokenHash(`${name}-secret`),
    scopes: ["refunds" as const],
  });
  const config = { ...api.deps.config, apiTokens: [tokenOf("one"), tokenOf("two")] };
  const app = makeApp({ ...api.deps, config });
  const id = await storeOrder(api.deps.db, { status: "PAID", totalCents: 1_000 });
  const key = withKey();
  const refund = (name: string) =>
    ask({ app }, "POST", `/orders/${id}/refunds`, { amount_cents: 100 }, {
      ...key,
      authorization: `Bearer ${name}-secret`,
    });
  const first = await refund("one");
  assert.equal(first.status, 202);
  const other = await refund("two");
  assert.equal(other.status, 202);
  assert.notEqual(other.body.id, first.body.id);
  assert.equal(other.headers.get("idempotent-replayed"), null);
  // Where the answer is gone, the refund itself still knows whose it is, as long as keys count.
  await api.deps.db.run("delete from idempotency_keys", []);
  for (const [name, { body }] of [["one", first], ["two", other]] as const) {
    const again = await refund(name);
    assert.equal(again.headers.get("idempotent-replayed"), "true");
    assert.deepEqual(again.body, body);
  }
  await api.deps.db.run("delete from idempotency_keys", []);
  await api.deps.db.run("update refunds set created_at = created_at - interval 25 hour", []);
  const next = await refund("one");
  assert.equal(next.status, 202);
  assert.equal(next.headers.get("idempotent-replayed"), null, "free again after a day");
  const rows = await api.deps.db.query("select id from refunds where order_id = ?", [id]);
  assert.equal(rows.length, 3);
});

Deno.test("claimKeys() gives a key that comes twice at once to one of them", async () => {
  const claims = [claimOf("twin", [1]), claimOf("twin", [1]), claimOf("twin", [2])];
  const results = await claimKeys(api.deps.db, claims);
  assert.deepEqual(results.map(({ kind }) => kind), ["claimed", "running", "other_request"]);
  const again = await claimKeys(api.deps.db, claims);
  assert.deepEqual(again, results, "and repeating it changes nothing");
});

Deno.test("a bad Idempotency-Key is refused on every route that takes one", async () => {
  const id = await storeOrder(api.deps.db);
  const requests: [string, unknown][] = [
    ["/orders", orderBodyOf()],
    [`/orders/${id}/cancel`, undefined],
    [`/orders/${id}/refunds`, undefined],
  ];
  for (const [path, body] of requests) {
    for (const key of ["", "with space", "x".repeat(256), "é"]) {
      const answer = await ask(api, "POST", path, body, withKey(key));
      assertProblem(answer, 400, "bad-request");
      assert.equal(answer.body.errors[0].parameter, "idempotency-key");
    }
  }
});

/** Seconds until another may take the key over. */
async function secondsLeft(key: string): Promise<number> {
  const [row] = await api.deps.db.query(
    "select timestampdiff(microsecond, current_timestamp(6), claimed_until) / 1000000 as s " +
      "from idempotency_keys where idempotency_key = ?",
    [key],
  );
  return Number(row!.s);
}

async function backdate(key: string, seconds: number): Promise<void> {
  await api.deps.db.run(
    "update idempotency_keys set claimed_until = claimed_until - interval ? second " +
      "where idempotency_key = ?",
    [seconds, key],
  );
}

Deno.test("a key is held for a quarter of a minute, and for as long again with each sign of life", async () => {
  const key = crypto.randomUUID();
  const claim = claimOf(key, ["long"]);
  await claimKeys(api.deps.db, [claim]);
  const first = await secondsLeft(key);
  assert.ok(first > claimSeconds - 5 && first <= claimSeconds && claimSeconds <= 15, `${first} s`);
  await backdate(key, 14);
  assert.ok(await secondsLeft(key) < 2);
  await prolongKey(api.deps.db, claim);
  assert.ok(await secondsLeft(key) > claimSeconds - 5);
});

Deno.test("a request that takes its time keeps its key", async () => {
  const gate = Promise.withResolvers<void>();
  const answerOnce = idempotency(api.deps, { prolongEveryMs: 5 });
  const app = new Hono();
  app.use(identifyCaller(api.deps.config, makeSessions(api.deps)));
  app.post("/slow", (c) =>
    answerOnce(c, ["slow"], async () => {
      await gate.promise;
      return { status: 200, location: null, body: { done: true }, stored: false };
    }));
  const key = crypto.randomUUID();
  const slow = ask({ app }, "POST", "/slow", undefined, withKey(key));
  const held = async () => {
    const rows = await api.deps.db.query(
      "select 1 from idempotency_keys where idempotency_key = ?",
      [key],
    );
    return rows.length > 0;
  };
  while (!await held());
  // Its lease is nearly over again and again, and each time it is renewed.
  for (let round = 0; round < 3; round++) {
    await backdate(key, 14.9);
    while (await secondsLeft(key) < claimSeconds - 5);
  }
  const [result] = await claimKeys(api.deps.db, [claimOf(key, ["slow"])]);
  assert.equal(result!.kind, "running");
  gate.resolve();
  assert.deepEqual((await slow).body, { done: true });
  const again = await ask({ app }, "POST", "/slow", undefined, withKey(key));
  assert.equal(again.headers.get("idempotent-replayed"), "true");
});
