import assert from "node:assert/strict";
import { parseConfig } from "../../config/config.ts";
import { groups } from "../../domain/messages/messages.ts";
import type { Turn } from "../../streams/queue/work.ts";
import { type ConsumersOptions, isDrained, runConsumers } from "../../streams/run_consumers.ts";
import { publish } from "../../streams/workflow/publish.ts";
import { anOrder, withWorkflow, type Workflow } from "../workflow.ts";
import { assertConsistent, messagesOf } from "./consistent.ts";

/** A process's consumers. */
function run(
  flow: Workflow,
  options: Partial<ConsumersOptions> & { env?: Record<string, string> },
  signal = new AbortController().signal,
): Promise<void> {
  const config = parseConfig({
    DATABASE_URL: flow.test.databaseUrl,
    REDIS_URL: flow.test.redisUrl,
    REDIS_PREFIX: flow.test.redisPrefix,
    GATEWAY_DELAY_MS: "50",
    ...options.env,
  });
  return runConsumers(
    { ...flow, config },
    { groups: [], batchSize: 7, drain: true, ...options },
    signal,
  );
}

/** Counts the reads that were blocked until somebody had Redis wake them. */
function countWoken(real: Workflow["redis"]): { redis: Workflow["redis"]; woken: () => number } {
  let count = 0;
  const client = async (...asked: [string, ...string[]]) => {
    const answer = await real.client(...(asked as unknown as ["UNBLOCK", number]));
    if (asked[0] === "UNBLOCK") count += Number(answer);
    return answer;
  };
  const redis = new Proxy(real, {
    get: (target, name) => {
      if (name === "client") return client;
      const value = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return { redis, woken: () => count };
}

const some = (count: number, name = "o") =>
  Array.from(
    { length: count },
    (_, n) =>
      anOrder(`${name} ${n}`, [{ sku: `${name} ${n % 5}`, qty: 1, unitPriceCents: 100 + n % 3 }]),
  );

const statuses = async (flow: Workflow) =>
  (await flow.rows("select distinct status from orders order by cast(status as char)"))
    .map(({ status }) => status);

const consumersOf = async (flow: Workflow) => {
  const all = await Promise.all(
    groups.map((group) =>
      flow.redis.xinfo("CONSUMERS", flow.keys.stream(group), group) as Promise<unknown[]>
    ),
  );
  return all.flat().length;
};

Deno.test("runConsumers() drains: waits for scheduled answers and ends when nothing is left", () =>
  withWorkflow("run_drain", async (flow) => {
    await flow.add(some(40));
    assert.equal(await isDrained(flow, groups), false);
    const handled = new Map<string, number>();
    await run(flow, {
      onTurn: (group, turn) => handled.set(group, (handled.get(group) ?? 0) + turn.handled),
    });
    assert.equal(await isDrained(flow, groups), true);
    assert.deepEqual(Object.fromEntries(handled), {
      orders: 40,
      payments: 80,
      notifications: 40,
      refunds: 0,
    });
    assert.deepEqual(await statuses(flow), ["FAILED", "PAID"]);
    await assertConsistent(flow);
    assert.equal(await consumersOf(flow), 0, "they took their names along");
    await run(flow, {});
  }));

Deno.test("runConsumers() drains the groups that it was given and leaves the others alone", () =>
  withWorkflow("run_groups", async (flow) => {
    await flow.add(some(20));
    await run(flow, { groups: ["orders"] });
    assert.deepEqual(await statuses(flow), ["RESERVED"]);
    assert.equal((await messagesOf(flow)).length, 20);
    await run(flow, { groups: ["payments", "payments"] });
    assert.deepEqual(await statuses(flow), ["FAILED", "PAID"]);
    await run(flow, { groups: ["notifications"] });
    await assertConsistent(flow);
  }));

Deno.test("runConsumers() of two processes share the work", () =>
  withWorkflow("run_two", async (flow) => {
    await flow.add(some(120, "shared"));
    await Promise.all([run(flow, {}), run(flow, {})]);
    await assertConsistent(flow);
  }));

Deno.test("runConsumers() waits for a row that replication has not brought yet", () =>
  withWorkflow("run_missing_row", async (flow) => {
    const stop = new AbortController();
    await publish(flow, [{
      message: { type: "order.reserve", orderId: 1, amountCents: 100, currency: "EUR" },
    }]);
    const turns: Turn[] = [];
    await run(flow, {
      drain: false,
      onTurn: (_, turn) => {
        if (turn.delayed + turn.dead === 0) return;
        turns.push(turn);
        stop.abort();
      },
    }, stop.signal);
    assert.deepEqual(turns.map(({ delayed, dead }) => [delayed, dead]), [[1, 0]]);
    assert.deepEqual(await flow.rows("select id from dead_letters"), []);
  }));

Deno.test("runConsumers() stops at once when it is told to, blocked or busy", () =>
  withWorkflow("run_stop", async (flow) => {
    const stop = new AbortController();
    let turns = 0;
    // Nothing is there to do: the reads block until the signal wakes them.
    const { redis, woken } = countWoken(flow.redis);
    const idle = run({ ...flow, redis }, {
      drain: false,
      onTurn: () => ++turns,
    }, stop.signal);
    await flow.add(some(3));
    while ((await statuses(flow)).includes("PENDING"));
    stop.abort();
    await idle;
    assert.ok(woken() > 0, "a blocked read is woken");
    assert.ok(turns > 0);

    const busy = new AbortController();
    await flow.add(some(30, "busy"));
    await run(flow, { drain: false, batchSize: 5, onTurn: () => busy.abort() }, busy.signal);
    assert.deepEqual(
      (await flow.redis.xpending(flow.keys.stream("orders"), "orders"))[0],
      0,
      "nothing is left in hand",
    );
    await run(flow, {});
    await assertConsistent(flow);
  }));
