import assert from "node:assert/strict";
import fc from "fast-check";
import type { Database } from "../../../db/connection/database.ts";
import { decideReservations } from "../../../domain/order/reserve.ts";
import type { ReserveMessage } from "../../../domain/messages/messages.ts";
import type { IncomingOrder } from "../../../domain/order/incoming_order.ts";
import { consumeOnce, ensureGroup } from "../../../streams/queue/consumer.ts";
import { type Consumer, makeConsumer } from "../../../streams/workflow/consumer.ts";
import { awaitTurn, giveSigns, passTurn } from "../../../streams/handlers/reserve_turns.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { anOrder, withWorkflow, type Workflow } from "../../workflow.ts";
import { makeDue, orphan } from "../consistent.ts";
import { failingFor } from "../failing_database.ts";
import { fateAfter, mortal } from "../queue/crash.ts";

const options = { batchSize: 10, maxDeliveries: 50, retryBackoffMs: 1_000, takeoverMs: 10_000 };

/** Consumers of one lane, as several processes have them. */
function consumersOf(flow: Workflow, count: number, own: Partial<Workflow> = {}): Consumer[] {
  return Array.from(
    { length: count },
    (_, n) =>
      makeConsumer({ ...flow, ...own, lane: "bulk", consumer: `consumer ${n}` }, {
        ...flow.consumerOf("orders").options,
        ...options,
      }),
  );
}

/** Turns of all consumers at once until nothing is left to reserve. */
async function reserveAll(flow: Workflow, consumers: readonly Consumer[]): Promise<void> {
  for (let turn = 0; await flow.redis.xlen(flow.keys.stream("orders", "bulk")) > 0; turn++) {
    assert.ok(turn < 1_000, "the lane drains");
    if (turn > 0) {
      await orphan(flow, "orders", undefined, "bulk");
      await makeDue(flow);
      for (const consumer of consumers) consumer.reclaimAt = -Infinity;
    }
    await Promise.all(consumers.map(async (consumer) => {
      while ((await consumeOnce(consumer)).handled > 0);
    }));
  }
}

/** Whether each order got its units, by the database. */
async function served(flow: Workflow, ids: readonly number[]): Promise<boolean[]> {
  const rows = await flow.rows("select id, status from orders");
  const statuses = new Map(rows.map(({ id, status }) => [Number(id), String(status)]));
  return ids.map((id) => {
    const status = statuses.get(id)!;
    assert.match(status, /^(RESERVED|FAILED)$/, `order ${id}`);
    return status === "RESERVED";
  });
}

const one = (sku: string, count: number) =>
  Array.from({ length: count }, (_, n) => anOrder(`${sku} ${n}`, [{ sku, qty: 1 }]));

const firstOf = (count: number, all: number) => Array.from({ length: all }, (_, n) => n < count);

async function addIds(flow: Workflow, orders: IncomingOrder[], stock: number): Promise<number[]> {
  return (await flow.add(orders, stock, "bulk")).map(({ orderId }) => orderId!);
}

for (const count of [1, 2, 4]) {
  Deno.test(`the first come get the units, exactly, of ${count} consumers`, () =>
    withWorkflow(`first_come_${count}`, async (flow) => {
      const ids = await addIds(flow, one("hot", 400), 150);
      await reserveAll(flow, consumersOf(flow, count));
      assert.deepEqual(await served(flow, ids), firstOf(150, 400));
      assert.equal(await flow.stock("hot"), 0);
    }));
}

