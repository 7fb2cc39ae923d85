import assert from "node:assert/strict";
import { openDatabase } from "../../../../db/connection/database.ts";
import { messageOfEntry, type RefundMessage } from "../../../../domain/messages/messages.ts";
import { type Api, ask, assertProblem, openApi, storeOrder } from "../../api.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("refunds_routes");
});
Deno.test.afterAll(() => api.close());

const paid = (totalCents = 1_000) => storeOrder(api.deps.db, { status: "PAID", totalCents });

async function publishedRefunds(orderId: number): Promise<string[]> {
  const entries = await api.deps.redis.xrange(api.deps.keys.stream("refunds"), "-", "+");
  return entries.flatMap(([, fields]) => {
    const message = messageOfEntry(fields) as RefundMessage;
    return message.orderId === orderId ? [String(message.refundId)] : [];
  });
}

Deno.test("POST /orders/{id}/refunds without a body gives back all that is left", async () => {
  const id = await paid();
  const part = await ask(api, "POST", `/orders/${id}/refunds`, { amount_cents: 400 });
  assert.equal(part.status, 202);
  const rest = await ask(api, "POST", `/orders/${id}/refunds`);
  assert.equal(rest.status, 202);
  assert.equal(rest.headers.get("location"), `/refunds/${rest.body.id}`);
  assert.equal(rest.headers.get("idempotent-replayed"), null);
  const { created_at, ...refund } = rest.body;
  assert.match(created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  assert.deepEqual(refund, {
    id: rest.body.id,
    order_id: id,
    amount_cents: 600,
    currency: "EUR",
    reason: null,
    status: "REQUESTED",
    failure_reason: null,
    by_hand: false,
    idempotency_key: null,
    processed_at: null,
    lines: [],
    adjustments: [],
  });
  assert.deepEqual(await publishedRefunds(id), [String(part.body.id), String(rest.body.id)]);

  const fetched = await ask(api, "GET", `/refunds/${rest.body.id}`);
  assert.equal(fetched.status, 200);
  assert.deepEqual(fetched.body, rest.body);
  assertProblem(await ask(api, "POST", `/orders/${id}/refunds`), 409, "order-not-refundable");
});

Deno.test("POST /orders/{id}/refunds says so where it does not list all faults", async () => {
  const unknown = Object.fromEntries(Array.from({ length: 6_000 }, (_, n) => [`f${n}`, 1]));
  const refused = await ask(api, "POST", "/orders/1/refunds", unknown);
  assertProblem(refused, 422, "invalid");
  assert.equal(refused.body.errors.length, 5_000);
  assert.match(refused.body.detail, /the first 5000 of 6000 faults follow/);
});

Deno.test("POST /orders/{id}/refunds takes an empty body of any type for no body", async () => {
  for (const type of ["application/json", "text/plain", "application/x-www-form-urlencoded"]) {
    const id = await paid();
    const answer = await ask(api, "POST", `/orders/${id}/refunds`, "", { "content-type": type });
    assert.equal(answer.status, 202);
    assert.equal(answer.body.amount_cents, 1_000);
  }
  const id = await paid();
  assert.equal((await ask(api, "POST", `/orders/${id}/refunds`, {})).body.amount_cents, 1_000);
});

Deno.test("POST /orders/{id}/refunds refuses a cent more than is left, down to zero", async () => {
  const id = await paid(100);
  const refund = (amount_cents: number) =>
    ask(api, "POST", `/orders/${id}/refunds`, { amount_cents });
  assertProblem(await refund(101), 422, "refund-exceeds-left");
  assert.equal((await refund(60)).status, 202);
  assertProblem(await refund(41), 422, "refund-exceeds-left");
  assert.equal((await refund(40)).status, 202);
  const answer = await refund(1);
  assert.ok(answer.status === 409 || answer.status === 422, String(answer.status));
  const { body } = await ask(api, "GET", `/orders/${id}/refunds`);
  assert.deepEqual(body.data.map((row: { amount_cents: number }) => row.amount_cents), [60, 40]);
});

Deno.test("POST /orders/{id}/refunds refuses a misspelt or senseless amount", async () => {
  const id = await paid();
  const bodies = [
    { amount_cents: 0 },
    { amount_cents: -1 },
    { amount_cents: 1.5 },
    { amount_cents: "100" },
    { amount_cents: null },
    { amount_cents: 9_007_199_254_740_992 },
    { amount_cents: [100] },
    { amount: 100 },
    { amount_cents: 100, amout_cents: 1 },
    { amount_cents: 100, reason: 5 },
    { amount_cents: 100, reason: "x".repeat(256) },
    { amount_cents: 100, reason: "\u0000" },
    { amount_cents: 100, reason: "\ud800" },
    [],
    "null",
    "1",
    '"all"',
  ];
  for (const body of bodies) {
    const answer = await ask(api, "POST", `/orders/${id}/refunds`, body);
    assertProblem(answer, 422, "invalid");
    assert.ok(answer.body.errors.length > 0);
  }
  const { body } = await ask(api, "GET", `/orders/${id}/refunds`);
  assert.deepEqual(body, { data: [], next_cursor: null });
});

Deno.test("POST /orders/{id}/refunds takes a reason of every character, at its limit", async () => {
  for (const reason of ["x".repeat(255), "😀".repeat(255), `a${"😀".repeat(254)}`, "  ok  "]) {
    const id = await paid(1_234);
    const answer = await ask(api, "POST", `/orders/${id}/refunds`, { reason });
    assert.equal(answer.status, 202, JSON.stringify(answer.body));
    assert.equal(answer.body.reason, reason.trim());
  }
});

Deno.test("POST /orders/{id}/refunds answers the same key with the same refund", async () => {
  const id = await paid();
  const headers = { "idempotency-key": `key-${crypto.randomUUID()}` };
  const request = { amount_cents: 300, reason: "late" };
  const first = await ask(api, "POST", `/orders/${id}/refunds`, request, headers);
  assert.equal(first.status, 202);
  assert.equal(first.headers.get("idempotent-replayed"), null);

  await api.deps.db.run(
    "update refunds set status = 'PROCESSED', processed_at = current_timestamp(6) where id = ?",
    [first.body.id],
  );
  const again = await ask(api, "POST", `/orders/${id}/refunds`, request, headers);
  assert.equal(again.status, 202);
  assert.equal(again.headers.get("idempotent-replayed"), "true");
  assert.equal(again.headers.get("location"), first.headers.get("location"));
  assert.deepEqual(again.body, first.body);

  for (const other of [{ amount_cents: 301, reason: "late" }, { amount_cents: 300 }, undefined]) {
    const answer = await ask(api, "POST", `/orders/${id}/refunds`, other, headers);
    assertProblem(answer, 422, "idempotency-key-reused");
  }
  const elsewhere = await paid();
  assertProblem(
    await ask(api, "POST", `/orders/${elsewhere}/refunds`, request, headers),
    422,
    "idempotency-key-reused",
  );
});

Deno.test("POST /orders/{id}/refunds takes one of many requests with one key at once", async () => {
  const id = await paid();
  const headers = { "idempotency-key": crypto.randomUUID() };
  const answers = await Promise.all(
    Array.from(
      { length: 20 },
      () => ask(api, "POST", `/orders/${id}/refunds`, { amount_cents: 100 }, headers),
    ),
  );
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([202]));
  assert.equal(new Set(answers.map(({ body }) => body.id)).size, 1);
  const replayed = answers.filter(({ headers }) => headers.get("idempotent-replayed") === "true");
  assert.equal(replayed.length, 19);
});

