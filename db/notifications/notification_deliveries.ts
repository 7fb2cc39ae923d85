/**
 * Statements on what is to be sent: the work list of notifications, and the tries.
 *
 * Rows are locked in this order: the history by id, then the list by id.
 *
 * @module
 */

import { erasedText } from "../../domain/customer/erased_customer.ts";
import { cutText } from "../../domain/text/cut_text.ts";
import { type Notification, notificationTypeOf } from "../../domain/notification/content.ts";
import { maxLines, type OrderLines } from "../../domain/order/order_lines.ts";
import type { PaymentStatus } from "../../domain/order/source_payment.ts";
import { recipientEmail } from "../catalog/customers.ts";
import { isErasedCustomer } from "../customers/erased_keys.ts";
import { readOrderLines } from "../orders/order_lines.ts";
import { readRefundLines } from "../refunds/refund_contents.ts";
import type { OutwardChannel } from "../../domain/notification/notification.ts";
import {
  type Database,
  type Queryable,
  type Row,
  toInteger,
  toIsoTime,
} from "../connection/database.ts";

/** A notification that this process may send until its lease ends. */
export interface ClaimedNotification extends Notification {
  /** Failures so far. */
  attempts: number;
}

/** Characters of a receiver's reply that are kept. */
const maxReplyLength = 500;

/** Characters of an error that are kept. */
const maxErrorLength = 1_000;

/** What is known of one try. */
export interface Attempt {
  notificationId: number;
  /** How long ago it began, in milliseconds: by how much the database's clock is to be set back. */
  agoMs: number;
  durationMs: number;
  /** The HTTP status, or the code of the mail server's reply. */
  statusCode: number | null;
  /** What the receiver said. */
  reply: string | null;
  /** Null where it got through. */
  error: string | null;
  /** Milliseconds until the next try; null where there is none. */
  nextMs: number | null;
  /** There is no address to send it to any more: it leaves the list. */
  lacksAddress?: true;
}

/**
 * Takes due notifications of one channel, the longest due first. They are this process's until the lease ends:
 * then, or after a crash, whoever comes next takes them. Rows that somebody has locked are passed over, be it for the
 * moment in which another process takes them or for as long as a person looks at them, and so is what comes after them of
 * the same orders: nobody is told of a refund before the payment. What their orders hold is read here, by three statements
 * for all of them, and so costs nothing where nothing is to be sent.
 *
 * @param options.claim 32 hexadecimal digits, new for every call
 */
export async function claimDeliveries(
  db: Database,
  channel: OutwardChannel,
  options: { claim: string; limit: number; leaseMs: number },
): Promise<ClaimedNotification[]> {
  const ids = await db.transaction(async (tx) => {
    const due = await readDue(tx, channel, options.limit);
    const locked = await lockDue(tx, due);
    const ids = await inTurn(tx, due, locked);
    if (ids.length === 0) return [];
    await tx.runText(
      `
      update notification_deliveries
      set claim = unhex(?), due_at = current_timestamp(6) + interval ? microsecond
      where notification_log_id in (?)`,
      [options.claim, options.leaseMs * 1_000, ids],
    );
    return ids;
  });
  if (ids.length === 0) return [];
  const rows = await db.query(
    `
    select notification_logs.id, notification_logs.order_id, notification_logs.refund_id,
      notification_logs.event, notification_logs.status, notification_logs.total_cents,
      cast(notification_logs.payload as char) as payload, notification_logs.created_at,
      customers.external_id, customers.guest, orders.payment_status, ${recipientEmail} as email,
      coalesce(orders.recipient_name, customers.first_name) as name, notification_deliveries.attempts
    from notification_deliveries
    straight_join notification_logs on notification_logs.id = notification_deliveries.notification_log_id
    straight_join orders on orders.id = notification_logs.order_id
    straight_join customers on customers.id = notification_logs.customer_id
    where notification_deliveries.notification_log_id in (?)
      and notification_deliveries.claim = unhex(?)
    order by notification_logs.id`,
    [ids, options.claim],
  );
  const orderIds = rows.map((row) => toInteger(row.order_id));
  const lines = await readOrderLines(db, orderIds, { limit: maxLines });
  const refundIds = rows.flatMap((row) => row.refund_id === null ? [] : [toInteger(row.refund_id)]);
  const refunds = await readRefundLines(db, refundIds, { limit: maxLines });
  return rows.map((row) => ({
    ...toClaimedNotification(row, lines.get(toInteger(row.order_id))!),
    ...(row.refund_id === null ? {} : { refund: refunds.get(toInteger(row.refund_id))! }),
  }));
}

async function readDue(tx: Queryable, channel: OutwardChannel, limit: number): Promise<number[]> {
  const rows = await tx.execute(
    `
    select notification_log_id
    from notification_deliveries
    where channel = ? and due_at <= current_timestamp(6)
    order by due_at, notification_log_id
    limit ${limit}`,
    [channel],
  );
  return rows.map((row) => toInteger(row.notification_log_id));
}

