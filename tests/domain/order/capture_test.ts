import assert from "node:assert/strict";
import { decideCapture, type HeldFacts } from "../../../domain/order/capture.ts";
import { orderStates } from "./life.ts";

const held: HeldFacts = { status: "HELD", isRequested: false };

Deno.test("decideCapture() takes what is held for a reserved order, once, and nothing else", () => {
  for (const status of orderStates) {
    const order = { status, totalCents: 1_500 };
    const { kind } = decideCapture(order, held, null);
    const expected = status === "RESERVED"
      ? "capture"
      : status === "PAID"
      ? "already_requested"
      : "refused";
    assert.equal(kind, expected, status);
    assert.equal(decideCapture(order, null, null).kind, "refused", `${status} without money`);
    const released = { ...held, status: "RELEASED" } as const;
    assert.equal(decideCapture(order, released, null).kind, "refused", `${status}, let go`);
  }
});

Deno.test("decideCapture() takes the order's total and no other amount", () => {
  const order = { status: "RESERVED", totalCents: 1_500 } as const;
  assert.equal(decideCapture(order, held, 1_500).kind, "capture");
  assert.equal(decideCapture(order, held, 1_499).kind, "other_amount");
  assert.equal(decideCapture(order, held, 1_501).kind, "other_amount");
  const requested = { ...held, isRequested: true };
  assert.equal(decideCapture(order, requested, 1_500).kind, "already_requested");
  assert.equal(decideCapture(order, requested, 1).kind, "other_amount");
});
