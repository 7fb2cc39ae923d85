import assert from "node:assert/strict";
import { cancelOrder } from "../../../services/orders/cancel_order.ts";
import { claimDeliveries } from "../../../db/notifications/notification_deliveries.ts";
import { requestRefund } from "../../../services/refunds/request_refunds.ts";
import { deliverOnce } from "../../../streams/notifications/deliver_notifications.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { makeConsumer } from "../../../streams/workflow/consumer.ts";
import { consumeOnce } from "../../../streams/queue/consumer.ts";
import { observeDatabase } from "../../db/connection/observed_database.ts";
import { giveMoney } from "../../order_money.ts";
import { anOrder } from "../../workflow.ts";
import {
  assertVerified,
  attempts,
  deliveries,
  logs,
  settle,
  withWebhooks,
} from "./webhook_scene.ts";

Deno.test("sendNotifications() puts nothing on the work list for the channel log", () =>
  withWebhooks("deliver_log_only", async ({ flow }) => {
    await settle(flow, 100, 101);
    assert.equal((await logs(flow, "log")).length, 2);
    assert.deepEqual(await logs(flow, "webhook"), []);
    assert.deepEqual(await deliveries(flow), []);
    await assertVerified(flow);
  }, ["log"]));

Deno.test("deliverOnce() says what a refund is for: its lines, what went back into stock, the shipping", () =>
  withWebhooks("deliver_refund_lines", async ({ flow, receiver, sender }) => {
    const [taken] = await flow.add([anOrder("R-1", [
      { sku: "mug", qty: 3, unitPriceCents: 800 },
      { sku: "pot", qty: 1, unitPriceCents: 1_510 },
    ])]);
    const orderId = taken!.orderId!;
    await giveMoney(flow.db, orderId, { adjustments: [{ kind: "shipping", amountCents: 490 }] });
    await flow.drain();
    await deliverOnce(flow, sender);
    const items = await flow.rows("select id, qty from order_items order by id");
    const mugs = items.find(({ qty }) => qty === 3)!.id;
    const { refund } = await requestRefund(flow.db, {
      orderId,
      amountCents: null,
      reason: null,
      idempotencyKey: null,
      items: {
        lines: [{ sku: "mug", itemId: null, qty: 2, restock: true }],
        adjustments: [{ kind: "shipping", amountCents: 490 }],
        restock: false,
      },
    }, "test");
    const { id: refundId, amountCents } = refund;
    await publish(flow, [{
      message: { type: "refund.process", orderId, refundId, amountCents, currency: "EUR" },
    }]);
    await flow.drain();
    await deliverOnce(flow, sender);
    const { data } = receiver.received.at(-1)!.body;
    assert.deepEqual([data.refund_id, data.amount_cents], [refundId, 2_090]);
    assert.deepEqual(data.refund_lines, [
      {
        item_id: mugs,
        sku: "mug",
        name: "Product mug",
        qty: 2,
        amount_cents: 1_600,
        restocked: true,
      },
    ]);
    assert.equal(data.refund_line_count, 1);
    assert.deepEqual(data.refund_adjustments, [{ kind: "shipping", amount_cents: 490 }]);
  }, ["webhook"]));

