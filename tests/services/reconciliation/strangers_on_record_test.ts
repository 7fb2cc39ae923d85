import assert from "node:assert/strict";
import type { ReportLine } from "../../../commands/provider_report.ts";
import { databaseTime } from "../../../domain/database_time.ts";
import { listProviderDays } from "../../../db/reconciliation/reconciled_days.ts";
import { proposeMending } from "../../../services/reconciliation/mend_discrepancies.ts";
import { withdraw } from "../../../services/reconciliation/withdraw_report.ts";
import { bookDays } from "../../../streams/reconciliation/book_days.ts";
import { lookAgain } from "../../../streams/reconciliation/look_again.ts";
import { verify } from "../../../streams/verification/verify.ts";
import { aChargeback, aPaidOrder, aSecondPayment, tell } from "../../chargebacks.ts";
import { meddled } from "../../meddled_database.ts";
import * as reconciled from "../../reconciled.ts";
import { operator } from "../../reconciled.ts";
import { addPaid } from "../../source_orders.ts";
import { anOrder, withWorkflow, type Workflow } from "../../workflow.ts";

const depsOf = (flow: Workflow) => reconciled.depsOf({ flow });
const open = (flow: Workflow) => reconciled.all({ flow }, "open");
const hold = (flow: Workflow, lines: Iterable<ReportLine>) =>
  reconciled.hold({ flow, name: "simulated" }, lines);

/** A line of 10.00 EUR of the charge that the order `late` is paid by, with a fee of 0.30. */
function aLine(change: Partial<ReportLine> & { kind?: never } = {}, kind = "charge"): ReportLine {
  const { grossCents = 1_000, feeCents = 30 } = change;
  const line = {
    entryId: `txn_${kind}`,
    kind,
    createdUtc: databaseTime(Date.now()),
    chargeId: "src_late",
    refundId: "",
    key: "",
    reference: "",
    currency: "EUR",
    ...change,
    grossCents,
    feeCents,
    netCents: grossCents - feeCents,
  };
  return line as ReportLine;
}

/** The order `late` of 10.00 EUR comes, as one that was paid by the charge. @returns its id */
async function itsOrderComes(flow: Workflow): Promise<number> {
  const [orderId] = await addPaid(
    flow,
    [anOrder("late", [{ sku: "a", qty: 1, unitPriceCents: 1_000 }])],
    { provider: "simulated" },
  );
  await flow.rows("update source_payments set paid_at = null");
  await flow.drain();
  return orderId!;
}

async function explain(flow: Workflow): Promise<void> {
  const [row, ...others] = await open(flow);
  assert.deepEqual(others, []);
  const wish = { id: row!.id, action: "explain", note: "it is known" } as const;
  const { discrepancy } = await proposeMending(depsOf(flow), wish, operator);
  assert.equal(discrepancy.state, "explained");
}

/** What the day of the report comes to: movements, gross and fees. */
async function dayOf({ db }: Workflow): Promise<number[]> {
  const [day, ...others] = await listProviderDays(db, 10);
  assert.deepEqual(others, []);
  const { movements, chargesCents, refundsCents, chargebacksCents, feesCents } = day!;
  return [movements, chargesCents, refundsCents, chargebacksCents, feesCents];
}

async function assertProven(flow: Workflow): Promise<void> {
  const { checks } = await verify(flow, { settleMs: 0 });
  assert.deepEqual(checks.filter(({ ok }) => !ok), []);
}

Deno.test("a charge that was explained before its order came counts once when it is told again, and goes with its report", () =>
  withWorkflow("stranger_explained", async (flow) => {
    const lines = [aLine()];
    const { id } = await hold(flow, lines);
    await explain(flow);
    await itsOrderComes(flow);
    for (const told of [lines, [aLine(), aLine({ grossCents: -5, feeCents: 0 }, "adjustment")]]) {
      await hold(flow, told);
      assert.deepEqual(await open(flow), []);
      const [, charges, , , fees] = await dayOf(flow);
      assert.deepEqual([charges, fees], [1_000, 30]);
      assert.equal(await reconciled.bookedFees(flow), 30);
    }
    await withdraw(depsOf(flow), id, operator);
    assert.equal(await reconciled.bookedFees(flow), 30, "the other report tells of it");
    await withdraw(depsOf(flow), id + 1, operator);
    assert.equal(await reconciled.bookedFees(flow), 0);
    await assertProven(flow);
  }));

Deno.test("a charge that is told under another id once its order came is told twice", () =>
  withWorkflow("stranger_other_id", async (flow) => {
    await hold(flow, [aLine()]);
    await explain(flow);
    await itsOrderComes(flow);
    await hold(flow, [aLine({ entryId: "txn_other" })]);
    assert.deepEqual((await open(flow)).map(({ kind }) => kind), ["twice"]);
  }));

Deno.test("a charge that two reports told of at once, one before and one after its order came, counts once", () =>
  withWorkflow("stranger_at_once", async (flow) => {
    await hold(flow, [aLine()]);
    const orderId = await itsOrderComes(flow);
    // As the other one has written it down and booked it, before anybody looked again.
    await flow.rows(
      `insert into provider_movements (kind, subject_id, part, provider, entry, reconciliation_id, happened_at, currency,
        gross_cents, fee_cents, net_cents)
      select kind, payments.id, unhex(repeat('0', 32)), moved.provider, entry, reconciliation_id, happened_at,
        moved.currency, gross_cents, fee_cents, net_cents
      from provider_movements moved join payments on payments.order_id = ?`,
      [orderId],
    );
    const today = databaseTime(Date.now());
    await bookDays(flow.db, "simulated", { first: today, last: today });
    assert.equal(await reconciled.bookedFees(flow), 60);
    await lookAgain(flow.db, { provider: "simulated", rules: { lateSeconds: 86_400 } });
    assert.deepEqual(await open(flow), []);
    assert.deepEqual(await dayOf(flow), [1, 1_000, 0, 0, 30]);
    assert.equal(await reconciled.bookedFees(flow), 30);
  }));

