/**
 * Statements on `refunds`.
 *
 * @module
 */

import { cutText } from "../../domain/text/cut_text.ts";
import { type RefundEvent, type RefundStatus, refundTransition } from "../../domain/order/order.ts";
import { oldRefundKey } from "../../domain/payment/payment_key.ts";
import { handStates } from "../../domain/refund/by_hand.ts";
import type { RefundFacts } from "../../domain/refund/refund.ts";
import { type Queryable, type Row, toInteger } from "../connection/database.ts";
import { keyHours } from "../clients/idempotency.ts";

/** A refund as its row says; times are UTC, `YYYY-MM-DD HH:MM:SS.ffffff`. */
export interface RefundRow {
  id: number;
  orderId: number;
  amountCents: number;
  reason: string | null;
  status: RefundStatus;
  failureReason: string | null;
  idempotencyKey: string | null;
  processedAt: string | null;
  /** No configured provider can give it back, so a person does or did. */
  byHand: boolean;
  createdAt: string;
  /** True where it says what it is for. */
  itemized: boolean;
}

/**
 * Begins the keys of requests that came without one; no caller's key has it. Only with a key does a
 * transaction that runs again after a lost answer to its commit find what it has done.
 */
export const ownKeyStart = " ";

const refundColumns =
  "id, order_id, amount_cents, reason, status, failure_reason, idempotency_key, processed_at, by_hand, created_at, itemized";

/** A request that was decided on. */
export interface RefundToInsert {
  orderId: number;
  amountCents: number;
  reason: string | null;
  idempotencyKey: string;
  /** Whose key it is; others may have the same one for something else. */
  keyOwner: string;
  /** Of what was asked, to recognise it under the same key. */
  requestHash: Uint8Array;
  /** Under which the provider is asked; no other refund's. Null for one that is made of the row's id. */
  providerKey: string | null;
  /** True where what it is for is inserted besides. */
  itemized: boolean;
}

/**
 * Inserts requests and reads their rows back. Their orders are locked, so the newest rows of each order
 * are the ones inserted here, in the same order.
 */
export async function insertRefunds(
  tx: Queryable,
  accepted: readonly RefundToInsert[],
): Promise<RefundRow[]> {
  if (accepted.length === 0) return [];
  const orderIds = [...new Set(accepted.map(({ orderId }) => orderId))];
  const inserted = tx.runText(
    `
    insert into refunds
      (order_id, amount_cents, reason, idempotency_key, key_owner, request_hash, provider_key,
       itemized)
    values ${accepted.map(() => "(?, ?, ?, ?, ?, ?, ?, ?)").join(", ")}`,
    accepted.flatMap((one) => [
      one.orderId,
      one.amountCents,
      one.reason,
      one.idempotencyKey,
      one.keyOwner,
      one.requestHash,
      one.providerKey,
      one.itemized ? 1 : 0,
    ]),
  );
  // A lock holds on one node of a cluster alone; two that change the same row can't both commit.
  const touched = tx.runText(
    "update orders set updated_at = current_timestamp(6) where id in (?)",
    [orderIds.toSorted((a, b) => a - b)],
  );
  await Promise.all([inserted, touched]);
  const stored = await tx.query(
    `
    select ${refundColumns}
    from refunds force index (refunds_order)
    where order_id in (?) and status = 'REQUESTED'
    order by id desc`,
    [orderIds],
  );
  const newestFirst = new Map<number, RefundRow[]>();
  for (const row of stored.map(toRefundRow)) {
    newestFirst.set(row.orderId, [...(newestFirst.get(row.orderId) ?? []), row]);
  }
  return accepted.toReversed().map(({ orderId }) => newestFirst.get(orderId)!.shift()!)
    .toReversed();
}

/**
 * Every refund of the orders, by order id, oldest first.
 *
 * @param options.lock keeps them as they are until the transaction ends
 * @param options.skipLocked leaves out those that another transaction has locked, instead of waiting for it
 */
export async function refundFactsOf(
  tx: Queryable,
  orderIds: readonly number[],
  options: { lock: boolean; skipLocked?: boolean },
): Promise<Map<number, RefundFacts[]>> {
  const byOrder = new Map<number, RefundFacts[]>();
  if (orderIds.length === 0) return byOrder;
  const rows = await tx.query(
    `
    select id, order_id, amount_cents, status, itemized, by_hand, failure_reason
    from refunds force index (refunds_order)
    where order_id in (?)
    order by id
    ${options.lock ? `for update${options.skipLocked ? " skip locked" : ""}` : ""}`,
    [[...orderIds]],
  );
  for (const row of rows) {
    const orderId = toInteger(row.order_id);
    const refund: RefundFacts = {
      id: toInteger(row.id),
      amountCents: toInteger(row.amount_cents),
      status: row.status as RefundStatus,
      itemized: toInteger(row.itemized) === 1,
    };
    const byHand = handStates[toInteger(row.by_hand) - 1];
    if (byHand !== undefined) refund.byHand = byHand;
    if (byHand === "refused") refund.refusal = String(row.failure_reason);
    byOrder.set(orderId, [...(byOrder.get(orderId) ?? []), refund]);
  }
  return byOrder;
}

/** Characters of a reason that are kept. */
const maxFailureReasonLength = 255;

/**
 * Writes that something happened to refunds, whose orders must be locked: the states before and after come from the
 * table of transitions. When one was made stays, also where its provider takes it back.
 *
 * @param now the database's clock, UTC
 */
