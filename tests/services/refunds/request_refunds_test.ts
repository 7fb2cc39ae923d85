import assert from "node:assert/strict";
import fc from "fast-check";
import { transactionTries } from "../../../db/connection/database.ts";
import { readRefunds, refundFactsOf } from "../../../db/refunds/refund_rows.ts";
import { requestRefund, requestRefunds } from "../../../services/refunds/request_refunds.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import type { RefundFacts } from "../../../domain/refund/refund.ts";
import { anOrder, openWorkflow, type Workflow } from "../../workflow.ts";
import { assertConsistent } from "../../streams/consistent.ts";

async function setUp(name: string, cents = [1_000]) {
  const flow = await openWorkflow(name);
  const taken = await flow.add(
    cents.map((unitPriceCents, n) => anOrder(`${n}`, [{ sku: "a", qty: 1, unitPriceCents }])),
  );
  await flow.drain();
  return {
    flow,
    ids: taken.map(({ orderId }) => orderId!),
    async [Symbol.asyncDispose]() {
      await flow.close();
    },
  };
}

interface Ask {
  orderId: number;
  amountCents: number | null;
  key?: string;
  reason?: string;
}

const ask = ({ orderId, amountCents, key, reason }: Ask) => ({
  orderId,
  amountCents,
  reason: reason ?? null,
  idempotencyKey: key ?? null,
});

/** What each request came to: its amount, or the code of its refusal. */
async function outcomesOf(flow: Workflow, ...asks: Ask[]): Promise<(number | string)[]> {
  const results = await requestRefunds(flow.db, asks.map(ask), "test");
  return results.map((result) =>
    result instanceof WorkflowError ? result.code : result.refund.amountCents
  );
}

/** Every refund of an order, oldest first. */
async function refundsOf({ db }: Workflow, orderId: number): Promise<RefundFacts[]> {
  return (await refundFactsOf(db, [orderId], { lock: false })).get(orderId) ?? [];
}

Deno.test("requestRefunds() takes many at once, each against what the others left", async () => {
  await using test = await setUp("db_refunds_many", [1_000, 500]);
  const { flow, ids: [a, b] } = test;
  const asks: Ask[] = [
    { orderId: a!, amountCents: 600 },
    { orderId: b!, amountCents: null },
    { orderId: a!, amountCents: 401 },
    { orderId: 999_999, amountCents: 1 },
    { orderId: a!, amountCents: 400 },
    { orderId: a!, amountCents: null },
    { orderId: b!, amountCents: 1 },
    { orderId: a!, amountCents: 0 },
  ];
  assert.deepEqual(await outcomesOf(flow, ...asks), [
    600,
    500,
    "refund_exceeds_left",
    "not_found",
    400,
    "order_not_refundable",
    "refund_exceeds_left",
    "invalid",
  ]);
  const rows = await refundsOf(flow, a!);
  assert.deepEqual(rows.map(({ amountCents, status }) => [amountCents, status]), [
    [600, "REQUESTED"],
    [400, "REQUESTED"],
  ]);
  const events = await flow.rows(
    "select order_id, detail from order_events where event = 'refund_requested' order by id",
  );
  assert.deepEqual(events, [
    { order_id: a, detail: "6.00 EUR" },
    { order_id: b, detail: "5.00 EUR" },
    { order_id: a, detail: "4.00 EUR" },
  ]);
});

Deno.test("requestRefunds() gives each request its own refund, in whatever order they come", async () => {
  await using test = await setUp("db_refunds_order", [1_000, 1_000]);
  const { flow, ids: [a, b] } = test;
  const asks = [7, 5, 3, 1].flatMap((cents) => [
    { orderId: b!, amountCents: cents },
    { orderId: a!, amountCents: cents + 1 },
  ]);
  await outcomesOf(flow, ...asks);
  const results = await requestRefunds(flow.db, asks.map(ask), "test");
  results.forEach((result, index) => {
    assert.ok(!(result instanceof WorkflowError));
    assert.equal(result.refund.orderId, asks[index]!.orderId);
    assert.equal(result.refund.amountCents, asks[index]!.amountCents);
  });
  const ids = results.map((result) => result instanceof WorkflowError ? 0 : result.refund.id);
  assert.equal(new Set(ids).size, asks.length);
  const stored = await readRefunds(flow.db, [...ids, 999_999]);
  assert.equal(stored.size, asks.length);
});

