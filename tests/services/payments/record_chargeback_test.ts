import assert from "node:assert/strict";
import { listGivenTwice } from "../../../db/refunds/given_twice.ts";
import { listLedger } from "../../../db/ledger/ledger_list.ts";
import { listChargebacksOf } from "../../../db/payments/chargeback_list.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import { countChargebacks } from "../../../streams/kpis/count_chargebacks.ts";
import { readKpis } from "../../../streams/kpis/kpis.ts";
import { rebuildKpis } from "../../../streams/kpis/kpis_rebuild.ts";
import { matchChargebacks } from "../../../streams/payments/take_chargeback.ts";
import { verify } from "../../../streams/verification/verify.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { age, archiveAll, archivedIds } from "../../archived.ts";
import { aChargeback, aPaidOrder, aSecondPayment, tell } from "../../chargebacks.ts";
import { askRefund } from "../../settled_workflow.ts";
import { assertConsistent } from "../../streams/consistent.ts";
import { fateAfter, mortal } from "../../streams/queue/crash.ts";
import { withWorkflow, type Workflow } from "../../workflow.ts";

/** The figures of the days of {@linkcode aChargeback}. */
async function figuresOn(flow: Workflow, day = "2026-03-01", currency = "EUR") {
  const rows = await readKpis(flow, day, day);
  const { revenue_cents, chargeback_count, chargeback_amount_cents } = rows
    .find((row) => row.currency === currency)!;
  return [revenue_cents, chargeback_count, chargeback_amount_cents];
}

/** What the ledger says of an order's chargebacks. */
async function bookedOf(flow: Workflow, orderId: number) {
  const { entries } = await listLedger(flow.db, { orderId }, { after: null, limit: 50 });
  return entries.filter(({ source }) => source === "chargeback")
    .flatMap(({ account, amountCents }) => [account, amountCents]);
}

const stepsOf = async (flow: Workflow, orderId: number) =>
  (await flow.rows(
    "select event, detail from order_events where order_id = ? and event like 'chargeback%' order by id",
    [orderId],
  )).map(({ event, detail }) => [event, detail]);

Deno.test("a chargeback lowers revenue on the day it is opened until it is won, and stock stays where it is", () =>
  withWorkflow("chargeback_won", async (flow) => {
    const orderId = await aPaidOrder(flow);
    const stock = await flow.stock("a");
    await tell(flow, aChargeback("needs_response", 0));
    assert.deepEqual(await figuresOn(flow), [-1_000, 1, 1_000]);
    const withheld = ["clearing", -1_000, "chargebacks", 1_000];
    assert.deepEqual(await bookedOf(flow, orderId), withheld);
    const [held] = await listChargebacksOf(flow.db, orderId);
    assert.deepEqual([held!.state, held!.heldCents, held!.lostCents], ["needs_response", 1_000, 0]);
    await assertConsistent(flow);

    await tell(flow, aChargeback("under_review", 60));
    await tell(flow, aChargeback("won", 86_400));
    assert.deepEqual(await figuresOn(flow), [-1_000, 1, 1_000]);
    assert.deepEqual(await figuresOn(flow, "2026-03-02"), [1_000, 0, 0]);
    const [won] = await listChargebacksOf(flow.db, orderId);
    assert.deepEqual([won!.state, won!.heldCents, won!.lostCents], ["won", 0, 0]);
    assert.deepEqual(
      await bookedOf(flow, orderId),
      [...withheld, "clearing", 1_000, "chargebacks", -1_000],
    );
    assert.equal(await flow.stock("a"), stock);
    assert.deepEqual(await stepsOf(flow, orderId), [
      ["chargeback_opened", "10.00 EUR, answer it until 2026-03-09 00:00 UTC: fraudulent"],
      ["chargeback_updated", "10.00 EUR, answered: fraudulent"],
      ["chargeback_closed", "10.00 EUR, won: fraudulent"],
    ]);
    await assertConsistent(flow);
  }));

