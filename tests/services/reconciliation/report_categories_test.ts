import assert from "node:assert/strict";
import type { ReportLine } from "../../../commands/provider_report.ts";
import { reportCsv } from "../../../commands/provider_report.ts";
import { readTrialBalance } from "../../../db/ledger/ledger_list.ts";
import { listProviderDays } from "../../../db/reconciliation/reconciled_days.ts";
import { readReconciliation } from "../../../db/reconciliation/reconciliations.ts";
import { native } from "../../../domain/reconciliation/shipped/native.ts";
import { approveReport } from "../../../services/reconciliation/approve_report.ts";
import { proposeMending } from "../../../services/reconciliation/mend_discrepancies.ts";
import { reconcile } from "../../../services/reconciliation/reconcile.ts";
import { withdraw } from "../../../services/reconciliation/withdraw_report.ts";
import { verify } from "../../../streams/verification/verify.ts";
import { anOperator } from "../../operator.ts";
import {
  all,
  contentsWithoutTimes,
  depsOf,
  hold,
  operator,
  ownReport,
  paidOrders,
  type Reconciled,
} from "../../reconciled.ts";
import { withWorkflow, type Workflow } from "../../workflow.ts";

/** A line of no order, as a native report calls it. */
function ofNoOrder(like: ReportLine, kind: string, grossCents: number, n = 1): ReportLine {
  return {
    ...like,
    kind: kind as "payout",
    entryId: `txn_${kind}_${n}`,
    chargeId: "",
    refundId: "",
    key: "",
    reference: "",
    grossCents,
    feeCents: 0,
    netCents: grossCents,
  };
}

/** Balances by account. */
async function balances({ db }: Workflow): Promise<Record<string, number>> {
  const rows = await readTrialBalance(db);
  return Object.fromEntries(rows.map((row) => [row.account, Number(row.balanceCents)]));
}

async function assertAgrees(flow: Workflow): Promise<void> {
  const report = await verify(flow, { settleMs: 0 });
  assert.deepEqual(report.checks.filter(({ ok }) => !ok), []);
}

const sumOf = (lines: readonly ReportLine[]) =>
  lines.reduce((sum, { netCents }) => sum + netCents, 0);

/** Holds native lines against the books by a profile that knows more words. */
function holdBy(
  provided: Reconciled,
  lines: readonly ReportLine[],
  words: typeof native.categories,
) {
  const bytes = new TextEncoder().encode([...reportCsv(lines)].join(""));
  const day = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
  return reconcile(depsOf(provided), {
    provider: "simulated",
    report: {
      source: new Blob([bytes]).stream(),
      name: "report.csv",
      profile: { ...native, categories: { ...native.categories, ...words } },
    },
    period: { from: day(-1), to: day(1) },
    operator,
  });
}

Deno.test("all that a report tells is booked: what the provider has for us is what its lines come to", async () => {
  await withWorkflow("categories_booked", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 10);
    const own = await ownReport(flow);
    const [like] = own;
    const lines = [
      ...own,
      ofNoOrder(like!, "fee", -123),
      ofNoOrder(like!, "reserve", -2_000, 1),
      ofNoOrder(like!, "reserve", 500, 2),
      ofNoOrder(like!, "adjustment", 77),
      ofNoOrder(like!, "goodwill", -31),
      ofNoOrder(like!, "payout", -4_000),
      ofNoOrder(like!, "memo", 0),
    ];
    const { found, state } = await hold(provided, lines);
    assert.deepEqual([state, found], ["DONE", 1]);
    const before = await contentsWithoutTimes(provided);
    await hold(provided, lines.toReversed());
    const [row, ...more] = await all(provided, "open");
    assert.deepEqual([row!.kind, row!.theirGrossCents, more], ["category_unknown", -31, []]);
    assert.deepEqual(
      (await contentsWithoutTimes(provided) as unknown[]).slice(0, 3),
      (before as unknown[]).slice(0, 3),
    );
    const { clearing, reserves, suspense, bank } = await balances(flow);
    assert.deepEqual({ clearing, reserves, suspense, bank }, {
      clearing: sumOf(lines),
      reserves: 1_500,
      suspense: -46,
      bank: 4_000,
    });
    const [day] = await listProviderDays(flow.db, 1);
    assert.deepEqual(
      [day!.reservesCents, day!.adjustmentsCents, day!.otherCents, day!.payoutsCents],
      [-1_500, 77, -31, -4_000],
    );
    await proposeMending(
      depsOf(provided),
      { id: row!.id, action: "explain", note: "a present" },
      operator,
    );
    await assertAgrees(flow);
  });
});