Deno.test("requestRefund() says in one sentence why not", async () => {
  await using test = await setUp("db_refunds_words", [1_000, 101]);
  const { flow, ids: [paid, failed] } = test;
  const refusal = async (orderId: number, amountCents: number | null) => {
    try {
      await requestRefund(flow.db, ask({ orderId, amountCents }), "test");
    } catch (error) {
      assert.ok(error instanceof WorkflowError);
      return error.message;
    }
  };
  assert.equal(
    await refusal(paid!, 1_001),
    `Cannot refund order ${paid}: 10.01 EUR exceed the 10.00 EUR that are left`,
  );
  assert.equal(
    await refusal(failed!, 1),
    `Cannot refund order ${failed}: it is FAILED, and only PAID orders can be refunded`,
  );
  assert.equal(await refusal(paid!, -5), `Cannot refund order ${paid}: -5 is no amount`);
  assert.equal(await refusal(999_999, null), "There is no order 999999");
  await requestRefund(flow.db, ask({ orderId: paid!, amountCents: null }), "test");
  assert.equal(
    await refusal(paid!, null),
    `Cannot refund order ${paid}: nothing is left to refund`,
  );
});

Deno.test("requestRefund() answers a repeated key as it did first, and refuses another request", async () => {
  await using test = await setUp("db_refunds_key", [1_000, 1_000]);
  const { flow, ids: [a, b] } = test;
  const key = "Key-1";
  const first = await requestRefund(flow.db, ask({ orderId: a!, amountCents: 900, key }), "test");
  assert.equal(first.replayed, false);
  await publish(flow, [{
    message: {
      type: "refund.process",
      orderId: a!,
      refundId: first.refund.id,
      amountCents: 900,
      currency: first.currency,
    },
  }]);
  await flow.drain();
  const again = await requestRefund(flow.db, ask({ orderId: a!, amountCents: 900, key }), "test");
  assert.deepEqual(again, { ...first, replayed: true }, "although it is processed by now");
  const others: Ask[] = [
    { orderId: a!, amountCents: 899, key },
    { orderId: a!, amountCents: null, key },
    { orderId: b!, amountCents: 900, key },
    { orderId: a!, amountCents: 900, key, reason: "another" },
  ];
  for (const other of others) {
    assert.deepEqual(await outcomesOf(flow, other), ["idempotency_key_reused"]);
  }
  assert.deepEqual(
    await outcomesOf(flow, { orderId: a!, amountCents: 100, key: "key-1" }),
    [100],
    "keys differ by case",
  );
  assert.deepEqual(
    await outcomesOf(
      flow,
      { orderId: b!, amountCents: 10, key: "twin" },
      { orderId: b!, amountCents: 10, key: "twin" },
      { orderId: b!, amountCents: 11, key: "twin" },
      { orderId: b!, amountCents: 9_999, key: "refused" },
      { orderId: b!, amountCents: 9_999, key: "refused" },
    ),
    [10, 10, "idempotency_key_reused", "refund_exceeds_left", "refund_exceeds_left"],
  );
  assert.equal((await refundsOf(flow, b!)).length, 1);
  assert.deepEqual(
    await outcomesOf(flow, { orderId: b!, amountCents: 20, key: "refused" }),
    [20],
    "a refused request leaves its key free",
  );
});

Deno.test("requestRefund() keeps keys apart by their owners, and for a day", async () => {
  await using test = await setUp("db_refunds_owners", [1_000, 1_000]);
  const { flow, ids: [a, b] } = test;
  const key = "return-17";
  const take = (orderId: number, amountCents: number, actor: string, keyOwner?: string) =>
    requestRefund(flow.db, { ...ask({ orderId, amountCents, key }), keyOwner }, actor)
      .then(({ refund, replayed }) => [refund.id, replayed], ({ code }: WorkflowError) => code);
  const [shop] = await take(a!, 100, "api:shop");
  const [desk] = await take(b!, 200, "api:desk");
  const [typed] = await take(a!, 100, "cli:ann", "cli");
  assert.equal(new Set([shop, desk, typed]).size, 3, "each a refund of its own");
  assert.deepEqual(await take(a!, 100, "cli:ben", "cli"), [typed, true], "whoever types it");
  assert.deepEqual(await take(a!, 100, "api:shop"), [shop, true]);
  assert.deepEqual(await take(b!, 200, "api:desk"), [desk, true]);
  assert.equal(await take(a!, 101, "api:shop"), "idempotency_key_reused");

  const age = (interval: string) =>
    flow.rows(
      `update refunds set created_at = current_timestamp(6) - interval ${interval} where id = ${shop}`,
    );
  await age("1435 minute");
  assert.deepEqual(await take(a!, 100, "api:shop"), [shop, true], "almost a day");
  await age("1441 minute");
  const [next, replayed] = await take(a!, 100, "api:shop") as [number, boolean];
  assert.ok(next > Number(typed) && !replayed, "the key is free again");
  assert.deepEqual(await take(a!, 100, "api:shop"), [next, true]);
  const rows = await flow.rows(
    "select id, key_owner from refunds where idempotency_key = ? order by id",
    [key],
  );
  assert.deepEqual(rows.map((row) => [Number(row.id), row.key_owner]), [
    [shop, null],
    [desk, "api:desk"],
    [typed, "cli"],
    [next, "api:shop"],
  ]);
});

