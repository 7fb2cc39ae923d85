import assert from "node:assert/strict";
import type { Message } from "../../../../domain/messages/messages.ts";
import { typed } from "../../../../runtime/typed.ts";
import { publish } from "../../../../streams/workflow/publish.ts";
import { type Api, ask, openApi } from "../../api.ts";

async function withApi(work: (api: Api) => Promise<void>): Promise<void> {
  const api = await openApi("streams_routes");
  try {
    await work(api);
  } finally {
    await api.close();
  }
}

const emptyLane = {
  length: 0,
  lag: 0,
  pending: 0,
  scheduled: 0,
  oldest_age_ms: 0,
  oldest_unfinished_at: null,
  retries: 0,
  money: [],
};

const empty = {
  ...emptyLane,
  consumers: 0,
  dead: 0,
  processed: 0,
  paused: null,
  lanes: { live: emptyLane, bulk: emptyLane },
};

const charge = (orderId: number, currency = "EUR"): Message => ({
  type: "payment.charge",
  orderId,
  amountCents: 1_000 * orderId,
  currency,
});

Deno.test("GET /streams shows zeros where there is no stream and no group", () =>
  withApi(async (api) => {
    const { status, body } = await ask(api, "GET", "/streams");
    assert.equal(status, 200);
    assert.deepEqual(body, {
      backordered: [],
      streams: ["orders", "payments", "notifications", "refunds"].map((group) => ({
        group,
        ...empty,
      })),
      by_hand: { count: 0, money: [] },
      warnings: [],
    });
  }));

Deno.test("GET /streams tells read from unread, waiting from scheduled, and the money", () =>
  withApi(async (api) => {
    const { redis, keys, db } = api.deps;
    const stream = keys.stream("payments");
    await publish(api.deps, [
      { message: charge(1) },
      { message: charge(2, "USD") },
      { message: charge(3) },
      { message: charge(4), delayMs: 60_000 },
    ]);
    await redis.xgroup("CREATE", stream, "payments", "0");
    await redis.xreadgroup("GROUP", "payments", "me", "COUNT", 1, "STREAMS", stream, ">");
    const now = Date.now();
    await redis.zadd(keys.alive("payments"), now, "me", now - 3_000, "he", now - 120_000, "gone");
    await redis.zadd(keys.retries("payments"), 1, "1-1");
    await redis.hset(keys.stats("payments"), "processed", 42);
    await redis.hset(keys.weights("payments"), "CHF", 0);
    for (const [id, status] of [["1-1", "DEAD"], ["1-2", "DEAD"], ["1-3", "RETRIED"]] as const) {
      await db.run(
        `
        insert into dead_letters
          (group_name, message_id, payload, error, attempts, status, first_seen_at)
        values ('payments', ?, '[]', 'broken', 5, ?, current_timestamp(6))`,
        [id, status],
      );
    }
    const { body } = await ask(api, "GET", "/streams");
    const payments = body.streams[1];
    const { oldest_age_ms, oldest_unfinished_at, lanes, ...rest } = payments;
    const waiting = {
      length: 3,
      lag: 2,
      pending: 1,
      scheduled: 1,
      retries: 1,
      money: [{ currency: "EUR", amount_cents: 8_000 }, { currency: "USD", amount_cents: 2_000 }],
    };
    assert.deepEqual(rest, {
      group: "payments",
      ...waiting,
      consumers: 2,
      dead: 2,
      processed: 42,
      paused: null,
    });
    assert.deepEqual(lanes.live, { ...waiting, oldest_age_ms, oldest_unfinished_at });
    assert.deepEqual(lanes.bulk, emptyLane);
    const [[firstId]] = await redis.xrange(stream, "-", "+", "COUNT", 1) as [[string, string[]]];
    assert.equal(Date.parse(oldest_unfinished_at), Number(firstId.split("-")[0]));
    assert.ok(oldest_age_ms >= 0 && oldest_age_ms < 60_000, String(oldest_age_ms));
    assert.deepEqual(body.streams[0], { group: "orders", ...empty });
  }));

Deno.test("GET /streams adds up the lanes, and takes the age of the older one", () =>
  withApi(async (api) => {
    const { redis, keys } = api.deps;
    const anHourAgo = Date.now() - 3_600_000;
    const bulk = keys.stream("payments", "bulk");
    await redis.xadd(bulk, `${anHourAgo}-0`, "message", "payment.charge 9 5 EUR");
    await publish(api.deps, [{ message: charge(1) }]);
    const messages = [{ message: charge(2) }, { message: charge(3, "GBP"), delayMs: 60_000 }];
    await publish(api.deps, messages, { lane: "bulk" });
    const { body } = await ask(api, "GET", "/streams");
    const { lanes, length, lag, scheduled, money, oldest_unfinished_at } = body.streams[1];
    assert.deepEqual({ length, lag, scheduled }, { length: 3, lag: 3, scheduled: 1 });
    assert.deepEqual(money, [
      { currency: "EUR", amount_cents: 3_000 },
      { currency: "GBP", amount_cents: 3_000 },
    ]);
    assert.equal(oldest_unfinished_at, new Date(anHourAgo).toISOString());
    assert.deepEqual([lanes.live.length, lanes.bulk.length], [1, 2]);
    assert.deepEqual([lanes.live.scheduled, lanes.bulk.scheduled], [0, 1]);
    assert.deepEqual(lanes.live.money, [{ currency: "EUR", amount_cents: 1_000 }]);
    assert.ok(lanes.live.oldest_age_ms < 60_000, String(lanes.live.oldest_age_ms));
    assert.equal(lanes.bulk.oldest_unfinished_at, oldest_unfinished_at);
  }));

Deno.test("GET /streams and /readyz say what to type where work waits and nobody does it", () =>
  withApi(async (api) => {
    const warned = async (path: string) => (await ask(api, "GET", path)).body.warnings;
    const [simulated, ...others] = await warned("/readyz");
    assert.match(simulated, /^Payments are simulated/);
    assert.deepEqual(others, []);
    await publish(api.deps, [{ message: charge(1) }]);
    const nobody = `Nobody works on payments yet: run ${typed("start")}`;
    assert.deepEqual(await warned("/streams"), [nobody]);
    assert.deepEqual(await warned("/readyz"), [simulated, nobody]);
  }));

Deno.test("GET /streams measures age by the oldest unfinished entry", () =>
  withApi(async (api) => {
    const { redis, keys } = api.deps;
    const anHourAgo = Date.now() - 3_600_000;
    await redis.xadd(keys.stream("refunds"), `${anHourAgo}-0`, "type", "refund.process");
    const { body } = await ask(api, "GET", "/streams");
    const refunds = body.streams[3];
    assert.equal(refunds.oldest_unfinished_at, new Date(anHourAgo).toISOString());
    assert.ok(Math.abs(refunds.oldest_age_ms - 3_600_000) < 60_000, String(refunds.oldest_age_ms));
    assert.equal(refunds.lag, 1);
  }));
