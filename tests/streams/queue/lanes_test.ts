import assert from "node:assert/strict";
import { listDeadLetters } from "../../../db/dead_letters/dead_letters.ts";
import type { Message } from "../../../domain/messages/messages.ts";
import { groups } from "../../../domain/messages/messages.ts";
import { type Lane, lanes } from "../../../domain/messages/lane.ts";
import { parseConfig } from "../../../config/config.ts";
import { retryDeadLetters } from "../../../services/operation/decide_dead_letters.ts";
import { simulatedGateway } from "../../../streams/payments/providers/simulated.ts";
import { consume, consumeOnce } from "../../../streams/queue/consumer.ts";
import { maxLiveBatch } from "../../../streams/queue/batch_size.ts";
import { removeConsumers } from "../../../streams/queue/remove_consumers.ts";
import { findHeldWork } from "../../../streams/recovery/held_work.ts";
import { ensureRecovered, recover } from "../../../streams/recovery/recover.ts";
import { isDrained, runConsumers } from "../../../streams/run_consumers.ts";
import { verify } from "../../../streams/verification/verify.ts";
import { makeConsumer } from "../../../streams/workflow/consumer.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { shareOut } from "./share_out.ts";
import { anOperator } from "../../operator.ts";
import { settleAll, withProvider } from "../../provider.ts";
import { anOrder, withWorkflow, type Workflow } from "../../workflow.ts";
import { assertConsistent, makeDue } from "../consistent.ts";

/** Messages in each stream and schedule that holds any, by its key without the prefix. */
async function waiting({ redis, keys }: Workflow): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const group of groups) {
    for (const lane of lanes) {
      const [stream, scheduled] = [keys.stream(group, lane), keys.scheduled(group, lane)];
      const counts = [[stream, await redis.xlen(stream)], [
        scheduled,
        await redis.zcard(scheduled),
      ]];
      for (const [key, count] of counts as [string, number][]) {
        if (count > 0) found[key.slice(keys.prefix.length)] = count;
      }
    }
  }
  return found;
}

const some = (count: number, name = "o") =>
  Array.from({ length: count }, (_, n) => anOrder(`${name} ${n}`, [{ sku: name, qty: 1 }]));

const reserve = (orderId: number): Message => ({
  type: "order.reserve",
  orderId,
  amountCents: 100,
  currency: "EUR",
});

Deno.test("the keys of the live lane are those of before there were lanes", () =>
  withWorkflow("lane_keys", async ({ keys }) => {
    const of = (lane?: Lane) =>
      [keys.stream, keys.scheduled, keys.retries, keys.errors, keys.errorTexts, keys.weights]
        .map((key) => key("orders", lane).slice(keys.prefix.length));
    const live = ["orders", "scheduled:orders", "retries:orders", "errors:orders"];
    assert.deepEqual(of("live"), [...live, "error-texts:orders", "money:orders"]);
    assert.deepEqual(of(), of("live"));
    assert.deepEqual(of("bulk"), of("live").map((key) => `${key}:bulk`));
    await Promise.resolve();
  }));

Deno.test("what follows from a message stays in its lane, at once, scheduled and tried again", () =>
  withWorkflow("lane_follow", async (flow) => {
    await flow.add(some(2, "live"));
    await flow.add(some(3, "bulk"), 50, "bulk");
    assert.deepEqual(await waiting(flow), { "orders": 2, "orders:bulk": 3 });
    await flow.turn("orders");
    assert.deepEqual(await waiting(flow), { "payments": 2, "payments:bulk": 3 });
    await flow.turn("payments");
    const scheduled = { "scheduled:payments": 2, "scheduled:payments:bulk": 3 };
    assert.deepEqual(await waiting(flow), scheduled);
    await makeDue(flow);
    const failing = flow.consumerOf(
      "payments",
      {
        share: (
          deliveries,
        ) => [{ handle: () => Promise.reject(new Error("not now")), deliveries: [...deliveries] }],
      },
      "failing",
      "bulk",
    );
    assert.equal((await consumeOnce(failing)).retried, 3);
    assert.equal(await flow.redis.zcard(flow.keys.retries("payments", "bulk")), 3);
    assert.equal(await flow.redis.zcard(flow.keys.retries("payments")), 0);
    await makeDue(flow);
    await flow.turn("payments");
    assert.deepEqual(await waiting(flow), { "notifications": 2, "notifications:bulk": 3 });
    await flow.drain();
    await assertConsistent(flow);
  }, { gateway: simulatedGateway({ delayMs: 60_000 }) }));