Deno.test("with CHARGEBACK_REVENUE=lost revenue falls on the day it is lost, also where the setting changes meanwhile", () =>
  withWorkflow("chargeback_lost", async (flow) => {
    await aPaidOrder(flow);
    await tell(flow, aChargeback("needs_response", 0), "lost");
    assert.deepEqual(await figuresOn(flow), [0, 1, 1_000]);
    await tell(flow, aChargeback("lost", 86_400), "opened");
    assert.deepEqual(await figuresOn(flow), [0, 1, 1_000]);
    assert.deepEqual(await figuresOn(flow, "2026-03-02"), [-1_000, 0, 0]);
    await assertConsistent(flow);
    // An appeal that is won after all.
    await tell(flow, aChargeback("won", 2 * 86_400), "opened");
    assert.deepEqual(await figuresOn(flow, "2026-03-03"), [1_000, 0, 0]);
    await rebuildKpis(flow);
    assert.deepEqual(await figuresOn(flow, "2026-03-02"), [-1_000, 0, 0]);
    await assertConsistent(flow);
  }));

Deno.test("what is told twice, late or in another sequence counts once, and by what was so last", () =>
  withWorkflow("chargeback_late", async (flow) => {
    const orderId = await aPaidOrder(flow);
    const outcomes = [];
    for (
      const one of [
        aChargeback("lost", 120),
        aChargeback("needs_response", 0),
        aChargeback("lost", 120),
        aChargeback("under_review", 60),
      ]
    ) outcomes.push((await tell(flow, one)).outcome);
    assert.deepEqual(outcomes, ["taken", "late", "unchanged", "late"]);
    assert.deepEqual(await figuresOn(flow), [-1_000, 1, 1_000]);
    assert.equal((await stepsOf(flow, orderId)).length, 1);
    await assertConsistent(flow);
  }));

Deno.test("what comes at once of one chargeback is one", () =>
  withWorkflow("chargeback_at_once", async (flow) => {
    await aPaidOrder(flow);
    await Promise.all(
      [0, 60, 120, 0, 60, 120].map((second) =>
        tell(flow, aChargeback(second === 120 ? "lost" : "needs_response", second))
      ),
    );
    assert.deepEqual(await figuresOn(flow), [-1_000, 1, 1_000]);
    const [row] = await flow.rows("select count(*) as n from chargebacks");
    assert.equal(Number(row!.n), 1);
    await assertConsistent(flow);
  }));

Deno.test("a chargeback of an unknown charge waits, and belongs to the order whose payment comes later", () =>
  withWorkflow("chargeback_unknown", async (flow) => {
    const { orderId } = await tell(flow, aChargeback("needs_response", 0));
    assert.equal(orderId, null);
    await tell(flow, aChargeback("lost", 86_400));
    assert.deepEqual(await figuresOn(flow), [0, 0, 0]);
    await assertConsistent(flow);

    const paid = await aPaidOrder(flow);
    assert.equal(await matchChargebacks({ ...flow, chargebackRevenue: "opened" }, "test"), 1);
    await countChargebacks(flow);
    assert.deepEqual(await figuresOn(flow), [-1_000, 1, 1_000]);
    assert.deepEqual(await stepsOf(flow, paid), [
      ["chargeback_closed", "10.00 EUR, lost: fraudulent"],
    ]);
    assert.equal(await matchChargebacks({ ...flow, chargebackRevenue: "opened" }, "test"), 0);
    await assertConsistent(flow);
  }));

Deno.test("a part, more than the charge, another currency: each to the cent as the provider says, and said on the timeline", () =>
  withWorkflow("chargeback_odd", async (flow) => {
    const orderId = await aPaidOrder(flow);
    const one = (providerRef: string, amountCents: number, currency = "EUR") =>
      tell(flow, aChargeback("lost", 60, { providerRef, amountCents, currency }));
    await one("part", 300);
    await one("more", 1_200);
    await one("dollars", 500, "USD");
    assert.deepEqual(await figuresOn(flow), [-1_500, 2, 1_500]);
    assert.deepEqual(await figuresOn(flow, "2026-03-01", "USD"), [-500, 1, 500]);
    assert.deepEqual((await stepsOf(flow, orderId)).map(([, detail]) => detail), [
      "3.00 EUR, lost: fraudulent",
      "12.00 EUR, lost: fraudulent; more than the 10.00 EUR of the charge",
      "5.00 USD, lost: fraudulent; the charge was of 10.00 EUR",
    ]);
    // The provider corrects itself.
    await tell(flow, aChargeback("lost", 70, { providerRef: "more", amountCents: 700 }));
    assert.deepEqual(await figuresOn(flow), [-1_000, 2, 1_000]);
    await assertConsistent(flow);
    await rebuildKpis(flow);
    await assertConsistent(flow);
  }));

