import assert from "node:assert/strict";
import { cancelOrder } from "../../../../services/orders/cancel_order.ts";
import type { TakenOrder } from "../../../../streams/intake/take_orders.ts";
import { chargePayments } from "../../../../streams/handlers/payment_charge.ts";
import { publish } from "../../../../streams/workflow/publish.ts";
import { recover } from "../../../../streams/recovery/recover.ts";
import { loseRedis } from "../../../settled_workflow.ts";
import { chargeKey, type Workflow } from "../../../workflow.ts";
import { assertConsistent, makeDue } from "../../consistent.ts";
import { orders, paymentsOf, request, withProvider } from "./http_scene.ts";

/** Adds orders and has them charged by a provider that answers `pending`. */
async function chargePending(flow: Workflow, count: number): Promise<TakenOrder[]> {
  const taken = await flow.add(orders(count), 10);
  await flow.turn("orders");
  await flow.turn("payments");
  for (const { orderId } of taken) {
    assert.equal((await flow.order(orderId!)).status, "RESERVED");
  }
  return taken;
}

Deno.test("chargePayments() gives money back that was taken for a cancelled order without a callback", async () => {
  await withProvider({ silent: 100, delayMs: 0 }, async (flow, provider) => {
    const taken = await chargePending(flow, 2);
    for (const { orderId } of taken) await cancelOrder(flow.db, orderId!, "test");
    await provider.settled();
    await flow.drain();
    assert.deepEqual(
      [...provider.charges.values()].map(({ status, refundedCents }) => [status, refundedCents]),
      [["succeeded", 100], ["declined", 0]],
    );
    assert.deepEqual(provider.deliveries, []);
    assert.deepEqual(await paymentsOf(flow), [
      { order_id: taken[0]!.orderId, amount_cents: 100, status: "REVERSED" },
    ]);
    for (const { orderId } of taken) {
      assert.equal((await flow.order(orderId!)).status, "CANCELLED");
    }
    assert.equal(await flow.stock("A"), 10);
    assert.deepEqual(await flow.rows("select * from dead_letters"), []);
    await assertConsistent(flow);
  });
});

Deno.test("chargePayments() asks about a failed order until the provider has decided, and charges nothing anew", async () => {
  await withProvider({ silent: 100, delayMs: 1_000 }, async (flow, provider) => {
    const [{ orderId, totalCents: amountCents, currency }] = await chargePending(flow, 1) as [
      TakenOrder,
    ];
    await publish(flow, [{
      message: { type: "payment.time_out", orderId: orderId!, amountCents, currency },
    }]);
    await flow.turn("payments");
    const { status, failureReason } = await flow.order(orderId!);
    assert.deepEqual([status, failureReason], ["FAILED", "payment_timeout"]);
    const charge = provider.charges.get(await chargeKey(flow.db, orderId!))!;
    await makeDue(flow);
    await flow.turn("payments");
    assert.equal(charge.status, "pending");
    assert.equal(await flow.redis.zcard(flow.keys.scheduled("payments")), 1, "it is asked again");
    await provider.settled();
    await flow.drain();
    assert.deepEqual([provider.charges.size, charge.refundedCents], [1, 100]);
    assert.deepEqual(await paymentsOf(flow), [
      { order_id: orderId, amount_cents: 100, status: "REVERSED" },
    ]);
    await assertConsistent(flow);
  });
});

Deno.test("chargePayments() finds money of a cancelled order after crashes, and charges none that was not asked", async () => {
  await withProvider({ silent: 100, delayMs: 0 }, async (flow, provider) => {
    const taken = await flow.add(orders(3), 10);
    await flow.turn("orders");
    const [asked] = taken as [TakenOrder];
    // Charged, and nobody noted it.
    const key = await chargeKey(flow.db, asked.orderId!);
    await flow.gateway.charge([request(asked.orderId!, { reference: "o0", idempotencyKey: key })]);
    for (const { orderId } of taken) await cancelOrder(flow.db, orderId!, "test");
    await provider.settled();
    // Recorded as money to give back, and the message about that was lost.
    const message = {
      type: "payment.charge",
      orderId: asked.orderId!,
      amountCents: 100,
      currency: "EUR",
    } as const;
    await chargePayments(flow, [{ id: "1-0", attempt: 1, message }]);
    assert.deepEqual((await paymentsOf(flow)).map(({ status }) => status), ["REVERSING"]);
    await flow.drain();
    assert.deepEqual([...provider.charges.keys()], [key]);
    assert.equal(provider.charges.get(key)!.refundedCents, 100);
    assert.deepEqual((await paymentsOf(flow)).map(({ status }) => status), ["REVERSED"]);
    assert.deepEqual(await flow.rows("select * from dead_letters"), []);
    await assertConsistent(flow);
  });
});

Deno.test("recover() asks about the charges of ended orders when their messages are lost", async () => {
  await withProvider({ silent: 100, delayMs: 0 }, async (flow, provider) => {
    const taken = await chargePending(flow, 3);
    const [cancelled, declined, failed] = taken as [TakenOrder, TakenOrder, TakenOrder];
    for (const { orderId } of [cancelled, declined]) {
      await cancelOrder(flow.db, orderId!, "test");
    }
    const { orderId, totalCents: amountCents, currency } = failed;
    await publish(flow, [{
      message: { type: "payment.time_out", orderId: orderId!, amountCents, currency },
    }]);
    await flow.turn("payments");
    await provider.settled();
    const recoverCharges = async () => {
      const report = await recover(flow);
      assert.ok(report.kind === "recovered");
      return report.republished.charges;
    };
    await loseRedis(flow);
    assert.equal(await recoverCharges(), 3);
    assert.equal(await recoverCharges(), 0, "nothing was lost this time");
    await flow.drain();
    assert.deepEqual(await paymentsOf(flow), [
      { order_id: cancelled.orderId, amount_cents: 100, status: "REVERSED" },
      { order_id: failed.orderId, amount_cents: 102, status: "REVERSED" },
    ]);
    assert.deepEqual(
      [...provider.charges.values()].map(({ refundedCents }) => refundedCents),
      [100, 0, 102],
    );
    await assertConsistent(flow);
    await flow.rows("update orders set settled_time = settled_time - interval 31 day");
    await loseRedis(flow);
    assert.equal(await recoverCharges(), 0, "what is a month old is left alone");
  });
});
