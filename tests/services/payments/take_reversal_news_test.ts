import assert from "node:assert/strict";
import { listLedger } from "../../../db/ledger/ledger_list.ts";
import { eraseFreeTexts } from "../../../db/customers/personal_texts.ts";
import { readInstallation } from "../../../db/payments/installation.ts";
import { listMoneyByHand } from "../../../db/refunds/refunds_by_hand.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import { reversalKeyOf } from "../../../domain/payment/payment_key.ts";
import { cancelOrder } from "../../../services/orders/cancel_order.ts";
import { returnPaymentByHand } from "../../../services/refunds/refund_by_hand.ts";
import { type RefundNews, takeRefundNews } from "../../../services/refunds/take_refund_news.ts";
import type { Gateway, RefundStatusAnswer } from "../../../streams/payments/gateway.ts";
import { reversePayments } from "../../../streams/handlers/payment_reverse.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { age, archiveAll, archivedIds } from "../../archived.ts";
import {
  aChargeback,
  aPaidOrder,
  aReversedPayment,
  reverseMessage,
  tell,
} from "../../chargebacks.ts";
import { anOperator } from "../../operator.ts";
import { askRefund } from "../../settled_workflow.ts";
import { assertConsistent } from "../../streams/consistent.ts";
import { fateAfter, mortal } from "../../streams/queue/crash.ts";
import { anOrder, withWorkflow, type Workflow } from "../../workflow.ts";

/** A cancelled order whose money of 1.00 EUR came too late and is to go back. @returns its id */
async function aLatePayment(flow: Workflow, name = "1"): Promise<number> {
  const [order] = await flow.add([anOrder(name, [{ sku: "a", qty: 1 }])]);
  await flow.turn("orders");
  const orderId = order!.orderId!;
  await cancelOrder(flow.db, orderId, "test");
  const message = {
    type: "payment.callback",
    orderId,
    amountCents: 100,
    currency: "EUR",
    outcome: "succeeded",
    provider: "simulated",
    providerRef: `sim_of_${name}`,
  } as const;
  await publish(flow, [{ message }]);
  return orderId;
}

/** The same, where it has gone back. @returns its id */
async function aReversal(flow: Workflow, name = "1"): Promise<number> {
  const orderId = await aLatePayment(flow, name);
  await flow.drain();
  assert.deepEqual(await statesOf(flow, orderId), ["REVERSED"]);
  return orderId;
}

async function statesOf(flow: Workflow, orderId: number) {
  const rows = await flow.rows("select status from payments where order_id = ? order by surplus", [
    orderId,
  ]);
  return rows.map(({ status }) => status);
}

/** What the provider says of the money that went back: that it came back. */
async function cameBack(
  flow: Workflow,
  orderId: number,
  change: Partial<RefundNews["refund"]> = {},
): Promise<RefundNews> {
  const [row] = await flow.rows(
    `select provider_ref, payments.amount_cents, paid_at, external_order_id
    from payments join orders on orders.id = order_id
    where order_id = ? order by surplus desc limit 1`,
    [orderId],
  );
  const payment = {
    orderId,
    externalOrderId: String(row!.external_order_id),
    provider: "simulated",
    providerRef: String(row!.provider_ref),
    amountCents: Number(row!.amount_cents),
    paidAt: String(row!.paid_at),
  };
  const refund = {
    ref: `re_${orderId}`,
    state: "refused",
    reason: "account_closed",
    amountCents: payment.amountCents,
    currency: "EUR",
    chargeRefs: [payment.providerRef],
    key: reversalKeyOf(await readInstallation(flow.db), payment),
    ...change,
  } as const;
  return { provider: "simulated", refund, happenedAt: new Date() };
}

async function customerOwed(flow: Workflow, orderId: number): Promise<number> {
  const { entries } = await listLedger(flow.db, { orderId }, { after: null, limit: 50 });
  return entries.filter(({ account }) => account === "customer")
    .reduce((sum, { amountCents }) => sum - amountCents, 0);
}

