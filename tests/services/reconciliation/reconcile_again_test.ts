import assert from "node:assert/strict";
import { lyingReport } from "../../../commands/provider_report.ts";
import { meddled } from "../../meddled_database.ts";
import { withinOneDay } from "../../one_day.ts";
import { withProvider } from "../../provider.ts";
import {
  all,
  assertFound,
  bookedFees,
  contentsWithoutTimes,
  countSteps,
  dyingAfter,
  emptied,
  feesOf,
  hold,
  holdList,
  ownReport,
  paidOrders,
  type Reconciled,
} from "../../reconciled.ts";
import { withWorkflow } from "../../workflow.ts";

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

Deno.test("of two reports that add to a list's lines at the same moment one does, and what the other tells otherwise is found", () =>
  withProvider("adopt_at_once", {}, async (provided) => {
    const today = await withinOneDay();
    await paidOrders(provided, 1);
    await holdList(provided, today);
    const lines = provided.provider.report();
    const others = lines.map((line) => ({
      ...line,
      feeCents: line.feeCents + 7,
      netCents: line.netCents - 7,
    }));
    const { flow } = provided;
    let other: Promise<unknown> | undefined;
    const db = meddled(flow.db, /update provider_retellings set is_same = 0/, async () => {
      other = hold(provided, others);
      const isTold = async () =>
        (await flow.rows("select 1 from provider_movements where entry is not null")).length > 0;
      for (let look = 0; look < 10_000 && !await isTold(); look++);
    });
    await hold({ ...provided, flow: { ...flow, db } }, lines);
    await other;
    // What the later one of both has told is kept, so that is agreed about.
    const found = await all(provided);
    assert.deepEqual(
      found.map(({ kind, answer }) => [kind, answer]),
      lines.map(() => ["fee_differs", "reports agree about it by now"]),
    );
    assert.equal(await bookedFees(flow), feesOf(others));
  }));
