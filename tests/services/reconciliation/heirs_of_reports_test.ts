import assert from "node:assert/strict";
import type { ReportLine } from "../../../commands/provider_report.ts";
import { lyingReport, reportLine } from "../../../commands/provider_report.ts";
import { databaseTime } from "../../../domain/database_time.ts";
import { readReconciliation } from "../../../db/reconciliation/reconciliations.ts";
import { approveReport } from "../../../services/reconciliation/approve_report.ts";
import { proposeMending } from "../../../services/reconciliation/mend_discrepancies.ts";
import { withdraw } from "../../../services/reconciliation/withdraw_report.ts";
import { verify } from "../../../streams/verification/verify.ts";
import { withinOneDay } from "../../one_day.ts";
import { withProvider } from "../../provider.ts";
import {
  all,
  another,
  bookedFees,
  contentsWithoutTimes,
  countSteps,
  depsOf,
  dyingAfter,
  emptied,
  feesOf,
  hold,
  holdList,
  operator,
  ownReport,
  paidOrders,
  type Reconciled,
} from "../../reconciled.ts";
import { withWorkflow, type Workflow } from "../../workflow.ts";

/** Two people take a report back. */
async function takeBack(provided: Reconciled, id: number): Promise<void> {
  const deps = depsOf(provided, 2);
  await withdraw(deps, id, operator);
  await withdraw(deps, id, another);
}

/** Two people have a report's fees booked. */
async function approve(provided: Reconciled, id: number): Promise<void> {
  const { finishedAt } = (await readReconciliation(provided.flow.db, id))!;
  await approveReport(depsOf(provided, 2), id, another, { finishedAt: finishedAt! });
}

/** A report, and another one of the same lines and one more. */
async function twoReports(provided: Reconciled) {
  await paidOrders(provided, 5);
  const lines = await ownReport(provided.flow);
  const first = await hold(provided, lines.slice(1), 2);
  const heir = await hold(provided, lines, 2);
  return { lines, first, heir };
}

Deno.test("lines that nobody approved wait with the approved report that has them from then on", async () => {
  await withWorkflow("heirs_approved", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    const { lines, first, heir } = await twoReports(provided);
    assert.deepEqual(heir.fees, { EUR: feesOf(lines.slice(0, 1)) });
    await approve(provided, heir.id);
    assert.equal(await bookedFees(flow), feesOf(lines.slice(0, 1)));
    await takeBack(provided, first.id);
    const now = (await readReconciliation(flow.db, heir.id))!;
    assert.deepEqual([now.state, now.feesWait, now.approvedBy, now.fees], ["DONE", true, null, {
      EUR: feesOf(lines),
    }]);
    assert.equal(await bookedFees(flow), 0);
    const seen = { finishedAt: heir.finishedAt! };
    await assert.rejects(
      approveReport(depsOf(provided, 2), heir.id, another, seen),
      /finished at another time/,
    );
    await approve(provided, heir.id);
    assert.equal(await bookedFees(flow), feesOf(lines));
  });
});

Deno.test("lines that somebody approved wait with the waiting report that has them from then on", async () => {
  await withWorkflow("heirs_waiting", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    const { lines, first, heir } = await twoReports(provided);
    await approve(provided, first.id);
    assert.equal(await bookedFees(flow), feesOf(lines.slice(1)));
    await takeBack(provided, first.id);
    const now = (await readReconciliation(flow.db, heir.id))!;
    assert.deepEqual([now.feesWait, now.fees], [true, { EUR: feesOf(lines) }]);
    assert.notEqual(now.finishedAt, heir.finishedAt);
    assert.equal(await bookedFees(flow), 0);
    await approve(provided, heir.id);
    assert.equal(await bookedFees(flow), feesOf(lines));
  });
});

