/**
 * Taking requests for refunds.
 *
 * @module
 */

import { refundRequestHash } from "../domain/content_hash.ts";
import { WorkflowError } from "../domain/errors.ts";
import { namedAmount } from "../domain/money.ts";
import type { OrderFacts } from "../domain/order.ts";
import { refundKeyOf } from "../domain/payment_key.ts";
import { decideRefundRequest } from "../domain/refund.ts";
import { type Database, type Queryable, transactionTries } from "./database.ts";
import { isDuplicateKey } from "./faults.ts";
import { addOrderEvents, type OrderEventRow } from "./events.ts";
import { readInstallation } from "./installation.ts";
import { lockOrders, readCharges } from "./orders.ts";
import {
  insertRefunds,
  ownKeyStart,
  readRefundsByKeys,
  readTakenProviderKeys,
  refundFactsOf,
  type RefundRow,
} from "./refund_rows.ts";

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
  const known = await readRefundsByKeys(
    tx,
    requests.flatMap(({ idempotencyKey }) => idempotencyKey ?? []),
  );

  // A key is unique in all of the books. Another token's must not be taken for a repetition of this one's.
  const hashOf = (request: RefundRequest) =>
    refundRequestHash({ ...request, owner: ownerOf(request, actor) });
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
      results[index] = sameBytes(before.requestHash, hashOf(request))
        ? { refund: asFirstAnswered(before.refund), currency: order.currency, replayed: true }
        : reusedKey();
      return;
    }
    const twin = key === null ? undefined : keysHere.get(key);
    if (twin !== undefined) {
      if (sameBytes(hashOf(requests[twin]!), hashOf(request))) {
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

  const wanted = accepted.map(({ index, amountCents }) => ({ ...requests[index]!, amountCents }));
  const providerKeys = await providerKeysOf(tx, wanted, actor);
  const rows = await insertRefunds(
    tx,
    accepted.map(({ index }, position) => ({
      ...wanted[position]!,
      requestHash: hashOf(requests[index]!),
      providerKey: providerKeys[position] ?? null,
    })),
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
      detail: namedAmount(refund.amountCents, orders.get(refund.orderId)!.currency) +
        (refund.reason === null ? "" : `: ${refund.reason}`),
    })),
    actor,
  );
  return results;
}

/** The token whose idempotency key it is; empty for whoever has none. */
function ownerOf(request: RefundRequest, actor: string): string {
  const by = request.actor ?? actor;
  return by.startsWith("api:") ? by : "";
}

/**
 * Keys for the provider. A client's key gives the same one whenever its request is taken, so that a refund whose row
 * was lost is not paid out again; where the books have such a refund, this one is another and gets a key of its own.
 */
async function providerKeysOf(
  tx: Queryable,
  requests: readonly (RefundRequest & { amountCents: number })[],
  actor: string,
): Promise<(string | null)[]> {
  if (requests.length === 0) return [];
  const installation = await readInstallation(tx);
  const orders = await readCharges(tx, [...new Set(requests.map(({ orderId }) => orderId))]);
  const keyOf = (request: typeof requests[number], idempotencyKey: string | null) =>
    refundKeyOf(installation, {
      externalOrderId: orders.get(request.orderId)!.externalOrderId,
      owner: ownerOf(request, actor),
      idempotencyKey: idempotencyKey ?? crypto.randomUUID(),
      amountCents: request.amountCents,
    });
  const keys = requests.map((request) => keyOf(request, request.idempotencyKey));
  const taken = await readTakenProviderKeys(tx, keys.filter((key) => key !== null));
  return keys.map((key, index) =>
    key !== null && taken.has(key) ? keyOf(requests[index]!, null) : key
  );
}

function refusal(
  order: OrderFacts,
  request: RefundRequest,
  { because, leftCents }: { because: string; leftCents: number },
): WorkflowError {
  const start = `Cannot refund order ${order.id}`;
  const money = (minor: number) => namedAmount(minor, order.currency);
  if (because === "not_positive") {
    return new WorkflowError("invalid", `${start}: ${request.amountCents} is no amount`);
  }
  if (because === "exceeds_left") {
    return new WorkflowError(
      "refund_exceeds_left",
      `${start}: ${money(request.amountCents!)} exceed the ${money(leftCents)} that are left`,
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
