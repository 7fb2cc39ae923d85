import assert from "node:assert/strict";
import type { ReportLine } from "../../commands/provider_report.ts";
import { databaseTime } from "../../domain/database_time.ts";
import { nativeColumns } from "../../domain/reconciliation/shipped/native.ts";
import { reconcile } from "../../services/reconcile.ts";
import { withdraw } from "../../services/withdraw_report.ts";
import { aPaidOrder } from "../chargebacks.ts";
import { all, depsOf, operator } from "../reconciled.ts";
import { withWorkflow, type Workflow } from "../workflow.ts";

/** A line whose customer may have paid another currency than it is settled in. */
interface Told extends ReportLine {
  customerCents?: number;
  customerCurrency?: string;
}

/** A line of 10.00 EUR that comes to what it says. */
function aLine(change: Partial<Told> = {}): Told {
  const { grossCents = 1_000, feeCents = 30 } = change;
  return {
    entryId: "txn_1",
    kind: "charge",
    createdUtc: databaseTime(Date.now()),
    chargeId: "ch_nobody",
    refundId: "",
    key: "",
    reference: "",
    currency: "EUR",
    grossCents,
    feeCents,
    netCents: grossCents - feeCents,
    ...change,
  };
}

/** Brings a report of some lines. @returns its id */
async function bring(flow: Workflow, lines: readonly Told[]): Promise<number> {
  const rows = lines.map((line) => [
    line.entryId,
    line.kind,
    line.createdUtc,
    line.chargeId,
    line.refundId,
    line.key,
    line.reference,
    line.grossCents,
    line.feeCents,
    line.netCents,
    line.currency,
    line.customerCents ?? "",
    line.customerCurrency ?? "",
  ]);
  const csv = [[...nativeColumns, "customer_cents", "customer_currency"], ...rows];
  const day = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
  const { id } = await reconcile(depsOf({ flow }), {
    provider: "simulated",
    report: {
      source: new Blob([csv.map((row) => `${row.join(",")}\n`).join("")]).stream(),
      name: "r",
    },
    period: { from: day(-1), to: day(1) },
    operator,
  });
  return id;
}

/** What is open: kind, report and cents. */
async function open(flow: Workflow) {
  return (await all({ flow }, "open")).map((row) => [
    row.kind,
    row.reconciliationId,
    row.theirCents,
  ]);
}

const takeBack = (flow: Workflow, id: number) => withdraw(depsOf({ flow }), id, operator);

/** In dollars, with what the customer paid, or without. */
const inDollars = { currency: "USD", grossCents: 1_100, feeCents: 30, netCents: 1_070 };

const completions: readonly [what: string, before: Partial<Told>, after: Partial<Told>][] = [
  ["a net that adds up", { netCents: 971 }, {}],
  ["what its customer paid", inDollars, {
    ...inDollars,
    customerCents: 1_000,
    customerCurrency: "EUR",
  }],
];
for (const [what, before, after] of completions) {
  Deno.test(`a charge of nobody that a report completes by ${what} is that one's, and stays found when the first one is taken back`, () =>
    withWorkflow("followed_completed", async (flow) => {
      const first = await bring(flow, [aLine(before)]);
      assert.deepEqual((await open(flow)).map(([kind]) => kind), ["missing_with_us"]);
      const second = await bring(flow, [aLine(after)]);
      const found = [["missing_with_us", second]];
      assert.deepEqual((await open(flow)).map(([kind, id]) => [kind, id]), found);
      await takeBack(flow, first);
      assert.deepEqual((await open(flow)).map(([kind, id]) => [kind, id]), found);
      await takeBack(flow, second);
      assert.deepEqual(await open(flow), []);
    }));
}

Deno.test("a charge of nobody that a provider's list told of stays found when the list is taken back and a report has it", () =>
  withWorkflow("followed_listed", async (flow) => {
    const list = await bring(flow, [aLine({ feeCents: 0, netCents: 1_000 })]);
    await flow.rows("update provider_movements set entry = null");
    const report = await bring(flow, [aLine()]);
    await takeBack(flow, list);
    assert.deepEqual(await open(flow), [["missing_with_us", report, 1_000]]);
  }));

Deno.test("what a report completes is held against the order's money, and found as that report's", () =>
  withWorkflow("followed_otherwise", async (flow) => {
    await aPaidOrder(flow);
    const charge = { chargeId: "sim_of_1" };
    const first = await bring(flow, [aLine({ ...charge, ...inDollars })]);
    assert.deepEqual((await open(flow)).map(([kind]) => kind), ["currency_differs"]);
    const customer = { customerCents: 900, customerCurrency: "EUR" };
    const second = await bring(flow, [aLine({ ...charge, ...inDollars, ...customer })]);
    await takeBack(flow, first);
    assert.deepEqual(await open(flow), [["amount_differs", second, 900]]);
  }));

Deno.test("what was told twice of an order's charge is not, once the report that told it first is taken back", () =>
  withWorkflow("followed_twice", async (flow) => {
    await aPaidOrder(flow);
    const charge = { chargeId: "sim_of_1" };
    const first = await bring(flow, [aLine(charge)]);
    const again = [aLine({ ...charge, entryId: "txn_2" })];
    await bring(flow, again);
    assert.deepEqual((await open(flow)).map(([kind]) => kind), ["twice"]);
    await takeBack(flow, first);
    await bring(flow, again);
    assert.deepEqual(await open(flow), []);
  }));