function told(flow: Workflow, answer: RefundStatusAnswer) {
  const asked: string[] = [];
  const refundStatus: Gateway["refundStatus"] = (requests) => {
    asked.push(...requests.map(({ idempotencyKey }) => idempotencyKey));
    return Promise.resolve(requests.map(() => answer));
  };
  return { gateway: { ...flow.gateway, refundStatus }, asked };
}

const isAskedLater = (error: unknown) =>
  error instanceof WorkflowError && error.code === "charge_not_known";

Deno.test("a payment that its provider takes back after it went back is owed again, and waits for a person, once", () =>
  withWorkflow("reversal_back", async (flow) => {
    const orderId = await aReversal(flow);
    assert.equal(await customerOwed(flow, orderId), 0);
    const news = await cameBack(flow, orderId);
    const outcomes = await Promise.all([1, 2, 3].map(() => takeRefundNews(flow, news)));
    assert.deepEqual(outcomes.sort(), ["already_returned", "already_returned", "return"]);
    await flow.drain();
    assert.deepEqual(await statesOf(flow, orderId), ["REVERSING"]);
    assert.equal(await customerOwed(flow, orderId), 100);
    const waiting = await listMoneyByHand(flow.db, { limit: 10 });
    assert.deepEqual(
      waiting.map((one) => [one.orderId, one.providerRef, one.amountCents, one.refundId]),
      [[orderId, "sim_of_1", 100, null]],
    );
    const steps = await flow.rows(
      "select event, detail from order_events where order_id = ? order by id desc limit 2",
      [orderId],
    );
    assert.deepEqual(steps.map(({ event, detail }) => [event, detail]).reverse(), [
      ["payment_reversal_returned", "1.00 EUR by sim_of_1: taken back by simulated"],
      ["payment_by_hand", '1.00 EUR: "simulated" took it back: account_closed'],
    ]);
    await assertConsistent(flow);

    // Nobody asks the provider again: it would say the same of the same key.
    const deps = { ...flow, gateway: { ...flow.gateway, refund: () => assert.fail("asked") } };
    await publish(deps, [{ message: reverseMessage(orderId, 100) }]);
    await flow.drain();
    const done = [1, 2].map(() => returnPaymentByHand(flow, orderId, "SEPA 17", anOperator()));
    const changed = (await Promise.all(done)).map((one) => one.changed);
    assert.deepEqual(changed.sort(), [false, true]);
    assert.deepEqual(await statesOf(flow, orderId), ["REVERSED"]);
    assert.equal(await customerOwed(flow, orderId), 0);
    // What is told once more, however late, is of what came back before.
    assert.equal(await takeRefundNews(flow, news), "already_returned");
    assert.deepEqual(await listMoneyByHand(flow.db, { limit: 10 }), []);
    await assertConsistent(flow);
  }));

Deno.test("money beside an order's payment that comes back waits for a person as well", () =>
  withWorkflow("reversal_back_second", async (flow) => {
    const orderId = await aPaidOrder(flow);
    await aReversedPayment(flow, orderId, 1_000);
    assert.deepEqual(await statesOf(flow, orderId), ["SUCCEEDED", "REVERSED"]);
    assert.equal(await takeRefundNews(flow, await cameBack(flow, orderId)), "return");
    assert.equal(await customerOwed(flow, orderId), 1_000);
    const [waiting] = await listMoneyByHand(flow.db, { limit: 10 });
    assert.equal(waiting!.providerRef, "second");
    await returnPaymentByHand(flow, orderId, null, anOperator());
    assert.deepEqual(await statesOf(flow, orderId), ["SUCCEEDED", "REVERSED"]);
    assert.equal(await customerOwed(flow, orderId), 0);
    await flow.drain();
    await assertConsistent(flow);
  }));