Deno.test("POST /orders/{id}/refunds never gives back too much to a crowd", async () => {
  const id = await paid(1_000);
  const answers = await Promise.all(
    Array.from(
      { length: 30 },
      () => ask(api, "POST", `/orders/${id}/refunds`, { amount_cents: 90 }),
    ),
  );
  const taken = answers.filter(({ status }) => status === 202);
  assert.equal(taken.length, 11);
  for (const answer of answers) {
    if (answer.status !== 202) assertProblem(answer, 422, "refund-exceeds-left");
  }
});

Deno.test("POST /orders/{id}/refunds refuses orders without a payment and bad keys", async () => {
  for (const status of ["PENDING", "RESERVED", "FAILED", "CANCELLED"] as const) {
    const id = await storeOrder(api.deps.db, { status });
    assertProblem(await ask(api, "POST", `/orders/${id}/refunds`), 409, "order-not-refundable");
  }
  assertProblem(await ask(api, "POST", "/orders/999999999/refunds"), 404, "not-found");
  const id = await paid();
  for (const key of ["", "with space", "x".repeat(256), "é"]) {
    const headers = { "idempotency-key": key };
    const answer = await ask(api, "POST", `/orders/${id}/refunds`, undefined, headers);
    assertProblem(answer, 400, "bad-request");
    assert.equal(answer.body.errors[0].parameter, "idempotency-key");
  }
});

