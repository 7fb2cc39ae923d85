import assert from "node:assert/strict";
import type { ReportLine } from "../../../commands/provider_report.ts";
import { databaseTime } from "../../../domain/database_time.ts";
import { decideAndPublish } from "../../../services/payments/decide_payment.ts";
import { proposeMending } from "../../../services/reconciliation/mend_discrepancies.ts";
import { recordChargeback } from "../../../services/payments/record_chargeback.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { aChargeback, aPaidOrder, tell } from "../../chargebacks.ts";
import { withProvider } from "../../provider.ts";
import { withWorkflow } from "../../workflow.ts";

import {
  all,
  depsOf,
  disputeOf,
  hold,
  operator,
  ownReport,
  paidOrders,
  type Reconciled,
} from "../../reconciled.ts";

Deno.test("what a bank took back is recorded as a chargeback, and agrees from then on", async () => {
  await withProvider("reconcile_chargeback", {}, async (provided) => {
    await paidOrders(provided, 5);
    const lines = provided.provider.report();
    const charge = lines.find(({ kind }) => kind === "charge")!;
    const taken = { ...charge, entryId: "txn_cb", refundId: "dp_1", kind: "chargeback" as never };
    const net = -charge.grossCents - 1_500;
    const dispute = { ...taken, grossCents: -charge.grossCents, feeCents: 1_500, netCents: net };
    await hold(provided, [...lines, dispute]);
    const [row] = await all(provided, "open");
    assert.equal(row!.kind, "chargeback_without_record");
    const { discrepancy } = await proposeMending(
      depsOf(provided),
      { id: row!.id, note: null },
      operator,
    );
    assert.equal(discrepancy.state, "mended");
    const [chargeback] = await provided.flow.rows("select provider_ref, state from chargebacks");
    assert.deepEqual([chargeback!.provider_ref, chargeback!.state], ["dp_1", "needs_response"]);
    await hold(provided, [...lines, dispute].toReversed());
    assert.deepEqual(await all(provided, "open"), []);
  });
});

Deno.test("what a bank took or gave again is no chargeback that is on record for another thing", async () => {
  await withProvider("reconcile_chargeback_state", {}, async (provided) => {
    await paidOrders(provided, 5);
    const lines = provided.provider.report();
    const [asked, lost] = lines.filter(({ kind }) => kind === "charge");
    const tell = (state: "warning_needs_response" | "lost", line: ReportLine, refundId: string) =>
      recordChargeback(depsOf(provided), {
        provider: "http",
        providerRef: refundId,
        chargeRefs: [line.chargeId],
        amountCents: line.grossCents,
        currency: "EUR",
        state,
        happenedAt: new Date(Date.now() - 60_000),
      }, "provider:http");
    await tell("warning_needs_response", asked!, "dp_1");
    await tell("lost", lost!, "dp_2");
    const moved = (line: ReportLine, refundId: string, sign: 1 | -1): ReportLine => ({
      ...line,
      entryId: `${refundId} ${sign}`,
      createdUtc: new Date().toISOString().slice(0, 23).replace("T", " "),
      refundId,
      kind: (sign === 1 ? "chargeback_reversal" : "chargeback") as never,
      grossCents: sign * line.grossCents,
      feeCents: 0,
      netCents: sign * line.grossCents,
    });
    const all3 = [moved(asked!, "dp_1", -1), moved(lost!, "dp_2", -1), moved(lost!, "dp_2", 1)];
    await hold(provided, [...lines, ...all3]);
    const open = await all(provided, "open");
    assert.deepEqual(
      open.map(({ kind, refundRef }) => [kind, refundRef]),
      [["chargeback_without_record", "dp_1"], ["chargeback_without_record", "dp_2"]],
    );
    for (const { id } of open) await proposeMending(depsOf(provided), { id, note: null }, operator);
    const states = await provided.flow.rows("select state from chargebacks order by provider_ref");
    assert.deepEqual(states.map(({ state }) => state), ["needs_response", "won"]);
    assert.deepEqual(await all(provided, "open"), []);
    await hold(provided, [...lines, ...all3].toReversed());
    assert.deepEqual(await all(provided, "open"), []);
  });
});

Deno.test("what a bank gave again is won by its gross, whatever else comes off it", async () => {
  await withProvider("reconcile_won_less", {}, async (provided) => {
    await paidOrders(provided, 5);
    const lines = provided.provider.report();
    const charge = lines.find(({ kind }) => kind === "charge")!;
    const taken = disputeOf(charge, {});
    await recordChargeback(depsOf(provided), {
      provider: "http",
      providerRef: taken.refundId,
      chargeRefs: [charge.chargeId],
      amountCents: charge.grossCents,
      currency: "EUR",
      state: "lost",
      happenedAt: new Date(Date.now() - 60_000),
    }, "provider:http");
    // A report without a column of fees, which are a part of its net.
    const won = disputeOf(charge, {
      entryId: "txn_won",
      createdUtc: databaseTime(Date.now()),
      kind: "chargeback_reversal" as never,
      grossCents: charge.grossCents,
      netCents: charge.grossCents - 100_000,
    });
    await hold(provided, [...lines, taken, won]);
    const [row, ...others] = await all(provided, "open");
    assert.deepEqual([row!.kind, row!.entry, others], [
      "chargeback_without_record",
      "txn_won",
      [],
    ]);
    await proposeMending(depsOf(provided), { id: row!.id, note: null }, operator);
    const [chargeback] = await provided.flow.rows("select state from chargebacks");
    assert.equal(chargeback!.state, "won");
  });
});

