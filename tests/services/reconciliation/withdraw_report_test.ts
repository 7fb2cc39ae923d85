import assert from "node:assert/strict";
import type { ReportLine } from "../../../commands/provider_report.ts";
import { lyingReport, reportCsv } from "../../../commands/provider_report.ts";
import { listProviderDays } from "../../../db/reconciliation/reconciled_days.ts";
import { holdReport, readReconciliation } from "../../../db/reconciliation/reconciliations.ts";
import {
  approveMending,
  proposeMending,
} from "../../../services/reconciliation/mend_discrepancies.ts";
import { approveReport } from "../../../services/reconciliation/approve_report.ts";
import { eraseCustomer } from "../../../services/customers/erase_customer.ts";
import { goOnWithReports } from "../../../services/reconciliation/go_on_with_reports.ts";
import { withdraw } from "../../../services/reconciliation/withdraw_report.ts";
import { runReconciliation } from "../../../streams/reconciliation/hold_against.ts";
import { openReport } from "../../../streams/reconciliation/line_source.ts";
import { lookAgain } from "../../../streams/reconciliation/look_again.ts";
import { verify } from "../../../streams/verification/verify.ts";
import { meddled } from "../../meddled_database.ts";
import { withinOneDay } from "../../one_day.ts";
import { anOperator } from "../../operator.ts";
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
  feeBookings,
  feesOf,
  hold,
  holdList,
  operator,
  ownReport,
  paidOrders,
  type Reconciled,
} from "../../reconciled.ts";
import { untilWaiting } from "../../until_waiting.ts";
import { withWorkflow, type Workflow } from "../../workflow.ts";

/** As one reads who takes units for hundreds of them. */
function misread(lines: readonly ReportLine[]): ReportLine[] {
  return lines.map((line) => ({
    ...line,
    grossCents: line.grossCents * 100,
    feeCents: line.feeCents * 100,
    netCents: line.netCents * 100,
  }));
}

async function assertAgrees(flow: Workflow): Promise<void> {
  const report = await verify(flow, { settleMs: 0 });
  assert.deepEqual(report.checks.filter(({ ok }) => !ok), []);
}

async function stateOf({ flow }: Reconciled, id: number) {
  const { state, error } = (await readReconciliation(flow.db, id))!;
  return error === null ? state : `${state}: ${error}`;
}

Deno.test("the wish of one person to take a report back ends after a day, and when it is brought again", async () => {
  await withWorkflow("withdraw_wish", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 2);
    const lines = await ownReport(flow);
    const deps = depsOf(provided, 2);
    const { id } = await hold(provided, lines, 2);
    const wish = async () => (await readReconciliation(flow.db, id))!.withdrawalBy;
    await withdraw(deps, id, operator);
    assert.equal(await wish(), operator.actor);
    await hold(provided, lines, 2);
    assert.equal(await wish(), null, "it was brought again");
    assert.equal((await withdraw(deps, id, another)).state, "DONE");
    assert.equal(await wish(), "another");
    await flow.rows(
      "update reconciliations set withdrawal_at = withdrawal_at - interval 86401 second",
    );
    assert.equal(await wish(), null, "it is a day old");
    assert.equal((await withdraw(deps, id, operator)).state, "DONE");
    assert.equal(await wish(), operator.actor);
    await flow.rows(
      "update reconciliations set withdrawal_at = withdrawal_at - interval 86000 second",
    );
    const { state, withdrawalBy } = await withdraw(deps, id, another);
    assert.deepEqual([state, withdrawalBy], ["WITHDRAWN", "another"]);
    await flow.rows("update reconciliations set withdrawal_at = withdrawal_at - interval 9 day");
    assert.equal(await wish(), "another", "what is done stays");
  });
});