Deno.test("an order's second charge that was explained before it came on record counts once when it is told again", () =>
  withWorkflow("stranger_second", async (flow) => {
    const orderId = await aPaidOrder(flow);
    const lines = [
      aLine({ chargeId: "sim_of_1" }),
      aLine({ entryId: "txn_second", chargeId: "second", reference: "1" }),
      aLine({ entryId: "txn_more", chargeId: "sim_of_1" }),
    ];
    await hold(flow, lines.slice(0, 2));
    await explain(flow);
    await aSecondPayment(flow, orderId, "REVERSING");
    await hold(flow, lines);
    const [row, ...others] = await open(flow);
    assert.deepEqual([row!.kind, row!.entry, others], ["twice", "txn_more", []]);
    await explain(flow);
    for (const told of [lines, lines.toReversed()]) {
      await hold(flow, told);
      assert.deepEqual((await dayOf(flow)).slice(0, 2), [3, 3_000]);
      assert.equal(await reconciled.bookedFees(flow), 90);
    }
  }));

Deno.test("a chargeback that was explained before its provider told of it counts once when it is told again", () =>
  withWorkflow("stranger_chargeback", async (flow) => {
    await aPaidOrder(flow);
    const charge = aLine({ chargeId: "sim_of_1" });
    const taken = aLine(
      { chargeId: "sim_of_1", refundId: "dp_1", grossCents: -1_000, feeCents: 1_500 },
      "chargeback",
    );
    await hold(flow, [charge, taken]);
    await explain(flow);
    await tell(flow, aChargeback("lost", 60));
    for (let time = 0; time < 2; time++) {
      await hold(flow, [charge, taken]);
      assert.deepEqual(await open(flow), []);
      assert.deepEqual(await dayOf(flow), [2, 1_000, 0, -1_000, 1_530]);
      assert.equal(await reconciled.bookedFees(flow), 1_530);
    }
    await assertProven(flow);
  }));

Deno.test("what was given back directly of a charge that an order is paid by later is found, and recorded as its refund once", () =>
  withWorkflow("stranger_given_back", async (flow) => {
    const { id } = await hold(flow, [aLine()]);
    const [stranger] = await open(flow);
    const wish = { id: stranger!.id, note: null };
    const { discrepancy: mended } = await proposeMending(depsOf(flow), wish, operator);
    assert.deepEqual([mended.action, mended.state], ["give_back", "mended"]);
    const orderId = await itsOrderComes(flow);
    assert.equal((await flow.order(orderId)).status, "PAID");
    const back = { refundId: "re_1", grossCents: -1_000, feeCents: 0, key: mended.mendKey! };
    const lines = [aLine(), aLine(back, "refund")];
    await hold(flow, lines);
    const [found, ...others] = await open(flow);
    assert.deepEqual(others, []);
    const { kind, movement, orderId: ofOrder, theirCents } = found!;
    assert.deepEqual([kind, movement, ofOrder, theirCents], [
      "refund_without_refund",
      "mend",
      orderId,
      1_000,
    ]);
    await withdraw(depsOf(flow), id, operator);
    assert.equal((await open(flow)).length, 1, "whatever becomes of the report");
    const { discrepancy } = await proposeMending(
      depsOf(flow),
      { id: found!.id, note: null },
      operator,
    );
    await flow.drain();
    assert.deepEqual([discrepancy.action, discrepancy.state], ["record", "mended"]);
    assert.equal((await flow.order(orderId)).refundedCents, 1_000);
    for (let time = 0; time < 2; time++) {
      await hold(flow, lines);
      assert.deepEqual(await open(flow), []);
      assert.deepEqual(await dayOf(flow), [2, 1_000, -1_000, 0, 30]);
    }
    await assertProven(flow);
  }));

Deno.test("what was told once more of a charge stays one too many when its order comes", () =>
  withWorkflow("stranger_twice", async (flow) => {
    await hold(flow, [aLine()]);
    await explain(flow);
    const both = [aLine(), aLine({ entryId: "txn_again" })];
    await hold(flow, both);
    await itsOrderComes(flow);
    for (const told of [both, both.toReversed()]) {
      await hold(flow, told);
      assert.deepEqual((await open(flow)).map(({ kind, entry }) => [kind, entry]), [
        ["twice", "txn_again"],
      ]);
      assert.deepEqual((await dayOf(flow)).slice(0, 2), [2, 2_000]);
    }
  }));

Deno.test("who looks at a discrepancy late writes nothing over what was approved meanwhile", () =>
  withWorkflow("stranger_late_look", async (flow) => {
    await hold(flow, [aLine()]);
    await itsOrderComes(flow);
    const [row] = await open(flow);
    const db = meddled(flow.db, /update discrepancies\s+set kind = /, () =>
      flow.rows(
        `update discrepancies set action = 'record', proposed_by = 'a', proposed_at = now(6), approved_by = 'b',
          approved_at = now(6)`,
      ));
    const rules = { lateSeconds: 86_400 };
    assert.equal(await lookAgain(db, { provider: "simulated", rules }), 0);
    const [now] = await open(flow);
    assert.deepEqual([now!.kind, now!.part, now!.action], [row!.kind, row!.part, "record"]);
    assert.equal(await lookAgain(flow.db, { provider: "simulated", rules }), 1);
    assert.deepEqual(await open(flow), []);
    assert.deepEqual((await dayOf(flow)).slice(0, 2), [1, 1_000]);
    await assertProven(flow);
  }));
