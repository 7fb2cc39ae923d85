import assert from "node:assert/strict";
import { listLedger } from "../../../db/ledger/ledger_list.ts";
import { listDisputes } from "../../../db/payments/payment_disputes.ts";
import { listMoneyByHand, sumMoneyByHand } from "../../../db/refunds/refunds_by_hand.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import { decideAndPublish } from "../../../services/payments/decide_payment.ts";
import {
  decideByHandAndPublish,
  returnPaymentByHand,
} from "../../../services/refunds/refund_by_hand.ts";
import { takeBack } from "../../../services/refunds/take_refund_news.ts";
import type { Gateway } from "../../../streams/payments/gateway.ts";
import { verify } from "../../../streams/verification/verify.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import {
  aChargeback,
  aPaidOrder,
  aReturnedPayment,
  aSecondPayment,
  reverseMessage,
  tell,
} from "../../chargebacks.ts";
import { anOperator } from "../../operator.ts";
import { askRefund } from "../../settled_workflow.ts";
import { addPaid } from "../../source_orders.ts";
import { assertConsistent } from "../../streams/consistent.ts";
import { anOrder, withWorkflow, type Workflow } from "../../workflow.ts";

const refusedAs = (code: string, message: RegExp) => (error: unknown) =>
  error instanceof WorkflowError && error.code === code && message.test(error.message);

const isContested = refusedAs("refund_not_by_hand", /contests it at the bank.*wait until/);

const desk = anOperator("desk");

/** Of the customer's, in the ledger of an order. */
async function customerOwed(flow: Workflow, orderId: number): Promise<number> {
  const { entries } = await listLedger(flow.db, { orderId }, { after: null, limit: 100 });
  return 0 - entries.filter(({ account }) => account === "customer")
    .reduce((sum, { amountCents }) => sum + amountCents, 0);
}

/** What waits for a person, in cents; the list and its sum say the same. */
async function waiting(flow: Workflow): Promise<number[]> {
  const listed = (await listMoneyByHand(flow.db, { limit: 10 })).map((one) => one.amountCents);
  const [sum] = await sumMoneyByHand(flow.db);
  assert.equal(sum?.amountCents ?? 0, listed.reduce((all, cents) => all + cents, 0));
  return listed;
}

/** A refund of 4.00 EUR of an order of 10.00 that was paid at its source: it waits for a person. */
async function aRefundByHand(flow: Workflow) {
  const provider = "elsewhere";
  const [orderId] = await addPaid(flow, [anOrder("1", [{ sku: "a", qty: 10 }])], { provider });
  await flow.drain();
  const message = await askRefund(flow, orderId!, 400);
  await publish(flow, [{ message }]);
  await flow.drain();
  const of = { provider, chargeRefs: ["src_1"] };
  return { orderId: orderId!, refundId: message.refundId, of };
}

Deno.test("a refund by hand is not given back while its charge is contested, and is once that is won", () =>
  withWorkflow("contested_refund", async (flow) => {
    const { orderId, refundId, of } = await aRefundByHand(flow);
    await tell(flow, aChargeback("needs_response", 60, of));
    const said = { refundId, verdict: "given_back", note: null } as const;
    await assert.rejects(decideByHandAndPublish(flow, said, desk), isContested);
    assert.deepEqual(await waiting(flow), [400]);
    await tell(flow, aChargeback("won", 120, of));
    assert.equal((await decideByHandAndPublish(flow, said, desk)).changed, true);
    await flow.drain();
    assert.equal((await flow.order(orderId)).refundedCents, 400);
    assert.deepEqual(await flow.rows("select * from money_given_twice"), []);
    await assertConsistent(flow);
  }));

Deno.test("a refund by hand of what the bank has taken can be refused only, and one of what is left given back", () =>
  withWorkflow("contested_refund_lost", async (flow) => {
    const { orderId, refundId, of } = await aRefundByHand(flow);
    const said = { refundId, verdict: "given_back", note: null } as const;
    await tell(flow, aChargeback("lost", 60, { ...of, amountCents: 700 }));
    await assert.rejects(
      decideByHandAndPublish(flow, said, desk),
      refusedAs("refund_not_by_hand", /7\.00 EUR are charged back; refuse it$/),
    );
    await tell(flow, aChargeback("lost", 120, { ...of, amountCents: 600 }));
    await decideByHandAndPublish(flow, said, desk);
    await flow.drain();
    assert.equal((await flow.order(orderId)).refundedCents, 400);
    assert.deepEqual(await flow.rows("select * from money_given_twice"), []);
    await assertConsistent(flow);
  }));

