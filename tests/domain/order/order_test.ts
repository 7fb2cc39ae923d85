import assert from "node:assert/strict";
import {
  isSettled,
  type OrderEvent,
  type OrderStatus,
  orderTransitions,
  type RefundEvent,
  type RefundStatus,
  refundTransitions,
} from "../../../domain/order/order.ts";

const orderEvents = ["reserve", "run_short", "pay", "decline", "time_out", "cancel"] as const;
const refundEvents = ["process", "refuse"] as const;

/** The life of an order as the product promises it: a row a state, a column an event. */
const orderLife: Record<OrderStatus, (OrderStatus | null)[]> = {
  PENDING: ["RESERVED", "FAILED", null, null, null, "CANCELLED"],
  RESERVED: [null, null, "PAID", "FAILED", "FAILED", "CANCELLED"],
  PAID: [null, null, null, null, null, null],
  FAILED: [null, null, null, null, null, null],
  CANCELLED: [null, null, null, null, null, null],
};

const refundLife: Record<RefundStatus, (RefundStatus | null)[]> = {
  REQUESTED: ["PROCESSED", "FAILED"],
  PROCESSED: [null, null],
  FAILED: [null, null],
};

Deno.test("orderTransitions has every state × event of the promised life and no other", () => {
  assert.deepEqual(Object.keys(orderTransitions), Object.keys(orderLife));
  for (const [from, row] of Object.entries(orderLife)) {
    const events = orderTransitions[from as OrderStatus];
    for (const name of Object.keys(events)) {
      assert.ok(orderEvents.includes(name as OrderEvent), `${name} is an event of the life`);
    }
    orderEvents.forEach((event, column) => {
      assert.equal(events[event] ?? null, row[column], `${from} × ${event}`);
    });
  }
});

Deno.test("refundTransitions has every state × event of the promised life and no other", () => {
  assert.deepEqual(Object.keys(refundTransitions), Object.keys(refundLife));
  for (const [from, row] of Object.entries(refundLife)) {
    const events = refundTransitions[from as RefundStatus];
    for (const name of Object.keys(events)) {
      assert.ok(refundEvents.includes(name as RefundEvent), `${name} is an event of the life`);
    }
    refundEvents.forEach((event, column) => {
      assert.equal(events[event] ?? null, row[column], `${from} × ${event}`);
    });
  }
});

Deno.test("isSettled() is true of the states that nothing leads out of", () => {
  const settled = (Object.keys(orderLife) as OrderStatus[]).filter(isSettled);
  assert.deepEqual(settled, ["PAID", "FAILED", "CANCELLED"]);
});
