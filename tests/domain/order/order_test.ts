import assert from "node:assert/strict";
import {
  failureReasons,
  isSettled,
  orderAfter,
  type OrderEvent,
  type OrderStatus,
  orderTransition,
  orderTransitions,
  type RefundEvent,
  type RefundStatus,
  refundTransition,
  refundTransitions,
  retriedReason,
} from "../../../domain/order/order.ts";
import { orderEvents, orderIn, orderStates, refundEvents } from "./life.ts";

/** The life of an order as the product promises it: a row a state, a column an event. */
const orderLife: Record<OrderStatus, (OrderStatus | null)[]> = {
  PENDING: ["RESERVED", "FAILED", null, null, null, "CANCELLED", null],
  RESERVED: [null, null, "PAID", "FAILED", "FAILED", "CANCELLED", null],
  PAID: [null, null, null, null, null, null, null],
  FAILED: [null, null, null, null, null, null, "PENDING"],
  CANCELLED: [null, null, null, null, null, null, null],
};

const refundLife: Record<RefundStatus, (RefundStatus | null)[]> = {
  REQUESTED: ["PROCESSED", "FAILED", null],
  PROCESSED: [null, null, "FAILED"],
  FAILED: [null, null, null],
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

Deno.test("orderTransition() and refundTransition() say what the table says of an event", () => {
  for (const event of orderEvents) {
    const { from, to } = orderTransition(event);
    const found = orderStates.filter((status) => orderTransitions[status][event] === to);
    assert.deepEqual(from, found, event);
  }
  for (const event of refundEvents) {
    const before = event === "return" ? "PROCESSED" : "REQUESTED";
    assert.deepEqual(refundTransition(event).from, [before], event);
    assert.equal(refundTransition(event).to, refundTransitions[before][event]);
  }
});

Deno.test("an order has a reason after the events that fail it, and only then", () => {
  for (const event of orderEvents) {
    const fails = orderTransition(event).to === "FAILED";
    assert.equal(failureReasons[event] !== undefined, fails, event);
  }
});

Deno.test("orderAfter() does every state × event of the table and refuses the rest", () => {
  for (const status of orderStates) {
    for (const event of orderEvents) {
      const failureReason = status === "FAILED" ? retriedReason : null;
      const order = orderIn(status, { refundedCents: 7, failureReason });
      const to = orderTransitions[status][event];
      if (to === undefined) {
        assert.throws(() => orderAfter(order, event, "now"), /^Error: Cannot \w+ order 7: it is/);
        continue;
      }
      assert.deepEqual(orderAfter(order, event, "now"), {
        ...order,
        status: to,
        failureReason: failureReasons[event] ?? null,
        settledAt: isSettled(to) ? "now" : null,
      });
    }
  }
});

Deno.test("orderAfter() takes up again only what failed for want of stock", () => {
  for (const failureReason of ["payment_declined", "payment_timeout"] as const) {
    assert.throws(
      () => orderAfter(orderIn("FAILED", { failureReason }), "retry", "now"),
      /^Error: Cannot retry order 7: it is FAILED$/,
    );
  }
});