const moments: readonly [when: string, tells: boolean][] = [
  ["before its lines are written", true],
  ["when they are and its days are not covered", false],
];
for (const [when, tells] of moments) {
  Deno.test(`a report that is brought again while it is taken back, ${when}, leaves nothing`, () =>
    withWorkflow(`withdraw_again_${tells}`, async (flow) => {
      const provided: Reconciled = { flow, name: "simulated" };
      await paidOrders(provided, 5);
      const lines = misread(await ownReport(flow));
      const { id } = await hold(provided, lines);
      const bytes = new TextEncoder().encode([...reportCsv(lines)].join(""));
      const source = await openReport(new Blob([bytes]).stream(), { name: "again", period: {} });
      const again = {
        ...source,
        async *batches() {
          await withdraw(depsOf(provided), id, operator);
          if (tells) yield* source.batches();
        },
      };
      await assert.rejects(
        runReconciliation(flow.db, id, again, {
          provider: "simulated",
          actor: "another",
          graceDays: 3,
        }),
        /was taken back meanwhile/,
      );
      source.close();
      assert.equal(await stateOf(provided, id), "WITHDRAWN");
      assert.deepEqual(await flow.rows("select * from provider_movements"), []);
      assert.deepEqual(await flow.rows("select * from discrepancies"), []);
      assert.deepEqual(await flow.rows("select * from reconciled_days"), []);
      assert.equal(await bookedFees(flow), 0);
    }));
}

Deno.test("withdraw() leaves nothing of a report but what somebody ended, and its fees are booked back", async () => {
  await withWorkflow("withdraw_all", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 20);
    const lines = await ownReport(flow);
    const fees = feesOf(lines);
    const wrong = await hold(provided, misread(lines));
    assert.equal(wrong.found, 24);
    const [first] = await all(provided, "open");
    const wish = { id: first!.id, action: "explain", note: "a misreading" } as const;
    await proposeMending(depsOf(provided), wish, operator);
    const withdrawn = await withdraw(depsOf(provided), wrong.id, operator);
    assert.deepEqual([withdrawn.state, withdrawn.withdrawalBy, withdrawn.open], [
      "WITHDRAWN",
      "test",
      0,
    ]);
    const left = await all(provided);
    assert.deepEqual(left.map(({ state, note, answer }) => [state, note, answer]), [
      ["explained", "a misreading", "the report that told of it was taken back"],
    ]);
    assert.deepEqual(await feeBookings(flow), [fees * 100, -fees * 100]);
    assert.deepEqual(await listProviderDays(flow.db, 10), []);
    assert.deepEqual(await flow.rows("select day from reconciled_days"), []);
    assert.deepEqual(await flow.rows("select kind from provider_movements"), []);
    await assertAgrees(flow);
    const entries = await flow.rows(
      "select action, detail from audit_log where action = 'reconciliation.withdraw'",
    );
    assert.deepEqual(entries.map(({ detail }) => detail), ["24 lines, 24 discrepancies"]);
    // Taken back once more it is so already, and the same days are read rightly.
    assert.equal((await withdraw(depsOf(provided), wrong.id, operator)).state, "WITHDRAWN");
    assert.equal((await hold(provided, lines)).found, 0);
    assert.deepEqual(await feeBookings(flow), [fees * 100, -fees * 100, fees]);
    await assertAgrees(flow);
  });
});

Deno.test("the same lines that were read wrongly are another report once they are taken back", async () => {
  await withWorkflow("withdraw_same", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 5);
    const lines = await ownReport(flow);
    const first = await hold(provided, lines);
    await withdraw(depsOf(provided), first.id, operator);
    const second = await hold(provided, lines);
    assert.notEqual(second.id, first.id);
    assert.deepEqual([second.state, second.found, second.agreed], ["DONE", 0, 6]);
    assert.equal((await listProviderDays(flow.db, 10)).length > 0, true);
  });
});

Deno.test("a withdrawal that is killed between any two statements and run again ends as one run", async () => {
  await withWorkflow("withdraw_killed", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 30);
    const lines = await ownReport(flow);
    const { lines: lying } = lyingReport(lines, { seed: 3, lies: 10 });
    // What overlaps tells some of it as it is, and some of it otherwise.
    const prepare = async () => {
      const { id } = await hold(provided, lying);
      await hold(provided, lines.slice(3, 20));
      return id;
    };
    const id = await prepare();
    const steps = await countSteps(flow, () => withdraw(depsOf(provided), id, operator));
    const once = await contentsWithoutTimes(provided);
    assert.ok(steps > 20);
    for (let at = 1; at <= steps; at += 3) {
      await emptied(provided);
      await flow.rows("delete from ledger_entries where source = 5");
      const again = await prepare();
      const dying = { ...provided, flow: { ...flow, db: dyingAfter(flow.db, at) } };
      await withdraw(depsOf(dying), again, operator)
        .catch((error) => assert.match(String(error), /killed/));
      // One that had begun goes on by itself; one that had not is asked for again.
      await goOnWithReports(depsOf(provided));
      await withdraw(depsOf(provided), again, operator);
      assert.deepEqual(await contentsWithoutTimes(provided), once, `killed at statement ${at}`);
    }
  });
});