/** Locks those that nobody has locked; what another process took since they were read is not due any more. */
async function lockDue(tx: Queryable, ids: readonly number[]): Promise<Set<number>> {
  if (ids.length === 0) return new Set();
  const rows = await tx.query(
    `
    select notification_log_id
    from notification_deliveries force index (primary)
    where notification_log_id in (?) and due_at <= current_timestamp(6)
    for update skip locked`,
    [ids.toSorted((a, b) => a - b)],
  );
  return new Set(rows.map((row) => toInteger(row.notification_log_id)));
}

/** Those of the locked that come after none of the same order that could not be locked. */
async function inTurn(
  tx: Queryable,
  due: readonly number[],
  locked: ReadonlySet<number>,
): Promise<number[]> {
  const taken = due.filter((id) => locked.has(id));
  if (taken.length === 0 || taken.length === due.length) return taken;
  const rows = await tx.query(
    "select id, order_id from notification_logs force index (primary) where id in (?)",
    [[...due]],
  );
  const orderOf = new Map(rows.map(({ id, order_id }) => [toInteger(id), toInteger(order_id)]));
  const firstPassed = new Map<number | undefined, number>();
  for (const id of due) {
    const orderId = orderOf.get(id);
    if (!locked.has(id)) firstPassed.set(orderId, Math.min(id, firstPassed.get(orderId) ?? id));
  }
  return taken.filter((id) => id < (firstPassed.get(orderOf.get(id)) ?? Infinity));
}

/**
 * Gives notifications back that were taken and not tried: they are due again at once.
 *
 * @param claim of {@linkcode claimDeliveries}; what another process has taken meanwhile stays that one's
 */
export async function releaseDeliveries(
  db: Queryable,
  claim: string,
  ids: readonly number[],
): Promise<void> {
  if (ids.length === 0) return;
  await db.runText(
    `
    update notification_deliveries
    set claim = null, due_at = current_timestamp(6)
    where notification_log_id in (?) and claim = unhex(?)`,
    [[...ids], claim],
  );
}

/**
 * Writes down what became of tries: each as a row of its own, and in the history whether the notification got
 * through and the last error. What got through leaves the list; what failed is due again later, or stays on
 * the list without a time where it was given up.
 *
 * A try whose lease had ended is written down as well, but what becomes of the notification is then said by
 * the process that has taken it since, unless it got through. A notification that got through once stays
 * sent, even where a replay of it failed. Running it again after a lost answer writes the tries twice and
 * changes nothing else.
 */
export async function settleDeliveries(
  db: Database,
  claim: string,
  attempts: readonly Attempt[],
): Promise<void> {
  if (attempts.length === 0) return;
  const json = JSON.stringify(
    attempts.toSorted((a, b) => a.notificationId - b.notificationId).map((attempt) => [
      attempt.notificationId,
      Math.round(attempt.agoMs),
      Math.round(attempt.durationMs),
      attempt.statusCode,
      attempt.reply === null ? null : cutText(attempt.reply, maxReplyLength),
      attempt.error === null ? null : cutText(attempt.error, maxErrorLength),
      attempt.nextMs,
      attempt.error === null ? 1 : 0,
      attempt.lacksAddress ? 1 : 0,
    ]),
  );
  await db.transaction(async (tx) => {
    await noteOutcomes(tx, json);
    await tx.run(
      `
      insert into notification_attempts
        (notification_log_id, attempted_at, duration_ms, success, status_code, reply, error)
      select notification_logs.id, current_timestamp(6) - interval attempt.ago_ms * 1000 microsecond,
        attempt.duration_ms, attempt.success, attempt.status_code, ${unnamed("attempt.reply")},
        ${unnamed("attempt.error")}
      from ${attemptTable}
      straight_join notification_logs on notification_logs.id = attempt.id
      straight_join customers on customers.id = notification_logs.customer_id`,
      [json],
    );
    // What got through leaves the list, and so does a replay that was given up.
    await tx.run(
      `
      delete notification_deliveries
      from ${attemptTable}
      straight_join notification_deliveries force index (primary)
        on notification_deliveries.notification_log_id = attempt.id
      straight_join notification_logs on notification_logs.id = attempt.id
      where notification_deliveries.claim = unhex(?)
        and (attempt.success = 1 or attempt.no_address = 1 or (attempt.next_ms is null and notification_logs.success = 1))`,
      [json, claim],
    );
    await tx.run(
      `
      update ${attemptTable}
      straight_join notification_deliveries force index (primary)
        on notification_deliveries.notification_log_id = attempt.id
      set notification_deliveries.attempts = notification_deliveries.attempts + 1,
        notification_deliveries.due_at = current_timestamp(6) + interval attempt.next_ms * 1000 microsecond,
        notification_deliveries.claim = null
      where notification_deliveries.claim = unhex(?) and attempt.success = 0`,
      [json, claim],
    );
  });
}

/**
 * Writes into the history whether notifications got through, and locks every row of it: an erasure of the person comes before,
 * and is seen, or afterwards.
 */
