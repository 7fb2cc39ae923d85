import assert from "node:assert/strict";
import type { Operator } from "../../../domain/operation/audit.ts";
import type { ReportProfile } from "../../../domain/reconciliation/report_profile.ts";
import {
  beginReconciliation,
  readReconciliation,
} from "../../../db/reconciliation/reconciliations.ts";
import { listProviderDays } from "../../../db/reconciliation/reconciled_days.ts";
import { noteReportBooked } from "../../../db/reconciliation/report_approvals.ts";
import type { WorkflowError } from "../../../domain/errors.ts";
import { reconcile } from "../../../services/reconciliation/reconcile.ts";
import { approveReport } from "../../../services/reconciliation/approve_report.ts";
import { goOnWithReports } from "../../../services/reconciliation/go_on_with_reports.ts";
import { withdraw } from "../../../services/reconciliation/withdraw_report.ts";
import { verify } from "../../../streams/verification/verify.ts";
import { reportLine } from "../../../commands/provider_report.ts";
import { anOperator } from "../../operator.ts";
import {
  another,
  bookedFees,
  contentsWithoutTimes,
  countSteps,
  depsOf,
  dyingAfter,
  feesOf,
  hold,
  operator,
  ownReport,
  paidOrders,
  type Reconciled,
} from "../../reconciled.ts";
import { withWorkflow } from "../../workflow.ts";

Deno.test("a report's fees are booked once somebody else has approved what they have seen of it", async () => {
  await withWorkflow("approve_fees", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 10);
    const lines = await ownReport(flow);
    const fees = feesOf(lines);
    const deps = depsOf(provided, 2);
    const { id, finishedAt, feesWait, fees: said } = await hold(provided, lines, 2);
    assert.deepEqual([feesWait, said], [true, { EUR: fees }]);
    assert.equal(await bookedFees(flow), 0);
    // They are shown meanwhile, and so they are when the same report comes again.
    await hold(provided, lines, 2);
    assert.equal(await bookedFees(flow), 0);
    assert.equal((await listProviderDays(flow.db, 1))[0]!.feesCents, fees);
    const seen = { finishedAt: finishedAt! };
    await assert.rejects(
      approveReport(deps, id, another, {}),
      (error: WorkflowError) => error.code === "invalid",
    );
    await assert.rejects(approveReport(deps, id, operator, seen), /takes two people/);
    await assert.rejects(
      approveReport(deps, id, another, { finishedAt: "2026-01-06T09:00:00.000000Z" }),
      /finished at another time/,
    );
    // Of whoever is not asked who they are nobody can tell whether they are two.
    await flow.rows("update reconciliations set actor = 'cli:ann@host'");
    for (const name of ["api", "dashboard", "cli:ben@host"]) {
      await assert.rejects(approveReport(deps, id, anOperator(name), seen), /takes two people/);
    }
    await flow.rows("update reconciliations set actor = 'test'");
    // Nothing that waits counts as booked.
    await noteReportBooked(flow.db, id);
    assert.equal(await bookedFees(flow), 0);
    const approved = await approveReport(deps, id, another, seen);
    assert.deepEqual([approved.feesWait, approved.approvedBy], [false, "another"]);
    assert.equal(await bookedFees(flow), fees);
    await approveReport(deps, id, another, seen);
    assert.equal(await bookedFees(flow), fees);
    const report = await verify(flow, { settleMs: 0 });
    assert.deepEqual(report.checks.filter(({ ok }) => !ok), []);
    await withdraw(deps, id, operator);
    await withdraw(deps, id, another);
    assert.equal(await bookedFees(flow), 0);
  });
});