Deno.test("lines that were approved stay booked with the approved report that has them from then on", async () => {
  await withWorkflow("heirs_both", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    const { lines, first, heir } = await twoReports(provided);
    await approve(provided, first.id);
    await approve(provided, heir.id);
    await takeBack(provided, first.id);
    const now = (await readReconciliation(flow.db, heir.id))!;
    assert.deepEqual([now.feesWait, now.approvedBy], [false, "another"]);
    assert.equal(await bookedFees(flow), feesOf(lines));
  });
});

/** A line of no order, yesterday. */
function ofYesterday(kind: "fee" | "payout", cents: number): ReportLine {
  const line = reportLine({
    kind: kind as never,
    createdUtc: databaseTime(Date.now() - 86_400_000),
    chargeId: "",
    refundId: `${kind}_1`,
    key: "",
    reference: "",
    grossCents: -cents,
    feeCents: 0,
    currency: "EUR",
  });
  return { ...line, entryId: `txn_${kind}` };
}

/** What the ledger has of no order on accounts that are not the provider's balance, in cents. */
async function bookedCents(flow: Workflow): Promise<number[]> {
  const rows = await flow.rows(
    `select sum(amount_cents) as cents from ledger_entries
    where order_id = 0 and account in (8, 10) group by account having cents <> 0 order by account`,
  );
  return rows.map(({ cents }) => Number(cents));
}

Deno.test("what a report booked on other days goes where it waits again, because another one told otherwise and is taken back", () =>
  withWorkflow("heirs_other_days", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 2);
    const [charge] = await ownReport(flow) as [ReportLine];
    const first = await hold(provided, [charge], 2);
    const dearer = { ...charge, feeCents: charge.feeCents + 5, netCents: charge.netCents - 5 };
    const lines = [dearer, ofYesterday("fee", 70), ofYesterday("payout", 900)];
    const other = await hold(provided, lines, 2);
    await approve(provided, first.id);
    await approve(provided, other.id);
    assert.deepEqual(await bookedCents(flow), [charge.feeCents + 70, 900]);
    await takeBack(provided, first.id);
    const { state, feesWait } = (await readReconciliation(flow.db, other.id))!;
    assert.deepEqual([state, feesWait], ["FAILED", true]);
    assert.deepEqual(await bookedCents(flow), []);
    await hold(provided, lines, 2);
    assert.deepEqual(await bookedCents(flow), []);
    await approve(provided, other.id);
    assert.deepEqual(await bookedCents(flow), [dearer.feeCents + 70, 900]);
    await takeBack(provided, other.id);
    assert.deepEqual(await bookedCents(flow), []);
  }));

Deno.test("what a report booked on other days goes where it waits again, because it has lines of one that nobody approved", () =>
  withWorkflow("heirs_inherited_days", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 2);
    const [charge] = await ownReport(flow) as [ReportLine];
    const first = await hold(provided, [charge], 2);
    const lines = [charge, ofYesterday("fee", 70), ofYesterday("payout", 900)];
    const heir = await hold(provided, lines, 2);
    await approve(provided, heir.id);
    assert.deepEqual(await bookedCents(flow), [70, 900]);
    await takeBack(provided, first.id);
    const { state, feesWait } = (await readReconciliation(flow.db, heir.id))!;
    assert.deepEqual([state, feesWait], ["DONE", true]);
    assert.deepEqual(await bookedCents(flow), []);
    await approve(provided, heir.id);
    assert.deepEqual(await bookedCents(flow), [charge.feeCents + 70, 900]);
    await takeBack(provided, heir.id);
    assert.deepEqual(await bookedCents(flow), []);
  }));

