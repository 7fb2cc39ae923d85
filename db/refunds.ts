/**
 * Refunds: taking requests, and recording how they end.
 *
 * @module
 */

import { refundRequestHash } from "../domain/content_hash.ts";
import { cutText } from "../domain/cut_text.ts";
import { WorkflowError } from "../domain/errors.ts";
import type { OrderFacts, RefundStatus } from "../domain/order.ts";
import { decideRefundRequest, type RefundFacts } from "../domain/refund.ts";
import {
  type Database,
  isDuplicateKey,
  type Queryable,
  type Row,
  toInteger,
  transactionTries,
} from "./database.ts";
import { addOrderEvents, type OrderEventRow } from "./events.ts";
import { lockOrders } from "./orders.ts";

/** What somebody asks for. */
export interface RefundRequest {
  orderId: number;
  /** Null means all that is left. */
  amountCents: number | null;
  reason: string | null;
  /** The same key with the same request is the same refund; null where the caller gave none. */
  idempotencyKey: string | null;
  /** Who asks for this one, where it is not the one who asks for the others. */
  actor?: string;
}

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
  createdAt: string;
}

/** A request that was taken, now or when it came for the first time. */
export interface TakenRefund {
  /** As it was first answered: `REQUESTED`. */
  refund: RefundRow;
  currency: string;
  /** True where the idempotency key had been seen with the same request. */
  replayed: boolean;
}

/** What belongs to taking refunds. */
export interface RefundOptions {
  /**
   * Is told what came of the requests, in the transaction that inserts the refunds: what it writes is there
   * with the refunds or not at all.
   */
  inTransaction?: (
    tx: Queryable,
    results: readonly (TakenRefund | WorkflowError)[],
  ) => Promise<void>;
}

/**
 * Begins the keys of requests that came without one; no caller's key has it. Only with a key does a
 * transaction that runs again after a lost answer to its commit find what it has done.
 */
const ownKeyStart = " ";

/**
 * Takes refund requests, many in one transaction under the locks of their orders, so that requests which
 * come at once can't return more than was paid. A crash leaves all of them or none; the refunds then wait
 * as `REQUESTED` until a message about them is handled, and recovery republishes lost messages.
 *
 * @param actor who asks, for the timeline
 * @returns for each request, in the same order, the refund or the reason why not: `not_found`,
 * `order_not_refundable`, `refund_exceeds_left`, `invalid` (not one cent) or `idempotency_key_reused`
 */
export async function requestRefunds(
  db: Database,
  requests: readonly RefundRequest[],
  actor: string,
  options: RefundOptions = {},
): Promise<(TakenRefund | WorkflowError)[]> {
  const keyed = requests.map((request) => ({
    ...request,
    idempotencyKey: request.idempotencyKey ?? `${ownKeyStart}${crypto.randomUUID()}`,
  }));
  const take = async () => {
    const results = await db.transaction(async (tx) => {
      const results = await takeInTransaction(tx, keyed, actor);
      await options.inTransaction?.(tx, results);
      return results;
    });
    return results.map((result, index) =>
      result instanceof WorkflowError || requests[index]!.idempotencyKey !== null
        ? result
        : { ...result, replayed: false }
    );
  };
  for (let attempt = 1;; attempt++) {
    try {
      return await take();
    } catch (error) {
      // Another transaction has just used one of the keys under another order; now it can be seen.
      if (!isDuplicateKey(error) || attempt >= transactionTries) throw error;
    }
  }
}

/**
 * Takes one refund request, see {@linkcode requestRefunds}.
 *
 * @throws {WorkflowError} where it is refused
 */
export async function requestRefund(
  db: Database,
  request: RefundRequest,
  actor: string,
): Promise<TakenRefund> {
  const [result] = await requestRefunds(db, [request], actor);
  if (result instanceof WorkflowError) throw result;
  return result!;
}

