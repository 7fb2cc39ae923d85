import assert from "node:assert/strict";
import { type OrderStatus, orderTransitions } from "../../domain/order.ts";
import { decideSettle, type GatewayAnswer, type SettleDecision } from "../../domain/settle.ts";
import { orderIn, orderStates } from "./life.ts";

const answer = (outcome: GatewayAnswer["outcome"], amountCents = 1_000): GatewayAnswer => ({
  outcome,
  amountCents,
  providerRef: "ref",
});

type Kinds = Record<OrderStatus, SettleDecision["kind"]>;

const onSuccess: Kinds = {
  PENDING: "too_early",
  RESERVED: "pay",
  PAID: "already_settled",
  FAILED: "late_success",
  CANCELLED: "late_success",
};

const onDecline: Kinds = {
  PENDING: "too_early",
  RESERVED: "decline",
  PAID: "already_settled",
  FAILED: "already_settled",
  CANCELLED: "already_settled",
};

Deno.test("decideSettle() answers for every state × outcome and moves only where the table does", () => {
  for (const status of orderStates) {
    const success = decideSettle(orderIn(status), answer("succeeded"));
    const decline = decideSettle(orderIn(status), answer("declined"));
    assert.equal(success.kind, onSuccess[status], `${status} × succeeded`);
    assert.equal(decline.kind, onDecline[status], `${status} × declined`);
    assert.equal(success.kind === "pay", orderTransitions[status].pay === "PAID");
    assert.equal(decline.kind === "decline", orderTransitions[status].decline === "FAILED");
  }
});

Deno.test("decideSettle() takes no success of another amount, whatever the state", () => {
  for (const status of orderStates) {
    for (const cents of [0, 999, 1_001]) {
      assert.equal(
        decideSettle(orderIn(status), answer("succeeded", cents)).kind,
        "wrong_amount",
        `${status}, ${cents} cents`,
      );
    }
  }
});

Deno.test("decideSettle() lets a decline fail the order whatever amount it names", () => {
  assert.equal(decideSettle(orderIn("RESERVED"), answer("declined", 1)).kind, "decline");
});
