import assert from "node:assert/strict";
import type { ReportLine } from "../../../commands/provider_report.ts";
import type { DiscrepancyRow } from "../../../db/reconciliation/discrepancies.ts";
import {
  approveAction,
  endTogether,
  proposeAction,
} from "../../../db/reconciliation/discrepancy_actions.ts";
import { withdraw } from "../../../services/reconciliation/withdraw_report.ts";
import { aPaidOrder } from "../../chargebacks.ts";
import * as reconciled from "../../reconciled.ts";
import { aPart, operator } from "../../reconciled.ts";
import { withWorkflow, type Workflow } from "../../workflow.ts";

const hold = (flow: Workflow, lines: Iterable<ReportLine>) =>
  reconciled.hold({ flow, name: "simulated" }, lines);

const open = async (flow: Workflow) =>
  (await reconciled.all({ flow }, "open")).map(({ kind, theirCents }) => `${kind} ${theirCents}`);

const parts = [aPart("charge", 600), aPart("charge", 400)] as const;

for (
  const [what, first, rest] of [
    ["captured by and by", ...parts],
    [
      "captured for less than was authorised",
      aPart("charge", 1_200),
      aPart("charge_failure", -200),
    ],
  ] as const
) {
  Deno.test(`lines of a charge that was ${what} end by themselves, once they come to what we have`, () =>
    withWorkflow("parts_end", async (flow) => {
      await aPaidOrder(flow);
      await hold(flow, [first]);
      assert.equal((await open(flow)).length, 1);
      await hold(flow, [first, rest]);
      assert.deepEqual(await open(flow), []);
      const rows = await reconciled.all({ flow });
      assert.deepEqual(rows.map(({ state }) => state), ["mended", "mended"]);
    }));
}

Deno.test("parts that come to nothing beside a line that says what we have end by themselves, and are open without one of both", () =>
  withWorkflow("parts_beside", async (flow) => {
    await aPaidOrder(flow);
    const whole = aPart("charge", 1_000), more = aPart("charge", 300);
    const less = aPart("charge_failure", -300);
    await hold(flow, [whole, more]);
    assert.deepEqual(await open(flow), ["twice 300"]);
    const second = await hold(flow, [less]);
    assert.deepEqual(await open(flow), []);
    await withdraw(reconciled.depsOf({ flow }), second.id, operator);
    assert.deepEqual(await open(flow), ["twice 300"]);
    await hold(flow, [less, aPart("charge_failure", -100)]);
    assert.deepEqual(await open(flow), ["twice 300", "corrected 300", "corrected 100"]);
    await hold(flow, [aPart("charge", 100)]);
    assert.deepEqual(await open(flow), []);
  }));

Deno.test("parts of a charge in several currencies come to nothing together", () =>
  withWorkflow("parts_currency", async (flow) => {
    await aPaidOrder(flow);
    await hold(flow, [parts[0], aPart("charge", 400, "USD")]);
    assert.equal((await open(flow)).length, 2);
  }));

Deno.test("parts of a charge that come to what we have are ended together, whenever who looks is killed", () =>
  withWorkflow("parts_killed", async (flow) => {
    await aPaidOrder(flow);
    const books = { flow, name: "simulated" };
    const steps = await reconciled.countSteps(flow, () => hold(flow, parts));
    assert.deepEqual(await open(flow), []);
    const real = flow.db;
    for (let made = 0; made < steps; made++) {
      await reconciled.emptied(books);
      flow.db = reconciled.dyingAfter(real, made);
      await hold(flow, parts).catch(() => {});
      flow.db = real;
      await hold(flow, parts);
      assert.deepEqual(await open(flow), [], `killed after ${made} of ${steps} statements`);
    }
  }));

Deno.test("what came together with a part of another report is open again once that report is taken back", () =>
  withWorkflow("parts_withdrawn", async (flow) => {
    await aPaidOrder(flow);
    await hold(flow, [parts[0]]);
    assert.deepEqual(await open(flow), ["amount_differs 600"]);
    const second = await hold(flow, [parts[1]]);
    assert.deepEqual(await open(flow), []);
    await withdraw(reconciled.depsOf({ flow }), second.id, operator);
    assert.deepEqual(await open(flow), ["amount_differs 600"]);
    await hold(flow, [parts[1]]);
    assert.deepEqual(await open(flow), []);
  }));

Deno.test("parts that another report has told as well come together still when one of both is taken back", () =>
  withWorkflow("parts_inherited", async (flow) => {
    await aPaidOrder(flow);
    const [one, other] = parts;
    const deps = reconciled.depsOf({ flow });
    const first = await hold(flow, [one]);
    const second = await hold(flow, [other]);
    await hold(flow, [one, other]);
    assert.deepEqual(await open(flow), []);
    for (const { id } of [first, second]) {
      await withdraw(deps, id, operator);
      assert.deepEqual(await open(flow), []);
    }
  }));

Deno.test("parts of a charge stay open where one of them was approved meanwhile", () =>
  withWorkflow("parts_approved", async (flow) => {
    await aPaidOrder(flow);
    await hold(flow, parts.slice(0, 1));
    const [{ id }] = await reconciled.all({ flow }) as [DiscrepancyRow];
    const by = { id, action: "ask", note: null, by: "a", mendKey: null } as const;
    await proposeAction(flow.db, by);
    await approveAction(flow.db, by);
    assert.equal(await flow.db.transaction((tx) => endTogether(tx, [id], "together")), 0);
    assert.deepEqual(await open(flow), ["amount_differs 600"]);
  }));