async function takeInTransaction(
  tx: Queryable,
  requests: readonly RefundRequest[],
  actor: string,
): Promise<(TakenRefund | WorkflowError)[]> {
  const orderIds = [...new Set(requests.map(({ orderId }) => orderId))];
  const { orders } = await lockOrders(tx, orderIds);
  const refunds = await refundFactsOf(tx, orderIds, { lock: true });
  const known = await readByKeys(
    tx,
    requests.flatMap(({ idempotencyKey }) => idempotencyKey ?? []),
  );

  const accepted: { index: number; amountCents: number }[] = [];
  const repeated: { index: number; of: number }[] = [];
  const results: (TakenRefund | WorkflowError)[] = [];
  const keysHere = new Map<string, number>();
  requests.forEach((request, index) => {
    const order = orders.get(request.orderId);
    if (order === undefined) {
      results[index] = new WorkflowError("not_found", `There is no order ${request.orderId}`);
      return;
    }
    const key = request.idempotencyKey;
    const before = key === null ? undefined : known.get(key);
    if (before !== undefined) {
      results[index] = sameBytes(before.requestHash, refundRequestHash(request))
        ? { refund: asFirstAnswered(before.refund), currency: order.currency, replayed: true }
        : reusedKey();
      return;
    }
    const twin = key === null ? undefined : keysHere.get(key);
    if (twin !== undefined) {
      if (sameBytes(refundRequestHash(requests[twin]!), refundRequestHash(request))) {
        repeated.push({ index, of: twin });
      } else results[index] = reusedKey();
      return;
    }
    const others = refunds.get(order.id) ?? [];
    const decision = decideRefundRequest(order, others, request.amountCents);
    if (decision.kind === "refused") {
      results[index] = refusal(order, request, decision);
      return;
    }
    const { amountCents } = decision;
    refunds.set(order.id, [...others, { id: Infinity, amountCents, status: "REQUESTED" }]);
    if (key !== null) keysHere.set(key, index);
    accepted.push({ index, amountCents });
  });

  const rows = await insertRefunds(
    tx,
    accepted.map(({ index, amountCents }) => ({ request: requests[index]!, amountCents })),
  );
  accepted.forEach(({ index }, position) => {
    const refund = rows[position]!;
    const { currency } = orders.get(refund.orderId)!;
    results[index] = { refund, currency, replayed: false };
  });
  for (const { index, of } of repeated) {
    const first = results[of]!;
    results[index] = first instanceof WorkflowError ? first : { ...first, replayed: true };
  }
  await addOrderEvents(
    tx,
    rows.map((refund, position): OrderEventRow => ({
      orderId: refund.orderId,
      actor: requests[accepted[position]!.index]!.actor,
      refundId: refund.id,
      event: "refund_requested",
      detail: `${refund.amountCents} cents${refund.reason === null ? "" : `: ${refund.reason}`}`,
    })),
    actor,
  );
  return results;
}

const refundColumns =
  "id, order_id, amount_cents, reason, status, failure_reason, idempotency_key, processed_at, created_at";

/**
 * Inserts requests and reads their rows back. Their orders are locked, so the newest rows of each order
 * are the ones inserted here, in the same order.
 */
async function insertRefunds(
  tx: Queryable,
  accepted: readonly { request: RefundRequest; amountCents: number }[],
): Promise<RefundRow[]> {
  if (accepted.length === 0) return [];
  await tx.runText(
    `
    insert into refunds (order_id, amount_cents, reason, idempotency_key, request_hash)
    values ${accepted.map(() => "(?, ?, ?, ?, ?)").join(", ")}`,
    accepted.flatMap(({ request, amountCents }) => [
      request.orderId,
      amountCents,
      request.reason,
      request.idempotencyKey,
      refundRequestHash(request),
    ]),
  );
  const orderIds = [...new Set(accepted.map(({ request }) => request.orderId))];
  const stored = await tx.query(
    `
    select ${refundColumns}
    from refunds
    where order_id in (?) and status = 'REQUESTED'
    order by id desc`,
    [orderIds],
  );
  const newestFirst = new Map<number, RefundRow[]>();
  for (const row of stored.map(toRefundRow)) {
    newestFirst.set(row.orderId, [...(newestFirst.get(row.orderId) ?? []), row]);
  }
  return accepted.toReversed().map(({ request }) => newestFirst.get(request.orderId)!.shift()!)
    .toReversed();
}

/**
 * Every refund of the orders, by order id, oldest first.
 *
 * @param options.lock keeps them as they are until the transaction ends
 */
