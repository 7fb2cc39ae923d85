/**
 * `notify.order` and `notify.refund`, of the `notifications` group: tells customers how their orders and refunds ended.
 *
 * @module
 */

import {
  logOrderEnds,
  type NotificationRow,
  writeNotifications,
} from "../../db/notifications/notifications.ts";
import { readStatuses } from "../../db/orders/orders.ts";
import { readRefunds } from "../../db/refunds/refund_rows.ts";
import type {
  OrderNotificationMessage,
  RefundNotificationMessage,
} from "../../domain/messages/messages.ts";
import {
  type NotificationChannel,
  orderEventName,
  refundEventName,
} from "../../domain/notification/notification.ts";
import {
  type Delivery,
  done,
  type HandlerDeps,
  type Outcome,
  vanished,
} from "../workflow/handler.ts";
import { aroundHeld, orderHeld } from "../workflow/order_locks.ts";

/** The channels where nothing else is said. */
const logOnly: readonly NotificationChannel[] = ["log"];

/**
 * Tells the customers of a batch, once for each order, event and channel however often a message comes. What
 * leaves the process is only put on the list here, and sent by `deliver_notifications.ts`: no receiver can hold up
 * this group. A crash leaves what was written; the rest is delivered again.
 */
export async function sendNotifications(
  deps: HandlerDeps,
  deliveries: readonly Delivery<OrderNotificationMessage | RefundNotificationMessage>[],
): Promise<Outcome[]> {
  const channels = deps.notifyChannels ?? logOnly;
  if (channels.length === 1 && channels[0] === "log" && await allEndsLogged(deps, deliveries)) {
    return deliveries.map(() => done());
  }
  const orders = await readStatuses(deps.db, deliveries.map(({ message }) => message.orderId));
  const refunds = await readRefunds(
    deps.db,
    deliveries.flatMap(({ message }) => message.type === "notify.refund" ? message.refundId : []),
  );
  const notifications: NotificationRow[] = [];
  const outcomes = deliveries.map(({ message }): Outcome => {
    const { orderId } = message;
    const order = orders.get(orderId);
    if (order === undefined) return vanished("order", orderId);
    if (message.type === "notify.order") {
      const event = orderEventName(order.status, order.retries);
      // It was taken up again before its customer was told: the end that follows is told.
      if (event === null && order.retries > 0) return done();
      if (event === null) {
        return {
          kind: "retry",
          error: `order ${orderId} is ${order.status}: nothing to tell yet`,
          early: true,
        };
      }
      notifications.push({ orderId, refundId: null, event, amountCents: order.totalCents });
      return done();
    }
    const { refundId } = message;
    const refund = refunds.get(refundId);
    if (refund === undefined || refund.orderId !== orderId) return vanished("refund", refundId);
    const event = refundEventName(refundId, refund.status);
    if (event === null) {
      return {
        kind: "retry",
        error: `refund ${refundId} is not finished: nothing to tell yet`,
        early: true,
      };
    }
    notifications.push({ orderId, refundId, event, amountCents: refund.amountCents });
    return done();
  });
  const held = await writeUnheld(deps, notifications, channels);
  if (held.size === 0) return outcomes;
  return deliveries.map(({ message: { orderId } }, index) =>
    held.has(orderId) && outcomes[index]!.kind === "done" ? orderHeld(orderId) : outcomes[index]!
  );
}

/** @returns orders that another transaction has, of which nothing is told yet: every row locks its order */
async function writeUnheld(
  { db }: HandlerDeps,
  notifications: readonly NotificationRow[],
  channels: readonly NotificationChannel[],
): Promise<ReadonlySet<number>> {
  if (notifications.length === 0) return new Set();
  const orderIds = [...new Set(notifications.map(({ orderId }) => orderId))];
  const around = aroundHeld(db);
  return await db.transaction((tx) =>
    around(tx, orderIds, async (held) => {
      const free = notifications.filter(({ orderId }) => !held.has(orderId));
      await writeNotifications(tx, free, channels);
      return held;
    })
  );
}

/**
 * Tells of a batch in which all orders are at their end, as they nearly always are, by one statement.
 *
 * @returns false where something else is to be told, an order is not at its end, or another transaction has one: nothing
 *   is missed by looking at each message then
 */
async function allEndsLogged(
  { db }: HandlerDeps,
  deliveries: readonly Delivery<OrderNotificationMessage | RefundNotificationMessage>[],
): Promise<boolean> {
  if (deliveries.some(({ message }) => message.type !== "notify.order")) return false;
  const orderIds = [...new Set(deliveries.map(({ message }) => message.orderId))];
  const around = aroundHeld(db);
  const told = await db.transaction((tx) =>
    around(tx, orderIds, (held) => held.size > 0 ? Promise.resolve(0) : logOrderEnds(tx, orderIds))
  );
  return told === orderIds.length;
}