Deno.test("the same file by another profile is another report, whose fees nobody has approved yet", async () => {
  await withWorkflow("approve_profiles", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    const deps = depsOf(provided, 2);
    const profile = (number: 1 | 2): ReportProfile => ({
      version: 1,
      name: "bank",
      columns: {
        entry: [`entry ${number}`],
        category: ["kind"],
        at: ["time"],
        charge: [`charge ${number}`],
        gross: ["gross"],
        fee: [`fee ${number}`],
        currency: ["currency"],
      },
      categories: { charge: ["sale"] },
      money: { in: "minor" },
    });
    const file = "kind,time,entry 1,entry 2,charge 1,charge 2,gross,fee 1,fee 2,currency\n" +
      "sale,2026-03-05 10:00:00,a,b,ch_1,ch_2,1000,1,900,EUR\n";
    const bring = (number: 1 | 2, operator: Operator) =>
      reconcile(deps, {
        provider: "simulated",
        report: { source: new Blob([file]).stream(), name: "x.csv", profile: profile(number) },
        period: {},
        operator,
      });
    const first = await bring(1, operator);
    const second = await bring(2, another);
    assert.notEqual(second.id, first.id);
    assert.deepEqual([second.actor, second.fees], ["another", { EUR: 900 }]);
    assert.equal((await bring(1, another)).id, first.id);
    await approveReport(deps, first.id, another, { finishedAt: first.finishedAt! });
    assert.equal(await bookedFees(flow), 1);
    const seen = { finishedAt: second.finishedAt! };
    await assert.rejects(approveReport(deps, second.id, another, seen), /takes two people/);
    await approveReport(deps, second.id, operator, seen);
    assert.equal(await bookedFees(flow), 901);
    await bring(2, operator);
    assert.equal(await bookedFees(flow), 901);
  });
});

Deno.test("a report that was begun before profiles were a part of it is taken up, unless two people are needed", async () => {
  await withWorkflow("begun_profiles", async ({ db }) => {
    const [former, digest] = ["1".repeat(64), "2".repeat(64)];
    const begin = (digest: string, feesWait: boolean, formerDigest?: string) =>
      beginReconciliation(db, {
        provider: "simulated",
        source: "report",
        name: "x.csv",
        digest,
        ...(formerDigest === undefined ? {} : { formerDigest }),
        from: "2026-03-05 00:00:00",
        to: "2026-03-06 00:00:00",
        actor: "ann",
        feesWait,
      });
    const { id } = await begin(former, false);
    assert.equal((await begin(digest, false, former)).id, id);
    assert.notEqual((await begin(digest, true, former)).id, id);
    await db.run("update reconciliations set state = 'DONE'");
    assert.notEqual((await begin("3".repeat(64), false, former)).id, id);
  });
});

Deno.test("payouts beyond all sense are approved and taken back, and hold up no other report of their day", async () => {
  await withWorkflow("approve_payouts", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    const deps = depsOf(provided, 2);
    const payout = (n: number, grossCents: number) => ({
      ...reportLine({
        kind: "payout" as never,
        createdUtc: "2026-03-05 10:00:00",
        chargeId: "",
        refundId: "",
        key: "",
        reference: "",
        grossCents,
        feeCents: 0,
        currency: "EUR",
      }),
      entryId: `txn_${n}`,
    });
    const huge = await hold(provided, [1, 2, 3, 4, 5].map((n) => payout(n, -(2 ** 51))), 2);
    await approveReport(deps, huge.id, another, { finishedAt: huge.finishedAt! });
    const other = await hold(provided, [payout(6, -100)], 2);
    assert.equal(other.state, "DONE");
    await withdraw(deps, huge.id, operator);
    assert.equal((await withdraw(deps, huge.id, another)).state, "WITHDRAWN");
    await approveReport(deps, other.id, another, { finishedAt: other.finishedAt! });
    const [day] = await flow.rows("select booked_payouts_cents from provider_days");
    assert.equal(Number(day!.booked_payouts_cents), 100);
  });
});

