/**
 * Where to look for notices that tell of what did not happen, and for ends that nobody was told of.
 *
 * @module
 */

import { orderEventName } from "../../domain/notification/notification.ts";
import type { Queryable } from "../connection/database.ts";
import { orderEndEvent } from "../notifications/notifications.ts";
import { refundEventStarts } from "../recovery/recovery.ts";
import { type Account, findUneven, numberOf } from "./neighbours.ts";
import type { Range, Scope } from "./scope.ts";

/** A multiple of every number of channels on which an event may be told. */
const whole = 60;

const [processed, refundFailed] = refundEventStarts();
const failed = orderEventName("FAILED")!;

/** Whether a notice tells of a failure of its order before it was taken up again. */
export const isEarlierFailure = `(orders.retries > 0 and (notification_logs.event = '${failed}'
        or (notification_logs.event like '${failed}:%'
          and cast(substring(notification_logs.event, ${
  failed.length + 2
}) as unsigned) < orders.retries)))`;

const told = (orderId: string, event: string) => numberOf(`concat(${orderId}, ' ', ${event})`);

const isUnsent = "notification_logs.success = 0 and notification_logs.no_address = 0";

const accounts: readonly Account<"told" | "unsent">[] = [
  {
    id: "orders.id",
    from: "orders",
    where: "orders.settled_at is not null",
    sums: { told: `-${whole}e0 * ${told("orders.id", orderEndEvent)}` },
  },
  {
    id: "order_id",
    from: "refunds",
    where: "status <> 'REQUESTED'",
    sums: {
      told: `-${whole}e0 * ${
        told(
          "order_id",
          `case status when 'PROCESSED' then '${processed}' else '${refundFailed}' end, id`,
        )
      }`,
    },
  },
  {
    id: "earlier.order_id",
    from: `(
        select distinct notification_logs.order_id, notification_logs.event
        from (select distinct order_id from order_retries) retried
        straight_join orders on orders.id = retried.order_id
        straight_join notification_logs force index (notification_logs_once)
          on notification_logs.order_id = orders.id
        where ${isEarlierFailure}
      ) earlier`,
    sums: { told: `-${whole}e0 * ${told("earlier.order_id", "earlier.event")}` },
  },
  // Told as processed before its provider took it back.
  {
    id: "taken_back.order_id",
    from: `(
        select distinct notification_logs.order_id, notification_logs.event
        from returned_refunds
        straight_join notification_logs force index (notification_logs_once)
          on notification_logs.order_id = returned_refunds.order_id
          and notification_logs.event = concat('${processed}', returned_refunds.refund_id)
      ) taken_back`,
    sums: { told: `-${whole}e0 * ${told("taken_back.order_id", "taken_back.event")}` },
  },
  {
    id: "notification_logs.order_id",
    from: "notification_logs",
    whole: "force index (primary)",
    rows: "notification_logs",
    sums: {
      told: `(${whole} div notification_logs.channels + 0e0)
        * ${told("notification_logs.order_id", "notification_logs.event")}`,
      unsent: `if(${isUnsent}, ${numberOf("notification_logs.id")}, 0)`,
    },
  },
  {
    id: "notification_logs.order_id",
    from: `notification_deliveries
      straight_join notification_logs on notification_logs.id = notification_deliveries.notification_log_id`,
    where: isUnsent,
    sums: { unsent: `-(${numberOf("notification_logs.id")} + 0e0)` },
  },
];

/**
 * Where the ends of orders and refunds, each told once on as many channels as its notices say, differ from the notices that
 * there are, and those that were not sent from what stands on the list of what is to be sent.
 */
export async function findUnevenNotices(tx: Queryable, scope: Range | null): Promise<Scope[]> {
  const { notices } = await findUneven(tx, scope, accounts, { notices: ["told", "unsent"] });
  return notices;
}
