import assert from "node:assert/strict";
import { type OrderStatus, orderTransitions } from "../../domain/order.ts";
import {
  decideSettle,
  decideTimeOut,
  type GatewayAnswer,
  type SettleDecision,
} from "../../domain/settle.ts";
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
    const success = decideSettle(orderIn(status), answer("succeeded"), null);
    const decline = decideSettle(orderIn(status), answer("declined"), null);
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
        decideSettle(orderIn(status), answer("succeeded", cents), null).kind,
        "wrong_amount",
        `${status}, ${cents} cents`,
      );
    }
  }
});

Deno.test("decideSettle() lets a decline fail the order whatever amount it names", () => {
  assert.equal(decideSettle(orderIn("RESERVED"), answer("declined", 1), null).kind, "decline");
});

Deno.test("decideSettle() tells other money for an order from the same money again", () => {
  const { providerRef } = answer("succeeded");
  const before = `${providerRef} of before`;
  for (const status of ["PAID", "FAILED", "CANCELLED"] as const) {
    const again = decideSettle(orderIn(status), answer("succeeded"), providerRef);
    assert.equal(again.kind, onSuccess[status]);
    const other = decideSettle(orderIn(status), answer("succeeded"), before);
    assert.equal(other.kind, "paid_twice", status);
    const declined = decideSettle(orderIn(status), answer("declined"), before);
    assert.equal(declined.kind, "already_settled", status);
  }
});

Deno.test("decideTimeOut() ends reservations only", () => {
  for (const status of Object.keys(orderTransitions) as OrderStatus[]) {
    const expected = status === "RESERVED" ? "time_out" : "already_settled";
    assert.equal(decideTimeOut(status).kind, expected, status);
  }
});