Deno.test("what nobody knew the meaning of is over once a profile says what it is, and not by another report's end", async () => {
  await withWorkflow("categories_learnt", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 3);
    const own = await ownReport(flow);
    const lines = [...own, ofNoOrder(own[0]!, "goodwill", -31)];
    const first = await hold(provided, lines);
    assert.equal((await balances(flow)).suspense, 31);
    const learnt = await holdBy(provided, lines, { fee: ["goodwill"] });
    assert.deepEqual(await all(provided, "open"), []);
    const [row] = await all(provided);
    assert.deepEqual([row!.kind, row!.state], ["category_unknown", "mended"]);
    const { clearing, suspense } = await balances(flow);
    assert.deepEqual([clearing, suspense], [sumOf(lines), 0]);
    await assertAgrees(flow);
    // Told as something else again: it stays what it was, and is found.
    const wrong = await holdBy(provided, lines, { reserve: ["goodwill"] });
    assert.deepEqual(
      (await all(provided, "open")).map(({ kind, reconciliationId }) => [kind, reconciliationId]),
      [["category_differs", wrong.id]],
    );
    assert.equal((await balances(flow)).clearing, sumOf(lines));
    await holdBy(provided, lines, { reserve: ["goodwill"] });
    assert.equal((await all(provided)).length, 2);
    await withdraw(depsOf(provided), wrong.id, operator);
    assert.deepEqual(await all(provided, "open"), []);
    await withdraw(depsOf(provided), learnt.id, operator);
    const { state } = (await readReconciliation(flow.db, first.id))!;
    assert.equal(state, "FAILED");
    await hold(provided, lines);
    assert.equal((await balances(flow)).suspense, 31);
    assert.equal((await balances(flow)).clearing, sumOf(lines));
  });
});

Deno.test("lines of one name that are of two kinds are one, whether they stand together or far apart", async () => {
  await withWorkflow("categories_one_name", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 1);
    const own = await ownReport(flow);
    const fee = ofNoOrder(own[0]!, "fee", -10);
    const reserve = { ...fee, kind: "reserve" as "payout" };
    const lines = [...own, fee, reserve];
    for (const told of [lines, lines, [reserve]]) {
      await hold(provided, told);
      assert.deepEqual((await all(provided)).map(({ kind }) => kind), ["category_differs"]);
    }
    assert.equal((await balances(flow)).clearing, sumOf(own) - 10);
  });
});

Deno.test("reserves and adjustments wait for a second person, too, who is shown them", async () => {
  await withWorkflow("categories_approved", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 2);
    const own = await ownReport(flow);
    const lines = [
      ...own,
      ofNoOrder(own[0]!, "reserve", -2_000),
      ofNoOrder(own[0]!, "adjustment", -77),
      ofNoOrder(own[0]!, "goodwill", -3),
    ];
    const { id, finishedAt, reserves, adjustments, payouts } = await hold(provided, lines, 2);
    assert.deepEqual({ reserves, adjustments, payouts }, {
      reserves: { EUR: 2_000 },
      adjustments: { EUR: 80 },
      payouts: {},
    });
    assert.equal((await balances(flow)).reserves, undefined);
    const deps = depsOf(provided, 2);
    const another = anOperator("another");
    await approveReport(deps, id, another, { finishedAt: finishedAt! });
    const booked = await balances(flow);
    assert.deepEqual([booked.reserves, booked.suspense], [2_000, 80]);
    await withdraw(deps, id, operator);
    await withdraw(deps, id, another);
    const after = await balances(flow);
    assert.deepEqual([after.reserves, after.suspense], [0, 0]);
  });
});

Deno.test("a report of payouts alone covers no day: no charge is missing in it", async () => {
  await withWorkflow("categories_payouts", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 2);
    const now = new Date().toISOString();
    const csv =
      "payout_id,effective_at_utc,effective_at,currency,balance_transaction_id,gross,fee,net,reporting_category\n" +
      `po_1,${now},${now},eur,txn_1,-40.00,0.10,-40.10,payout\n`;
    const { id, state, lines } = await reconcile(depsOf(provided), {
      provider: "simulated",
      report: { source: new Blob([csv]).stream(), name: "payouts.csv" },
      period: {},
      operator,
    });
    assert.deepEqual([state, lines, await all(provided)], ["DONE", 1, []]);
    assert.deepEqual(await flow.rows("select day from reconciled_days"), []);
    const { bank, fees } = await balances(flow);
    assert.deepEqual([bank, fees], [4_000, 10]);
    await hold(provided, await ownReport(flow));
    assert.deepEqual(await all(provided), []);
    await withdraw(depsOf(provided), id, operator);
    assert.equal((await flow.rows("select day from reconciled_days")).length, 3);
    assert.equal((await balances(flow)).bank, 0);
    await assertAgrees(flow);
  });
});
