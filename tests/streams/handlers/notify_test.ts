import assert from "node:assert/strict";
import { logOrderEnds } from "../../../db/notifications/notifications.ts";
import { requestRefund } from "../../../services/refunds/request_refunds.ts";
import type { Message } from "../../../domain/messages/messages.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { anOrder, withWorkflow, type Workflow } from "../../workflow.ts";
import { assertConsistent, makeDue } from "../consistent.ts";

const notification = (orderId: number): Message => ({
  type: "notify.order",
  orderId,
  amountCents: 100,
  currency: "EUR",
});

async function publishAll(flow: Workflow, ...messages: Message[]): Promise<void> {
  await publish(flow, messages.map((message) => ({ message })));
}

Deno.test("sendNotifications() writes what a person needs to know, once", () =>
  withWorkflow("notify_rows", async (flow) => {
    const ids = (await flow.add([
      anOrder("paid ü€😀", [{ sku: "a", qty: 2 }], { currency: "GBP" }),
      anOrder("declined", [{ sku: "a", qty: 1, unitPriceCents: 101 }]),
    ])).map(({ orderId }) => orderId!) as [number, number];
    await flow.drain();
    const { refund } = await requestRefund(
      flow.db,
      { orderId: ids[0], amountCents: 50, reason: null, idempotencyKey: null },
      "test",
    );
    const process = {
      type: "refund.process",
      orderId: ids[0],
      refundId: refund.id,
      amountCents: 50,
      currency: "GBP",
    } as const;
    await publishAll(flow, process);
    await flow.drain();
    await publishAll(flow, notification(ids[0]), notification(ids[1]), {
      ...process,
      type: "notify.refund",
    });
    await flow.drain();

    const rows = await flow.rows("select * from notification_logs order by order_id, id");
    const payloads = rows.map(({ payload }) =>
      typeof payload === "string" ? JSON.parse(payload) : payload
    );
    assert.deepEqual(payloads, [
      {
        event: "order.paid",
        order_id: ids[0],
        external_order_id: "paid ü€😀",
        status: "PAID",
        failure_reason: null,
        currency: "GBP",
        amount_cents: 200,
      },
      {
        event: `refund.processed:${refund.id}`,
        order_id: ids[0],
        external_order_id: "paid ü€😀",
        status: "PAID",
        failure_reason: null,
        currency: "GBP",
        amount_cents: 50,
      },
      {
        event: "order.failed",
        order_id: ids[1],
        external_order_id: "declined",
        status: "FAILED",
        failure_reason: "payment_declined",
        currency: "EUR",
        amount_cents: 101,
      },
    ]);
    assert.deepEqual(
      rows.map(({ event, channel, status, total_cents, success, error, refund_id }) => [
        event,
        channel,
        status,
        total_cents,
        success,
        error,
        refund_id,
      ]),
      [
        ["order.paid", "log", "PAID", 200, 1, null, null],
        [`refund.processed:${refund.id}`, "log", "PAID", 200, 1, null, refund.id],
        ["order.failed", "log", "FAILED", 101, 1, null, null],
      ],
    );
    for (const row of rows) {
      assert.equal((await flow.order(Number(row.order_id))).customerId, row.customer_id);
      assert.ok(row.sent_at !== null);
    }
    await assertConsistent(flow);
  }));

Deno.test("sendNotifications() waits for an order that is not settled and a refund that is not done", () =>
  withWorkflow("notify_early", async (flow) => {
    const [order] = await flow.add([anOrder("1", [{ sku: "a", qty: 1 }])]);
    const id = order!.orderId!;
    await publishAll(flow, notification(id));
    assert.equal((await flow.turn("notifications")).retried, 1);
    const [error] = await flow.redis.hvals(flow.keys.errorTexts("notifications"));
    assert.equal(error, `order ${id} is PENDING: nothing to tell yet`);
    await flow.turn("orders");
    await flow.turn("payments");
    await flow.turn("payments");
    await makeDue(flow);
    await flow.drain();
    assert.equal((await flow.rows("select id from notification_logs")).length, 1);

    const { refund } = await requestRefund(
      flow.db,
      { orderId: id, amountCents: null, reason: null, idempotencyKey: null },
      "test",
    );
    const about = { orderId: id, refundId: refund.id, amountCents: 100, currency: "EUR" };
    await publishAll(flow, { type: "notify.refund", ...about });
    assert.equal((await flow.turn("notifications")).retried, 1);
    await publishAll(flow, { type: "refund.process", ...about });
    await flow.turn("refunds");
    await makeDue(flow);
    await flow.drain();
    assert.equal((await flow.rows("select id from notification_logs")).length, 2);
    await assertConsistent(flow);
  }));

Deno.test("logOrderEnds() tells of every order at its end once, and counts those that it knew", () =>
  withWorkflow("notify_ends", async (flow) => {
    const ended = (await flow.add([
      anOrder("paid", [{ sku: "a", qty: 1 }]),
      anOrder("declined", [{ sku: "a", qty: 1, unitPriceCents: 101 }]),
      anOrder("short", [{ sku: "a", qty: 1_000 }]),
    ])).map(({ orderId }) => orderId!);
    await flow.drain();
    const [pending] = await flow.add([anOrder("pending", [{ sku: "a", qty: 1 }])]);
    await flow.rows("delete from notification_logs where order_id = ?", [ended[1]!]);
    const events = async () =>
      (await flow.rows("select event from notification_logs order by order_id"))
        .map(({ event }) => event);
    assert.deepEqual(await events(), ["order.paid", "order.failed"]);
    const all = [pending!.orderId!, 999_999, ...ended];
    for (const _ of ["first", "again"]) {
      assert.equal(await flow.db.transaction((tx) => logOrderEnds(tx, all)), 3);
      assert.deepEqual(await events(), ["order.paid", "order.failed", "order.failed"]);
    }
  }));

Deno.test("sendNotifications() tells of finished orders in a batch with others", () =>
  withWorkflow("notify_mixed", async (flow) => {
    const [ended] = await flow.add([anOrder("1", [{ sku: "a", qty: 1 }])]);
    await flow.drain();
    await flow.rows("delete from notification_logs");
    const [pending] = await flow.add([anOrder("2", [{ sku: "a", qty: 1 }])]);
    await publishAll(
      flow,
      ...[ended!, pending!, ended!].map(({ orderId }) => notification(orderId!)),
    );
    const turn = await flow.turn("notifications");
    assert.deepEqual([turn.handled, turn.retried, turn.dead], [2, 1, 0]);
    const rows = await flow.rows("select order_id from notification_logs");
    assert.deepEqual(rows.map(({ order_id }) => order_id), [ended!.orderId]);
  }));

Deno.test("sendNotifications() dead-letters notices of what does not exist", () =>
  withWorkflow("notify_vanished", async (flow) => {
    const [order] = await flow.add([anOrder("1", [{ sku: "a", qty: 1 }])]);
    await flow.drain();
    await publishAll(
      flow,
      notification(999_999),
      { ...notification(order!.orderId!), type: "notify.refund", refundId: 7 } as Message,
    );
    assert.equal((await flow.turn("notifications")).dead, 2);
    const letters = await flow.rows("select error from dead_letters order by id");
    assert.deepEqual(letters.map(({ error }) => error), [
      "order 999999 does not exist",
      "refund 7 does not exist",
    ]);
  }));