Deno.test("what a provider answers later goes by the lane in which it is waited for", () =>
  withProvider("lane_answers", { delayMs: 50 }, async (provided) => {
    const { flow, provider } = provided;
    await flow.add(some(1, "live"));
    await flow.add(some(2, "bulk"), 50, "bulk");
    await flow.turn("orders");
    await flow.turn("payments");
    await provider.settled();
    const scheduled = { "scheduled:payments": 1, "scheduled:payments:bulk": 2 };
    assert.deepEqual(await waiting(flow), { "payments": 1, "payments:bulk": 2, ...scheduled });
    await makeDue(flow);
    await settleAll(provided);
    await assertConsistent(flow);
  }));

Deno.test("a live message is handled while a bulk batch is in hand", () =>
  withWorkflow("lane_beside", async (flow) => {
    await flow.add(some(3, "bulk"), 50, "bulk");
    const begun = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    const slow = flow.consumerOf(
      "orders",
      {
        share: (deliveries) =>
          shareOut(deliveries).map((share) => ({
            ...share,
            handle: async (deps, batch) => {
              begun.resolve();
              await held.promise;
              return await share.handle(deps, batch);
            },
          })),
      },
      "test",
      "bulk",
    );
    const bulk = consumeOnce(slow);
    await begun.promise;
    const [live] = await flow.add(some(1, "live"));
    for (const group of ["orders", "payments", "notifications"] as const) {
      assert.equal((await flow.turn(group, "live")).handled, 1, group);
    }
    assert.equal((await flow.order(live!.orderId!)).status, "PAID");
    held.resolve();
    assert.equal((await bulk).handled, 3);
    await flow.drain();
    await assertConsistent(flow);
  }));

Deno.test("a live reservation waits for no order of the bulk lane", () =>
  withWorkflow("lane_turns", async (flow) => {
    await flow.add(some(1, "file"), 50, "bulk");
    const { redis, keys } = flow;
    await redis.xreadgroup(
      "GROUP",
      "orders",
      "stuck",
      "STREAMS",
      keys.stream("orders", "bulk"),
      ">",
    );
    const [order] = await flow.add(some(1, "hot"));
    await flow.turn("orders", "live");
    assert.equal((await flow.order(order!.orderId!)).status, "RESERVED");
  }));

Deno.test("a flood of live messages leaves the bulk lane its share", () =>
  withWorkflow("lane_floor", async (flow) => {
    const floods = 8;
    const messages = (count: number) =>
      Array.from({ length: count }, (_, n) => ({ message: reserve(n + 1) }));
    await publish(flow, messages(floods * maxLiveBatch));
    await publish(flow, messages(2 * floods * maxLiveBatch), { lane: "bulk" });
    const ended = new AbortController();
    const handled = { live: 0, bulk: 0 };
    // Handlers that only take time: as much for each message as for any other.
    const work = (lane: Lane) =>
      consume(
        flow.consumerOf(
          "orders",
          {
            batchSize: 2_000,
            share: (deliveries) => [{
              deliveries: [...deliveries],
              handle: async () => {
                await flow.db.query("select 1");
                return deliveries.map(() => ({ kind: "done", followUps: [], events: [] }));
              },
            }],
          },
          `test ${lane}`,
          lane,
        ),
        ended.signal,
        (turn) => {
          handled[lane] += turn.handled;
          if (handled.live === floods * maxLiveBatch) ended.abort();
          return true;
        },
        1,
      );
    await Promise.all([work("live"), work("bulk")]);
    // Half of what is owed: turns are not equally long, and a batch may be in hand when the last live one ends.
    const least = floods * maxLiveBatch / 2;
    assert.ok(handled.bulk >= least, `${handled.bulk} beside ${handled.live} live ones`);
  }));