Deno.test("money that was paid twice, and so no revenue, lowers none", () =>
  withWorkflow("chargeback_reversed", async (flow) => {
    const orderId = await aPaidOrder(flow);
    await aSecondPayment(flow, orderId, "REVERSED");
    await tell(flow, aChargeback("lost", 0, { chargeRefs: ["second"] }));
    assert.deepEqual(await figuresOn(flow), [0, 1, 1_000]);
    // It went back, and is gone as well.
    const [twice] = await listGivenTwice(flow.db, 10);
    assert.deepEqual([twice!.amountCents, twice!.chargebackId], [1_000, 1]);
    await assertConsistent(flow);
  }));

Deno.test("what a lost chargeback takes beside a refund is told as paid twice, once", () =>
  withWorkflow("chargeback_twice", async (flow) => {
    const orderId = await aPaidOrder(flow);
    await publish(flow, [{ message: await askRefund(flow, orderId, 400) }]);
    await flow.drain();
    await tell(flow, aChargeback("needs_response", 0));
    assert.deepEqual(await listGivenTwice(flow.db, 10), []);
    await tell(flow, aChargeback("lost", 60));
    await tell(flow, aChargeback("lost", 60));
    const [twice, ...others] = await listGivenTwice(flow.db, 10);
    assert.deepEqual(others, []);
    assert.deepEqual([twice!.amountCents, twice!.currency, twice!.orderId], [400, "EUR", orderId]);
    const [step] = await flow.rows(
      "select detail from order_events where event = 'payment_given_twice'",
    );
    assert.equal(step!.detail, "4.00 EUR: by a refund, and by a chargeback that was lost");
    await assertConsistent(flow);
  }));

Deno.test("the ledger says what chargebacks hold and have taken, in each currency, at every step", () =>
  withWorkflow("chargeback_ledger", async (flow) => {
    await aPaidOrder(flow);
    const booked = async () => {
      const rows = await flow.rows(`
        select name, currency, sum(amount_cents) as cents
        from ledger_entries join ledger_accounts on ledger_accounts.id = account
        where source = 4 group by name, currency having cents <> 0 order by currency, name`);
      return rows.map(({ name, currency, cents }) => `${name} ${cents} ${currency}`).join(", ");
    };
    await tell(flow, aChargeback("warning_needs_response", 0));
    assert.equal(await booked(), "");
    await tell(flow, aChargeback("needs_response", 10));
    assert.equal(await booked(), "chargebacks 1000 EUR, clearing -1000 EUR");
    await tell(flow, aChargeback("needs_response", 20, { amountCents: 600 }));
    assert.equal(await booked(), "chargebacks 600 EUR, clearing -600 EUR");
    await tell(flow, aChargeback("needs_response", 30, { amountCents: 700, currency: "USD" }));
    await tell(flow, aChargeback("under_review", 40, { amountCents: 800, currency: "USD" }));
    assert.equal(await booked(), "chargebacks 800 USD, clearing -800 USD");
    await tell(flow, aChargeback("lost", 50, { amountCents: 900 }));
    assert.equal(await booked(), "chargebacks 900 EUR, clearing -900 EUR");
    await tell(flow, aChargeback("won", 60, { amountCents: 900 }));
    assert.equal(await booked(), "");
    await assertConsistent(flow);
  }));

Deno.test("of a part that is lost and a part that was refunded only what is above the charge went back twice", () =>
  withWorkflow("chargeback_parts", async (flow) => {
    const orderId = await aPaidOrder(flow);
    await publish(flow, [{ message: await askRefund(flow, orderId, 400) }]);
    await flow.drain();
    await tell(flow, aChargeback("lost", 0, { amountCents: 600 }));
    assert.deepEqual(await listGivenTwice(flow.db, 10), []);
    await tell(flow, aChargeback("lost", 60, { providerRef: "dp_2", amountCents: 100 }));
    const twice = await listGivenTwice(flow.db, 10);
    assert.deepEqual(twice.map(({ amountCents }) => amountCents), [100]);
  }));

