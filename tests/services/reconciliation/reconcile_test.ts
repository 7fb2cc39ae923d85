import assert from "node:assert/strict";
import type { ProviderCharge } from "../../../commands/provider_behaviour.ts";
import type { ReportLine } from "../../../commands/provider_report.ts";
import {
  lyingReport,
  reportCsv,
  reportLies,
  reportLine,
} from "../../../commands/provider_report.ts";
import { sumOpenDiscrepancies } from "../../../db/reconciliation/discrepancies.ts";
import { listProviderDays } from "../../../db/reconciliation/reconciled_days.ts";
import { discrepancyKinds } from "../../../domain/reconciliation/discrepancy.ts";
import { proposeMending } from "../../../services/reconciliation/mend_discrepancies.ts";
import { reconcile } from "../../../services/reconciliation/reconcile.ts";
import { verify } from "../../../streams/verification/verify.ts";
import { withinOneDay } from "../../one_day.ts";
import { withProvider } from "../../provider.ts";
import { withWorkflow } from "../../workflow.ts";

import {
  all,
  assertFound,
  contents,
  depsOf,
  hold,
  holdList,
  operator,
  ownReport,
  paidOrders,
  type Reconciled,
} from "../../reconciled.ts";

Deno.test("reconcile() finds nothing where the provider's books are ours, and adds up its days", async () => {
  await withProvider("reconcile_agrees", {}, async (provided) => {
    await paidOrders(provided, 20);
    const result = await hold(provided, provided.provider.report());
    assert.deepEqual(
      { state: result.state, lines: result.lines, agreed: result.agreed, found: result.found },
      { state: "DONE", lines: 24, agreed: 24, found: 0 },
    );
    const [day] = await listProviderDays(provided.flow.db, 10);
    const charges = 20 * 2_000 + 2 * (19 * 20) / 2;
    assert.equal(day!.chargesCents, charges);
    assert.equal(day!.refundsCents, -4 * 500);
    assert.equal(day!.netCents, charges - 2_000 - day!.feesCents);
    assert.ok(day!.feesCents > 20 * 25);
    // What the provider keeps is booked once, and the ledger still comes to nothing.
    await hold(provided, provided.provider.report());
    const fees = await provided.flow.rows(
      "select account, amount_cents from ledger_entries where source = 5 order by account",
    );
    assert.deepEqual(fees.map(({ amount_cents: cents }) => Number(cents)), [
      -day!.feesCents,
      day!.feesCents,
    ]);
    const report = await verify(provided.flow, { settleMs: 0 });
    assert.deepEqual(report.checks.filter(({ ok }) => !ok), []);
  });
});

Deno.test("fees and payouts of their own lines are kept as what they are, also where they were kept otherwise before", async () => {
  await withWorkflow("reconcile_fee_lines", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 5);
    const lines = await ownReport(flow);
    const ofNoOrder = (kind: "fee" | "payout", grossCents: number): ReportLine => ({
      ...lines[0]!,
      kind: kind as "payout",
      entryId: `txn_${kind}`,
      chargeId: "",
      refundId: "",
      key: "",
      reference: "",
      grossCents,
      feeCents: 0,
      netCents: grossCents,
    });
    const all = [...lines, ofNoOrder("fee", -123), ofNoOrder("payout", -4_000)];
    const fees = lines.reduce((sum, { feeCents }) => sum + feeCents, 123);
    const check = async () => {
      const [day] = await listProviderDays(flow.db, 1);
      assert.deepEqual([day!.feesCents, day!.payoutsCents, day!.otherCents], [fees, -4_000, 0]);
      assert.equal(day!.netCents, all.reduce((sum, { netCents }) => sum + netCents, 0));
      const [booked] = await flow.rows(
        "select sum(amount_cents) as cents from ledger_entries where source = 5 and account = 8",
      );
      assert.equal(Number(booked!.cents), fees);
    };
    assert.equal((await hold(provided, all)).found, 0);
    await check();
    // As a version left them that did not tell them apart.
    await flow.rows("update provider_movements set kind = 'other' where kind in ('fee', 'payout')");
    await hold(provided, all);
    await check();
    const report = await verify(flow, { settleMs: 0 });
    assert.deepEqual(report.checks.filter(({ ok }) => !ok), []);
  });
});

