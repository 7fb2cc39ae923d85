/**
 * Statements on `notification_logs`.
 *
 * @module
 */

import type { Queryable } from "./database.ts";

/** Something that a customer is told. */
export interface NotificationRow {
  orderId: number;
  refundId: number | null;
  /** Names one happening, see `domain/notification.ts`. */
  event: string;
  /** What it is about, in cents: the order's total or the refund's amount. */
  amountCents: number;
}

/**
 * Writes the history of the `log` channel, where writing it is the sending. The unique key on order,
 * event and channel is the once-key: what was told before is left as it is.
 *
 * Every row locks its order for the sake of the foreign key, so they are written in the order of their
 * orders' ids, as every writer locks them.
 */
export async function logNotifications(
  tx: Queryable,
  notifications: readonly NotificationRow[],
): Promise<void> {
  if (notifications.length === 0) return;
  const sorted = notifications.toSorted((a, b) => a.orderId - b.orderId);
  await tx.run(
    `
    insert into notification_logs
      (order_id, customer_id, refund_id, event, channel, status, total_cents, payload, success, sent_at)
    select orders.id, orders.customer_id, notice.refund_id, notice.event, 'log', orders.status,
      orders.total_cents,
      json_object('event', notice.event, 'order_id', orders.id,
        'external_order_id', orders.external_order_id, 'status', orders.status,
        'failure_reason', orders.failure_reason, 'currency', orders.currency,
        'amount_cents', notice.amount_cents),
      1, current_timestamp(6)
    from json_table(?, '$[*]' columns (
      order_id bigint unsigned path '$[0]',
      refund_id bigint unsigned path '$[1]',
      event varchar(48) character set ascii path '$[2]',
      amount_cents bigint path '$[3]')) notice
    straight_join orders on orders.id = notice.order_id
    on duplicate key update id = notification_logs.id`,
    [
      JSON.stringify(
        sorted.map(({ orderId, refundId, event, amountCents }) => [
          orderId,
          refundId,
          event,
          amountCents,
        ]),
      ),
    ],
  );
}