Deno.test("GET /orders/{id}/refunds pages through the refunds, first ones first", async () => {
  const id = await paid(500);
  const ids: number[] = [];
  for (let n = 1; n <= 5; n++) {
    const { body } = await ask(api, "POST", `/orders/${id}/refunds`, { amount_cents: n });
    ids.push(body.id);
  }
  const all = await ask(api, "GET", `/orders/${id}/refunds`);
  assert.deepEqual(all.body.data.map((row: { id: number }) => row.id), ids);
  assert.equal(all.body.next_cursor, null);
  const first = await ask(api, "GET", `/orders/${id}/refunds?limit=3`);
  const rest = await ask(
    api,
    "GET",
    `/orders/${id}/refunds?limit=3&cursor=${first.body.next_cursor}`,
  );
  const rows = [...first.body.data, ...rest.body.data];
  assert.deepEqual(rows.map(({ id }) => id), ids);
  assert.equal(rest.body.next_cursor, null);
  assertProblem(await ask(api, "GET", "/orders/999999999/refunds"), 404, "not-found");
  assertProblem(await ask(api, "GET", "/refunds/999999999"), 404, "not-found");
});

Deno.test("POST /orders/{id}/refunds of an order that another transaction has holds up nobody else's, and comes back to it", async () => {
  const [held, free] = [await paid(), await paid()];
  const other = await openDatabase(api.test.databaseUrl);
  const holding = Promise.withResolvers<void>(), released = Promise.withResolvers<void>();
  const transaction = other.transaction(async (tx) => {
    await tx.query("select id from orders where id = ? for update", [held]);
    holding.resolve();
    await released.promise;
  });
  try {
    await holding.promise;
    const key = { "idempotency-key": "held-1" };
    const slow = ask(api, "POST", `/orders/${held}/refunds`, undefined, key);
    const quick = ask(api, "POST", `/orders/${free}/refunds`);
    const first = await Promise.race([slow.then(() => "held"), quick.then(() => "free")]);
    assert.equal(first, "free");
    assert.equal((await quick).status, 202);
    assert.equal((await ask(api, "POST", `/orders/${free}/refunds`)).status, 409, "nobody waits");
    released.resolve();
    const { status, body } = await slow;
    assert.equal(status, 202);
    assert.deepEqual(await publishedRefunds(held), [String(body.id)]);
    const audited = await ask(api, "GET", `/audit?subject=order:${held}`);
    assert.deepEqual(audited.body.data.map(({ outcome }: { outcome: string }) => outcome), [
      "done",
    ]);
  } finally {
    released.resolve();
    await transaction;
    await other.close();
  }
});