async function noteOutcomes(tx: Queryable, json: string): Promise<void> {
  await tx.run(
    `
    update ${attemptTable}
    straight_join notification_logs on notification_logs.id = attempt.id
    straight_join customers on customers.id = notification_logs.customer_id
    set notification_logs.error = case
        when attempt.success = 0 and notification_logs.success = 1 then notification_logs.error
        else ${unnamed("attempt.error")} end,
      notification_logs.sent_at = case
        when attempt.success = 1 then current_timestamp(6) else notification_logs.sent_at end,
      notification_logs.no_address = case
        when attempt.success = 0 and (notification_logs.success = 1 or ${isErasedCustomer})
        then notification_logs.no_address else attempt.no_address end,
      notification_logs.success = greatest(attempt.success, notification_logs.success)`,
    [json],
  );
}

/** What a receiver said, which may name the person: not of somebody who was erased while it was sent. */
const unnamed = (text: string) =>
  `case when ${isErasedCustomer} and ${text} is not null then '${erasedText}' else ${text} end`;

const attemptTable = `json_table(?, '$[*]' columns (
  id bigint unsigned path '$[0]',
  ago_ms bigint path '$[1]',
  duration_ms int unsigned path '$[2]',
  status_code int path '$[3]',
  reply varchar(500) character set utf8mb4 path '$[4]',
  error varchar(1000) character set utf8mb4 path '$[5]',
  next_ms bigint path '$[6]',
  success tinyint path '$[7]',
  no_address tinyint path '$[8]')) attempt`;

/** What came of a wish to send something again. */
export type ReplayResult =
  | { kind: "queued" }
  | { kind: "not_found" }
  /** It stands in the history only. */
  | { kind: "only_logged" }
  /** There is no address to send it to. */
  | { kind: "no_address" }
  /** A process is sending it at this moment. */
  | { kind: "being_sent" };

/**
 * Puts a notification on the list again, due at once and with all its tries, whatever became of it; writes
 * into the order's timeline who wanted it.
 */
export async function replayDelivery(
  tx: Queryable,
  id: number,
  actor: string,
): Promise<ReplayResult> {
  const [log] = await tx.execute(
    "select channel from notification_logs where id = ? for update",
    [id],
  );
  if (log === undefined) return { kind: "not_found" };
  if (log.channel === "log") return { kind: "only_logged" };
  if (log.channel === "email" && !await hasAddress(tx, id)) return { kind: "no_address" };
  const [held] = await tx.execute(
    `
    select 1 as held
    from notification_deliveries
    where notification_log_id = ? and claim is not null and due_at > current_timestamp(6)
    for update`,
    [id],
  );
  if (held !== undefined) return { kind: "being_sent" };
  await tx.run(
    `
    insert into notification_deliveries (notification_log_id, channel, due_at)
    values (?, ?, current_timestamp(6))
    on duplicate key update due_at = current_timestamp(6), attempts = 0, claim = null`,
    [id, log.channel!],
  );
  await tx.run(
    `
    insert into order_events (order_id, refund_id, event, detail, actor)
    select order_id, refund_id, 'notification_replayed', concat(channel, ': ', event), ?
    from notification_logs
    where id = ?`,
    [actor, id],
  );
  return { kind: "queued" };
}

/** Whether the recipient of a notification has an e-mail address by now. */
async function hasAddress(tx: Queryable, id: number): Promise<boolean> {
  const [row] = await tx.execute(
    `
    select ${recipientEmail} as email
    from notification_logs
    straight_join orders on orders.id = notification_logs.order_id
    straight_join customers on customers.id = orders.customer_id
    where notification_logs.id = ?`,
    [id],
  );
  return row !== undefined && row.email !== null;
}

function toClaimedNotification(row: Row, lines: OrderLines): ClaimedNotification {
  const payload = JSON.parse(String(row.payload)) as Record<string, unknown>;
  return {
    id: toInteger(row.id),
    type: notificationTypeOf(String(row.event)),
    orderId: toInteger(row.order_id),
    externalOrderId: String(payload.external_order_id),
    refundId: row.refund_id === null ? null : toInteger(row.refund_id),
    customer: {
      externalId: toInteger(row.guest) === 1 ? null : String(row.external_id),
      email: row.email === null ? null : String(row.email),
      name: String(row.name),
    },
    status: row.status as Notification["status"],
    failureReason: payload.failure_reason as Notification["failureReason"],
    ...(Array.isArray(payload.shortages) ? { shortages: shortagesOf(payload.shortages) } : {}),
    currency: String(payload.currency),
    amountCents: toInteger(payload.amount_cents as number),
    totalCents: toInteger(row.total_cents),
    paymentStatus: row.payment_status as PaymentStatus,
    lines,
    createdAt: toIsoTime(row.created_at)!,
    attempts: toInteger(row.attempts),
  };
}

/** In the order of SKUs: the engines put lists together in any order. */
function shortagesOf(
  list: { sku: string; missing_qty: number }[],
): NonNullable<Notification["shortages"]> {
  return list.map(({ sku, missing_qty }) => ({ sku, missingQty: toInteger(missing_qty) }))
    .sort((a, b) => a.sku < b.sku ? -1 : 1);
}