Deno.test("a refund by hand of what the bank has taken is refused by a person", () =>
  withWorkflow("contested_refund_refused", async (flow) => {
    const { refundId, of } = await aRefundByHand(flow);
    await tell(flow, aChargeback("needs_response", 60, of));
    const said = { refundId, verdict: "refused", note: "at the bank" } as const;
    assert.equal((await decideByHandAndPublish(flow, said, desk)).changed, true);
    await flow.drain();
    assert.deepEqual(await waiting(flow), []);
    await assertConsistent(flow);
  }));

/** A payment of 10.00 EUR beside an order's own that went back whole and came back: it waits for a person. */
async function aPaymentByHand(flow: Workflow) {
  const orderId = await aPaidOrder(flow);
  await aReturnedPayment(flow, orderId);
  return { orderId, message: reverseMessage(orderId), of: { chargeRefs: ["second"] } };
}

Deno.test("a payment by hand is not given back while it is contested, and goes back once: by the bank, or by a person", () =>
  withWorkflow("contested_payment", async (flow) => {
    const { orderId, of } = await aPaymentByHand(flow);
    await tell(flow, aChargeback("under_review", 60, of));
    await assert.rejects(returnPaymentByHand(flow, orderId, null, desk), isContested);
    await tell(flow, aChargeback("won", 120, of));
    await returnPaymentByHand(flow, orderId, null, desk);
    assert.equal(await customerOwed(flow, orderId), 0);
    assert.deepEqual(await flow.rows("select * from money_given_twice"), []);
    await assertConsistent(flow);
  }));

Deno.test("of a payment of which the bank has taken a part a person gives back the rest, and that part where its appeal is won", () =>
  withWorkflow("contested_payment_part", async (flow) => {
    const { orderId, message, of } = await aPaymentByHand(flow);
    const part = { ...of, amountCents: 300 };
    await tell(flow, aChargeback("lost", 60, part));
    assert.deepEqual(await waiting(flow), [700]);
    await returnPaymentByHand(flow, orderId, "t 1", desk);
    assert.deepEqual(await waiting(flow), []);
    assert.deepEqual(await flow.rows("select * from money_given_twice"), []);
    await flow.drain();
    assert.equal(await customerOwed(flow, orderId), 0);
    await assertConsistent(flow);

    await tell(flow, aChargeback("won", 120, part));
    assert.deepEqual(await waiting(flow), [300]);
    assert.equal(await customerOwed(flow, orderId), 300);
    await publish(flow, [{ message }]);
    await flow.drain();
    await assertConsistent(flow);
    // The bank takes some of it once more, and later the rest of that: nobody is to give it back then.
    const less = { ...of, amountCents: 200, reason: "again" };
    await tell(flow, aChargeback("lost", 180, less));
    assert.deepEqual(await waiting(flow), [100]);
    await returnPaymentByHand(flow, orderId, "t 2", desk);
    const [waits] = await flow.rows("select id from payments where surplus = 1");
    const again = { paymentId: Number(waits!.id) };
    assert.equal((await returnPaymentByHand(flow, orderId, "t 2", desk, again)).changed, false);
    assert.deepEqual(await waiting(flow), []);
    assert.equal(await customerOwed(flow, orderId), 0);
    await tell(flow, aChargeback("won", 240, less));
    assert.deepEqual(await waiting(flow), [200]);
    assert.equal(await customerOwed(flow, orderId), 200);
    await assertConsistent(flow);
    await tell(flow, aChargeback("lost", 300, { ...less, reason: "for good" }));
    assert.deepEqual(await waiting(flow), []);
    assert.equal(await customerOwed(flow, orderId), 0);
    const told = await flow.rows(
      "select detail from order_events where event = 'payment_returned' order by id",
    );
    assert.deepEqual(told.map(({ detail }) => detail), [
      "7.00 EUR by second: t 1",
      "1.00 EUR by second: t 2",
    ]);
    assert.deepEqual(await flow.rows("select * from money_given_twice"), []);
    await assertConsistent(flow);
  }));

Deno.test("a part that a chargeback gave back, and that is lost no more, is over once a person gave it back", () =>
  withWorkflow("contested_payment_won", async (flow) => {
    const { orderId, of } = await aPaymentByHand(flow);
    const part = { ...of, amountCents: 300 };
    await tell(flow, aChargeback("lost", 60, part));
    await returnPaymentByHand(flow, orderId, null, desk);
    await tell(flow, aChargeback("won", 120, part));
    await returnPaymentByHand(flow, orderId, null, desk);
    assert.deepEqual(await waiting(flow), []);
    assert.equal(await customerOwed(flow, orderId), 0);
    await assertConsistent(flow);
  }));

