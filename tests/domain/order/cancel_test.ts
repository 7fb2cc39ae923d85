import assert from "node:assert/strict";
import { type CancelDecision, decideCancel } from "../../../domain/order/cancel.ts";
import { type OrderStatus, orderTransitions } from "../../../domain/order/order.ts";
import { orderStates } from "./life.ts";

const expected: Record<OrderStatus, CancelDecision> = {
  PENDING: { kind: "cancel", restocks: false },
  RESERVED: { kind: "cancel", restocks: true },
  PAID: { kind: "refused", because: "settled" },
  FAILED: { kind: "refused", because: "settled" },
  CANCELLED: { kind: "already_cancelled" },
};

Deno.test("decideCancel() answers for every state and cancels only where the table does", () => {
  for (const status of orderStates) {
    const decision = decideCancel(status);
    assert.deepEqual(decision, expected[status], status);
    assert.equal(
      decision.kind === "cancel",
      orderTransitions[status].cancel === "CANCELLED",
      status,
    );
  }
});