Deno.test("a withdrawal that is killed between any two statements leaves what is inherited waiting, and ends as one run", async () => {
  await withWorkflow("heirs_killed", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 2);
    const lines = await ownReport(flow);
    const begin = async () => {
      await emptied(provided);
      await flow.rows("delete from ledger_entries where order_id = 0");
      const first = await hold(provided, lines.slice(1), 2);
      const heir = await hold(provided, lines, 2);
      await approve(provided, heir.id);
      await withdraw(depsOf(provided, 2), first.id, operator);
      return { first, heir };
    };
    const state = async (id: number) => {
      const { feesWait, fees, approvedBy, finishedAt } = (await readReconciliation(flow.db, id))!;
      return [feesWait, fees, approvedBy, finishedAt !== null, await bookedFees(flow)];
    };
    const one = await begin();
    const steps = await countSteps(
      flow,
      () => withdraw(depsOf(provided, 2), one.first.id, another),
    );
    const whole = await state(one.heir.id);
    for (let step = 0; step < steps; step += 3) {
      const { first, heir } = await begin();
      const real = flow.db;
      flow.db = dyingAfter(real, step);
      await withdraw(depsOf(provided, 2), first.id, another).catch(() => {});
      flow.db = real;
      await withdraw(depsOf(provided, 2), first.id, another);
      assert.deepEqual(await state(heir.id), whole, `killed after ${step} of ${steps}`);
    }
  });
});

Deno.test("what was explained of a report that is taken back is open of the one that told the same", async () => {
  await withWorkflow("heirs_explained", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 20);
    const { lines } = lyingReport(await ownReport(flow), { seed: 3, lies: 10 });
    const first = await hold(provided, lines);
    const kinds = async () => (await all(provided, "open")).map(({ kind }) => kind).sort();
    const found = await kinds();
    const heir = await hold(provided, lines.toReversed());
    const missing = (await all(provided)).filter(({ kind }) => kind === "missing_with_them");
    for (const { id, kind } of await all(provided, "open")) {
      if (kind === "missing_with_them") continue;
      const wish = { id, action: "explain", note: "a misreading" } as const;
      await proposeMending(depsOf(provided), wish, operator);
    }
    assert.equal((await kinds()).length, missing.length);
    await withdraw(depsOf(provided), first.id, operator);
    assert.deepEqual(await kinds(), found);
    for (const one of await all(provided, "open")) {
      assert.deepEqual([one.reconciliationId, one.action, one.note], [heir.id, null, null]);
    }
    const explained = (await all(provided)).filter(({ state }) => state === "explained");
    assert.equal(explained.length, found.length - missing.length);
    assert.ok(explained.every(({ answer }) => /was taken back$/.test(answer!)));
    await hold(provided, lines.toReversed());
    assert.deepEqual(await kinds(), found);
  });
});

/** One charge of the report with another fee, told as it adds up. */
function withFee([charge, ...rest]: readonly ReportLine[], cents: number): ReportLine[] {
  const { feeCents, netCents } = charge!;
  return [{ ...charge!, feeCents: feeCents + cents, netCents: netCents - cents }, ...rest];
}

const open = async (provided: Reconciled) =>
  (await all(provided, "open")).map(({ kind, theirFeeCents }) => `${kind} ${theirFeeCents}`);

Deno.test("a fee that differed is over when a corrected report agrees, and another one is found anew", async () => {
  await withWorkflow("fees_corrected", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 3);
    const lines = await ownReport(flow);
    const fee = lines[0]!.feeCents;
    await hold(provided, lines);
    const wrong = withFee(lines, 5);
    await hold(provided, wrong);
    assert.deepEqual(await open(provided), [`fee_differs ${fee + 5}`]);
    // The older report again says nothing new.
    await hold(provided, lines);
    assert.deepEqual(await open(provided), [`fee_differs ${fee + 5}`]);
    await hold(provided, lines.toReversed());
    assert.deepEqual(await open(provided), []);
    await hold(provided, wrong);
    assert.deepEqual(await open(provided), []);
    await hold(provided, withFee(lines, 9));
    assert.deepEqual(await open(provided), [`fee_differs ${fee + 9}`]);
    assert.equal(await bookedFees(flow), feesOf(lines));
  });
});

