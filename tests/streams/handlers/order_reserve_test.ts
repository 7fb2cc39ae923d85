import assert from "node:assert/strict";
import type { ReserveMessage } from "../../../domain/messages/messages.ts";
import { silentLog } from "../../../domain/operation/log.ts";
import { consumeOnce } from "../../../streams/queue/consumer.ts";
import { makeConsumer } from "../../../streams/workflow/consumer.ts";
import type { Delivery } from "../../../streams/workflow/handler.ts";
import { acquireLocks } from "../../../streams/handlers/product_locks.ts";
import { reserveOrders } from "../../../streams/handlers/order_reserve.ts";
import { openRedis } from "../../../streams/redis/redis.ts";
import { anOrder, openWorkflow, type Workflow } from "../../workflow.ts";
import { assertConsistent } from "../consistent.ts";

async function withFlow(name: string, work: (flow: Workflow) => Promise<void>): Promise<void> {
  const flow = await openWorkflow(name);
  try {
    await work(flow);
  } finally {
    await flow.close();
  }
}

const deliveryOf = (orderId: number, attempt = 1): Delivery<ReserveMessage> => ({
  id: `${orderId}-0`,
  message: { type: "order.reserve", orderId, amountCents: 100, currency: "EUR" },
  attempt,
});

const statuses = (flow: Workflow, ids: number[]) =>
  Promise.all(ids.map(async (id) => (await flow.order(id)).status));

Deno.test("reserveOrders() serves first come, first served, whole orders only", () =>
  withFlow("reserve_order", async (flow) => {
    const ids = (await flow.add([
      anOrder("1", [{ sku: "a", qty: 3 }, { sku: "b", qty: 1 }]),
      anOrder("2", [{ sku: "a", qty: 3 }]),
      anOrder("3", [{ sku: "b", qty: 4 }, { sku: "a", qty: 1 }, { sku: "a", qty: 1 }]),
      anOrder("4", [{ sku: "b", qty: 5 }]),
    ], 5)).map(({ orderId }) => orderId!);
    const outcomes = await reserveOrders(flow, ids.map((id) => deliveryOf(id)));
    assert.deepEqual(await statuses(flow, ids), ["RESERVED", "FAILED", "RESERVED", "FAILED"]);
    assert.deepEqual([await flow.stock("a"), await flow.stock("b")], [0, 0]);
    const kinds = outcomes.map((outcome) =>
      outcome.kind === "done"
        ? [
          outcome.followUps.map(({ message }) => message.type),
          outcome.events.map(({ kind }) => kind),
        ]
        : outcome.kind
    );
    const reserved = [["payment.charge"], []];
    const short = [["notify.order"], ["failed"]];
    assert.deepEqual(kinds, [reserved, short, reserved, short]);
    assert.equal((await flow.order(ids[1]!)).failureReason, "insufficient_stock");

    // Again, with a duplicate and one that does not exist: the same outcomes, nothing changes.
    const again = await reserveOrders(
      flow,
      [...ids, ids[0]!, 999_999].map((id) => deliveryOf(id, 2)),
    );
    assert.deepEqual(again.slice(0, 4), outcomes);
    assert.deepEqual(again[4], outcomes[0]);
    assert.deepEqual(again[5], {
      kind: "dead",
      error: "order 999999 does not exist",
      vanished: { what: "order", id: 999_999 },
    });
    assert.deepEqual([await flow.stock("a"), await flow.stock("b")], [0, 0]);
    assert.deepEqual(
      await flow.redis.keys(`${flow.keys.productLock}*`),
      [],
      "no product lock is left",
    );
    await flow.drain();
    await assertConsistent(flow);
  }));

Deno.test("reserveOrders() goes on when another owner never releases its product locks", () =>
  withFlow("reserve_stuck_lock", async (flow) => {
    const ids = (await flow.add([
      anOrder("1", [{ sku: "a", qty: 1 }]),
      anOrder("2", [{ sku: "b", qty: 1 }]),
    ], 1)).map(({ orderId }) => orderId!);
    const [product] = await flow.rows("select id from products where sku = 'a'");
    await acquireLocks(flow, "stuck", [[Number(product!.id)]]);
    const commits: number[] = [];
    const db = {
      ...flow.db,
      transaction: async <T>(work: Parameters<typeof flow.db.transaction<T>>[0]) => {
        const result = await flow.db.transaction(work);
        commits.push((result as Map<number, unknown>).size);
        return result;
      },
    };
    await reserveOrders({ ...flow, lane: "bulk", db }, ids.map((id) => deliveryOf(id)));
    assert.deepEqual(commits, [1, 0, 0, 1], "three rounds with locks, the last without");
    assert.deepEqual(await statuses(flow, ids), ["RESERVED", "RESERVED"]);
    const lock = await flow.redis.get(`${flow.keys.productLock}${product!.id}`);
    assert.equal(lock, "stuck", "another's lock is left alone");
  }));

