/**
 * A workflow whose orders are told to a receiver of webhooks, for tests.
 *
 * @module
 */

import assert from "node:assert/strict";
import { requestRefund } from "../../../services/refunds/request_refunds.ts";
import type { NotificationChannel } from "../../../domain/notification/notification.ts";
import type { NotificationSender } from "../../../streams/notifications/notification_sender.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { verify } from "../../../streams/verification/verify.ts";
import { webhookSender } from "../../../streams/notifications/webhook_sender.ts";
import { receiveWebhooks, type WebhookReceiver } from "../../receivers.ts";
import { anOrder, openWorkflow, type Workflow } from "../../workflow.ts";

/** What such a test has. */
export interface Scene {
  flow: Workflow;
  receiver: WebhookReceiver;
  sender: NotificationSender;
  /** Of the settings; may be changed. */
  channels: NotificationChannel[];
}

/** Runs a test with a receiver that takes whatever is well signed. */
export async function withWebhooks(
  name: string,
  work: (scene: Scene) => Promise<void>,
  notifyChannels: NotificationChannel[] = ["log", "webhook"],
): Promise<void> {
  const flow = await openWorkflow(name, { notifyChannels });
  const receiver = receiveWebhooks();
  const { url, secret } = receiver;
  try {
    await work({
      flow,
      receiver,
      sender: webhookSender({ url, secrets: [secret], timeoutMs: 5_000 }),
      channels: notifyChannels,
    });
  } finally {
    await receiver.close();
    await flow.close();
  }
}

/** Takes orders of one item each and brings them to their end; an odd price is declined. */
export async function settle(flow: Workflow, ...prices: number[]): Promise<number[]> {
  const taken = await flow.add(
    prices.map((unitPriceCents, index) =>
      anOrder(`o-${unitPriceCents}-${index}`, [{ sku: "a", qty: 1, unitPriceCents }])
    ),
  );
  await flow.drain();
  return taken.map(({ orderId }) => orderId!);
}

/** As if all the time had passed. */
export async function backdate(flow: Workflow): Promise<void> {
  await flow.rows(
    "update notification_deliveries set due_at = current_timestamp(6) - interval 1 second where due_at is not null",
  );
}

/** What is on the work list. */
export const deliveries = (flow: Workflow) =>
  flow.rows("select * from notification_deliveries order by notification_log_id");

/** What was told, or is to be, by a channel. */
export const logs = (flow: Workflow, channel = "webhook") =>
  flow.rows("select * from notification_logs where channel = ? order by id", [channel]);

/** Every try to send. */
export const attempts = (flow: Workflow) =>
  flow.rows("select * from notification_attempts order by id");

/** No check of the proof finds anything. */
export async function assertVerified(flow: Workflow): Promise<void> {
  const report = await verify(flow, { settleMs: 0 });
  assert.deepEqual(report.checks.filter(({ ok }) => !ok), []);
}

/** Two orders that were paid and refunded, of which nothing is sent yet. */
export async function refunded(flow: Workflow): Promise<number[]> {
  const ids = await settle(flow, 100, 102);
  for (const orderId of ids) {
    const { refund, currency } = await requestRefund(
      flow.db,
      { orderId, amountCents: null, reason: null, idempotencyKey: null },
      "test",
    );
    const { id: refundId, amountCents } = refund;
    const message = { type: "refund.process", orderId, refundId, amountCents, currency } as const;
    await publish(flow, [{ message }]);
  }
  await flow.drain();
  return ids;
}
