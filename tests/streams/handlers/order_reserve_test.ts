import assert from "node:assert/strict";
import type { ReserveMessage } from "../../../domain/messages/messages.ts";
import { consumeOnce } from "../../../streams/queue/consumer.ts";
import { makeConsumer } from "../../../streams/workflow/consumer.ts";
import type { Delivery } from "../../../streams/workflow/handler.ts";
import { reserveOrders } from "../../../streams/handlers/order_reserve.ts";
import { keysFor } from "../../../streams/redis/keys.ts";
import { openRedis } from "../../../streams/redis/redis.ts";
import { anOrder, withWorkflow, type Workflow } from "../../workflow.ts";
import { assertConsistent } from "../consistent.ts";

const deliveryOf = (orderId: number, attempt = 1): Delivery<ReserveMessage> => ({
  id: `${orderId}-0`,
  message: { type: "order.reserve", orderId, amountCents: 100, currency: "EUR" },
  attempt,
});

const statuses = (flow: Workflow, ids: number[]) =>
  Promise.all(ids.map(async (id) => (await flow.order(id)).status));

Deno.test("reserveOrders() serves first come, first served, whole orders only", () =>
  withWorkflow("reserve_order", async (flow) => {
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
    await flow.drain();
    await assertConsistent(flow);
  }));

Deno.test("reserveOrders() decides about nothing while Redis can't be asked whose turn it is", () =>
  withWorkflow("reserve_no_redis", async (flow) => {
    const [order] = await flow.add([anOrder("1", [{ sku: "a", qty: 1 }])]);
    const away = await openRedis(flow.test.redisUrl);
    away.disconnect();
    await assert.rejects(reserveOrders({ ...flow, redis: away }, [deliveryOf(order!.orderId!)]));
    assert.deepEqual(await statuses(flow, [order!.orderId!]), ["PENDING"]);
  }));

Deno.test("four consumers on one product of ample stock fail no order", () =>
  withWorkflow("reserve_storm", async (flow) => {
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

Deno.test("consumers that know nothing of each other's turns oversell nothing either", () =>
  withWorkflow("reserve_no_turns", async (flow) => {
    const ids = (await flow.add(
      Array.from({ length: 120 }, (_, n) => anOrder(`${n}`, [{ sku: "hot", qty: 1 }])),
      50,
    )).map(({ orderId }) => orderId!);
    await Promise.all([0, 1, 2, 3].map((n) =>
      // Every order twice, in two of the batches.
      reserveOrders(
        { ...flow, keys: keysFor(`${flow.keys.prefix}${n}:`, "EUR") },
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
