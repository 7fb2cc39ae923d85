import assert from "node:assert/strict";
import {
  decideApproval,
  type DecidedFacts,
  decideProposal,
} from "../../../domain/reconciliation/decide_action.ts";

/** What nobody has proposed anything about, and what an order is behind. */
const decided: DecidedFacts = {
  kind: "missing_with_us",
  movement: "charge",
  orderId: 7,
  paymentId: null,
  refundId: null,
  chargeRef: "ch_1",
  theirCents: 1_000,
  ourCents: null,
  state: "open",
  action: null,
  proposedBy: null,
  proposedAt: null,
  approvedBy: null,
};

function proposed(proposedBy: string, facts: Partial<DecidedFacts> = {}): DecidedFacts {
  return {
    ...decided,
    orderId: null,
    action: "give_back",
    proposedBy,
    proposedAt: "2026-01-06T09:00:00.000000Z",
    ...facts,
  };
}

Deno.test("decideProposal() takes what is offered, with a note where it explains", () => {
  const propose = (
    change: Partial<DecidedFacts>,
    action: Parameters<typeof decideProposal>[1]["action"],
    note: string | null = null,
  ) => decideProposal({ ...decided, ...change }, { action, note }).kind;
  assert.equal(propose({}, "record"), "propose");
  assert.equal(propose({}, "give_back"), "refused");
  assert.equal(propose({}, "explain"), "refused");
  assert.equal(propose({}, "explain", "so"), "propose");
  assert.equal(propose({ state: "mended" }, "record"), "refused");
  assert.equal(propose({ state: "explained" }, "explain", "so"), "refused");
  const approved = { action: "record", proposedBy: "a", approvedBy: "b" } as const;
  assert.equal(propose(approved, "record"), "already_done");
  assert.equal(propose(approved, "explain", "so"), "refused");
});

Deno.test("decideApproval() takes two people where two are asked for", () => {
  const proposedAt = "2026-01-06T09:00:00.000000Z";
  const proposed = { ...decided, action: "record", proposedBy: "a", proposedAt } as const;
  const approve = (change: Partial<DecidedFacts>, by: string, approvals: number) =>
    decideApproval({ ...proposed, ...change }, by, approvals, { action: "record", proposedAt })
      .kind;
  assert.equal(approve({}, "a", 1), "approve");
  assert.equal(approve({}, "a", 2), "refused");
  assert.equal(approve({}, "b", 2), "approve");
  assert.equal(approve({ action: null }, "b", 2), "refused");
  assert.equal(approve({ approvedBy: "c" }, "b", 2), "already_done");
  assert.equal(approve({ state: "mended", approvedBy: "c" }, "b", 2), "refused");
});

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
  // On the command line a name is what the environment says.
  assert.equal(kindOf("api", "cli:ben@host"), "refused");
  assert.equal(kindOf("cli:ann@host", "cli:ben@host"), "refused");
  assert.equal(kindOf("cli:ann@host", "cli:ann@other"), "refused");
  assert.equal(kindOf("cli:ann@host", "dashboard"), "refused");
  assert.equal(kindOf("cli:ann@host", "api:ben"), "approve");
  assert.equal(kindOf("api:ann", "cli:ben@host"), "approve");
  assert.equal(kindOf("cli:ann@host", "cli:ben@host", 1), "approve");
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
