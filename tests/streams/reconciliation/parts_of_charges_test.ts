import assert from "node:assert/strict";
import type { ReportLine } from "../../../commands/provider_report.ts";
import { databaseTime } from "../../../domain/database_time.ts";
import { proposeMending } from "../../../services/mend_discrepancies.ts";
import { aPaidOrder } from "../../chargebacks.ts";
import * as reconciled from "../../reconciled.ts";
import { operator } from "../../reconciled.ts";
import { withWorkflow, type Workflow } from "../../workflow.ts";

const hold = (flow: Workflow, lines: Iterable<ReportLine>) =>
  reconciled.hold({ flow, name: "simulated" }, lines);

const open = (flow: Workflow) => reconciled.all({ flow }, "open");

/** A line of the charge of an order of 10.00 EUR. */
function aLine(kind: string, grossCents: number, currency = "EUR"): ReportLine {
  const line = {
    entryId: `txn_${kind}_${grossCents}`,
    kind,
    createdUtc: databaseTime(Date.now()),
    chargeId: "sim_of_1",
    refundId: "",
    key: "",
    reference: "1",
    grossCents,
    feeCents: 0,
    netCents: grossCents,
    currency,
  };
  return line as ReportLine;
}

Deno.test("what is being given back of a charge is not ended by what else is told of it", () =>
  withWorkflow("parts_approved", async (flow) => {
    await aPaidOrder(flow);
    await hold(flow, [aLine("charge", 1_200)]);
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
    await hold(slow, [aLine("charge", 1_200), aLine("charge_failure", -200)]);
    assert.equal((await open(flow)).length, 2);
  }));
