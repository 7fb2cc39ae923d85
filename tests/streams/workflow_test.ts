import assert from "node:assert/strict";
import { requestRefund } from "../../services/refunds/request_refunds.ts";
import { WorkflowError } from "../../domain/errors.ts";
import { readKpis, readLeaderboard } from "../../streams/kpis/kpis.ts";
import { publish } from "../../streams/workflow/publish.ts";
import { withinOneDay } from "../one_day.ts";
import { anOrder, openWorkflow, type Workflow } from "../workflow.ts";

async function kpis(flow: Workflow, day: string) {
  return (await readKpis(flow, day, day))[0]!;
}

async function refund(flow: Workflow, orderId: number, amountCents: number | null) {
  const taken = await requestRefund(
    flow.db,
    { orderId, amountCents, reason: null, idempotencyKey: null },
    "test",
  );
  await publish(flow, [{
    message: {
      type: "refund.process",
      orderId,
      refundId: taken.refund.id,
      amountCents: taken.refund.amountCents,
      currency: taken.currency,
    },
  }]);
  await flow.drain();
}

Deno.test("workflow", async (t) => {
  const today = await withinOneDay();
  const flow = await openWorkflow("workflow");
  try {
    await t.step("an even order is paid, an odd one fails and gives its stock back", async () => {
      const [even, odd] = await flow.add([
        anOrder("even", [{ sku: "a", qty: 2 }, { sku: "b", qty: 1 }, { sku: "a", qty: 1 }]),
        anOrder("odd", [{ sku: "a", qty: 5, unitPriceCents: 101 }]),
      ]);
      await flow.drain();

      assert.equal((await flow.order(even!.orderId!)).status, "PAID");
      const failed = await flow.order(odd!.orderId!);
      assert.equal(failed.status, "FAILED");
      assert.equal(failed.failureReason, "payment_declined");
      assert.equal(await flow.stock("a"), 47);
      assert.equal(await flow.stock("b"), 49);
      assert.deepEqual(await kpis(flow, today), {
        date: today,
        currency: "EUR",
        revenue_cents: 400,
        order_count: 1,
        avg_order_value_cents: 400,
        failed_order_count: 1,
        refund_count: 0,
        refund_amount_cents: 0,
        chargeback_count: 0,
        chargeback_amount_cents: 0,
      });
      assert.equal((await flow.rows("select * from notification_logs")).length, 2);
      assert.deepEqual(await flow.redis.hgetall(flow.keys.weights("orders")), { EUR: "0" });
      assert.deepEqual(await flow.redis.hgetall(flow.keys.weights("payments")), { EUR: "0" });
    });

    await t.step("an order that is short takes nothing and fails", async () => {
      const [order] = await flow.add([
        anOrder("short", [{ sku: "c", qty: 1 }, { sku: "d", qty: 51 }]),
      ]);
      await flow.drain();
      const failed = await flow.order(order!.orderId!);
      assert.equal(failed.failureReason, "insufficient_stock");
      assert.equal(await flow.stock("c"), 50);
    });

    await t.step("refunds go down to zero and one cent more is refused", async () => {
      const [order] = await flow.add([anOrder("refunds", [{ sku: "e", qty: 10 }])]);
      await flow.drain();
      const id = order!.orderId!;
      await refund(flow, id, 600);
      await refund(flow, id, 399);
      assert.equal((await flow.order(id)).refundedCents, 999);
      await assert.rejects(
        refund(flow, id, 2),
        (error) => error instanceof WorkflowError && error.code === "refund_exceeds_left",
      );
      await refund(flow, id, null);
      assert.equal((await flow.order(id)).refundedCents, 1000);
      await assert.rejects(
        refund(flow, id, null),
        (error) => error instanceof WorkflowError && error.code === "order_not_refundable",
      );
      const [first] = await readLeaderboard(flow, "EUR", 10);
      assert.equal(first?.revenueCents, 400);
    });
  } finally {
    await flow.close();
  }
});