Deno.test("requestRefund() makes one refund of a key that is free again and used many times at once", async () => {
  await using test = await setUp("db_refunds_key_again", [1_000, 1_000]);
  const { flow, ids: [a, b] } = test;
  const take = (orderId: number) =>
    requestRefund(flow.db, ask({ orderId, amountCents: 10, key: "again" }), "api:shop")
      .then(({ refund }) => refund.id, ({ code }: WorkflowError) => code);
  const first = await take(a!);
  await flow.rows("update refunds set created_at = created_at - interval 2 day");
  const answers = await Promise.all([a, b, a, b, a, b].map((orderId) => take(orderId!)));
  const ids = new Set(answers.filter((answer) => typeof answer === "number"));
  assert.ok(ids.size === 1 && !ids.has(first as number), JSON.stringify(answers));
  assert.equal(answers.filter((answer) => answer === "idempotency_key_reused").length, 3);
});

Deno.test("requestRefund() knows what a process of the version before has written", async () => {
  await using test = await setUp("db_refunds_older", [1_000]);
  const { flow, ids: [a] } = test;
  const take = (amountCents: number, actor: string) =>
    requestRefund(flow.db, ask({ orderId: a!, amountCents, key: "old" }), actor)
      .then(({ refund, replayed }) => [refund.id, replayed]);
  const [id] = await take(100, "api:shop");
  await flow.rows("update refunds set key_owner = null");
  assert.deepEqual(await take(100, "api:shop"), [id, true]);
  const [other] = await take(100, "api:desk");
  assert.notEqual(other, id, "another's request says something else");
});

Deno.test("requestRefund() makes one refund of a key that is used many times at once", async () => {
  await using test = await setUp("db_refunds_key_race", [1_000, 1_000]);
  const { flow, ids: [a, b] } = test;
  for (let round = 0; round < 5; round++) {
    const key = `race-${round}`;
    const answers = await Promise.all(
      [a, b, a, b, a, b].map((orderId) =>
        requestRefund(flow.db, ask({ orderId: orderId!, amountCents: 10, key }), "test")
          .then(({ refund }) => refund.id, (error: WorkflowError) => error.code)
      ),
    );
    const ids = new Set(answers.filter((answer) => typeof answer === "number"));
    assert.equal(ids.size, 1, JSON.stringify(answers));
    assert.equal(answers.filter((answer) => answer === "idempotency_key_reused").length, 3);
  }
  const rows = await flow.rows("select count(*) as refunds from refunds");
  assert.equal(Number(rows[0]!.refunds), 5);
});

Deno.test("refunds never exceed the payment, whoever asks for and processes what at once", async () => {
  await using test = await setUp("db_refunds_property", []);
  const { flow } = test;
  assert.ok(transactionTries > 1);
  let run = 0;
  const step = fc.record({
    order: fc.nat(1),
    cents: fc.option(fc.integer({ min: 1, max: 120 }), { nil: null }),
    times: fc.integer({ min: 1, max: 3 }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 6 }),
      async (bursts) => {
        run++;
        const totals = [100, 250];
        const taken = await flow.add(
          totals.map((unitPriceCents, n) =>
            anOrder(`${run} ${n}`, [{ sku: `a`, qty: 1, unitPriceCents }])
          ),
        );
        await flow.drain();
        for (const burst of bursts) {
          // The requests of a burst come at once, and the group works meanwhile.
          await Promise.all([
            ...burst.map(async ({ order, cents, times }) => {
              const orderId = taken[order]!.orderId!;
              const [result] = await requestRefunds(
                flow.db,
                [ask({ orderId, amountCents: cents })],
                "test",
              );
              if (result instanceof WorkflowError) return;
              const { id: refundId, amountCents } = result!.refund;
              const message = {
                type: "refund.process",
                orderId,
                refundId,
                amountCents,
                currency: "EUR",
              } as const;
              await publish(flow, Array.from({ length: times }, () => ({ message })));
            }),
            flow.turn("refunds"),
          ]);
        }
        await flow.drain();
        for (const [index, total] of totals.entries()) {
          const orderId = taken[index]!.orderId!;
          const refunds = await refundsOf(flow, orderId);
          const sum = refunds.reduce((cents, { amountCents }) => cents + amountCents, 0);
          assert.ok(sum <= total, `${sum} of ${total}`);
          assert.ok(refunds.every(({ status }) => status === "PROCESSED"));
          assert.equal((await flow.order(orderId)).refundedCents, sum);
        }
      },
    ),
    { numRuns: 12 },
  );
  await assertConsistent(flow);
});