Deno.test("a fee that differs says which fee and net the report has, and which there were before, in the balance's currency", async () => {
  await withWorkflow("reconcile_fee_figures", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 3);
    const lines = (await ownReport(flow)).filter(({ kind }) => kind === "charge");
    const [wrong, dearer] = lines;
    await hold(
      provided,
      lines.map((line) => line === wrong ? { ...line, netCents: line.netCents - 5 } : line),
    );
    await hold(
      provided,
      lines.map((line) =>
        line === dearer
          ? { ...line, feeCents: line.feeCents + 7, netCents: line.netCents - 7 }
          : line
      ),
    );
    const found = (await all(provided)).filter(({ kind }) => kind === "fee_differs");
    assert.deepEqual(
      found.map((one) => [
        one.chargeRef,
        one.settledCurrency,
        one.theirGrossCents,
        [one.theirFeeCents, one.theirNetCents],
        [one.ourFeeCents, one.ourNetCents],
      ]),
      [
        [
          wrong!.chargeId,
          "EUR",
          wrong!.grossCents,
          [wrong!.feeCents, wrong!.netCents - 5],
          [wrong!.feeCents, wrong!.netCents],
        ],
        [
          dearer!.chargeId,
          "EUR",
          dearer!.grossCents,
          [dearer!.feeCents + 7, dearer!.netCents - 7],
          [dearer!.feeCents, dearer!.netCents],
        ],
      ],
    );
  });
});

Deno.test("reconcile() finds all of ten kinds of lies and invents none, and finds them once", async () => {
  await withWorkflow("reconcile_lies", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 3_000);
    const { lines, told } = lyingReport(await ownReport(flow), { seed: 7, lies: 100 });
    assert.equal(new Set(told.map(({ lie }) => lie)).size, Object.keys(reportLies).length);
    const result = await hold(provided, lines);
    assertFound(await all(provided), told);
    assert.equal(result.found, told.length);
    const before = await contents(provided);
    await hold(provided, lines);
    assert.deepEqual(await contents(provided), before, "the same file again changes nothing");
    // Another file that overlaps, in another order.
    await hold(provided, lines.toReversed().slice(100));
    assert.equal((await all(provided)).length, told.length);
    const sums = await provided.flow.rows("select sum(net_cents) as net from provider_days");
    assert.equal(Number(sums[0]!.net), lines.reduce((sum, { netCents }) => sum + netCents, 0));
  });
});

Deno.test("reconcile() covers no days to come, which stay covered once they are", async () => {
  await withProvider("reconcile_to_come", {}, async (provided) => {
    await paidOrders(provided, 1);
    const year = new Date().getUTCFullYear() + 1;
    const request = {
      provider: "http",
      report: {
        source: new Blob([[...reportCsv(await ownReport(provided.flow))].join("")]).stream(),
        name: "report.csv",
      },
      period: { from: `${year - 1}-01-01`, to: `${year}-12-31` },
      operator,
    };
    await assert.rejects(
      reconcile(depsOf(provided), request),
      new RegExp(`No report can be of ${year}-12-31, which has not come yet`),
    );
    assert.deepEqual(await listProviderDays(provided.flow.db, 10), []);
  });
});

Deno.test("reconcile() asks for the provider's own list, and a report that comes later adds its fees", async () => {
  await withProvider("reconcile_list", {}, async (provided) => {
    const today = await withinOneDay();
    await paidOrders(provided, 10);
    const listed = await reconcile(depsOf(provided), {
      provider: "http",
      period: { from: today },
      operator,
    });
    assert.deepEqual([listed.source, listed.lines, listed.found], ["api", 12, 0]);
    const fees = async () => (await listProviderDays(provided.flow.db, 1))[0]!.feesCents;
    assert.equal(await fees(), 0);
    const lines = provided.provider.report();
    const result = await hold(provided, lines);
    assert.equal(result.found, 0);
    assert.equal(await fees(), lines.reduce((sum, { feeCents }) => sum + feeCents, 0));
  });
});