Deno.test("what a person gave back of one payment says nothing of another one of the same order", () =>
  withWorkflow("reversal_back_two", async (flow) => {
    const orderId = await aReversal(flow);
    const first = await cameBack(flow, orderId);
    await aReversedPayment(flow, orderId, 100);
    assert.equal(await takeRefundNews(flow, await cameBack(flow, orderId)), "return");
    await returnPaymentByHand(flow, orderId, "paid: by hand", anOperator());
    const said = async () =>
      (await flow.rows("select detail from order_events where event = 'payment_returned'"))[0]!
        .detail;
    const before = await said();
    await eraseFreeTexts(flow.db, [orderId]);
    assert.equal(await takeRefundNews(flow, first), "return");
    assert.deepEqual([before, await said()], [
      "1.00 EUR by second: paid: by hand",
      "1.00 EUR by second",
    ]);
    assert.deepEqual(await statesOf(flow, orderId), ["REVERSING", "REVERSED"]);
    assert.equal(await customerOwed(flow, orderId), 100);
    await returnPaymentByHand(flow, orderId, "by hand", anOperator());
    assert.deepEqual(await statesOf(flow, orderId), ["REVERSED", "REVERSED"]);
    assert.equal(await customerOwed(flow, orderId), 0);
  }));

Deno.test("of two payments that wait for a person the named one is given back, however often that is said", () =>
  withWorkflow("reversal_back_named", async (flow) => {
    const orderId = await aReversal(flow);
    await takeRefundNews(flow, await cameBack(flow, orderId));
    await aReversedPayment(flow, orderId, 100);
    await takeRefundNews(flow, await cameBack(flow, orderId));
    const [first, second] = (await listMoneyByHand(flow.db, { limit: 10 }))
      .map(({ paymentId }) => paymentId!) as [number, number];
    const say = (paymentId?: number) =>
      returnPaymentByHand(flow, orderId, null, anOperator(), { paymentId });
    await assert.rejects(say(), new RegExp(`Payments ${first}, ${second} of order .* which one`));
    await assert.rejects(say(999), /has no payment 999/);
    const changed = (await Promise.all([say(second), say(second)])).map((one) => one.changed);
    assert.deepEqual(changed.sort(), [false, true]);
    assert.deepEqual(await statesOf(flow, orderId), ["REVERSING", "REVERSED"]);
    assert.equal(await customerOwed(flow, orderId), 100);
    assert.deepEqual([await say(first), await say(first), await say(second)], [
      { changed: true },
      { changed: false },
      { changed: false },
    ]);
    assert.equal(await customerOwed(flow, orderId), 0);
  }));

Deno.test("a payment that comes back is another's, not known yet, of another amount, or still under way", () =>
  withWorkflow("reversal_back_other", async (flow) => {
    const orderId = await aReversal(flow);
    const key = `reversal_${"0".repeat(40)}`;
    for (const other of [{ key }, { chargeRefs: ["ch_other"] }]) {
      const news = await cameBack(flow, orderId, other);
      await assert.rejects(takeRefundNews(flow, news), isAskedLater);
    }
    const less = await cameBack(flow, orderId, { amountCents: 99 });
    assert.equal(await takeRefundNews(flow, less), "other");
    await flow.rows("update payments set status = 'REVERSING'");
    const news = await cameBack(flow, orderId);
    await assert.rejects(takeRefundNews(flow, news), isAskedLater);
    await flow.rows("update payments set status = 'REVERSED'");
    assert.deepEqual(await listMoneyByHand(flow.db, { limit: 10 }), []);
    // A provider that repeats no keys names the charge.
    assert.equal(
      await takeRefundNews(flow, await cameBack(flow, orderId, { key: null })),
      "return",
    );
  }));

Deno.test("a payment that comes back and is lost at the bank went back once", () =>
  withWorkflow("reversal_back_charged", async (flow) => {
    const orderId = await aReversal(flow);
    await tell(flow, aChargeback("lost", 60, { amountCents: 100 }));
    assert.equal(await takeRefundNews(flow, await cameBack(flow, orderId)), "charged_back");
    assert.deepEqual(await statesOf(flow, orderId), ["REVERSED"]);
    assert.deepEqual(await listMoneyByHand(flow.db, { limit: 10 }), []);
    const open = await flow.rows("select id from money_given_twice where ended_as is null");
    assert.deepEqual(open, []);
    assert.equal(await customerOwed(flow, orderId), 0);
    await assertConsistent(flow);
    assert.equal(await takeRefundNews(flow, await cameBack(flow, orderId)), "already_returned");
  }));