Deno.test("deliverOnce() posts signed webhooks of orders that are paid, failed and refunded", () =>
  withWebhooks("deliver_webhooks", async ({ flow, receiver, sender }) => {
    const [paid, failed] = await settle(flow, 1_000, 101) as [number, number];
    const { refund } = await requestRefund(
      flow.db,
      { orderId: paid, amountCents: 250, reason: null, idempotencyKey: null },
      "test",
    );
    await publish(flow, [{
      message: {
        type: "refund.process",
        orderId: paid,
        refundId: refund.id,
        amountCents: 250,
        currency: "EUR",
      },
    }]);
    await flow.drain();
    await assertVerified(flow);

    const before = await logs(flow);
    assert.ok(before.every(({ success, sent_at, error }) => !success && !sent_at && !error));
    const turn = await deliverOnce(flow, sender);
    assert.deepEqual(turn, { claimed: 3, sent: 3, failed: 0 });
    assert.equal(receiver.refused, 0);
    const got = receiver.received.toSorted((a, b) => a.id < b.id ? -1 : 1);
    assert.deepEqual(
      got.map(({ body: { type, data } }) => [
        type,
        data.order_id,
        data.external_order_id,
        data.refund_id,
        data.status,
        data.failure_reason,
        data.currency,
        data.amount_cents,
        data.total_cents,
        data.customer_id,
      ]).toSorted(),
      [
        [
          "order.failed",
          failed,
          "o-101-1",
          null,
          "FAILED",
          "payment_declined",
          "EUR",
          101,
          101,
          "c1",
        ],
        ["order.paid", paid, "o-1000-0", null, "PAID", null, "EUR", 1_000, 1_000, "c1"],
        ["refund.processed", paid, "o-1000-0", refund.id, "PAID", null, "EUR", 250, 1_000, "c1"],
      ],
    );
    for (const { id, body, headers } of got) {
      assert.equal(id, `ntf_${body.data.notification_id}`);
      assert.match(body.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
      assert.equal(headers.get("content-type"), "application/json");
    }
    for (const row of await logs(flow)) {
      assert.equal(row.success, 1);
      assert.equal(row.error, null);
      assert.ok(row.sent_at !== null);
    }
    assert.deepEqual(await deliveries(flow), []);
    assert.deepEqual(
      (await attempts(flow)).map((
        { success, status_code, error },
      ) => [success, status_code, error]),
      Array(3).fill([1, 204, null]),
    );
    assert.deepEqual(await deliverOnce(flow, sender), { claimed: 0, sent: 0, failed: 0 });
    await assertVerified(flow);
  }));

Deno.test("deliverOnce() posts what an order's total is made of, as it stands when it is sent", () =>
  withWebhooks("deliver_lines", async ({ flow, receiver, sender }) => {
    const taken = await flow.add([
      anOrder("o-1", [{ sku: "a", qty: 2, unitPriceCents: 1_000 }, {
        sku: "b",
        qty: 1,
        unitPriceCents: 400,
      }]),
      anOrder("o-2", Array.from({ length: 25 }, () => ({ sku: "a", qty: 1, unitPriceCents: 4 }))),
    ]);
    const [adjusted, large] = taken.map(({ orderId }) => orderId!) as [number, number];
    await giveMoney(flow.db, adjusted, {
      adjustments: [
        { kind: "shipping", label: "Express", amountCents: 490 },
        { kind: "tax", label: "VAT 19 %", amountCents: 375, included: true },
        { kind: "discount", amountCents: -540 },
      ],
    });
    await flow.rows("update customers set guest = 1");
    await flow.drain();
    const [log] = await flow.rows(
      "select cast(payload as char) as payload from notification_logs where order_id = ? limit 1",
      [adjusted],
    );
    assert.doesNotMatch(String(log!.payload), /items|adjustments|payment_status/);
    assert.deepEqual(await deliverOnce(flow, sender), { claimed: 2, sent: 2, failed: 0 });
    const dataOf = (id: number) =>
      receiver.received.find(({ body }) => body.data.order_id === id)!.body.data;
    const { items, adjustments, ...data } = dataOf(adjusted);
    assert.deepEqual(
      items.map((
        { sku, name, unit_price_cents, qty, subtotal_cents }: Record<string, unknown>,
      ) => [sku, name, unit_price_cents, qty, subtotal_cents]),
      [["a", "Product a", 1_000, 2, 2_000], ["b", "Product b", 400, 1, 400]],
    );
    assert.deepEqual(
      adjustments.map((
        { kind, label, amount_cents, included }: Record<string, unknown>,
      ) => [kind, label, amount_cents, included]),
      [
        ["shipping", "Express", 490, false],
        ["tax", "VAT 19 %", 375, true],
        ["discount", null, -540, false],
      ],
    );
    assert.deepEqual(
      [data.items_cents, data.total_cents, data.item_count, data.adjustment_count],
      [2_400, 2_350, 2, 3],
    );
    assert.deepEqual([data.payment_status, data.customer_id], ["due", null]);
    const { items: first, item_count, items_cents } = dataOf(large);
    assert.deepEqual([first.length, item_count, items_cents], [20, 25, 100]);
  }));

Deno.test("claimDeliveries() reads what orders hold by as many statements for many as for one", () =>
  withWebhooks("deliver_statements", async ({ flow }) => {
    await settle(flow, ...Array.from({ length: 12 }, (_, index) => 100 + 2 * index));
    const statementsFor = async (limit: number) => {
      const { db, sent } = observeDatabase(flow.db);
      const claim = crypto.randomUUID().replaceAll("-", "");
      const claimed = await claimDeliveries(db, "webhook", { claim, limit, leaseMs: 60_000 });
      assert.equal(claimed.length, limit);
      return sent.length;
    };
    const one = await statementsFor(1);
    assert.equal(await statementsFor(11), one);
  }));

Deno.test("sendNotifications() on the channel log reads neither items nor adjustments", () =>
  withWebhooks("deliver_log_reads", async ({ flow }) => {
    await flow.add([anOrder("o-1", [{ sku: "a", qty: 2, unitPriceCents: 1_000 }])]);
    for (const group of ["orders", "payments", "payments"] as const) await flow.turn(group);
    const { db, sent } = observeDatabase(flow.db);
    await consumeOnce(makeConsumer({ ...flow, db }, flow.consumerOf("notifications").options));
    assert.equal((await logs(flow, "log")).length, 1);
    assert.equal(sent.length, 1);
    assert.ok(sent.every(({ sql }) => !/order_items|order_adjustments|payment_status/.test(sql)));
  }, ["log"]));

Deno.test("sendNotifications() puts a cancellation on the list once, however often it is asked", () =>
  withWebhooks("deliver_cancelled", async ({ flow, receiver, sender }) => {
    const [order] = await flow.add([anOrder("1", [{ sku: "a", qty: 1 }])]);
    const orderId = order!.orderId!;
    await cancelOrder(flow.db, orderId, "test");
    const message = {
      type: "notify.order",
      orderId,
      amountCents: 100,
      currency: "EUR",
    } as const;
    for (let times = 0; times < 2; times++) {
      await publish(flow, [{ message }, { message }]);
      await flow.drain();
      assert.equal((await deliveries(flow)).length, 1);
    }
    await deliverOnce(flow, sender);
    await publish(flow, [{ message }]);
    await flow.drain();
    assert.deepEqual(await deliveries(flow), [], "what was sent does not come back");
    assert.deepEqual(receiver.received.map(({ body }) => [body.type, body.data.status]), [
      ["order.cancelled", "CANCELLED"],
    ]);
    assert.equal((await logs(flow)).length, 1);
    await assertVerified(flow);
  }));