Deno.test("dead letters of both lanes under one id are two, and each is retried in its lane", () =>
  withWorkflow("lane_dead", async (flow) => {
    const ids = (await flow.add(some(2))).map(({ orderId }) => orderId!);
    for (const [index, lane] of lanes.entries()) {
      await flow.redis.del(flow.keys.stream("orders", lane));
      await flow.redis.xgroup(
        "CREATE",
        flow.keys.stream("orders", lane),
        "orders",
        "0",
        "MKSTREAM",
      );
      const text = `order.reserve ${ids[index]} 100 EUR`;
      await flow.redis.xadd(flow.keys.stream("orders", lane), "5-0", "message", text);
      const broken = flow.consumerOf(
        "orders",
        {
          maxDeliveries: 1,
          share: (
            deliveries,
          ) => [{ handle: () => Promise.reject(new Error("broken")), deliveries: [...deliveries] }],
        },
        "broken",
        lane,
      );
      assert.equal((await consumeOnce(broken)).dead, 1);
    }
    const letters = await listDeadLetters(flow.db, {}, 0, 10);
    assert.deepEqual(letters.map(({ messageId }) => messageId), ["5-0", "bulk:5-0"]);
    await retryDeadLetters(flow, {}, anOperator("test"));
    assert.deepEqual(await waiting(flow), { "orders": 1, "orders:bulk": 1 });
    await flow.redis.del(flow.keys.weights("orders"), flow.keys.weights("orders", "bulk"));
    await flow.drain();
    for (const id of ids) assert.equal((await flow.order(id)).status, "PAID");
  }));

Deno.test("a group is drained when both of its lanes are", () =>
  withWorkflow("lane_drain", async (flow) => {
    await flow.add(some(30, "bulk"), 50, "bulk");
    assert.equal(await isDrained(flow, ["orders"]), false);
    await flow.add(some(3, "live"));
    const env = { DATABASE_URL: flow.test.databaseUrl, REDIS_URL: flow.test.redisUrl };
    const config = parseConfig({ ...env, GATEWAY_DELAY_MS: "0" });
    const options = { groups: [], batchSize: 7, drain: true };
    await runConsumers({ ...flow, config }, options, new AbortController().signal);
    assert.deepEqual(await waiting(flow), {});
    assert.deepEqual(
      await flow.rows("select distinct status from orders"),
      [{ status: "PAID" }],
    );
    await assertConsistent(flow);
  }));

Deno.test("the bulk lane has one transaction at a time once live messages come, and many without", () =>
  withWorkflow("lane_limit", async (flow) => {
    let limit = () => 0;
    const db = {
      ...flow.db,
      withTransactions: (max: () => number) => flow.db.withTransactions(limit = max),
    };
    const env = { DATABASE_URL: flow.test.databaseUrl, REDIS_URL: flow.test.redisUrl };
    const config = parseConfig({ ...env, GATEWAY_DELAY_MS: "0" });
    const limits = async () => {
      const seen = new Set<number>();
      const onTurn = () => void seen.add(limit());
      const options = { groups: [], batchSize: 7, drain: true, onTurn };
      await runConsumers({ ...flow, db, config }, options, new AbortController().signal);
      return [...seen];
    };
    await flow.add(some(30, "bulk"), 50, "bulk");
    const [without, ...more] = await limits();
    assert.deepEqual(more, []);
    assert.ok(without! > 1, `${without} at once`);
    await flow.add(some(1, "live"));
    assert.ok((await limits()).includes(1));
    await assertConsistent(flow);
  }));

Deno.test("a message in either lane is a home, for the proof and for a recovery", () =>
  withWorkflow("lane_homes", async (flow) => {
    const [live] = await flow.add(some(1, "live"));
    const [bulk] = await flow.add(some(1, "bulk"), 50, "bulk");
    const limits = { orderId: 1_000, refundId: 0 };
    const held = await findHeldWork(flow, limits);
    for (const order of [live!, bulk!]) assert.ok(held.moves("reserve", order.orderId!));
    assert.equal((await recover(flow)).kind, "recovered");
    assert.deepEqual(await waiting(flow), { "orders": 1, "orders:bulk": 1 });
    await flow.redis.del(flow.keys.stream("orders", "bulk"));
    const homes = (await verify(flow, { settleMs: 0 })).checks.find(({ name }) =>
      name === "homes"
    )!;
    assert.deepEqual(homes.drift.map(({ subject }) => subject), [`order ${bulk!.orderId}`]);
  }));