Deno.test("what another report has told as well is that one's, with what was found of it", async () => {
  await withWorkflow("withdraw_overlap", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 20);
    const { lines } = lyingReport(await ownReport(flow), { seed: 2, lies: 10 });
    const first = await hold(provided, lines);
    const kinds = async () => (await all(provided, "open")).map(({ kind }) => kind).sort();
    const found = await kinds();
    const second = await hold(provided, lines.toReversed());
    assert.equal(second.found, 0);
    const days = await listProviderDays(flow.db, 100);
    const fees = await feeBookings(flow);
    await withdraw(depsOf(provided), first.id, operator);
    assert.equal(await stateOf(provided, second.id), "DONE");
    assert.deepEqual(await kinds(), found);
    assert.ok((await all(provided)).every((one) => one.reconciliationId === second.id));
    assert.deepEqual(await listProviderDays(flow.db, 100), days);
    assert.deepEqual(await feeBookings(flow), fees);
    await withdraw(depsOf(provided), second.id, operator);
    assert.deepEqual(await flow.rows("select kind from provider_movements"), []);
    assert.deepEqual(await flow.rows("select kind from provider_retellings"), []);
    assert.deepEqual(await all(provided, "open"), []);
    await assertAgrees(flow);
  });
});

Deno.test("a report that told otherwise of what is taken back has to be brought again", async () => {
  await withWorkflow("withdraw_otherwise", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 10);
    const lines = await ownReport(flow);
    const wrong = await hold(provided, misread(lines));
    const right = await hold(provided, lines);
    assert.equal(await stateOf(provided, right.id), "DONE");
    await withdraw(depsOf(provided), wrong.id, operator);
    assert.equal(
      await stateOf(provided, right.id),
      `FAILED: report ${wrong.id}, which told first of some of it, was taken back: bring it again`,
    );
    // Until then none of its days counts as reconciled.
    assert.deepEqual(await flow.rows("select day from reconciled_days"), []);
    const again = await hold(provided, lines);
    assert.deepEqual([again.id, again.state], [right.id, "DONE"]);
    assert.deepEqual(await all(provided, "open"), []);
    const [sum] = await flow.rows("select sum(net_cents) as net from provider_days");
    assert.equal(Number(sum!.net), lines.reduce((all, { netCents }) => all + netCents, 0));
    await assertAgrees(flow);
  });
});

Deno.test("what was missing until a report told of it is missing again where another one covers its day", async () => {
  await withWorkflow("withdraw_missing", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 5);
    const lines = await ownReport(flow);
    const gone = lines.find(({ kind }) => kind === "charge")!;
    const rest = await hold(provided, lines.filter((line) => line !== gone));
    const missing = async () =>
      (await all(provided, "open")).map((one) => [one.kind, one.chargeRef]);
    assert.deepEqual(await missing(), [["missing_with_them", gone.chargeId]]);
    const late = await hold(provided, [gone]);
    assert.deepEqual(await missing(), []);
    await withdraw(depsOf(provided), late.id, operator);
    assert.deepEqual(await missing(), [["missing_with_them", gone.chargeId]]);
    await withdraw(depsOf(provided), rest.id, operator);
    assert.deepEqual(await missing(), []);
    await assertAgrees(flow);
  });
});

Deno.test("what a later report had told of is missing again although its customer was erased meanwhile", async () => {
  await withWorkflow("withdraw_erased", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 3);
    const lines = await ownReport(flow);
    const gone = lines.find(({ kind }) => kind === "charge")!;
    await hold(provided, lines.filter((line) => line !== gone));
    const late = await hold(provided, [gone]);
    assert.deepEqual(await all(provided, "open"), []);
    const who = { externalId: "c1" };
    await eraseCustomer({ ...flow, config: { erasureSecret: "" } }, who, operator);
    await withdraw(depsOf(provided), late.id, operator);
    const open = await all(provided, "open");
    assert.deepEqual(open.map(({ kind, chargeRef }) => [kind, chargeRef]), [
      ["missing_with_them", gone.chargeId],
    ]);
  });
});