Deno.test("a chargeback of an archived order brings it back, and keeps it until it is decided", () =>
  withWorkflow("chargeback_archived", async (flow) => {
    const orderId = await aPaidOrder(flow);
    await aPaidOrder(flow, "latest");
    await age(flow);
    await archiveAll(flow);
    assert.deepEqual(await archivedIds(flow), [orderId]);
    const taken = await tell(flow, aChargeback("needs_response", 0));
    assert.equal(taken.orderId, orderId);
    assert.deepEqual(await archivedIds(flow), []);
    await aPaidOrder(flow, "later");
    await archiveAll(flow);
    assert.deepEqual(await archivedIds(flow), [orderId + 1]);
    await tell(flow, aChargeback("won", 60));
    await aPaidOrder(flow, "last");
    await archiveAll(flow);
    assert.deepEqual(await archivedIds(flow), [orderId, orderId + 1]);
    assert.equal((await listChargebacksOf(flow.db, orderId)).length, 1);
    assert.equal((await verify(flow, { settleMs: 0 })).ok, true);
  }));

Deno.test("recordChargeback() refuses what can't be a chargeback, naming each fault", () =>
  withWorkflow("chargeback_faulty", async (flow) => {
    const faulty = aChargeback("lost", 0, {
      providerRef: "",
      amountCents: 1.5,
      currency: "eur",
      chargeRefs: [],
      happenedAt: new Date(Date.now() + 2 * 86_400_000),
    });
    await assert.rejects(tell(flow, faulty), (error) => {
      assert.ok(error instanceof WorkflowError);
      assert.deepEqual(error.faults.map(({ at }) => at), [
        "#/id",
        "#/charge_id",
        "#/amount_cents",
        "#/currency",
        "#/happened_at",
      ]);
      return true;
    });
  }));

Deno.test("recordChargeback() refuses times and amounts that no database holds", () =>
  withWorkflow("chargeback_beyond", async (flow) => {
    const beyond = aChargeback("lost", 0, {
      amountCents: Number.MAX_SAFE_INTEGER,
      dueBy: new Date("+275760-09-13T00:00:00Z"),
      openedAt: new Date("-000001-01-01T00:00:00Z"),
    });
    await assert.rejects(tell(flow, beyond), (error) => {
      assert.ok(error instanceof WorkflowError);
      assert.deepEqual(error.faults.map(({ at }) => at), [
        "#/amount_cents",
        "#/due_by",
        "#/opened_at",
      ]);
      return true;
    });
  }));

Deno.test("a process that dies anywhere while it records a chargeback leaves one effect, once it is told again", () =>
  withWorkflow("chargeback_crash", async (flow) => {
    let isAlive = false;
    for (let moment = 0; !isAlive; moment++) {
      assert.ok(moment < 200, "it ends");
      const name = `c${moment}`;
      const orderId = await aPaidOrder(flow, name);
      await publish(flow, [{ message: await askRefund(flow, orderId, 400) }]);
      await flow.drain();
      const one = aChargeback("lost", 60, { providerRef: name, chargeRefs: [`sim_of_${name}`] });
      const fate = fateAfter(moment);
      const doomed = { ...flow, ...mortal(flow, fate, "doomed") };
      await tell(doomed, one).catch((error) => assert.ok(fate.dead, error));
      isAlive = !fate.dead;
      await tell(flow, one);
      await countChargebacks(flow);
      assert.deepEqual(await figuresOn(flow), [
        -1_000 * (moment + 1),
        moment + 1,
        1_000 * (moment + 1),
      ]);
      assert.equal((await stepsOf(flow, orderId)).length, 1, `steps after a crash at ${moment}`);
    }
    const [twice] = await flow.rows(
      "select count(*) as n, sum(amount_cents) as cents from money_given_twice",
    );
    const [orders] = await flow.rows("select count(*) as n from orders");
    assert.deepEqual([twice!.n, Number(twice!.cents)], [orders!.n, 400 * Number(orders!.n)]);
    await assertConsistent(flow);
  }));