Deno.test("chargebacks that take more than a payment gave back no more than it was of", () =>
  withWorkflow("contested_payment_more", async (flow) => {
    const { of } = await aPaymentByHand(flow);
    await tell(flow, aChargeback("lost", 60, { ...of, amountCents: 800 }));
    assert.deepEqual(await waiting(flow), [200]);
    await tell(flow, aChargeback("lost", 120, { ...of, amountCents: 400, providerRef: "dp_2" }));
    assert.deepEqual(await waiting(flow), []);
    const rows = await flow.rows("select gave_back_cents from chargebacks order by id");
    assert.deepEqual(rows.map((row) => row.gave_back_cents), [800, 200]);
    await flow.drain();
    await assertConsistent(flow);
  }));

Deno.test("a payment beside an order's own is not dismissed while it is contested, and given back it waits for the bank", () =>
  withWorkflow("contested_dispute", async (flow) => {
    const orderId = await aPaidOrder(flow);
    await aSecondPayment(flow, orderId, "REVERSING");
    await flow.rows("update payments set status = 'DISPUTED' where surplus = 1");
    await flow.rows(
      "insert into payment_disputes (payment_id, order_id) select id, order_id from payments where surplus = 1",
    );
    const of = { chargeRefs: ["second"] };
    await tell(flow, aChargeback("needs_response", 60, of));
    await assert.rejects(
      decideAndPublish(flow, orderId, "dismiss", desk),
      refusedAs("payment_not_disputed", /Cannot dismiss the payment.*contests it at the bank$/),
    );
    const refund: Gateway["refund"] = () => assert.fail("it is contested");
    const careful = { ...flow, gateway: { ...flow.gateway, refund } };
    await decideAndPublish(careful, orderId, "give_back", desk);
    await flow.turn("payments");
    await tell(flow, aChargeback("lost", 120, of));
    await flow.drain();
    const [row] = await flow.rows("select status from payments where surplus = 1");
    assert.equal(row!.status, "REVERSED");
    assert.deepEqual(await flow.rows("select * from money_given_twice"), []);
  }));

/** A payment of 10.00 EUR beside an order's own that a person dismissed after the bank had taken so much of it. */
async function aDismissed(flow: Workflow, lostCents: number) {
  const orderId = await aPaidOrder(flow);
  await aSecondPayment(flow, orderId, "REVERSING");
  await flow.rows("update payments set status = 'DISPUTED' where surplus = 1");
  await flow.rows(
    "insert into payment_disputes (payment_id, order_id) select id, order_id from payments where surplus = 1",
  );
  const of = { chargeRefs: ["second"], amountCents: lostCents };
  await tell(flow, aChargeback("lost", 60, of));
  await decideAndPublish(flow, orderId, "dismiss", desk);
  await flow.drain();
  assert.equal(await customerOwed(flow, orderId), 0);
  assert.deepEqual(await flow.rows("select * from money_given_twice"), []);
  return { orderId, of };
}

const statusOf = async (flow: Workflow) =>
  (await flow.rows("select status from payments where surplus = 1"))[0]!.status;

Deno.test("a payment that was dismissed because the bank had it waits for a decision again where its appeal is won", () =>
  withWorkflow("dismissed_won", async (flow) => {
    const { orderId, of } = await aDismissed(flow, 1_000);
    const won = aChargeback("won", 120, of);
    await Promise.all([tell(flow, won), tell(flow, won)]);
    assert.equal(await statusOf(flow), "DISPUTED");
    assert.deepEqual((await listDisputes(flow.db, 10)).map((one) => one.amountCents), [1_000]);
    assert.equal(await customerOwed(flow, orderId), 1_000);
    await assertConsistent(flow);
    const told = await flow.rows(
      "select detail from order_events where event = 'payment_disputed' order by id",
    );
    assert.deepEqual(told.map(({ detail }) => detail), [
      "10.00 EUR by second: the chargeback is lost no more",
    ]);
    await decideAndPublish(flow, orderId, "give_back", desk);
    await flow.drain();
    assert.equal(await statusOf(flow), "REVERSED");
    assert.equal(await customerOwed(flow, orderId), 0);
    assert.deepEqual(await listDisputes(flow.db, 10), []);
    await assertConsistent(flow);
  }));

Deno.test("what was dismissed because the bank had it is dismissed again where the bank takes it once more", () =>
  withWorkflow("dismissed_again", async (flow) => {
    const { orderId, of } = await aDismissed(flow, 1_000);
    await tell(flow, aChargeback("won", 120, of));
    await tell(flow, aChargeback("lost", 180, { ...of, reason: "again" }));
    assert.equal((await decideAndPublish(flow, orderId, "dismiss", desk)).changed, true);
    assert.equal(await customerOwed(flow, orderId), 0);
    assert.deepEqual(await flow.rows("select * from money_given_twice"), []);
    const { checks } = await verify(flow, { settleMs: 0 });
    assert.deepEqual(checks.filter(({ ok }) => !ok), []);
    await tell(flow, aChargeback("won", 240, of));
    assert.deepEqual((await listDisputes(flow.db, 10)).map((one) => one.amountCents), [1_000]);
    assert.equal(await customerOwed(flow, orderId), 1_000);
  }));