export async function endRefunds(
  tx: Queryable,
  event: RefundEvent,
  refunds: readonly { id: number; failureReason: string | null }[],
  now: string,
): Promise<void> {
  if (refunds.length === 0) return;
  const { from, to } = refundTransition(event);
  const { affectedRows } = await tx.run(
    `
    update json_table(?, '$[*]' columns (
      id bigint unsigned path '$[0]',
      failure_reason varchar(255) character set utf8mb4 path '$[1]')) ended
    straight_join refunds force index (primary) on refunds.id = ended.id
    set refunds.status = ?, refunds.failure_reason = ended.failure_reason,
      refunds.processed_at = coalesce(refunds.processed_at, ?)
    where refunds.status in (${from.map(() => "?").join(", ")})`,
    [
      JSON.stringify(refunds.map(({ id, failureReason }) => [
        id,
        failureReason === null ? null : cutText(failureReason, maxFailureReasonLength),
      ])),
      to,
      now,
      ...from,
    ],
  );
  if (affectedRows !== refunds.length) {
    throw new Error(`${affectedRows} of ${refunds.length} refunds changed; they were not locked`);
  }
}

/** Refunds by id, as they are committed; an id that no row has is absent. */
export async function readRefunds(
  db: Queryable,
  ids: readonly number[],
): Promise<Map<number, RefundRow>> {
  if (ids.length === 0) return new Map();
  const rows = await db.query(
    `select ${refundColumns} from refunds force index (primary) where id in (?)`,
    [[...ids]],
  );
  return new Map(rows.map((row) => [toInteger(row.id), toRefundRow(row)]));
}

/** A refund that was requested under a key within {@linkcode keyHours}. */
export interface KeyedRefund {
  refund: RefundRow;
  /** Null where a process of an older version wrote it, which did not say whose key it is. */
  keyOwner: string | null;
  /** Of what was asked for. */
  requestHash: Uint8Array;
}

/**
 * Refunds by their idempotency keys, whosever they are, as long as the keys count; those that are older lose
 * theirs, so that they can be used again.
 */
export async function readRefundsByKeys(
  tx: Queryable,
  keys: readonly string[],
): Promise<Map<string, KeyedRefund[]>> {
  const byKey = new Map<string, KeyedRefund[]>();
  if (keys.length === 0) return byKey;
  const rows = await tx.query(
    `
    select ${refundColumns}, key_owner, request_hash,
      created_at >= current_timestamp(6) - interval ${keyHours} hour as counts
    from refunds force index (refunds_key_of_owner)
    where idempotency_key in (?)`,
    [[...keys]],
  );
  const expired = rows.filter((row) => Number(row.counts) === 0 && row.key_owner !== null);
  if (expired.length > 0) {
    await tx.query(
      `
      update refunds
      set key_owner = null, updated_at = updated_at
      where id in (?)`,
      [expired.map((row) => toInteger(row.id)).sort((a, b) => a - b)],
    );
  }
  for (const row of rows) {
    if (Number(row.counts) === 0) continue;
    const key = String(row.idempotency_key);
    byKey.set(key, [...(byKey.get(key) ?? []), {
      refund: toRefundRow(row),
      keyOwner: row.key_owner as string | null,
      requestHash: row.request_hash as Uint8Array,
    }]);
  }
  return byKey;
}

/** The keys under which the provider is asked for refunds, by the refund's id. */
export async function readProviderKeys(
  db: Queryable,
  refundIds: readonly number[],
): Promise<Map<number, string>> {
  if (refundIds.length === 0) return new Map();
  const rows = await db.query("select id, provider_key from refunds where id in (?)", [
    [...refundIds],
  ]);
  return new Map(rows.map((row) => {
    const id = toInteger(row.id);
    return [id, row.provider_key === null ? oldRefundKey(id) : String(row.provider_key)];
  }));
}

/** Whether a refund was recorded from its provider's books: its caller's key is made of the provider's. */
export async function wasRecorded(db: Queryable, refundId: number): Promise<boolean> {
  const [row] = await db.query("select idempotency_key, provider_key from refunds where id = ?", [
    refundId,
  ]);
  return row?.provider_key != null &&
    row.idempotency_key === `${ownKeyStart}${row.provider_key}`;
}

/** Which of some keys a refund has already. */
export async function readTakenProviderKeys(
  tx: Queryable,
  keys: readonly string[],
): Promise<Set<string>> {
  if (keys.length === 0) return new Set();
  const rows = await tx.query("select provider_key from refunds where provider_key in (?)", [
    [...keys],
  ]);
  return new Set(rows.map((row) => String(row.provider_key)));
}

/** The key of a refund as its caller gave it; null where it is only our own. */
export function callersKey(key: string | null): string | null {
  return key?.startsWith(ownKeyStart) ? null : key;
}

function toRefundRow(row: Row): RefundRow {
  return {
    id: toInteger(row.id),
    orderId: toInteger(row.order_id),
    amountCents: toInteger(row.amount_cents),
    reason: row.reason as string | null,
    status: row.status as RefundStatus,
    failureReason: row.failure_reason as string | null,
    idempotencyKey: callersKey(row.idempotency_key as string | null),
    processedAt: row.processed_at as string | null,
    byHand: toInteger(row.by_hand) > 0,
    createdAt: String(row.created_at),
    itemized: toInteger(row.itemized) === 1,
  };
}