Deno.test("verify() takes what is open of reconciled days for drift, and an explanation ends it", async () => {
  await withProvider("reconcile_verify", {}, async (provided) => {
    const { flow } = provided;
    await paidOrders(provided, 5);
    const { lines } = lyingReport(provided.provider.report(), { seed: 1, lies: 1 });
    await hold(provided, lines);
    const check = async () =>
      (await verify(flow, { settleMs: 0 })).checks.find(({ name }) => name === "provider")!;
    const found = await check();
    assert.deepEqual([found.ok, found.drift_count, found.for_people], [false, 1, 1]);
    assert.ok(found.checked >= 1);
    const [row] = await all(provided, "open");
    const wish = { id: row!.id, action: "explain", note: "so" } as const;
    await proposeMending(depsOf(provided), wish, operator);
    assert.equal((await check()).ok, true);
    const entries = await flow.rows("select action from audit_log order by id");
    assert.deepEqual(
      entries.map(({ action }) => action).slice(-2),
      ["discrepancy.propose", "discrepancy.approve"],
    );
  });
});

Deno.test("what was told before is found to differ where it is told otherwise, by list or report", async () => {
  await withProvider("reconcile_told_otherwise", {}, async (provided) => {
    const today = await withinOneDay();
    await paidOrders(provided, 4);
    await holdList(provided, today);
    const lines = provided.provider.report().map((line) => ({ ...line }));
    const [, more, less, doubled] = lines.filter(({ kind }) => kind === "charge");
    more!.grossCents += 5_000;
    more!.netCents += 5_000;
    less!.netCents -= 777;
    await hold(provided, [...lines, { ...doubled!, entryId: "txn_second" }]);
    const kinds = async () => (await all(provided, "open")).map(({ kind }) => kind).sort();
    assert.deepEqual(await kinds(), ["amount_differs", "fee_differs", "twice"]);
    // A line of the same id that has become another one stops no report.
    const first = lines.find(({ kind }) => kind === "charge")!;
    first.grossCents += 100;
    first.netCents += 100;
    for (let turn = 0; turn < 2; turn++) {
      await hold(provided, lines);
      assert.deepEqual(await kinds(), ["amount_differs", "amount_differs", "fee_differs", "twice"]);
    }
  });
});

Deno.test("a list that says another amount than before is found to", async () => {
  await withProvider("reconcile_listed_otherwise", {}, async (provided) => {
    const today = await withinOneDay();
    await paidOrders(provided, 3);
    await holdList(provided, today);
    const [charge] = provided.provider.charges.values() as Iterable<{ amountCents: number }>;
    charge!.amountCents += 5_000;
    assert.equal((await holdList(provided, today)).found, 1);
    assert.deepEqual((await all(provided)).map(({ kind }) => kind), ["amount_differs"]);
  });
});

Deno.test("a line that a later report tells otherwise is found, and what was told first stays", async () => {
  await withProvider("reconcile_told_unlike", {}, async (provided) => {
    await paidOrders(provided, 5);
    const lines = provided.provider.report();
    const [charge] = lines.filter(({ kind }) => kind === "charge");
    const unknown = { ...charge!, entryId: "txn_x", chargeId: "ch_x", key: "", reference: "" };
    await hold(provided, [...lines, unknown]);
    const fees = async () => (await listProviderDays(provided.flow.db, 1))[0]!.feesCents;
    const before = await fees();
    const dearer = (line: ReportLine) => ({
      ...line,
      feeCents: line.feeCents + 1,
      netCents: line.netCents - 1,
    });
    const other = [...lines, unknown].map((line) =>
      line === charge || line === unknown ? dearer(line) : line
    );
    for (let run = 0; run < 2; run++) {
      const result = await hold(provided, other);
      assert.deepEqual([result.state, result.found], ["DONE", 2]);
      const open = await all(provided, "open");
      assert.deepEqual(
        open.map(({ kind, chargeRef }) => [kind, chargeRef]),
        [
          ["missing_with_us", "ch_x"],
          ["fee_differs", charge!.chargeId],
          ["fee_differs", "ch_x"],
        ],
      );
    }
    assert.equal(await fees(), before);
  });
});

Deno.test("refunds whose line has no key are told apart by their amounts, each of them once", async () => {
  await withProvider("reconcile_keyless", {}, async (provided) => {
    await paidOrders(provided, 5);
    const lines = provided.provider.report();
    const refund = { ...lines.find(({ kind }) => kind === "refund")!, key: "" };
    const others = lines.filter(({ kind }) => kind === "charge");
    const named = (entryId: string, cents: number): ReportLine => ({
      ...refund,
      entryId,
      refundId: entryId,
      grossCents: -cents,
      netCents: -cents,
    });
    await hold(provided, [...others, named("re_c", 400), named("re_a", 500), named("re_b", 500)]);
    const found = (await all(provided)).map(({ kind, refundRef }) => [kind, refundRef]);
    assert.deepEqual(found, [["refund_without_refund", "re_c"], ["refund_without_refund", "re_b"]]);
  });
});

