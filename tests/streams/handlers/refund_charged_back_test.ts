import assert from "node:assert/strict";
import { readChargedBack, readContestedPayments } from "../../../db/payments/chargebacks.ts";
import { readReturned } from "../../../db/payments/returned_money.ts";
import { listGivenTwice } from "../../../db/refunds/given_twice.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import { requestRefund } from "../../../services/refunds/request_refunds.ts";
import { reversePayments } from "../../../streams/handlers/payment_reverse.ts";
import { applyRefunds } from "../../../streams/handlers/refund_process.ts";
import type { Gateway } from "../../../streams/payments/gateway.ts";
import { simulatedGateway } from "../../../streams/payments/providers/simulated.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { aChargeback, aPaidOrder, aSecondPayment, tell } from "../../chargebacks.ts";
import { askRefund } from "../../settled_workflow.ts";
import { openWorkflow, type Workflow } from "../../workflow.ts";
import { assertConsistent } from "../consistent.ts";

/** A provider that knows of refunds by their keys, and counts how often it is asked for one. */
function knowing(known: "unknown" | "refunded") {
  const asked: string[] = [];
  const gateway: Gateway = {
    ...simulatedGateway({ delayMs: 0 }),
    refund: (requests) => {
      asked.push(...requests.map(({ idempotencyKey }) => idempotencyKey));
      return Promise.resolve(requests.map(() => ({ kind: "refunded" })));
    },
    refundStatus: (requests) => Promise.resolve(requests.map(() => ({ kind: known }))),
  };
  return { gateway, asked };
}

async function withFlow(
  name: string,
  known: "unknown" | "refunded",
  work: (flow: Workflow, asked: string[]) => Promise<void>,
): Promise<void> {
  const { gateway, asked } = knowing(known);
  const flow = await openWorkflow(name, { gateway });
  try {
    await work(flow, asked);
  } finally {
    await flow.close();
  }
}

async function refundOf(flow: Workflow, id: number) {
  const [row] = await flow.rows("select status, failure_reason from refunds where id = ?", [id]);
  return [row!.status, row!.failure_reason];
}

Deno.test("a refund that waits while the customer goes to the bank is not paid out beside the chargeback", () =>
  withFlow("refund_contested", "unknown", async (flow, asked) => {
    const message = await askRefund(flow, await aPaidOrder(flow), 400);
    await tell(flow, aChargeback("needs_response", 0));
    await publish(flow, [{ message }]);
    await flow.drain();
    assert.deepEqual(asked, []);
    assert.deepEqual(await refundOf(flow, message.refundId), [
      "FAILED",
      "the customer contests the charge at the bank",
    ]);
    await assertConsistent(flow);
  }));

Deno.test("one that its provider has made before is booked, and told where the chargeback is lost as well", () =>
  withFlow("refund_made_before", "refunded", async (flow, asked) => {
    const orderId = await aPaidOrder(flow);
    const message = await askRefund(flow, orderId, 400);
    await tell(flow, aChargeback("lost", 0));
    const outcomes = await applyRefunds(flow, [{ id: "1-0", message, attempt: 1 }]);
    assert.equal(outcomes[0]!.kind, "done");
    assert.deepEqual(asked, []);
    assert.deepEqual(await refundOf(flow, message.refundId), ["PROCESSED", null]);
    const [twice] = await listGivenTwice(flow.db, 10);
    assert.deepEqual([twice!.orderId, twice!.amountCents, twice!.chargebackId], [orderId, 400, 1]);
  }));

Deno.test("what a bank took of a second charge leaves the first to be refunded", () =>
  withFlow("refund_second_lost", "unknown", async (flow) => {
    const orderId = await aPaidOrder(flow);
    await aSecondPayment(flow, orderId, "REVERSING");
    await tell(flow, aChargeback("lost", 0, { chargeRefs: ["second"] }));
    const message = await askRefund(flow, orderId, 1_000);
    await applyRefunds(flow, [{ id: "1-0", message, attempt: 1 }]);
    assert.deepEqual(await refundOf(flow, message.refundId), ["PROCESSED", null]);
  }));

Deno.test("of a charge that was lost in another currency nothing is left to refund", () =>
  withFlow("refund_lost_elsewhere", "unknown", async (flow, asked) => {
    const orderId = await aPaidOrder(flow);
    const message = await askRefund(flow, orderId, 400);
    await tell(flow, aChargeback("lost", 0, { currency: "USD", amountCents: 1 }));
    await publish(flow, [{ message }]);
    await flow.drain();
    assert.deepEqual(asked, []);
    assert.equal((await refundOf(flow, message.refundId))[0], "FAILED");
    const wish = { orderId, amountCents: 1, reason: null, idempotencyKey: null };
    await assert.rejects(requestRefund(flow.db, wish, "test"), WorkflowError);
  }));

