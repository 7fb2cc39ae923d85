import assert from "node:assert/strict";
import {
  type DeadLetter,
  deadLetterMessages,
  listDeadLetters,
  maxErrorLength,
} from "../../../db/dead_letters/dead_letters.ts";
import { entryOf } from "../../../domain/messages/messages.ts";
import {
  discardDeadLetters,
  retryDeadLetters,
} from "../../../services/operation/decide_dead_letters.ts";
import { openRedis } from "../../../streams/redis/redis.ts";
import { anOrder, withWorkflow, type Workflow } from "../../workflow.ts";
import { aDeadLetter } from "../../dead_letter.ts";
import { anOperator } from "../../operator.ts";

function letter(
  messageId: string,
  orderId: number | null,
  rest: Partial<DeadLetter> = {},
): DeadLetter {
  const message = {
    type: "order.reserve",
    orderId: orderId ?? 1,
    amountCents: 100,
    currency: "EUR",
  } as const;
  return aDeadLetter({
    messageId,
    orderId,
    payload: JSON.stringify(entryOf(message)),
    error: "because",
    attempts: 5,
    firstSeenMs: Date.parse("2026-01-02T03:04:05.678Z"),
    ...rest,
  });
}

/** A pending order whose message is dead. */
async function deadOrder(flow: Workflow): Promise<number> {
  const [order] = await flow.add([anOrder("dead", [{ sku: "a", qty: 1 }])]);
  await flow.redis.xtrim(flow.keys.stream("orders"), "MAXLEN", 0);
  await flow.redis.del(flow.keys.weights("orders"));
  await deadLetterMessages(flow.db, [letter("5-0", order!.orderId)]);
  return order!.orderId!;
}

Deno.test("deadLetterMessages() keeps everything about a message", () =>
  withWorkflow("bury", async (flow) => {
    const error = `broken \ud800 "quotes" ${"ü".repeat(maxErrorLength)}`;
    await deadLetterMessages(flow.db, [
      letter("5-1", 7, { refundId: 9, group: "refunds", error }),
      letter("0-1", null, {
        currency: null,
        payload: '["hello","wörld \\u0000 😀"]',
        firstSeenMs: NaN,
      }),
    ]);
    const [first, second] = await listDeadLetters(flow.db, {}, 0, 10);
    assert.equal(first!.error, error.toWellFormed().slice(0, maxErrorLength));
    assert.deepEqual({ ...first, error: "", diedAt: "" }, {
      id: 1,
      group: "refunds",
      messageId: "5-1",
      orderId: 7,
      refundId: 9,
      amountCents: 100,
      currency: "EUR",
      payload: letter("", 7).payload,
      error: "",
      attempts: 5,
      firstSeenAt: "2026-01-02T03:04:05.678000Z",
      diedAt: "",
    });
    assert.equal(second!.orderId, null);
    assert.equal(second!.currency, null);
    assert.deepEqual(JSON.parse(second!.payload), ["hello", "wörld \u0000 😀"]);
    assert.equal(second!.firstSeenAt, "1970-01-01T00:00:00.000000Z");
  }));

Deno.test("deadLetterMessages() makes one row of a message however often it is dead-lettered, and keeps a decision", () =>
  withWorkflow("bury_twice", async (flow) => {
    await deadLetterMessages(flow.db, [letter("5-1", 1)]);
    await deadLetterMessages(flow.db, [letter("5-1", 1), letter("5-1", 1, { group: "payments" })]);
    assert.equal((await listDeadLetters(flow.db, {}, 0, 10)).length, 2);
    await discardDeadLetters(flow, { group: "orders" }, anOperator("test"));
    await deadLetterMessages(flow.db, [letter("5-1", 1, { attempts: 6 })]);
    const rows = await flow.rows("select status, attempts from dead_letters order by id");
    assert.deepEqual(rows.map(({ status, attempts }) => [status, attempts]), [
      ["DISCARDED", 6],
      ["DEAD", 5],
    ]);
  }));

Deno.test("retryDeadLetters() publishes the message again and leaves a trace of who did it", () =>
  withWorkflow("retry", async (flow) => {
    const orderId = await deadOrder(flow);
    const { letters, refused } = await retryDeadLetters(flow, { id: 1 }, anOperator("cli:ann"));
    assert.deepEqual([letters.length, refused.length], [1, 0]);
    assert.deepEqual(await flow.redis.hgetall(flow.keys.weights("orders")), { EUR: "100" });
    const [row] = await flow.rows(
      "select status, resolved_by, resolved_at is not null as resolved from dead_letters",
    );
    assert.deepEqual({ ...row }, { status: "RETRIED", resolved_by: "cli:ann", resolved: 1 });
    const events = await flow.rows(
      "select order_id, event, detail, actor, attempt from order_events where event like 'dead%'",
    );
    assert.deepEqual(events.map((event) => ({ ...event })), [{
      order_id: orderId,
      event: "dead_letter_retried",
      detail: "orders: because",
      actor: "cli:ann",
      attempt: 5,
    }]);
    await flow.drain();
    assert.equal((await flow.order(orderId)).status, "PAID");
  }));

