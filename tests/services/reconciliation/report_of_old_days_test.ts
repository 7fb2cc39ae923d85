import assert from "node:assert/strict";
import { type ReportLine, reportLine } from "../../../commands/provider_report.ts";
import { proposeMending } from "../../../services/reconciliation/mend_discrepancies.ts";
import { reconcile } from "../../../services/reconciliation/reconcile.ts";
import { reportCsv } from "../../../commands/provider_report.ts";
import { all, depsOf, operator } from "../../reconciled.ts";
import { addPaid, referenceOf } from "../../source_orders.ts";
import { anOrder, withWorkflow, type Workflow } from "../../workflow.ts";

/** Days that reports of the past are from. */
const then = "2026-01-05";

/** Holds a report of that day against the books of a provider that can't be asked. */
async function holdOld(flow: Workflow, lines: readonly ReportLine[]) {
  const bytes = new TextEncoder().encode([...reportCsv(lines)].join(""));
  return await reconcile(depsOf({ flow }, 1, 3), {
    provider: "klarna",
    report: { source: new Blob([bytes]).stream(), name: "report.csv" },
    period: {},
    operator,
  });
}

const line = (change: Partial<ReportLine>): ReportLine => ({
  ...reportLine({
    kind: "charge",
    createdUtc: `${then} 10:00:00.000`,
    chargeId: "src_O-1",
    refundId: "",
    key: "",
    reference: "O-1",
    grossCents: 2_000,
    feeCents: 0,
    currency: "EUR",
  }),
  ...change,
});

const refund = (change: Partial<ReportLine> = {}): ReportLine =>
  line({
    kind: "refund",
    entryId: "txn_r",
    refundId: "r-1",
    grossCents: -500,
    netCents: -500,
    ...change,
  });

async function paidOrder(flow: Workflow, paidAt: boolean): Promise<number> {
  const order = anOrder("O-1", [{ sku: "A", qty: 1, unitPriceCents: 2_000 }]);
  if (paidAt) await addPaid(flow, [order], { provider: "klarna" });
  else {
    const payment = { status: "paid" as const, provider: "klarna", reference: referenceOf(order) };
    await flow.add([{ ...order, payment: { ...payment, paidAt: null } }]);
  }
  await flow.drain();
  const [row] = await flow.rows("select id from orders where status = 'PAID'");
  return Number(row!.id);
}

Deno.test("a payment of the source that did not say when it was made is not late", async () => {
  await withWorkflow("reconcile_no_time", async (flow) => {
    await paidOrder(flow, false);
    for (const entryId of ["txn_1", ""]) {
      await holdOld(flow, [line({ entryId })]);
      assert.deepEqual(await all({ flow }), []);
    }
  });
});

for (
  const [what, change] of [
    ["of days that are long past", {}],
    ["whose fee does not add up", { entryId: "txn_r", feeCents: 52, netCents: -448 }],
  ] as const
) {
  Deno.test(`a refund ${what} is recorded once, and is on record then`, async () => {
    await withWorkflow("reconcile_old_refund", async (flow) => {
      const id = await paidOrder(flow, false);
      const lines = [line({ entryId: "" }), refund({ entryId: "", ...change })];
      await holdOld(flow, lines);
      const deps = depsOf({ flow }, 1, 3);
      const [found] = await all({ flow }, "open");
      assert.equal(found?.kind, "refund_without_refund");
      await proposeMending(deps, { id: found.id, note: null }, operator);
      for (let turn = 0; turn < 3; turn++) {
        await flow.drain();
        await holdOld(flow, lines);
      }
      assert.equal((await flow.order(id)).refundedCents, 500);
      const rest = await all({ flow }, "open");
      assert.deepEqual(
        rest.map(({ kind, action }) => [kind, action]),
        "feeCents" in change ? [["fee_differs", null]] : [],
      );
    });
  });
}

Deno.test("what came twice is not given back where only a provider could that is not configured", async () => {
  await withWorkflow("reconcile_nobody_gives_back", async (flow) => {
    const id = await paidOrder(flow, true);
    await holdOld(flow, [
      line({ entryId: "txn_1" }),
      line({ entryId: "txn_2", chargeId: "src_2" }),
    ]);
    const found = (await all({ flow }, "open")).find(({ kind }) => kind === "twice")!;
    const { discrepancy } = await proposeMending(
      depsOf({ flow }, 1, 3),
      { id: found.id, action: "give_back", note: null },
      operator,
    );
    await flow.drain();
    assert.equal(discrepancy.answer, '"klarna" is not configured here');
    assert.equal((await flow.order(id)).status, "PAID");
    // No payment that waits for ever, and no dead letter.
    assert.equal((await flow.rows("select id from payments")).length, 1);
    assert.deepEqual(await flow.rows("select id from dead_letters"), []);
  });
});

Deno.test("two fees of one name are told apart: that of the second is not lost without a word", async () => {
  await withWorkflow("reconcile_two_fees", async (flow) => {
    await paidOrder(flow, true);
    const fee = (entryId: string, cents: number) =>
      line({ kind: "fee" as never, entryId, grossCents: -cents, netCents: -cents });
    await assert.rejects(holdOld(flow, [fee("", 85)]), /without an id of its own/);
    const lines = [fee("cap1", 85), fee("cap1", 35), fee("cap2", 10), fee("cap2", 10)];
    for (let turn = 0; turn < 2; turn++) await holdOld(flow, lines);
    assert.deepEqual(
      (await all({ flow })).map(({ kind, theirCents }) => [kind, theirCents]),
      [["amount_differs", 35]],
    );
  });
});

Deno.test("no charge is recorded of a provider that is not configured: no process would start beside it", async () => {
  await withWorkflow("reconcile_nobody_records", async (flow) => {
    await paidOrder(flow, true);
    const [taken] = await flow.add([anOrder("O-2", [{ sku: "A", qty: 1, unitPriceCents: 2_000 }])]);
    await holdOld(flow, [line({ entryId: "txn_2", chargeId: "src_2", reference: "O-2" })]);
    const [found] = await all({ flow }, "open");
    assert.deepEqual([found?.kind, found?.orderId], ["missing_with_us", taken!.orderId]);
    const wish = { id: found!.id, action: "record" as const, note: null };
    const { discrepancy } = await proposeMending(depsOf({ flow }, 1, 3), wish, operator);
    assert.equal(discrepancy.answer, '"klarna" is not configured here');
    await flow.drain();
    assert.deepEqual(
      await flow.rows("select provider_ref from payments where provider = 'klarna'"),
      [{ provider_ref: "src_O-1" }],
    );
  });
});