export async function refundFactsOf(
  tx: Queryable,
  orderIds: readonly number[],
  options: { lock: boolean },
): Promise<Map<number, RefundFacts[]>> {
  const byOrder = new Map<number, RefundFacts[]>();
  if (orderIds.length === 0) return byOrder;
  const rows = await tx.query(
    `
    select id, order_id, amount_cents, status
    from refunds
    where order_id in (?)
    order by id
    ${options.lock ? "for update" : ""}`,
    [[...orderIds]],
  );
  for (const row of rows) {
    const orderId = toInteger(row.order_id);
    const refund: RefundFacts = {
      id: toInteger(row.id),
      amountCents: toInteger(row.amount_cents),
      status: row.status as RefundStatus,
    };
    byOrder.set(orderId, [...(byOrder.get(orderId) ?? []), refund]);
  }
  return byOrder;
}

/** Characters of a reason that are kept. */
const longestFailureReason = 255;

/**
 * `REQUESTED` → `PROCESSED` or `FAILED`; the orders must be locked.
 *
 * @param now the database's clock, UTC
 */
export async function endRefunds(
  tx: Queryable,
  status: "PROCESSED" | "FAILED",
  refunds: readonly { id: number; failureReason: string | null }[],
  now: string,
): Promise<void> {
  if (refunds.length === 0) return;
  const { affectedRows } = await tx.run(
    `
    update json_table(?, '$[*]' columns (
      id bigint unsigned path '$[0]',
      failure_reason varchar(255) character set utf8mb4 path '$[1]')) ended
    straight_join refunds on refunds.id = ended.id
    set refunds.status = ?, refunds.failure_reason = ended.failure_reason, refunds.processed_at = ?
    where refunds.status = 'REQUESTED'`,
    [
      JSON.stringify(refunds.map(({ id, failureReason }) => [
        id,
        failureReason === null ? null : cutText(failureReason, longestFailureReason),
      ])),
      status,
      now,
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
  const rows = await db.query(`select ${refundColumns} from refunds where id in (?)`, [[...ids]]);
  return new Map(rows.map((row) => [toInteger(row.id), toRefundRow(row)]));
}

/** Every refund of an order, oldest first. */
export async function readRefundsOf(db: Queryable, orderId: number): Promise<RefundRow[]> {
  const rows = await db.execute(
    `select ${refundColumns} from refunds where order_id = ? order by id`,
    [orderId],
  );
  return rows.map(toRefundRow);
}

async function readByKeys(
  tx: Queryable,
  keys: readonly string[],
): Promise<Map<string, { refund: RefundRow; requestHash: Uint8Array }>> {
  if (keys.length === 0) return new Map();
  const rows = await tx.query(
    `select ${refundColumns}, request_hash from refunds where idempotency_key in (?)`,
    [[...keys]],
  );
  return new Map(rows.map((row) => [String(row.idempotency_key), {
    refund: toRefundRow(row),
    requestHash: row.request_hash as Uint8Array,
  }]));
}

function refusal(
  order: OrderFacts,
  request: RefundRequest,
  { because, leftCents }: { because: string; leftCents: number },
): WorkflowError {
  const start = `Cannot refund order ${order.id}`;
  if (because === "not_positive") {
    return new WorkflowError("invalid", `${start}: ${request.amountCents} cents is no amount`);
  }
  if (because === "exceeds_left") {
    return new WorkflowError(
      "refund_exceeds_left",
      `${start}: ${request.amountCents} cents exceed the ${leftCents} cents that are left`,
    );
  }
  return new WorkflowError(
    "order_not_refundable",
    because === "not_paid"
      ? `${start}: it is ${order.status}, and only PAID orders can be refunded`
      : `${start}: nothing is left to refund`,
  );
}

function reusedKey(): WorkflowError {
  return new WorkflowError(
    "idempotency_key_reused",
    "The idempotency key has been used with another request",
  );
}

function asFirstAnswered(refund: RefundRow): RefundRow {
  return { ...refund, status: "REQUESTED", failureReason: null, processedAt: null };
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

function callersKey(key: string | null): string | null {
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
    createdAt: String(row.created_at),
  };
}
