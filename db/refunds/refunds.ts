/**
 * Taking requests for refunds.
 *
 * @module
 */

import { refundRequestHash } from "../../domain/order/content_hash.ts";
import { WorkflowError } from "../../domain/errors.ts";
import { namedAmount } from "../../domain/money.ts";
import { refundKeyOf } from "../../domain/payment/payment_key.ts";
import { decideRefundRequest, refusedRefund } from "../../domain/refund/refund.ts";
import { refundWishFaults, reusedKey, trimmedReason } from "../../domain/refund/refund_request.ts";
import { type Database, type Queryable, transactionTries } from "../connection/database.ts";
import { isDuplicateKey } from "../connection/faults.ts";
import { addOrderEvents, type OrderEventRow } from "../orders/events.ts";
import { readInstallation } from "../payments/installation.ts";
import { lockOrders, readCharges } from "../orders/orders.ts";
import {
  insertRefunds,
  type KeyedRefund,
  ownKeyStart,
  readRefundsByKeys,
  readTakenProviderKeys,
  refundFactsOf,
  type RefundRow,
  type RefundToInsert,
} from "./refund_rows.ts";

/** What somebody asks for. */
export interface RefundRequest {
  orderId: number;
  /** Null means all that is left. */
  amountCents: number | null;
  reason: string | null;
  /**
   * The same owner's key with the same request is the same refund, for a day; null where the caller gave none.
   */
  idempotencyKey: string | null;
  /** Whose key it is, where it is not the one's who asks. */
  keyOwner?: string;
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
 * @returns for each request, in the same order, the refund or the reason why not: `invalid`, `not_found`,
 * `order_not_refundable`, `refund_exceeds_left` or `idempotency_key_reused`
 */
export async function requestRefunds(
  db: Database,
  requests: readonly RefundRequest[],
  actor: string,
  options: RefundOptions = {},
): Promise<(TakenRefund | WorkflowError)[]> {
  const asked = requests.map((request): Asked => {
    const { idempotencyKey, keyOwner, actor: own } = request;
    const reason = trimmedReason(request.reason);
    const owner = keyOwner ?? own ?? actor;
    return {
      orderId: request.orderId,
      amountCents: request.amountCents,
      reason,
      actor: own,
      idempotencyKey: idempotencyKey ?? `${ownKeyStart}${crypto.randomUUID()}`,
      keyOwner: owner,
      requestHash: refundRequestHash({
        ...request,
        reason,
        owner: owner.startsWith("api:") ? owner : "",
      }),
      fault: faultOf({ ...request, reason }),
    };
  });
  const take = async () => {
    const results = await db.transaction(async (tx) => {
      const results = await takeInTransaction(tx, asked, actor);
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

/** A request with all that is known of it before anybody looks at its order. */
interface Asked extends Omit<RefundToInsert, "amountCents" | "providerKey"> {
  amountCents: number | null;
  actor: string | undefined;
  /** Why it is no request. */
  fault: WorkflowError | undefined;
}

/** A request that is accepted, by its place among the others. */
interface Accepted {
  index: number;
  amountCents: number;
}

async function takeInTransaction(
  tx: Queryable,
  requests: readonly Asked[],
  actor: string,
): Promise<(TakenRefund | WorkflowError)[]> {
  const orderIds = [...new Set(requests.map(({ orderId }) => orderId))];
  const { orders } = await lockOrders(tx, orderIds);
  const refunds = await refundFactsOf(tx, orderIds, { lock: true });
  const known = await readRefundsByKeys(tx, requests.map(({ idempotencyKey }) => idempotencyKey));

  const accepted: Accepted[] = [];
  const repeated: { index: number; of: number }[] = [];
  const keysHere = new Map<string, number>();
  const decide = (request: Asked, index: number): TakenRefund | WorkflowError | undefined => {
    if (request.fault !== undefined) return request.fault;
    const order = orders.get(request.orderId);
    if (order === undefined) {
      return new WorkflowError("not_found", `There is no order ${request.orderId}`);
    }
    const { requestHash } = request;
    const before = requestedBefore(request, known.get(request.idempotencyKey) ?? []);
    if (before !== undefined) {
      return sameBytes(before.requestHash, requestHash)
        ? { refund: asFirstAnswered(before.refund), currency: order.currency, replayed: true }
        : reusedKey();
    }
    const key = `${request.keyOwner}\n${request.idempotencyKey}`;
    const twin = keysHere.get(key);
    if (twin !== undefined) {
      if (!sameBytes(requests[twin]!.requestHash, requestHash)) return reusedKey();
      repeated.push({ index, of: twin });
      return undefined;
    }
    const others = refunds.get(order.id) ?? [];
    const decision = decideRefundRequest(order, others, request.amountCents);
    if (decision.kind === "refused") return refusedRefund(order, request.amountCents, decision);
    const { amountCents } = decision;
    refunds.set(order.id, [...others, { id: Infinity, amountCents, status: "REQUESTED" }]);
    keysHere.set(key, index);
    accepted.push({ index, amountCents });
    return undefined;
  };
  const results = requests.map(decide);

  const currencyOf = (orderId: number) => orders.get(orderId)!.currency;
  const rows = await writeAccepted(tx, requests, accepted, { actor, currencyOf });
  accepted.forEach(({ index }, position) => {
    const refund = rows[position]!;
    results[index] = { refund, currency: currencyOf(refund.orderId), replayed: false };
  });
  for (const { index, of } of repeated) {
    const first = results[of]!;
    results[index] = first instanceof WorkflowError ? first : { ...first, replayed: true };
  }
  return results.map((result) => result!);
}

/** Inserts the refunds and their steps of the timelines. */
async function writeAccepted(
  tx: Queryable,
  requests: readonly Asked[],
  accepted: readonly Accepted[],
  { actor, currencyOf }: { actor: string; currencyOf: (orderId: number) => string },
): Promise<RefundRow[]> {
  const wanted = accepted.map(({ index, amountCents }): Wanted => ({
    ...requests[index]!,
    amountCents,
  }));
  const providerKeys = await providerKeysOf(tx, wanted);
  const rows = await insertRefunds(
    tx,
    wanted.map((one, position) => ({ ...one, providerKey: providerKeys[position] ?? null })),
  );
  await addOrderEvents(
    tx,
    rows.map((refund, position): OrderEventRow => ({
      orderId: refund.orderId,
      actor: requests[accepted[position]!.index]!.actor,
      refundId: refund.id,
      event: "refund_requested",
      detail: namedAmount(refund.amountCents, currencyOf(refund.orderId)) +
        (refund.reason === null ? "" : `: ${refund.reason}`),
    })),
    actor,
  );
  return rows;
}

/** What was requested under the key before. One without an owner can be told by its request alone. */
function requestedBefore(
  { keyOwner, requestHash }: Asked,
  known: readonly KeyedRefund[],
): KeyedRefund | undefined {
  return known.find((one) => one.keyOwner === keyOwner) ??
    known.find((one) => one.keyOwner === null && sameBytes(one.requestHash, requestHash));
}

/** A request of which it is decided how much goes back. */
type Wanted = Asked & { amountCents: number };

/**
 * Keys for the provider. A client's key gives the same one whenever its request is taken, so that a refund whose row
 * was lost is not paid out again; where the books have such a refund, this one is another and gets a key of its own.
 */
async function providerKeysOf(
  tx: Queryable,
  requests: readonly Wanted[],
): Promise<(string | null)[]> {
  if (requests.length === 0) return [];
  const installation = await readInstallation(tx);
  const orders = await readCharges(tx, [...new Set(requests.map(({ orderId }) => orderId))]);
  const keyOf = (request: Wanted, idempotencyKey: string) =>
    refundKeyOf(installation, {
      externalOrderId: orders.get(request.orderId)!.externalOrderId,
      owner: request.keyOwner,
      idempotencyKey,
      amountCents: request.amountCents,
    });
  const keys = requests.map((request) => keyOf(request, request.idempotencyKey));
  const taken = await readTakenProviderKeys(tx, keys.filter((key) => key !== null));
  return keys.map((key, index) =>
    key !== null && taken.has(key) ? keyOf(requests[index]!, crypto.randomUUID()) : key
  );
}

/** Why what was asked for is no request for a refund. */
function faultOf(request: RefundRequest): WorkflowError | undefined {
  const faults = refundWishFaults(request);
  if (faults.length === 0) return undefined;
  const said = faults.map(({ at, detail }) => at === "amount" ? detail : `the ${at} ${detail}`);
  return new WorkflowError(
    "invalid",
    `Cannot refund order ${request.orderId}: ${said.join("; ")}`,
  );
}

function asFirstAnswered(refund: RefundRow): RefundRow {
  return { ...refund, status: "REQUESTED", failureReason: null, processedAt: null };
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
