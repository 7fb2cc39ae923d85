import assert from "node:assert/strict";
import { lockOrders, transitionOrders } from "../../../db/orders/orders.ts";
import { endRefunds, readRefunds } from "../../../db/refunds/refund_rows.ts";
import { requestRefunds } from "../../../services/refunds/request_refunds.ts";
import {
  orderAfter,
  type OrderEvent,
  type OrderStatus,
  orderTransitions,
  type RefundEvent,
  type RefundStatus,
  refundTransitions,
} from "../../../domain/order/order.ts";
import { fromFileUrl, walk } from "../../sources.ts";
import { orderEvents, orderStates, refundEvents, refundStates } from "../../domain/order/life.ts";
import { anOrder, openWorkflow, type Workflow } from "../../workflow.ts";

/** Events that lead to each state from the beginning. */
const ways: Record<OrderStatus, OrderEvent[]> = {
  PENDING: [],
  RESERVED: ["reserve"],
  PAID: ["reserve", "pay"],
  FAILED: ["run_short"],
  CANCELLED: ["cancel"],
};

const refundWays: Record<RefundStatus, RefundEvent[]> = {
  REQUESTED: [],
  PROCESSED: ["process"],
  FAILED: ["refuse"],
};

/** Writes an event alone, as a handler would that has decided on it. */
function happen(flow: Workflow, orderId: number, event: OrderEvent): Promise<string> {
  return flow.db.transaction(async (tx) => {
    const { now } = await lockOrders(tx, [orderId]);
    await transitionOrders(tx, event, [orderId], now);
    return now;
  });
}

async function orderIn(flow: Workflow, status: OrderStatus, name: string): Promise<number> {
  const [added] = await flow.add([anOrder(name, [{ sku: "a", qty: 1 }])]);
  for (const event of ways[status]) await happen(flow, added!.orderId!, event);
  assert.equal((await flow.order(added!.orderId!)).status, status);
  return added!.orderId!;
}

Deno.test("transitionOrders() writes every state × event of the table and no other", async () => {
  const flow = await openWorkflow("transitions");
  try {
    for (const status of orderStates) {
      for (const event of orderEvents) {
        const what = `${status} × ${event}`;
        const id = await orderIn(flow, status, what);
        const before = await flow.order(id);
        const to = orderTransitions[status][event];
        if (to === undefined) {
          await assert.rejects(happen(flow, id, event), /0 of 1 orders changed/, what);
          assert.deepEqual(await flow.order(id), before, what);
          assert.throws(() => orderAfter(before, event, "now"), /^Error: Cannot/, what);
        } else {
          const now = await happen(flow, id, event);
          const after = await flow.order(id);
          assert.equal(after.status, to, what);
          const { retryId, ...rest } = after;
          assert.equal(retryId !== undefined, event === "retry", `${what}: has a row of its own`);
          assert.deepEqual(rest, orderAfter(before, event, now), `${what}: as it was decided`);
        }
      }
    }
  } finally {
    await flow.close();
  }
});

Deno.test("transitionOrders() writes nothing where one of many is in another state", async () => {
  const flow = await openWorkflow("transitions_many");
  try {
    const ids = [await orderIn(flow, "RESERVED", "a"), await orderIn(flow, "PAID", "b")];
    await assert.rejects(
      flow.db.transaction(async (tx) => {
        const { now } = await lockOrders(tx, ids);
        await transitionOrders(tx, "pay", ids, now);
      }),
      /1 of 2 orders changed/,
    );
    assert.equal((await flow.order(ids[0]!)).status, "RESERVED");
  } finally {
    await flow.close();
  }
});

Deno.test("endRefunds() writes every state × event of the table and no other", async () => {
  const flow = await openWorkflow("transitions_refunds");
  try {
    const end = (id: number, event: RefundEvent) =>
      flow.db.transaction((tx) =>
        endRefunds(tx, event, [{ id, failureReason: null }], "2026-01-01 00:00:00.000000")
      );
    for (const status of refundStates) {
      for (const event of refundEvents) {
        const what = `${status} × ${event}`;
        const orderId = await orderIn(flow, "PAID", what);
        const [taken] = await requestRefunds(
          flow.db,
          [{ orderId, amountCents: 1, reason: null, idempotencyKey: null }],
          "test",
        );
        assert.ok(taken !== undefined && "refund" in taken, what);
        const { id } = taken.refund;
        for (const step of refundWays[status]) await end(id, step);
        const to = refundTransitions[status][event];
        if (to === undefined) await assert.rejects(end(id, event), /0 of 1 refunds changed/, what);
        else await end(id, event);
        assert.equal((await readRefunds(flow.db, [id])).get(id)!.status, to ?? status, what);
      }
    }
  } finally {
    await flow.close();
  }
});

Deno.test("no other statement writes the status of an order or a refund", async () => {
  const writers: string[] = [];
  const root = fromFileUrl(new URL("../../../", import.meta.url));
  const writes = /update\s+orders\b[^`]*\bset\s+(orders\.)?status\b|\bset\s+refunds\.status\b/;
  for await (const file of walk(`${root}db`, /\.ts$/)) {
    if (writes.test(await Deno.readTextFile(file))) writers.push(file.slice(root.length));
  }
  assert.deepEqual(writers.sort(), ["db/orders/orders.ts", "db/refunds/refund_rows.ts"]);
});
