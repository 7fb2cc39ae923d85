/**
 * Orders that were told of, for tests of what became of that.
 *
 * @module
 */

import {
  claimDeliveries,
  settleDeliveries,
} from "../../db/notifications/notification_deliveries.ts";
import { writeNotifications } from "../../db/notifications/notifications.ts";
import type { Database } from "../../db/connection/database.ts";
import { storeOrder } from "./api.ts";

/** Where webhooks go, and nobody listens. */
export const endpointUrl = "http://127.0.0.1:9/hooks/secret";

/** Settings with every channel. */
export const allChannels = {
  NOTIFY_CHANNELS: "log,email,webhook",
  SMTP_URL: "smtp://127.0.0.1:9",
  NOTIFY_FROM: "a@b.example",
  NOTIFY_WEBHOOK_URL: endpointUrl,
  NOTIFY_WEBHOOK_SECRETS: `whsec_${btoa("s".repeat(32))}`,
} as const;

/** An order that was told of on all channels; its notifications by channel. */
export async function told(
  db: Database,
): Promise<{ orderId: number; ids: Record<string, number> }> {
  const orderId = await storeOrder(db, { status: "PAID" });
  const notification = { orderId, refundId: null, event: "order.paid", amountCents: 1_000 };
  await db.transaction((tx) => writeNotifications(tx, [notification], ["log", "email", "webhook"]));
  const rows = await db.query("select id, channel from notification_logs where order_id = ?", [
    orderId,
  ]);
  return { orderId, ids: Object.fromEntries(rows.map(({ id, channel }) => [channel, Number(id)])) };
}

/** One failed try, after which it waits or is given up. */
export async function fail(
  db: Database,
  id: number,
  channel: "email" | "webhook",
  nextMs: number | null,
): Promise<void> {
  const claim = crypto.randomUUID().replaceAll("-", "");
  await claimDeliveries(db, channel, { claim, limit: 1_000, leaseMs: 60_000 });
  await settleDeliveries(db, claim, [{
    notificationId: id,
    agoMs: 20,
    durationMs: 20,
    statusCode: 500,
    reply: "oh",
    error: "the endpoint answered 500",
    nextMs,
  }]);
  await db.run("update notification_deliveries set claim = null");
}
