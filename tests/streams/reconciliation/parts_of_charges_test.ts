import assert from "node:assert/strict";
import type { ReportLine } from "../../../commands/provider_report.ts";
import type { Gateway } from "../../../streams/payments/gateway.ts";
import { offeredActions } from "../../../domain/reconciliation/discrepancy.ts";
import { proposeMending } from "../../../services/reconciliation/mend_discrepancies.ts";
import { aPaidOrder } from "../../chargebacks.ts";
import * as reconciled from "../../reconciled.ts";
import { aPart, operator } from "../../reconciled.ts";
import { withWorkflow, type Workflow } from "../../workflow.ts";

const hold = (flow: Workflow, lines: Iterable<ReportLine>) =>
  reconciled.hold({ flow, name: "simulated" }, lines);

const open = (flow: Workflow) => reconciled.all({ flow }, "open");

Deno.test("what is being given back of a charge is not ended by what else is told of it", () =>
  withWorkflow("parts_approved", async (flow) => {
    await aPaidOrder(flow);
    await hold(flow, [aPart("charge", 1_200)]);
    const [row] = await open(flow);
    const gateway = {
      ...flow.gateway,
      money: () => Promise.resolve([{ kind: "failed", error: "no answer" } as const]),
    };
    const slow = { ...flow, gateway };
    const deps = reconciled.depsOf({ flow: slow });
    const wish = { id: row!.id, note: null, action: "give_back" } as const;
    const { discrepancy } = await proposeMending(deps, wish, operator);
    assert.deepEqual([discrepancy.state, discrepancy.answer], ["open", "no answer"]);
    await hold(slow, [aPart("charge", 1_200), aPart("charge_failure", -200)]);
    assert.equal((await open(flow)).length, 2);
  }));

/** A provider that can be asked what it took of the order's charge and what went back of it. */
function asking(flow: Workflow, tookCents: number, refundedCents = 0) {
  const asked: number[] = [];
  const gateway: Gateway = {
    ...flow.gateway,
    can: { ...flow.gateway.can!, looksUpByName: true },
    money: () => {
      const said = { ref: "sim_of_1", currency: "EUR", tookCents, refundedCents };
      return Promise.resolve([{ kind: "found", ...said }]);
    },
    refund: (requests) => {
      asked.push(...requests.map(({ amountCents }) => amountCents));
      return Promise.resolve(requests.map(() => ({ kind: "refunded" })));
    },
  };
  return { deps: { ...reconciled.depsOf({ flow }), gateway }, asked };
}

for (
  const [what, took, back] of [["never captured", 1_000, 0], [
    "has given back",
    1_200,
    200,
  ]] as const
) {
  Deno.test(`what its provider ${what} of a charge is explained by asking, which is offered first, and never given back`, () =>
    withWorkflow("parts_asked", async (flow) => {
      await aPaidOrder(flow);
      await hold(flow, [aPart("charge", 1_200)]);
      const [row] = await open(flow);
      assert.equal(offeredActions(row!, true)[0], "ask");
      const { deps, asked } = asking(flow, took, back);
      const wish = { id: row!.id, note: null };
      await proposeMending(deps, { ...wish, action: "give_back" }, operator);
      const { discrepancy } = await proposeMending(deps, wish, operator).catch(() => ({
        discrepancy: row!,
      }));
      assert.match(String(discrepancy.answer ?? "all of it"), /no more than is ours|all of it/);
      const [ended] = await reconciled.all({ flow });
      assert.equal(ended!.state, "explained");
      assert.deepEqual(asked, []);
    }));
}

Deno.test("what its provider says to have too much of a charge is offered to be given back once it was asked", () =>
  withWorkflow("parts_too_much", async (flow) => {
    await aPaidOrder(flow);
    await hold(flow, [aPart("charge", 1_200)]);
    const { deps, asked } = asking(flow, 1_200);
    const wish = { id: (await open(flow))[0]!.id, note: null };
    const said = await proposeMending(deps, wish, operator);
    assert.equal(
      said.discrepancy.answer,
      "the provider has more of it than is ours: it took 12.00 EUR by sim_of_1, and 0.00 EUR went back",
    );
    assert.deepEqual(asked, []);
    assert.deepEqual(offeredActions(said.discrepancy, true), ["give_back", "ask", "explain"]);
    const { discrepancy } = await proposeMending(deps, wish, operator);
    assert.deepEqual([discrepancy.state, asked], ["mended", [200]]);
  }));

Deno.test("nothing of an order's charge goes back by a report's word alone", () =>
  withWorkflow("parts_unasked", async (flow) => {
    await aPaidOrder(flow);
    await hold(flow, [aPart("charge", 1_200)]);
    const refund = () => assert.fail("it is not asked for");
    const deps = { ...reconciled.depsOf({ flow }), gateway: { ...flow.gateway, refund } };
    const wish = { id: (await open(flow))[0]!.id, note: null, action: "give_back" } as const;
    const { discrepancy } = await proposeMending(deps, wish, operator);
    assert.deepEqual([discrepancy.state, discrepancy.action], ["open", null]);
    assert.match(String(discrepancy.answer), /can't be asked what it has of it/);
    // What was not captured ends it by itself.
    await hold(flow, [aPart("charge_failure", -200)]);
    assert.deepEqual(await open(flow), []);
  }));

for (
  const [what, other] of [
    ["a refund that came back", { ...aPart("refund_failure", 400), refundId: "re_other" }],
    ["a refund that was told twice", aPart("refund", 400)],
  ] as const
) {
  Deno.test(`${what} is no part of what was charged, even where it is of what is missing`, () =>
    withWorkflow(`parts_unrelated_${other.kind}`, async (flow) => {
      await aPaidOrder(flow);
      const isBack = other.grossCents > 0 && other.kind !== "refund";
      await hold(flow, [aPart("charge", isBack ? 600 : 1_400)]);
      const refund = { ...aPart("refund", -400), refundId: "re_1" };
      await hold(
        flow,
        isBack ? [other] : [
          { ...refund, entryId: "txn_a" },
          { ...refund, entryId: "txn_b" },
        ],
      );
      const rows = await reconciled.all({ flow });
      assert.deepEqual(rows.map(({ state }) => state), rows.map(() => "open"));
      assert.equal(rows.length, isBack ? 2 : 3);
    }));
}
