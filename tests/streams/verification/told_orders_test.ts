import assert from "node:assert/strict";
import type { NotificationChannel } from "../../../domain/notification/notification.ts";
import { deliverOnce } from "../../../streams/notifications/deliver_notifications.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { verify } from "../../../streams/verification/verify.ts";
import { assertVerified, logs, settle, withWebhooks } from "../notifications/webhook_scene.ts";

Deno.test("verify() misses a row of one channel, and what was neither sent nor waits", () =>
  withWebhooks("deliver_verify", async ({ flow, sender }) => {
    const [first, second] = await settle(flow, 100, 102) as [number, number];
    await assertVerified(flow);
    await flow.rows("delete from notification_logs where order_id = ? and channel = 'webhook'", [
      first,
    ]);
    await flow.rows(
      `delete notification_deliveries from notification_deliveries
      join notification_logs on notification_logs.id = notification_log_id
      where order_id = ?`,
      [second],
    );
    const report = await verify(flow, { settleMs: 0 });
    const { drift, drift_count } = report.checks.find(({ name }) => name === "notifications")!;
    assert.equal(drift_count, 2);
    assert.deepEqual(drift.map(({ subject, what }) => [subject, what]), [
      [`order ${first}`, "notifications of order.paid on other channels than log"],
      [`order ${second}`, "sent or waiting notification of order.paid by webhook"],
    ]);
    assert.equal((await deliverOnce(flow, sender)).claimed, 0);
  }));

Deno.test("verify() finds no fault in what was told before channels were added or taken away", () =>
  withWebhooks("deliver_added", async ({ flow, channels: current }) => {
    const again: number[] = [];
    const settings: NotificationChannel[][] = [["log"], ["log", "webhook"], ["email"], [
      "log",
      "email",
    ]];
    for (const [index, channels] of settings.entries()) {
      current.splice(0, Infinity, ...channels);
      const [orderId] = await settle(flow, 100 + 2 * index);
      again.push(orderId!);
      // Messages of earlier orders may come again after the change.
      await publish(
        flow,
        again.map((orderId) => ({
          message: { type: "notify.order" as const, orderId, amountCents: 100, currency: "EUR" },
        })),
      );
      await flow.drain();
      await assertVerified(flow);
    }
    assert.equal((await logs(flow, "email")).length, 4);
  }, ["log"]));