Deno.test("what a bank took in the place of a reversal is missing in no report", async () => {
  await withWorkflow("reconcile_contested_reversal", async (flow) => {
    const orderId = await aPaidOrder(flow);
    await publish(flow, [{
      message: {
        type: "payment.callback",
        orderId,
        amountCents: 1_000,
        currency: "EUR",
        outcome: "succeeded",
        provider: "simulated",
        providerRef: "second",
      },
    }]);
    await flow.drain();
    await tell(flow, aChargeback("lost", 0, { chargeRefs: ["second"] }));
    await decideAndPublish(flow, orderId, "give_back", operator);
    await flow.drain();
    const [payment] = await flow.rows("select status from payments where surplus = 1");
    assert.equal(payment!.status, "REVERSED");
    const lines = (await ownReport(flow)).filter(({ kind }) => kind === "charge");
    const second = { ...lines[0]!, entryId: "txn_2", chargeId: "second" };
    const taken = { ...second, entryId: "txn_3", refundId: "dp_1", kind: "chargeback" as never };
    const cents = { grossCents: -1_000, feeCents: 0, netCents: -1_000 };
    const provided: Reconciled = { flow, name: "simulated" };
    await hold(provided, [...lines, second, { ...taken, ...cents }]);
    assert.deepEqual(await all(provided), []);
  });
});

Deno.test("a chargeback that the report names by its line alone is recorded, and agrees from then on", async () => {
  await withProvider("reconcile_nameless", {}, async (provided) => {
    await paidOrders(provided, 5);
    const lines = provided.provider.report();
    const charge = lines.find(({ kind }) => kind === "charge")!;
    await hold(provided, [...lines, disputeOf(charge, { refundId: "" })]);
    const [row] = await all(provided, "open");
    assert.equal(row!.kind, "chargeback_without_record");
    const wish = { id: row!.id, note: null };
    const { discrepancy } = await proposeMending(depsOf(provided), wish, operator);
    assert.deepEqual([discrepancy.state, discrepancy.answer], ["mended", "it is on record"]);
  });
});

Deno.test("asking about a chargeback of another amount gives nothing back to anybody", async () => {
  await withProvider("reconcile_ask_chargeback", {}, async (provided) => {
    await paidOrders(provided, 5);
    const { provider } = provided;
    const lines = provider.report();
    const [, charge] = lines.filter(({ kind }) => kind === "charge");
    const deps = depsOf(provided);
    await recordChargeback(deps, {
      provider: "http",
      providerRef: "dp_1",
      chargeRefs: [charge!.chargeId],
      amountCents: charge!.grossCents,
      currency: "EUR",
      state: "needs_response",
      happenedAt: new Date(),
    }, "test");
    const part = { key: "dispute-1", grossCents: -500, netCents: -500 };
    await hold(provided, [...lines, disputeOf(charge!, part)]);
    const [row] = await all(provided, "open");
    assert.deepEqual([row!.kind, row!.movement], ["amount_differs", "chargeback"]);
    const made = provider.refunds.length;
    await assert.rejects(
      proposeMending(deps, { id: row!.id, action: "ask", note: null }, operator),
      /can be mended by explain/,
    );
    assert.equal(provider.refunds.length, made);
  });
});

Deno.test("what a bank gave again is recorded as won, and is a movement beside what it took", async () => {
  await withProvider("reconcile_won_back", {}, async (provided) => {
    await paidOrders(provided, 5);
    const lines = provided.provider.report();
    const charge = lines.find(({ kind }) => kind === "charge")!;
    const taken = disputeOf(charge, {});
    const again = {
      entryId: "txn_again",
      grossCents: charge.grossCents,
      netCents: charge.grossCents,
    };
    const deps = depsOf(provided);
    const state = async () => {
      const open = await all(provided, "open");
      for (const { id } of open) await proposeMending(deps, { id, note: null }, operator);
      assert.deepEqual(await all(provided, "open"), []);
      const [chargeback] = await provided.flow.rows("select provider_ref, state from chargebacks");
      const moved = await provided.flow.rows(
        "select kind, gross_cents from provider_movements where kind like '%back' order by kind",
      );
      return [chargeback!.state, ...moved.map((row) => `${row.kind} ${row.gross_cents}`)];
    };
    await hold(provided, [...lines, taken]);
    const took = `chargeback ${-charge.grossCents}`;
    assert.deepEqual(await state(), ["needs_response", took]);
    await hold(provided, [...lines, taken, disputeOf(charge, again)]);
    assert.deepEqual(await state(), ["won", took, `won_back ${charge.grossCents}`]);
  });
});
