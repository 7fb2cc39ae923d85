import assert from "node:assert/strict";
import { lyingReport } from "../../commands/provider_report.ts";
import { withWorkflow } from "../workflow.ts";

import {
  all,
  assertFound,
  contentsWithoutTimes,
  countSteps,
  dyingAfter,
  emptied,
  hold,
  ownReport,
  paidOrders,
  type Reconciled,
} from "../reconciled.ts";

Deno.test("a reconciliation that is killed between any two statements and run again ends as one run", async () => {
  await withWorkflow("reconcile_killed", async (flow) => {
    await paidOrders({ flow, name: "simulated" }, 60);
    const { lines } = lyingReport(await ownReport(flow), { seed: 3, lies: 20 });
    const provided: Reconciled = { flow, name: "simulated" };
    const steps = await countSteps(flow, () => hold(provided, lines));
    const once = await contentsWithoutTimes(provided);
    assert.ok(steps > 20);
    for (let at = 1; at <= steps; at += 4) {
      await emptied(provided);
      const dying = { ...provided, flow: { ...flow, db: dyingAfter(flow.db, at) } };
      // What is behind the last statement of the reconciliation is told by the log alone.
      await hold(dying, lines).catch((error) => assert.match(String(error), /killed/));
      await hold(provided, lines);
      assert.deepEqual(await contentsWithoutTimes(provided), once, `killed at statement ${at}`);
    }
  });
});

Deno.test("two runs of a report at once end as one run", async () => {
  await withWorkflow("reconcile_at_once", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 100);
    const { lines, told } = lyingReport(await ownReport(flow), { seed: 5, lies: 30 });
    await Promise.all([hold(provided, lines), hold(provided, lines), hold(provided, lines)]);
    assertFound(await all(provided), told);
    const sums = await flow.rows("select sum(net_cents) as net from provider_days");
    assert.equal(Number(sums[0]!.net), lines.reduce((sum, { netCents }) => sum + netCents, 0));
  });
});