Deno.test("a list whose movements a report had taken over has to be asked for again", async () => {
  await withProvider("withdraw_list", {}, async (provided) => {
    const today = await withinOneDay();
    await paidOrders(provided, 5);
    const listed = await holdList(provided, today);
    const report = await hold(provided, provided.provider.report());
    assert.equal(report.found, 0);
    await withdraw(depsOf(provided), report.id, operator);
    assert.match(await stateOf(provided, listed.id), /^FAILED: .*bring it again/);
    const again = await holdList(provided, today);
    assert.deepEqual([again.state, again.found], ["DONE", 0]);
    assert.deepEqual(await all(provided, "open"), []);
    await assertAgrees(provided.flow);
  });
});

Deno.test("two people have to want a report back where two have to agree, and nobody while it is mended or runs", async () => {
  await withWorkflow("withdraw_two_eyes", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 5);
    const { lines } = lyingReport(await ownReport(flow), { seed: 1, lies: 1 });
    const { id } = await hold(provided, lines, 2);
    const deps = depsOf(provided, 2);
    for (let turn = 0; turn < 2; turn++) {
      const asked = await withdraw(deps, id, operator);
      assert.deepEqual([asked.state, asked.withdrawalBy, asked.open], ["DONE", "test", 1]);
    }
    await flow.rows(
      "update discrepancies set action = 'ask', approved_by = 'another', approved_at = current_timestamp(6)",
    );
    await assert.rejects(withdraw(deps, id, another), /discrepancies of it are being mended: \d+/);
    await flow.rows("update discrepancies set approved_by = null, approved_at = null");
    await flow.rows("update reconciliations set state = 'RUNNING'");
    await assert.rejects(withdraw(deps, id, another), /it is running/);
    await flow.rows("update reconciliations set state = 'DONE', is_noted = 0");
    await assert.rejects(withdraw(deps, id, another), /bring it again first/);
    await flow.rows("update reconciliations set is_noted = 1");
    // Of whoever is not asked who they are nobody can tell whether they are two.
    await flow.rows("update reconciliations set withdrawal_by = 'cli:ann@host'");
    assert.equal((await withdraw(deps, id, anOperator("api"))).state, "DONE");
    assert.equal((await withdraw(deps, id, another)).state, "WITHDRAWN");
    await assert.rejects(withdraw(deps, 999, another), /There is no reconciliation 999/);
  });
});

Deno.test("nothing is approved of a report that is being taken back", async () => {
  await withWorkflow("withdraw_approve", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 5);
    const { lines } = lyingReport(await ownReport(flow), { seed: 1, lies: 1 });
    await hold(provided, lines);
    const [found] = await all(provided, "open");
    const wish = { id: found!.id, action: "explain", note: "seen" } as const;
    await flow.rows("update reconciliations set state = 'WITHDRAWING'");
    await assert.rejects(
      proposeMending(depsOf(provided), wish, operator),
      /the report that found it, \d+, is being taken back/,
    );
    const [row] = await all(provided);
    assert.deepEqual([row!.state, row!.approvedBy], ["open", null]);
    await goOnWithReports(depsOf(provided));
    assert.deepEqual(await all(provided), []);
  });
});

/** What keeps a report from being taken back until it is committed; it calls what is to wait, within its transaction. */
const keeping: Readonly<
  Record<string, (provided: Reconciled, id: number, waits: () => Promise<void>) => Promise<unknown>>
> = {
  "lines of it are written": ({ flow }, id, waits) =>
    flow.db.transaction(async (tx) => {
      assert.equal(await holdReport(tx, id), true);
      await waits();
    }),
  "something that it found is approved": async (provided, _, waits) => {
    const [found] = await all(provided, "open");
    const wish = { id: found!.id, action: "explain", note: "seen" } as const;
    const { discrepancy } = await proposeMending(depsOf(provided, 2), wish, operator);
    await approveMending(depsOf(provided, 2), found!.id, another, {
      seen: { action: "explain", proposedAt: discrepancy.proposedAt! },
      inTransaction: waits,
    });
  },
};
for (const [index, [what, work]] of Object.entries(keeping).entries()) {
  Deno.test(`a report is not taken back while ${what}`, () =>
    withWorkflow(`withdraw_waits_${index}`, async (flow) => {
      const provided: Reconciled = { flow, name: "simulated" };
      await paidOrders(provided, 5);
      const { lines } = lyingReport(await ownReport(flow), { seed: 1, lies: 1 });
      const { id } = await hold(provided, lines);
      let taken: Promise<unknown> | undefined;
      await work(provided, id, async () => {
        let isOver = false;
        taken = withdraw(depsOf(provided), id, operator).finally(() => isOver = true);
        await untilWaiting(flow, () => isOver);
        assert.equal(isOver, false);
        assert.equal(await stateOf(provided, id), "DONE");
      });
      await taken;
      assert.equal(await stateOf(provided, id), "WITHDRAWN");
    }));
}