for (
  const [what, lost, afterwards, owed] of [
    ["had a part of it", 300, "won", 300],
    ["corrects how much it had", 1_000, "lost", 300],
  ] as const
) {
  Deno.test(`of a payment that was dismissed when the bank ${what} that part alone is for a person where it is lost no more`, () =>
    withWorkflow(`dismissed_part_${lost}`, async (flow) => {
      const { orderId, of } = await aDismissed(flow, lost);
      await tell(
        flow,
        aChargeback(afterwards, 120, { ...of, amountCents: afterwards === "won" ? lost : 700 }),
      );
      assert.equal(await statusOf(flow), "DISMISSED");
      assert.deepEqual(await waiting(flow), [owed]);
      assert.equal(await customerOwed(flow, orderId), owed);
      await assertConsistent(flow);
      const [payment] = await flow.rows("select id from payments where surplus = 1");
      const named = { paymentId: Number(payment!.id) };
      assert.equal(
        (await returnPaymentByHand(flow, orderId, "t 1", desk, named)).changed,
        true,
      );
      assert.equal(
        (await returnPaymentByHand(flow, orderId, "t 1", desk, named)).changed,
        false,
      );
      assert.deepEqual(await waiting(flow), []);
      assert.equal(await customerOwed(flow, orderId), 0);
      assert.deepEqual(await flow.rows("select * from money_given_twice"), []);
      await flow.drain();
      await assertConsistent(flow);
    }));
}

Deno.test("a part of a dismissed payment that waits for a person waits no more where the bank takes it again", () =>
  withWorkflow("dismissed_part_again", async (flow) => {
    const { orderId, of } = await aDismissed(flow, 300);
    await tell(flow, aChargeback("won", 120, of));
    assert.deepEqual(await waiting(flow), [300]);
    await tell(flow, aChargeback("lost", 180, { ...of, reason: "again" }));
    assert.deepEqual(await waiting(flow), []);
    assert.equal(await statusOf(flow), "DISMISSED");
    assert.equal(await customerOwed(flow, orderId), 0);
    assert.deepEqual(await flow.rows("select * from money_given_twice"), []);
    await assertConsistent(flow);
  }));

Deno.test("a part of a dismissed payment that waits for a person is decided about with all of it once the bank has none", () =>
  withWorkflow("dismissed_part_won", async (flow) => {
    const { orderId, of } = await aDismissed(flow, 1_000);
    await tell(flow, aChargeback("lost", 120, { ...of, amountCents: 700 }));
    assert.deepEqual(await waiting(flow), [300]);
    await tell(flow, aChargeback("won", 180, { ...of, amountCents: 700 }));
    assert.deepEqual(await waiting(flow), []);
    assert.deepEqual((await listDisputes(flow.db, 10)).map((one) => one.amountCents), [1_000]);
    const [payment] = await flow.rows("select id from payments where surplus = 1");
    const named = { paymentId: Number(payment!.id) };
    await assert.rejects(
      returnPaymentByHand(flow, orderId, "t 1", desk, named),
      refusedAs("refund_not_by_hand", /no money of it is to be given back|needs a refund/),
    );
    await decideAndPublish(flow, orderId, "give_back", desk);
    await flow.drain();
    assert.equal(await statusOf(flow), "REVERSED");
    assert.equal(await customerOwed(flow, orderId), 0);
    assert.deepEqual(await flow.rows("select * from money_given_twice"), []);
    await assertConsistent(flow);
  }));

Deno.test("a refund that came back is not paid again by a person while its charge is contested, nor once that is lost", () =>
  withWorkflow("contested_again", async (flow) => {
    const orderId = await aPaidOrder(flow);
    const message = await askRefund(flow, orderId, 400);
    await publish(flow, [{ message }]);
    await flow.drain();
    const { refundId } = message;
    const told = {
      refundId,
      provider: "simulated",
      reason: null,
      returnedAt: "2026-03-02 00:00:00",
    };
    assert.equal((await takeBack(flow, told, "test"))?.outcome, "return");
    const payAgain = () =>
      decideByHandAndPublish(flow, { refundId, verdict: "given_back", note: "SEPA 1" }, desk);
    for (const [state, second] of [["needs_response", 60], ["lost", 120]] as const) {
      await tell(flow, aChargeback(state, second));
      await assert.rejects(payAgain(), WorkflowError, state);
    }
    await tell(flow, aChargeback("won", 180));
    assert.equal((await payAgain()).changed, true);
    await flow.drain();
    assert.equal((await flow.order(orderId)).refundedCents, 400);
  }));