Deno.test("a payment that waits for a person and is lost at the bank waits no more, unless an appeal is won", () =>
  withWorkflow("reversal_back_lost", async (flow) => {
    const orderId = await aReversal(flow);
    assert.equal(await takeRefundNews(flow, await cameBack(flow, orderId)), "return");
    const waiting = async () => (await listMoneyByHand(flow.db, { limit: 10 })).length;
    await tell(flow, aChargeback("needs_response", 10, { amountCents: 100 }));
    assert.equal(await waiting(), 1);
    const lost = aChargeback("lost", 60, { amountCents: 100 });
    await Promise.all([tell(flow, lost), tell(flow, lost)]);
    assert.equal(await waiting(), 0);
    assert.deepEqual(await statesOf(flow, orderId), ["REVERSED"]);
    assert.equal(await customerOwed(flow, orderId), 0);
    await assert.rejects(returnPaymentByHand(flow, orderId, null, anOperator()), /no money of it/);
    assert.deepEqual(await flow.rows("select id from money_given_twice"), []);
    await assertConsistent(flow);
    await tell(flow, aChargeback("won", 120, { amountCents: 100 }));
    await publish(flow, [{ message: reverseMessage(orderId, 100) }]);
    await flow.drain();
    assert.equal(await waiting(), 1);
    assert.equal(await customerOwed(flow, orderId), 100);
    await returnPaymentByHand(flow, orderId, null, anOperator());
    await assertConsistent(flow);
  }));

Deno.test("a payment that came back and is not lost at the bank after all waits for a person, and its provider is not asked", () =>
  withWorkflow("reversal_back_appealed", async (flow) => {
    const orderId = await aReversal(flow);
    await tell(flow, aChargeback("lost", 60, { amountCents: 100 }));
    assert.equal(await takeRefundNews(flow, await cameBack(flow, orderId)), "charged_back");
    await tell(flow, aChargeback("won", 120, { amountCents: 100 }));
    assert.equal(await customerOwed(flow, orderId), 100);
    const message = reverseMessage(orderId, 100);
    await publish(flow, [{ message }, { message }]);
    await flow.drain();
    assert.deepEqual(await statesOf(flow, orderId), ["REVERSING"]);
    assert.equal(await customerOwed(flow, orderId), 100);
    const [waiting, ...others] = await listMoneyByHand(flow.db, { limit: 10 });
    assert.deepEqual([waiting!.providerRef, waiting!.amountCents, others], ["sim_of_1", 100, []]);
    await assertConsistent(flow);
    await returnPaymentByHand(flow, orderId, null, anOperator());
    assert.deepEqual(await statesOf(flow, orderId), ["REVERSED"]);
    assert.equal(await customerOwed(flow, orderId), 0);
    await assertConsistent(flow);
  }));

Deno.test("a process that stood still since its provider gave a payment back does not end what came back meanwhile", () =>
  withWorkflow("reversal_back_zombie", async (flow) => {
    const orderId = await aLatePayment(flow);
    await flow.turn("payments");
    assert.deepEqual(await statesOf(flow, orderId), ["REVERSING"]);
    const refund: Gateway["refund"] = async (requests, options) => {
      const answers = await flow.gateway.refund(requests, options);
      await flow.drain();
      assert.deepEqual(await statesOf(flow, orderId), ["REVERSED"]);
      assert.equal(await takeRefundNews(flow, await cameBack(flow, orderId)), "return");
      return answers;
    };
    const zombie = { ...flow, gateway: { ...flow.gateway, refund }, consumer: "zombie" };
    const message = reverseMessage(orderId, 100);
    const outcomes = await reversePayments(zombie, [{ id: "1-1", message, attempt: 1 }]);
    assert.deepEqual(outcomes.map(({ kind }) => kind), ["done"]);
    assert.deepEqual(await statesOf(flow, orderId), ["REVERSING"]);
    assert.equal(await customerOwed(flow, orderId), 100);
    assert.equal((await listMoneyByHand(flow.db, { limit: 10 })).length, 1);
    await assertConsistent(flow);
  }));