Deno.test("retryDeadLetters() acts once when two people do it at once", () =>
  withWorkflow("retry_twice", async (flow) => {
    await deadOrder(flow);
    const results = await Promise.all(
      ["cli:ann", "cli:bob"].map((actor) => retryDeadLetters(flow, {}, anOperator(actor))),
    );
    assert.equal(results.reduce((sum, { letters }) => sum + letters.length, 0), 1);
    assert.equal(await flow.redis.xlen(flow.keys.stream("orders")), 1);
    assert.equal(
      (await flow.rows("select * from order_events where event like 'dead%'")).length,
      1,
    );
  }));

Deno.test("retryDeadLetters() refuses what no handler can understand, and takes the others", () =>
  withWorkflow("retry_garbage", async (flow) => {
    await deadLetterMessages(flow.db, [
      letter("5-1", null, { payload: '["hello","world"]' }),
      letter("5-2", 4711),
      letter("5-3", null, { payload: "no json" }),
    ]);
    const { letters, refused } = await retryDeadLetters(flow, {}, anOperator("test"));
    assert.deepEqual(letters.map(({ id }) => id), [2]);
    assert.deepEqual(refused.map(({ letter: { id }, reason }) => [id, reason]), [
      [1, 'there is no field "message"'],
      [3, 'there is no field "message"'],
    ]);
    assert.equal(await flow.redis.xlen(flow.keys.stream("orders")), 1);
    assert.deepEqual((await listDeadLetters(flow.db, {}, 0, 10)).map(({ id }) => id), [1, 3]);
  }));

Deno.test("retryDeadLetters() leaves everything as it was while Redis is away", () =>
  withWorkflow("retry_away", async (flow) => {
    await deadOrder(flow);
    const redis = await openRedis(flow.test.redisUrl);
    redis.disconnect();
    await assert.rejects(retryDeadLetters({ ...flow, redis }, {}, anOperator()));
    assert.equal((await listDeadLetters(flow.db, {}, 0, 10)).length, 1);
    assert.equal(
      (await flow.rows("select * from order_events where event like 'dead%'")).length,
      0,
    );
  }));

Deno.test("discardDeadLetters() gives up the letters of one group, hundreds of them", () =>
  withWorkflow("discard", async (flow) => {
    const orderId = await deadOrder(flow);
    const many = Array.from(
      { length: 450 },
      (_, n) => letter(`6-${n}`, null, { group: "payments" }),
    );
    await deadLetterMessages(flow.db, many);
    const { letters } = await discardDeadLetters(flow, { group: "payments" }, anOperator("test"));
    assert.equal(letters.length, 450);
    assert.equal((await listDeadLetters(flow.db, {}, 0, 10)).length, 1);
    await discardDeadLetters(flow, { id: 1 }, anOperator("test"));
    assert.equal((await flow.order(orderId)).status, "PENDING");
    const events = await flow.rows("select event from order_events where event like 'dead%'");
    assert.deepEqual(events.map(({ event }) => event), ["dead_letter_discarded"]);
    assert.equal(await flow.redis.xlen(flow.keys.stream("payments")), 0);
  }));

Deno.test("retryDeadLetters() retries each letter once, however fast they die again", () =>
  withWorkflow("retry_again", async (flow) => {
    const lettersOf = (start: number, count: number) =>
      Array.from({ length: count }, (_, n) => letter(`${start}-${n}`, 1 + n));
    await deadLetterMessages(flow.db, lettersOf(6, 250));
    let pages = 0;
    const { letters } = await retryDeadLetters(flow, {}, anOperator("test"), {
      inTransaction: async () => {
        pages++;
        // Ends a call that would go on, so that the test does.
        if (pages <= 5) await deadLetterMessages(flow.db, lettersOf(6 + pages, 200));
      },
    });
    assert.deepEqual([letters.length, pages], [250, 2]);
    assert.equal(await flow.redis.xlen(flow.keys.stream("orders")), 250);
    assert.equal((await listDeadLetters(flow.db, {}, 0, 1_000)).length, 400);
  }));