Deno.test("what is lost of an order is what is lost of its payment, by whichever is looked at", () =>
  withFlow("refund_lost_alike", "unknown", async (flow) => {
    const orderId = await aPaidOrder(flow);
    const lost = async () => {
      const [payment] = await readReturned(flow.db, [orderId]);
      const contested = (await readContestedPayments(flow.db, [orderId])).get(payment!.paymentId);
      const order = (await readChargedBack(flow.db, [orderId])).get(orderId);
      return [order?.lostCents, contested?.lostCents ?? 0, payment!.lostCents];
    };
    let second = 0;
    const told = (news: Parameters<typeof aChargeback>[2]) =>
      tell(flow, aChargeback("lost", second++, news));
    await told({ amountCents: 300 });
    assert.deepEqual(await lost(), [300, 300, 300]);
    await told({ amountCents: 1_500 });
    assert.deepEqual(await lost(), [1_000, 1_000, 1_000]);
    await told({ amountCents: 1, currency: "USD" });
    assert.deepEqual(await lost(), [1_000, 1_000, 1_000]);
    await told({ amountCents: 200, providerRef: "dp_2" });
    assert.deepEqual(await lost(), [1_200, 1_200, 1_200]);
    await tell(flow, aChargeback("won", second++, {}));
    assert.deepEqual(await lost(), [200, 200, 200]);
  }));

Deno.test("what a part of a lost chargeback leaves can be refunded, and no cent more", () =>
  withFlow("refund_left", "unknown", async (flow, asked) => {
    const orderId = await aPaidOrder(flow);
    const request = (amountCents: number | null) =>
      requestRefund(flow.db, { orderId, amountCents, reason: null, idempotencyKey: null }, "test");
    await tell(flow, aChargeback("under_review", 0, { amountCents: 300 }));
    await assert.rejects(request(100), (error) => {
      assert.ok(error instanceof WorkflowError && error.code === "order_not_refundable");
      return /contests the charge at the bank/.test(error.message);
    });
    await tell(flow, aChargeback("lost", 60, { amountCents: 300 }));
    await assert.rejects(
      request(701),
      (error) => error instanceof WorkflowError && error.code === "refund_exceeds_left",
    );
    const { refund } = await request(null);
    assert.equal(refund.amountCents, 700);
    const message = {
      type: "refund.process",
      orderId,
      refundId: refund.id,
      amountCents: 700,
      currency: "EUR",
    } as const;
    await applyRefunds(flow, [{ id: "1-0", message, attempt: 1 }]);
    assert.equal(asked.length, 1);
    assert.deepEqual(await refundOf(flow, refund.id), ["PROCESSED", null]);
    assert.deepEqual(await listGivenTwice(flow.db, 10), []);
  }));

Deno.test("an inquiry, and a chargeback that was won, hold up no refund", () =>
  withFlow("refund_inquiry", "unknown", async (flow) => {
    const orderId = await aPaidOrder(flow);
    const request = { orderId, amountCents: 100, reason: null, idempotencyKey: null };
    await tell(flow, aChargeback("warning_needs_response", 0));
    await requestRefund(flow.db, request, "test");
    await tell(flow, aChargeback("needs_response", 60));
    await assert.rejects(requestRefund(flow.db, request, "test"));
    await tell(flow, aChargeback("won", 120));
    await requestRefund(flow.db, request, "test");
  }));

Deno.test("money that is to go back anyway waits while it is contested, and is over where it is lost", () =>
  withFlow("reversal_contested", "unknown", async (flow, asked) => {
    const orderId = await aPaidOrder(flow);
    await aSecondPayment(flow, orderId, "REVERSING");
    const message = {
      type: "payment.reverse",
      orderId,
      amountCents: 1_000,
      currency: "EUR",
    } as const;
    const turn = async () =>
      (await reversePayments(flow, [{ id: "1-0", message, attempt: 1 }]))[0]!;
    await tell(flow, aChargeback("needs_response", 0, { chargeRefs: ["second"] }));
    const waiting = await turn();
    assert.ok(waiting.kind === "done" && waiting.followUps[0]!.delayMs === 3_600_000);
    await tell(flow, aChargeback("lost", 60, { chargeRefs: ["second"] }));
    await turn();
    assert.deepEqual(asked, []);
    const [row] = await flow.rows("select status from payments where surplus = 1");
    assert.equal(row!.status, "REVERSED");
    const [step] = await flow.rows(
      "select detail from order_events where event = 'payment_reversed'",
    );
    assert.equal(step!.detail, "10.00 EUR: by a chargeback that was lost");
    assert.deepEqual(await listGivenTwice(flow.db, 10), []);
  }));