for (const kind of ["charge", "refund"]) {
  Deno.test(`a report is not taken back while another one tells the same ${kind}s, whose these are then`, () =>
    withWorkflow(`withdraw_told_${kind}`, async (flow) => {
      const provided: Reconciled = { flow, name: "simulated" };
      await paidOrders(provided, 5);
      const lines = await ownReport(flow);
      const first = await hold(provided, lines);
      let taken: Promise<unknown> | undefined;
      const db = meddled(flow.db, /insert into provider_retellings/, async () => {
        let isOver = false;
        taken = withdraw(depsOf(provided), first.id, operator).finally(() => isOver = true);
        await untilWaiting(flow, () => isOver);
        assert.equal(isOver, false);
      });
      const some = lines.filter((line) => line.kind === kind);
      const second = await hold({ ...provided, flow: { ...flow, db } }, some);
      await taken;
      assert.equal(await stateOf(provided, first.id), "WITHDRAWN");
      const kept = await flow.rows(
        "select kind, reconciliation_id as id, count(*) as n from provider_movements group by 1, 2",
      );
      assert.deepEqual(kept.map((row) => [row.kind, Number(row.id), Number(row.n)]), [
        [kind, second.id, some.length],
      ]);
    }));
}

Deno.test("a report that was read before it was noted whose lines are whose is taken back once it was brought again", async () => {
  await withWorkflow("withdraw_unnoted", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 10);
    const lines = await ownReport(flow);
    const { id } = await hold(provided, lines);
    await flow.rows("update provider_movements set reconciliation_id = null");
    await flow.rows("update reconciliations set is_noted = 0");
    await assert.rejects(withdraw(depsOf(provided), id, operator), /bring it again first/);
    await hold(provided, lines);
    await withdraw(depsOf(provided), id, operator);
    assert.deepEqual(await flow.rows("select kind from provider_movements"), []);
    await assertAgrees(flow);
  });
});

Deno.test("what was explained of a report that is taken back silences no other report", async () => {
  await withWorkflow("withdraw_explained", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 3);
    const lines = await ownReport(flow);
    const wrong = await hold(provided, misread(lines));
    for (const { id } of await all(provided, "open")) {
      const wish = { id, action: "explain", note: "a misreading" } as const;
      await proposeMending(depsOf(provided), wish, operator);
    }
    await withdraw(depsOf(provided), wrong.id, operator);
    const more = lines.map((line) =>
      line.kind === "charge"
        ? { ...line, grossCents: line.grossCents + 200, netCents: line.netCents + 200 }
        : line
    );
    const right = await hold(provided, more);
    assert.equal(right.found, lines.filter(({ kind }) => kind === "charge").length);
    assert.deepEqual(
      [...new Set((await all(provided, "open")).map(({ kind }) => kind))],
      ["amount_differs"],
    );
  });
});

Deno.test("a report that has to be brought again has to be approved again: what it tells is its own then", async () => {
  await withWorkflow("withdraw_approved", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 3);
    const lines = await ownReport(flow);
    const otherwise = lines.map((line) => ({
      ...line,
      feeCents: line.feeCents + 700,
      netCents: line.netCents - 700,
    }));
    // What it alone tells, so that there is something to be approved of it.
    const names = { entryId: "txn_own", chargeId: "", refundId: "", key: "", reference: "" };
    const own = { ...lines[0]!, ...names, kind: "fee" as never, grossCents: -5 };
    const other = [...otherwise, { ...own, feeCents: 0, netCents: -5 }];
    const deps = depsOf(provided, 2);
    const approve = async (told: readonly ReportLine[]) => {
      const { id, finishedAt } = await hold(provided, told, 2);
      await approveReport(deps, id, another, { finishedAt: finishedAt! });
      return id;
    };
    const first = await approve(lines);
    const second = await approve(other);
    const sum = () => bookedFees(flow);
    assert.equal(await sum(), feesOf(lines) + 5);
    await withdraw(deps, first, operator);
    await withdraw(deps, first, another);
    const again = await hold(provided, other, 2);
    assert.deepEqual([again.id, again.state, again.feesWait, again.fees], [second, "DONE", true, {
      EUR: feesOf(other) + 5,
    }]);
    assert.equal(await sum(), 0);
    assert.equal(await approve(other), second);
    assert.equal(await sum(), feesOf(other) + 5);
  });
});

