import assert from "node:assert/strict";
import { decideApproval, type DecidedFacts } from "../../../domain/reconciliation/decide_action.ts";

function proposed(proposedBy: string, facts: Partial<DecidedFacts> = {}): DecidedFacts {
  return {
    kind: "missing_with_us",
    movement: "charge",
    orderId: null,
    paymentId: null,
    refundId: null,
    chargeRef: "ch_1",
    theirCents: 1_000,
    ourCents: null,
    state: "open",
    action: "give_back",
    proposedBy,
    proposedAt: "2026-01-06T09:00:00.000000Z",
    approvedBy: null,
    ...facts,
  };
}

Deno.test("decideApproval() takes two people, and nobody who is not asked who they are for a second one", () => {
  const kindOf = (proposedBy: string, by: string, approvals = 2) => {
    const facts = proposed(proposedBy);
    const seen = { action: "give_back", proposedAt: facts.proposedAt! } as const;
    return decideApproval(facts, by, approvals, seen).kind;
  };
  assert.equal(kindOf("api:ann", "api:ann"), "refused");
  assert.equal(kindOf("api:ann", "api:ben"), "approve");
  assert.equal(kindOf("api", "dashboard"), "refused");
  assert.equal(kindOf("dashboard", "api"), "refused");
  assert.equal(kindOf("api", "cli:ben@host"), "approve");
  assert.equal(kindOf("api", "dashboard", 1), "approve");
});

Deno.test("decideApproval() refuses what was proposed in the place of what somebody has seen", () => {
  const facts = proposed("api:ann");
  const { proposedAt } = facts as { proposedAt: string };
  const kindOf = (seen: Parameters<typeof decideApproval>[3], of = facts) =>
    decideApproval(of, "api:ben", 2, seen).kind;
  assert.equal(kindOf({ action: "give_back", proposedAt }), "approve");
  for (const unsaid of [{}, { action: "give_back" as const }, { proposedAt }]) {
    assert.equal(kindOf(unsaid), "unsaid");
    assert.equal(decideApproval(facts, "api:ben", 1, unsaid).kind, "approve");
  }
  assert.equal(kindOf({ action: "explain" }), "refused");
  assert.equal(
    kindOf({ action: "give_back", proposedAt: "2026-01-06T08:00:00.000000Z" }),
    "refused",
  );
  const approved = proposed("api:ann", { approvedBy: "api:eve" });
  assert.equal(kindOf({ action: "give_back" }, approved), "already_done");
  assert.equal(kindOf({ action: "explain" }, approved), "refused");
});