Deno.test("a payment of an archived order that comes back brings its order back", () =>
  withWorkflow("reversal_back_archived", async (flow) => {
    const orderId = await aReversal(flow);
    const news = await cameBack(flow, orderId);
    await aPaidOrder(flow, "latest");
    await age(flow);
    await archiveAll(flow);
    assert.deepEqual(await archivedIds(flow), [orderId]);
    assert.equal(await takeRefundNews(flow, news), "return");
    assert.deepEqual(await archivedIds(flow), []);
    assert.deepEqual(await statesOf(flow, orderId), ["REVERSING"]);
    await assertConsistent(flow);
  }));

Deno.test("a process that dies anywhere while a payment is taken back leaves one effect, once it is told again", () =>
  withWorkflow("reversal_back_crash", async (flow) => {
    let isAlive = false;
    for (let moment = 0; !isAlive; moment++) {
      assert.ok(moment < 200, "it ends");
      const orderId = await aReversal(flow, `c${moment}`);
      const news = await cameBack(flow, orderId);
      const fate = fateAfter(moment);
      const doomed = { ...flow, ...mortal(flow, fate, "doomed") };
      await takeRefundNews(doomed, news).catch((error) => assert.ok(fate.dead, error));
      isAlive = !fate.dead;
      await takeRefundNews(flow, news);
      assert.deepEqual(await statesOf(flow, orderId), ["REVERSING"], `crash at ${moment}`);
      assert.equal(await customerOwed(flow, orderId), 100, `crash at ${moment}`);
      const [steps] = await flow.rows(
        "select count(*) as n from order_events where order_id = ? and event like 'payment_reversal%'",
        [orderId],
      );
      assert.equal(Number(steps!.n), 1);
    }
    await flow.drain();
    await assertConsistent(flow);
  }));

Deno.test("no word that a refund or a payment came back counts before its provider says the same when it is asked", () =>
  withWorkflow("back_is_asked", async (flow) => {
    const reversed = await aReversal(flow);
    const paid = await aPaidOrder(flow, "2");
    const message = await askRefund(flow, paid, 400);
    await publish(flow, [{ message }]);
    await flow.drain();
    const [refund] = await flow.rows("select provider_key from refunds");
    const key = String(refund!.provider_key);
    const ofRefund = {
      provider: "simulated",
      refund: { ref: "re_1", state: "refused", amountCents: 400, currency: "EUR", key },
      happenedAt: new Date(),
    } as const;
    const statuses = async () => [
      ...await statesOf(flow, reversed),
      (await flow.rows("select status from refunds"))[0]!.status,
    ];
    for (const news of [ofRefund, await cameBack(flow, reversed)]) {
      const lies = told(flow, { kind: "refunded" });
      assert.equal(await takeRefundNews(flow, { ...news, gateway: lies.gateway }), "other");
      assert.deepEqual(lies.asked, [news.refund.key]);
      for (
        const answer of [
          { kind: "unknown" },
          { kind: "pending", delayMs: 1 },
          { kind: "failed", error: "no answer" },
          { kind: "away", error: "no route" },
        ] as const
      ) {
        await assert.rejects(
          takeRefundNews(flow, { ...news, gateway: told(flow, answer).gateway }),
          isAskedLater,
        );
      }
    }
    assert.deepEqual(await statuses(), ["REVERSED", "PROCESSED"]);
    for (const news of [ofRefund, await cameBack(flow, reversed)]) {
      const { gateway, asked } = told(flow, { kind: "refused", reason: "account_closed" });
      assert.equal(await takeRefundNews(flow, { ...news, gateway }), "return");
      assert.equal(await takeRefundNews(flow, { ...news, gateway }), "already_returned");
      assert.equal(asked.length, 1);
    }
    assert.deepEqual(await statuses(), ["REVERSING", "FAILED"]);
    await flow.drain();
    const [row] = await flow.rows("select failure_reason from refunds");
    assert.equal(row!.failure_reason, "taken back by simulated: account_closed");
    await assertConsistent(flow);
  }));