Deno.test("a refund that failed here and went through there is without a refund", async () => {
  await withProvider("reconcile_refund_went_through", {}, async (provided) => {
    await paidOrders(provided, 5);
    const lines = provided.provider.report();
    await provided.flow.rows("update refunds set status = 'FAILED'");
    await hold(provided, lines);
    assert.deepEqual((await all(provided)).map(({ kind }) => kind), ["refund_without_refund"]);
  });
});

Deno.test("a report of days that have not come yet is refused, whether its days or its lines say so", async () => {
  await withProvider("reconcile_ahead", {}, async (provided) => {
    await paidOrders(provided, 1);
    const [line] = provided.provider.report();
    const begin = (lines: ReportLine[], period: { from?: string; to?: string }) =>
      reconcile(depsOf(provided), {
        provider: "http",
        report: {
          source: new Blob([[...reportCsv(lines)].join("")]).stream(),
          name: "report.csv",
        },
        period,
        operator,
      });
    await assert.rejects(begin([line!], { from: "2026-01-01", to: "9998-12-31" }), /not come yet/);
    const late = { ...line!, createdUtc: "9000-01-01 00:00:00" };
    await assert.rejects(begin([late], {}), /9000-01-01, which has not come yet/);
    assert.deepEqual(await provided.flow.rows("select 1 from reconciled_days"), []);
  });
});

Deno.test("lines of more money than there can be are refused, and many large ones stop no later report", async () => {
  await withProvider("reconcile_large", {}, async (provided) => {
    const createdUtc = new Date().toISOString().slice(0, 19).replace("T", " ");
    const large = (place: number, grossCents: number) =>
      reportLine({
        kind: "charge",
        createdUtc,
        chargeId: `ch_large_${place}`,
        refundId: "",
        key: "",
        reference: "",
        grossCents,
        feeCents: 0,
        currency: "EUR",
      });
    await assert.rejects(
      hold(provided, [large(0, Number.MAX_SAFE_INTEGER)]),
      /gross is too large/,
    );
    const lines = [1, 2, 3, 4, 5].map((place) => large(place, 2 ** 51));
    const { state, found } = await hold(provided, lines);
    assert.deepEqual([state, found], ["DONE", 5]);
    assert.equal((await hold(provided, [large(6, 100)])).state, "DONE");
    const [sum] = await sumOpenDiscrepancies(provided.flow.db, { olderThanHours: 0 });
    assert.deepEqual([sum!.count, sum!.amountCents], [6, 2 ** 52 - 1]);
    assert.equal((await listProviderDays(provided.flow.db, 1)).length, 1);
  });
});

Deno.test("every kind of discrepancy has words", () => {
  assert.ok(Object.values(discrepancyKinds).every((words) => words.length > 10));
});

Deno.test("what a person gave back is missing in no report", async () => {
  await withWorkflow("reconcile_by_hand", async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, 5);
    const charges = (await ownReport(flow)).filter(({ kind }) => kind === "charge");
    await flow.rows("update refunds set by_hand = 1");
    await hold(provided, charges);
    assert.deepEqual(await all(provided), []);
    await flow.rows("update refunds set by_hand = 0");
    await hold(provided, charges);
    assert.deepEqual((await all(provided)).map(({ kind, movement }) => [kind, movement]), [
      ["missing_with_them", "refund"],
    ]);
  });
});

Deno.test("what another shop on the same account calls its charges and orders stops no list", async () => {
  await withProvider("reconcile_odd_keys", {}, async (provided) => {
    const today = await withinOneDay();
    await paidOrders(provided, 3);
    const charges = provided.provider.charges as Map<string, ProviderCharge>;
    const [first] = charges.values();
    const odd = ["Schl\u00fcssel", "it's", "x".repeat(200)];
    for (const [n, key] of odd.entries()) {
      charges.set(key, { ...first!, id: `ch_odd_${n}`, key, reference: key, refundedCents: 0 });
    }
    const { state, found } = await holdList(provided, today);
    assert.deepEqual([state, found], ["DONE", 3]);
    const shown = (await all(provided)).map(({ kind, chargeRef }) => `${kind} ${chargeRef}`).sort();
    assert.deepEqual(shown, odd.map((_, n) => `missing_with_us ch_odd_${n}`));
  });
});