Deno.test("of two reports of the same that are taken back at once no fee stays booked", async () => {
  await withWorkflow("withdraw_both", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 3);
    const lines = await ownReport(flow);
    const first = await hold(provided, lines);
    const second = await hold(provided, [...lines, lines[0]!]);
    // The second one stands still where it has looked what it told first, which is nothing yet.
    let stoodStill = false;
    const standing: typeof flow.db = {
      ...flow.db,
      query: async (sql, values) => {
        const rows = await flow.db.query(sql, values);
        if (!stoodStill && sql.includes("min(happened_at)")) {
          stoodStill = true;
          await withdraw(depsOf(provided), first.id, operator);
        }
        return rows;
      },
    };
    await withdraw({ ...depsOf(provided), db: standing }, second.id, operator);
    assert.equal(stoodStill, true);
    const left = await bookedFees(flow);
    assert.equal(left, 0);
    assert.deepEqual(await listProviderDays(flow.db, 10), []);
    await assertAgrees(flow);
  });
});

for (const isCharged of [false, true]) {
  const what = isCharged ? "an order's money once more" : "money of no payment";
  Deno.test(`${what} that turned out to be of a payment stays open where another report has told of it`, async () => {
    await withWorkflow("withdraw_attributed", async (flow) => {
      const provided: Reconciled = { flow, name: "simulated" };
      await paidOrders(provided, 5);
      const lines = await ownReport(flow);
      const { chargeId } = lines.find(({ kind }) => kind === "charge")!;
      const payment = (change: string, ref = chargeId) =>
        flow.rows(`update payments set ${change} where provider_ref = '${ref}'`);
      await payment(isCharged ? "provider_ref = 'hidden'" : "status = 'DECLINED'");
      const first = await hold(provided, lines);
      const second = await hold(provided, lines.toReversed());
      await payment(
        `provider_ref = '${chargeId}', status = 'SUCCEEDED', amount_cents = amount_cents + 100`,
        isCharged ? "hidden" : chargeId,
      );
      const rules = { lateSeconds: 86_400 };
      await lookAgain(flow.db, { rules });
      const open = async () =>
        (await all(provided, "open")).map((row) => [row.kind, row.chargeRef, row.reconciliationId]);
      const kind = isCharged ? "twice" : "amount_differs";
      assert.deepEqual(await open(), [[kind, chargeId, first.id]]);
      await withdraw(depsOf(provided), first.id, operator);
      assert.deepEqual(await open(), [[kind, chargeId, second.id]]);
      await hold(provided, lines);
      assert.deepEqual(await open(), [[kind, chargeId, second.id]]);
    });
  });
}

Deno.test("days are covered by reports of their own provider alone, and what is being mended of them stays", async () => {
  await withWorkflow("withdraw_other_provider", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 5);
    const lines = await ownReport(flow);
    const elsewhere = lines.filter(({ chargeId }) => chargeId === lines[0]!.chargeId);
    await flow.rows("update payments set provider = 'http' where provider_ref = ?", [
      lines[0]!.chargeId,
    ]);
    const others = await hold({ flow, name: "http" }, elsewhere);
    assert.equal(others.found, 0);
    const { id } = await hold(
      provided,
      lines.filter((line) => !elsewhere.includes(line)).slice(2),
    );
    const [first, second] = await all(provided, "open");
    assert.deepEqual([first!.kind, second!.kind], ["missing_with_them", "missing_with_them"]);
    // Found by another report whose days of grace it covered, and approved.
    await flow.rows(
      `update discrepancies set reconciliation_id = ?, action = 'ask', approved_by = 'another',
        approved_at = current_timestamp(6) where id = ?`,
      [others.id, first!.id],
    );
    await withdraw(depsOf(provided), id, operator);
    const days = await flow.rows("select distinct provider from reconciled_days");
    assert.deepEqual(days.map(({ provider }) => provider), ["http"]);
    assert.deepEqual((await all(provided, "open")).map(({ id }) => id), [first!.id]);
  });
});