Deno.test("a batch waits for one that was taken before it, which has not begun yet", () =>
  withWorkflow("first_come_waits", async (flow) => {
    const ids = await addIds(flow, one("hot", 20), 15);
    const begun = Promise.withResolvers<void>(), held = Promise.withResolvers<void>();
    const db: Database = {
      ...flow.db,
      transaction: async (work, options) => {
        begun.resolve();
        await held.promise;
        return await flow.db.transaction(work, options);
      },
    };
    const first = consumeOnce(consumersOf(flow, 1, { db })[0]!);
    await begun.promise;
    let looks = 0;
    const redis = new Proxy(flow.redis, {
      get(target, name) {
        // It looks, finds somebody ahead, and looks again.
        if (name === "script_turn_look" && ++looks === 3) held.resolve();
        const value = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    const [, second] = consumersOf(flow, 2, { redis });
    assert.equal((await consumeOnce(second!).finally(() => held.resolve())).handled, 10);
    assert.equal((await first).handled, 10);
    assert.deepEqual(await served(flow, ids), firstOf(15, 20));
  }));

Deno.test("the first come get the units where their consumer dies at any moment, and nobody waits for its takeover", () =>
  withWorkflow("first_come_crash", async (flow) => {
    for (let moment = 0, dead = true; dead; moment++) {
      assert.ok(moment < 200, "the turn ends");
      const ids = await addIds(flow, one(`hot ${moment}`, 30), 15);
      const fate = fateAfter(moment);
      const doomed = makeConsumer(mortal({ ...flow, lane: "bulk" }, fate, "doomed"), {
        ...flow.consumerOf("orders").options,
        ...options,
      });
      await consumeOnce(doomed).catch((error) => assert.ok(fate.dead, error));
      dead = fate.dead;
      const [heir, other] = consumersOf(flow, 2);
      // Nothing is taken over yet.
      heir!.reclaimAt = other!.reclaimAt = Infinity;
      await Promise.all([consumeOnce(heir!), consumeOnce(other!)]);
      const left = await flow.redis.xlen(flow.keys.stream("orders", "bulk"));
      assert.ok(left <= options.batchSize, `${left} left after a crash at moment ${moment}`);
      await reserveAll(flow, [heir!, other!]);
      assert.deepEqual(await served(flow, ids), firstOf(15, 30), `at moment ${moment}`);
    }
  }));

Deno.test("who decides for the dead tries as often as they did, and leaves alone what is suspected of having killed them", () =>
  withWorkflow("first_come_suspect", async (flow) => {
    const { redis, keys } = flow;
    const ids = await addIds(flow, one("hot", 20), 15);
    const stream = keys.stream("orders", "bulk");
    await redis.xreadgroup("GROUP", "orders", "dead", "COUNT", 10, "STREAMS", stream, ">");
    const pending = async () =>
      await redis.xpending(stream, "orders", "-", "+", 10, "dead") as [
        string,
        string,
        number,
        number,
      ][];
    const [suspect] = (await pending())[3]!;
    const tries = ["IDLE", 0, "RETRYCOUNT", 4, "JUSTID"];
    await redis.call("XCLAIM", stream, "orders", "dead", 0, suspect, ...tries);
    const seen: number[][] = [];
    const deliveries = async () => (await pending()).map(([, , , count]) => count);
    const db: Database = {
      ...flow.db,
      transaction: async (work, options) => {
        seen.push(await deliveries());
        return await flow.db.transaction(work, options);
      },
    };
    const [heir] = consumersOf(flow, 1, { db });
    await consumeOnce(heir!);
    assert.deepEqual(seen[0], [2, 2, 2, 4, 2, 2, 2, 2, 2, 2], "while it is tried");
    assert.deepEqual(await deliveries(), [1, 1, 1, 4, 1, 1, 1, 1, 1, 1], "afterwards");
    const statuses = await Promise.all(ids.map(async (id) => (await flow.order(id)).status));
    const reserved = (count: number) => Array(count).fill("RESERVED");
    const expected = [
      ...reserved(3),
      "PENDING",
      ...reserved(11),
      "PENDING",
      ...Array(4).fill("PENDING"),
    ];
    assert.deepEqual(statuses, expected, "a unit is left to the suspect");
    await reserveAll(flow, [heir!]);
    assert.deepEqual(await served(flow, ids), firstOf(15, 20));
  }));

Deno.test("an order that comes again, twice, leaves those in between their turn", () =>
  withWorkflow("first_come_twice", async (flow) => {
    const { redis, keys } = flow;
    const stream = keys.stream("orders", "bulk"), retries = keys.retries("orders", "bulk");
    const orders = one("hot", 3);
    const ids = await addIds(flow, orders.slice(0, 2), 2);
    const twice = { type: "order.reserve", orderId: ids[0]!, amountCents: 1, currency: "EUR" };
    await publish(flow, [{ message: twice as ReserveMessage }], { lane: "bulk" });
    ids.push(...await addIds(flow, orders.slice(2), 2));
    await redis.xreadgroup("GROUP", "orders", "slow", "COUNT", 3, "STREAMS", stream, ">");
    const [first, , again] = await redis.xrange(stream, "-", "+");
    await redis.zadd(retries, 1, first![0], 1, again![0]);
    const [heir, next] = consumersOf(flow, 2);
    heir!.sizeNow = () => 2;
    heir!.reclaimAt = next!.reclaimAt = Infinity;
    assert.equal((await consumeOnce(heir!)).handled, 2);
    assert.equal((await consumeOnce(next!)).handled, 1);
    await reserveAll(flow, [next!]);
    assert.deepEqual(await served(flow, ids), firstOf(2, 3));
  }));

Deno.test("who gives signs of life is waited for, and who gives none any more is not", () =>
  withWorkflow("first_come_signs", async (flow) => {
    const { redis, keys } = flow;
    await addIds(flow, one("hot", 12), 20);
    const stream = keys.stream("orders", "bulk");
    const entries = await redis.xrange(stream, "-", "+");
    const messages = entries.map(([id], at) => ({ id, orderId: at + 1 }));
    await ensureGroup(flow, "orders");
    await redis.xreadgroup("GROUP", "orders", "slow", "COUNT", 10, "STREAMS", stream, ">");
    const stop = giveSigns({ ...flow, consumer: "slow", lane: "bulk" }, messages[9]!.id);
    let asked = 0, decided = 0;
    const watched = new Proxy(redis, {
      get(target, name) {
        const value = Reflect.get(target, name);
        if (typeof value !== "function") return value;
        if (name !== "script_turn_look") return value.bind(target);
        return (...args: unknown[]) => {
          // It asks for signs each time that its patience is over.
          if (args.flat().includes("orders") && ++asked === 3) {
            assert.equal(decided, 0, "it lives");
            stop();
          }
          return value.apply(target, args);
        };
      },
    });
    const deps = { ...flow, redis: watched, lane: "bulk", consumer: "next" } as const;
    try {
      await awaitTurn(deps, [messages[10]!], (some) => {
        decided += some.length;
        return Promise.resolve(new Set(some.map(({ orderId }) => orderId)));
      });
    } finally {
      stop();
    }
    assert.equal(decided, 10);
    assert.ok(asked > 3);
  }));

Deno.test("who waits is not told of thousands that were passed over each time that it looks", () =>
  withWorkflow("first_come_looks", async (flow) => {
    const { redis, keys } = flow;
    await addIds(flow, one("hot", 12), 20);
    const entries = await redis.xrange(keys.stream("orders", "bulk"), "-", "+");
    const messages = entries.map(([id], at) => ({ id, orderId: at + 1 }));
    const replies: number[] = [];
    const watched = new Proxy(redis, {
      get(target, name) {
        const value = Reflect.get(target, name);
        if (typeof value !== "function") return value;
        if (name !== "script_turn_look") return value.bind(target);
        return async (...args: unknown[]) => {
          const reply = await value.apply(target, args);
          replies.push((reply as unknown[]).length);
          return reply;
        };
      },
    });
    const deps = { ...flow, redis: watched, lane: "bulk", consumer: "next" } as const;
    await passTurn(deps, messages[9]!.id, messages.slice(0, 10), []);
    const decided = (some: readonly { orderId: number }[]) =>
      Promise.resolve(new Set(some.map(({ orderId }) => orderId)));
    const { passedOver } = await awaitTurn(deps, [messages[11]!], decided);
    assert.equal(passedOver.length, 10);
    assert.ok(replies.length > 3);
    assert.deepEqual(
      replies.filter((length) => length > 4),
      [24, 24],
      "to decide, and at its turn",
    );
  }));

Deno.test("one that is tried again keeps its place, and holds up nobody who gets his units in any case", () =>
  withWorkflow("first_come_retry", async (flow) => {
    const unlucky = new Set<number>();
    const ids = await addIds(flow, one("hot", 40), 20);
    const others = await addIds(flow, one("cold", 5), 20);
    unlucky.add(ids[3]!);
    const consumers = consumersOf(flow, 2, { db: failingFor(flow.db, unlucky) });
    for (let turn = 0; turn < 3; turn++) {
      await Promise.all(consumers.map((one) => consumeOnce(one)));
    }
    const rows = await flow.rows("select id from orders where status = 'RESERVED'");
    const reserved = rows.map(({ id }) => Number(id));
    const expected = [...ids.slice(0, 20).filter((id) => !unlucky.has(id)), ...others];
    assert.deepEqual(new Set(reserved), new Set(expected), "one unit is left to it");
    assert.equal((await flow.order(ids[20]!)).status, "PENDING", "who comes next waits for it");
    unlucky.clear();
    await reserveAll(flow, consumers);
    assert.deepEqual(await served(flow, ids), firstOf(20, 40));
  }));

Deno.test("a basket of which something is sold out takes nothing else, and blocks nobody beyond its turn", () =>
  withWorkflow("first_come_baskets", async (flow) => {
    const both = (n: number) => anOrder(`both ${n}`, [{ sku: "a", qty: 1 }, { sku: "b", qty: 1 }]);
    await addIds(flow, one("b", 3), 3);
    const ids = await addIds(flow, [
      ...one("a", 2),
      both(1),
      both(2),
      anOrder("last", [{ sku: "a", qty: 2 }]),
    ], 4);
    await reserveAll(flow, consumersOf(flow, 2));
    assert.deepEqual(await served(flow, ids), [true, true, false, false, true]);
  }));

/** Products that the orders of a run fight for, and units of each. */
const products = 3, units = 15;

const basket = fc.array(
  fc.record({ product: fc.nat(products - 1), qty: fc.integer({ min: 1, max: 3 }) }),
  { minLength: 1, maxLength: 3 },
);

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("add" as const),
      baskets: fc.array(basket, { minLength: 1, maxLength: 8 }),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("turn" as const), at: fc.nat(3) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("turns" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("crash" as const), moment: fc.nat(45) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("curse" as const), pick: fc.nat(1_000) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("cure" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("time" as const), takeover: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("forget" as const) }) },
);

Deno.test("whatever happens, the orders of a lane end as if they had come one after the other", () =>
  withWorkflow("first_come_any", async (flow) => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        run++;
        const orders: { id: number; needs: { productId: number; qty: number }[] }[] = [];
        const unlucky = new Set<number>();
        const db = failingFor(flow.db, unlucky);
        const small = { batchSize: 5 };
        const consumers = consumersOf(flow, 4, { db });
        for (const consumer of consumers) consumer.sizeNow = () => small.batchSize;
        for (const one of steps) {
          switch (one.do) {
            case "add": {
              const incoming = one.baskets.map((items, n) =>
                anOrder(
                  `${run} ${orders.length + n}`,
                  items.map(({ product, qty }) => ({ sku: `${run} ${product}`, qty })),
                )
              );
              const ids = await addIds(flow, incoming, units);
              ids.forEach((id, n) => {
                const sums = new Map<number, number>();
                for (const { product, qty } of one.baskets[n]!) {
                  sums.set(product, (sums.get(product) ?? 0) + qty);
                }
                const needs = [...sums].map(([productId, qty]) => ({ productId, qty }));
                orders.push({ id, needs });
              });
              break;
            }
            case "turn":
              await consumeOnce(consumers[one.at]!);
              break;
            case "turns":
              await Promise.all(consumers.map((consumer) => consumeOnce(consumer)));
              break;
            case "crash": {
              const fate = fateAfter(one.moment);
              const doomed = makeConsumer(mortal({ ...flow, db, lane: "bulk" }, fate, "doomed"), {
                ...flow.consumerOf("orders").options,
                ...options,
                ...small,
              });
              await consumeOnce(doomed).catch((error) => assert.ok(fate.dead, error));
              break;
            }
            case "curse":
              if (orders.length > 0) unlucky.add(orders[one.pick % orders.length]!.id);
              break;
            case "cure":
              unlucky.clear();
              break;
            case "time":
              if (one.takeover) await orphan(flow, "orders", undefined, "bulk");
              await makeDue(flow);
              for (const consumer of consumers) consumer.reclaimAt = -Infinity;
              break;
            case "forget":
              await flow.redis.del(flow.keys.turn("orders", "bulk"));
          }
        }
        unlucky.clear();
        await reserveAll(flow, consumers);
        const stock = new Map(Array.from({ length: products }, (_, n) => [n, units]));
        const expected = decideReservations(
          orders.map(({ id, needs }) => ({ order: { id, status: "PENDING" }, needs }) as never),
          stock,
        ).map(({ kind }) => kind === "reserve");
        assert.deepEqual(await served(flow, orders.map(({ id }) => id)), expected);
      }),
      { numRuns: 25 },
    );
  }));