Deno.test("what a recovery publishes goes by the bulk lane, after all of Redis was lost as well", () =>
  withWorkflow("lane_flush", async (flow) => {
    await flow.add(some(2, "live"));
    await flow.add(some(2, "bulk"), 50, "bulk");
    const lost = await flow.redis.keys(`${flow.keys.prefix}*`);
    await flow.redis.del(...lost);
    assert.notEqual(await ensureRecovered(flow), null);
    assert.deepEqual(await waiting(flow), { "orders:bulk": 4 });
    await flow.drain();
    await assertConsistent(flow);
  }));

Deno.test("what waits for stock is taken up in the bulk lane, whatever brought the units", () =>
  withWorkflow("lane_stock", async (flow) => {
    const [waits] = await flow.add([anOrder("waits", [{ sku: "a", qty: 3 }])], 2);
    await flow.turn("orders");
    const [product] = await flow.rows("select id from products where sku = 'a'");
    await flow.rows("update products set stock_qty = 5, received_qty = 5 where sku = 'a'");
    const productId = Number(product!.id);
    await publish(flow, [{ message: { type: "stock.arrived", productId } }], { lane: "live" });
    assert.deepEqual(await waiting(flow), { "orders:bulk": 1 });
    await flow.turn("orders");
    assert.deepEqual(await waiting(flow), { "orders:bulk": 1 });
    await flow.drain();
    assert.equal((await flow.order(waits!.orderId!)).status, "PAID");
  }, { onShortage: "wait" }));

Deno.test("removeConsumers() forgets those of one lane, and none that holds messages", () =>
  withWorkflow("lane_remove", async (flow) => {
    await flow.add(some(1, "bulk"), 50, "bulk");
    const consumersOf = async (lane: Lane) => {
      const stream = flow.keys.stream("orders", lane);
      const found = await flow.redis.xinfo("CONSUMERS", stream, "orders") as unknown[][];
      return found.map((fields) => fields[fields.indexOf("name") + 1]);
    };
    for (const lane of lanes) {
      await flow.redis.xgroup("CREATECONSUMER", flow.keys.stream("orders", lane), "orders", "idle");
    }
    await consumeOnce(flow.consumerOf(
      "orders",
      {
        share: () => {
          throw new Error("it ends with its message in hand");
        },
      },
      "busy",
      "bulk",
    )).catch(() => {});
    assert.equal(await removeConsumers(flow, "orders", "bulk", { minIdleMs: 0 }), 1);
    assert.deepEqual(await consumersOf("bulk"), ["busy"]);
    assert.deepEqual(await consumersOf("live"), ["idle"]);
  }));

Deno.test("a consumer of the live lane that goes on reads new messages alone, and looks for what is due again soon", () =>
  withWorkflow("lane_goes_on", async (flow) => {
    const ask = { looks: 0 };
    const redis = new Proxy(flow.redis, {
      get(target, name) {
        if (name === "script_claim_due") ask.looks++;
        const value = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    const looksOf = async (lane: Lane, goesOn: boolean) => {
      const { deps, options } = flow.consumerOf("orders", {}, `reads ${lane}`, lane);
      const consumer = makeConsumer({ ...deps, redis }, options);
      ask.looks = 0;
      for (let turn = 0; turn < 4; turn++) {
        await flow.add(some(2, `${lane} ${goesOn} ${turn}`), 50, lane);
        assert.equal((await consumeOnce(consumer, 0, goesOn)).handled, 2);
      }
      return { consumer, looks: ask.looks };
    };
    const { consumer, looks } = await looksOf("live", true);
    assert.equal(looks, 1, "once in half a second");
    assert.equal(
      (await looksOf("live", false)).looks,
      4,
      "who takes a turn by itself looks each time",
    );
    assert.equal((await looksOf("bulk", true)).looks, 4, "nobody waits for bulk work");
    consumer.claimedAt -= 500;
    assert.equal((await consumeOnce(consumer, 0, true)).handled, 0);
    assert.equal(ask.looks, 5);
    consumer.dueAt = performance.now();
    await consumeOnce(consumer, 0, true);
    assert.equal(ask.looks, 6, "something is due");
  }));