Deno.test("a fee that differed is over when the report that told it is the only one, and brought again", async () => {
  await withWorkflow("fees_brought_again", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 3);
    const lines = await ownReport(flow);
    const first = await hold(provided, lines);
    const right = withFee(lines, 5);
    await hold(provided, right);
    await withdraw(depsOf(provided), first.id, operator);
    await hold(provided, right);
    assert.deepEqual(await open(provided), []);
    assert.equal(await bookedFees(flow), feesOf(right));
    const report = await verify(flow, { settleMs: 0 });
    assert.deepEqual(report.checks.filter(({ ok }) => !ok), []);
    await hold(provided, lines.toReversed());
    assert.deepEqual(await open(provided), [`fee_differs ${lines[0]!.feeCents}`]);
  });
});

Deno.test("a net that does not come to its gross and fee is taken from the report that mends it", async () => {
  await withWorkflow("fees_net", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 3);
    const lines = await ownReport(flow);
    const [charge, ...rest] = lines;
    const wrong = [{ ...charge!, netCents: charge!.netCents - 7 }, ...rest];
    const first = await hold(provided, wrong);
    const net = async () => {
      const [sum] = await flow.rows("select sum(net_cents) as cents from provider_days");
      return Number(sum!.cents);
    };
    const sum = lines.reduce((cents, one) => cents + one.netCents, 0);
    assert.equal((await open(provided)).length, 1);
    assert.equal(await net(), sum - 7);
    await hold(provided, wrong.toReversed());
    assert.equal((await open(provided)).length, 1);
    const second = await hold(provided, lines);
    assert.deepEqual(await open(provided), []);
    assert.equal(await net(), sum);
    // As if it had never been brought.
    await withdraw(depsOf(provided), second.id, operator);
    assert.equal((await readReconciliation(flow.db, first.id))!.state, "FAILED");
    await hold(provided, wrong);
    assert.equal(await net(), sum - 7);
  });
});

Deno.test("a line that was told before is found where its net does not come to gross and fee now", async () => {
  await withWorkflow("fees_net_later", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 3);
    const [charge, ...rest] = await ownReport(flow);
    await hold(provided, [charge!, ...rest]);
    const wrong = [{ ...charge!, netCents: charge!.netCents - 7 }, ...rest];
    for (let turn = 0; turn < 2; turn++) {
      await hold(provided, wrong);
      assert.deepEqual(await open(provided), [`fee_differs ${charge!.feeCents}`]);
    }
    const before = await contentsWithoutTimes(provided);
    await hold(provided, wrong);
    assert.deepEqual(await contentsWithoutTimes(provided), before);
  });
});

Deno.test("what a report added to a list is no other list's when it is taken back", async () => {
  await withProvider("heirs_lists", {}, async (provided) => {
    const today = await withinOneDay();
    await paidOrders(provided, 3);
    const { flow, provider } = provided;
    const yesterday = new Date(Date.parse(`${today}T00:00:00Z`) - 86_400_000).toISOString();
    const lists = [
      await holdList(provided, today),
      await holdList(provided, yesterday.slice(0, 10)),
    ];
    const report = await hold(provided, provider.report());
    assert.notEqual(await bookedFees(flow), 0);
    await withdraw(depsOf(provided), report.id, operator);
    assert.equal(await bookedFees(flow), 0);
    for (const { id } of lists) {
      assert.equal((await readReconciliation(flow.db, id))!.state, "FAILED");
    }
  });
});

Deno.test("what ended because reports agreed is found anew when one of them is taken back and another one tells it", async () => {
  await withWorkflow("fees_found_anew", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 3);
    const lines = await ownReport(flow);
    await hold(provided, lines);
    const wrong = await hold(provided, withFee(lines, 5));
    await hold(provided, lines.toReversed());
    assert.deepEqual(await open(provided), []);
    await withdraw(depsOf(provided), wrong.id, operator);
    await hold(provided, withFee(lines, 5).toReversed());
    assert.deepEqual(await open(provided), [`fee_differs ${lines[0]!.feeCents + 5}`]);
  });
});