Deno.test("a report that books nothing waits for nobody, until lines that do become its own", async () => {
  await withWorkflow("approve_empty", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    const deps = depsOf(provided, 2);
    await paidOrders(provided, 5);
    const lines = await ownReport(flow);
    const fees = feesOf(lines);
    const alone = lines.filter(({ feeCents }) => feeCents === 0);
    assert.ok(alone.length > 0 && alone.length < lines.length);
    const refunds = await hold(provided, alone, 2);
    assert.deepEqual([refunds.feesWait, refunds.fees, refunds.state], [false, {}, "DONE"]);
    const seen = { finishedAt: refunds.finishedAt! };
    await assert.rejects(approveReport(deps, refunds.id, another, seen), /wait for nobody/);
    // Fees that come to nothing are fees all the same: they may stand on two days.
    const [like] = lines;
    const offset = [7, -7].map((feeCents, n) => ({
      ...like!,
      entryId: `txn_offset_${n}`,
      chargeId: `ch_offset_${n}`,
      key: "",
      reference: "",
      feeCents,
      netCents: like!.grossCents - feeCents,
    }));
    const both = await hold(provided, offset, 2);
    assert.deepEqual([both.feesWait, both.fees], [true, { EUR: 0 }]);
    // All that it tells another one has told that waits.
    const first = await hold(provided, lines, 2);
    assert.deepEqual([first.feesWait, first.fees], [true, { EUR: fees }]);
    const again = await hold(provided, [...lines].reverse(), 2);
    assert.deepEqual([again.feesWait, again.fees], [false, {}]);
    await withdraw(deps, first.id, operator);
    await withdraw(deps, first.id, another);
    const heir = (await readReconciliation(flow.db, again.id))!;
    assert.deepEqual([heir.feesWait, heir.fees], [true, { EUR: fees }]);
    assert.equal(await bookedFees(flow), 0);
    await approveReport(deps, heir.id, another, { finishedAt: heir.finishedAt! });
    assert.equal(await bookedFees(flow), fees);
  });
});

Deno.test("one person's report books its fees at once, and needs nobody's approval", async () => {
  await withWorkflow("approve_nothing", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 3);
    const { id, feesWait, fees, payouts, finishedAt } = await hold(provided, await ownReport(flow));
    assert.deepEqual([feesWait, fees, payouts], [false, null, null]);
    assert.ok(await bookedFees(flow) > 0);
    const seen = { finishedAt: finishedAt! };
    await assert.rejects(approveReport(depsOf(provided), id, another, seen), /wait for nobody/);
  });
});

Deno.test("an approval that is killed between any two statements books the fees once", async () => {
  await withWorkflow("approve_killed", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 5);
    const lines = await ownReport(flow);
    const fees = feesOf(lines);
    const deps = depsOf(provided, 2);
    const read = async () => {
      await flow.rows("update provider_days set booked_fees_cents = 0, bookings = 0");
      await flow.rows("delete from ledger_entries where source = 5");
      await flow.rows(
        "update reconciliations set fees_wait = 1, approved_by = null, approved_at = null",
      );
      const [row] = await flow.rows("select id, finished_at from reconciliations");
      return { id: Number(row!.id), finishedAt: `${String(row!.finished_at).replace(" ", "T")}Z` };
    };
    await hold(provided, lines, 2);
    const { id, finishedAt } = await read();
    const steps = await countSteps(
      flow,
      () => approveReport(depsOf(provided, 2), id, another, { finishedAt }),
    );
    assert.ok(steps > 8);
    const once = await contentsWithoutTimes(provided);
    for (let at = 1; at <= steps; at++) {
      await read();
      const dying = { ...deps, db: dyingAfter(flow.db, at) };
      await approveReport(dying, id, another, { finishedAt })
        .catch((error) => assert.match(String(error), /killed/));
      await goOnWithReports(deps);
      // What is approved is booked by itself.
      const [row] = await flow.rows("select approved_by from reconciliations");
      assert.equal(await bookedFees(flow), row!.approved_by === null ? 0 : fees);
      await approveReport(deps, id, another, { finishedAt });
      assert.equal(await bookedFees(flow), fees, `killed at statement ${at}`);
      assert.deepEqual(await contentsWithoutTimes(provided), once);
    }
  });
});

Deno.test("payouts of a report that waits for a second person are booked with its fees", async () => {
  await withWorkflow("approve_payouts", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 3);
    const lines = await ownReport(flow);
    const payout = reportLine({
      ...lines[0]!,
      kind: "payout",
      chargeId: "",
      refundId: "po_1",
      key: "",
      reference: "",
      grossCents: -1_000,
      feeCents: 0,
    });
    const paidOut = async () => {
      const [sum] = await flow.rows(
        "select coalesce(sum(amount_cents), 0) as cents from ledger_entries where account = 10",
      );
      return Number(sum!.cents);
    };
    const { id, finishedAt, payouts } = await hold(provided, [...lines, payout], 2);
    assert.deepEqual(payouts, { EUR: 1_000 });
    assert.equal(await paidOut(), 0);
    await approveReport(depsOf(provided, 2), id, another, { finishedAt: finishedAt! });
    assert.equal(await paidOut(), 1_000);
  });
});