Deno.test("reserveOrders() holds no product while it waits for another's", () =>
  withFlow("reserve_waiting", async (flow) => {
    const ids = (await flow.add([
      anOrder("1", [{ sku: "free", qty: 1 }]),
      anOrder("2", [{ sku: "hot", qty: 1 }]),
      anOrder("3", [{ sku: "hot", qty: 1 }]),
    ], 2)).map(({ orderId }) => orderId!);
    const [hot] = await flow.rows("select id from products where sku = 'hot'");
    await acquireLocks(flow, "other", [[Number(hot!.id)]]);
    const heldWhileWaiting: string[][] = [];
    const redis = new Proxy(flow.redis, {
      get(target, name) {
        if (name !== "exists") {
          const value = Reflect.get(target, name);
          return typeof value === "function" ? value.bind(target) : value;
        }
        // This is how a lock is watched: meanwhile the other one gives it back.
        return async (key: string) => {
          heldWhileWaiting.push(await flow.redis.keys(`${flow.keys.productLock}*`));
          await flow.redis.del(key);
          return 0;
        };
      },
    });
    await reserveOrders({ ...flow, lane: "bulk", redis }, ids.map((id) => deliveryOf(id)));
    assert.deepEqual(heldWhileWaiting, [[`${flow.keys.productLock}${hot!.id}`]]);
    assert.deepEqual(await statuses(flow, ids), ["RESERVED", "RESERVED", "RESERVED"]);
  }));

Deno.test("reserveOrders() goes on while Redis can't be asked for locks", () =>
  withFlow("reserve_no_redis", async (flow) => {
    const [order] = await flow.add([anOrder("1", [{ sku: "a", qty: 1 }])]);
    const away = await openRedis(flow.test.redisUrl);
    away.disconnect();
    await reserveOrders({ ...flow, redis: away, log: silentLog }, [deliveryOf(order!.orderId!)]);
    assert.deepEqual(await statuses(flow, [order!.orderId!]), ["RESERVED"]);
  }));

Deno.test("four consumers on one product of ample stock fail no order", () =>
  withFlow("reserve_storm", async (flow) => {
    const count = 400;
    const orders = Array.from(
      { length: count },
      (_, n) => anOrder(`${n}`, [{ sku: "hot", qty: 1 }, { sku: `cold ${n % 7}`, qty: 1 }]),
    );
    const ids = (await flow.add(orders, 1_000)).map(({ orderId }) => orderId!);
    const connections = await Promise.all([0, 1, 2, 3].map(() => openRedis(flow.test.redisUrl)));
    try {
      const totals = await Promise.all(connections.map(async (redis, n) => {
        const deps = { ...flow, redis, consumer: `consumer ${n}` };
        const consumer = makeConsumer(deps, {
          ...flow.consumerOf("orders").options,
          batchSize: 20,
        });
        let handled = 0;
        for (;;) {
          const turn = await consumeOnce(consumer);
          assert.deepEqual([turn.retried, turn.dead, turn.delayed], [0, 0, 0]);
          if (turn.handled === 0) return handled;
          handled += turn.handled;
        }
      }));
      assert.equal(totals.reduce((sum, handled) => sum + handled), count);
    } finally {
      for (const redis of connections) redis.disconnect();
    }
    assert.deepEqual(new Set(await statuses(flow, ids)), new Set(["RESERVED"]));
    assert.equal(await flow.stock("hot"), 1_000 - count);
    await flow.drain();
    await assertConsistent(flow);
  }));

Deno.test("consumers without any product lock oversell nothing either", () =>
  withFlow("reserve_no_locks", async (flow) => {
    const ids = (await flow.add(
      Array.from({ length: 120 }, (_, n) => anOrder(`${n}`, [{ sku: "hot", qty: 1 }])),
      50,
    )).map(({ orderId }) => orderId!);
    const away = await openRedis(flow.test.redisUrl);
    away.disconnect();
    const deps = { ...flow, redis: away, log: silentLog };
    await Promise.all([0, 1, 2, 3].map((n) =>
      // Every order twice, in two of the batches.
      reserveOrders(
        deps,
        ids.filter((_, index) => index % 4 === n || index % 4 === (n + 1) % 4)
          .map((id) => deliveryOf(id)),
      )
    ));
    const all = await statuses(flow, ids);
    assert.equal(all.filter((status) => status === "RESERVED").length, 50);
    assert.equal(all.filter((status) => status === "FAILED").length, 70);
    assert.equal(await flow.stock("hot"), 0);
    await flow.drain();
    await assertConsistent(flow);
  }));
