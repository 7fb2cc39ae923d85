/**
 * Requesting refunds: the one way for the API, the dashboard and the command line.
 *
 * @module
 */

import { type Database, type Queryable, transactionTries } from "../../db/connection/database.ts";
import { restoreOrders } from "../../db/archive/archive.ts";
import { isDuplicateKey } from "../../db/connection/faults.ts";
import { addOrderEvents, type OrderEventRow } from "../../db/orders/timelines.ts";
import { readCharges } from "../../db/orders/orders.ts";
import { readChargedBack } from "../../db/payments/chargebacks.ts";
import { readInstallation } from "../../db/payments/installation.ts";
import {
  insertRefundContents,
  readOrderContents,
  readRefundDetails,
  type RefundDetail,
} from "../../db/refunds/refund_contents.ts";
import {
  insertRefunds,
  ownKeyStart,
  readRefundsByKeys,
  readTakenProviderKeys,
} from "../../db/refunds/refund_rows.ts";
import { WorkflowError } from "../../domain/errors.ts";
import { namedAmount } from "../../domain/money.ts";
import { addAuditEntries } from "../../db/audit/audit_log.ts";
import type { AuditEntry, Operator } from "../../domain/operation/audit.ts";
import { refundRequestHash } from "../../domain/order/content_hash.ts";
import { refundKeyOf } from "../../domain/payment/payment_key.ts";
import {
  type RefundAdjustment,
  type RefundItems,
  type RefundLine,
  writtenOut,
} from "../../domain/refund/refund_items.ts";
import {
  type RefundWish,
  refundWishFaults,
  trimmedReason,
} from "../../domain/refund/refund_request.ts";
import { withChargebacks } from "../../domain/payment/chargeback.ts";
import { decideRefundRequests, type KeyedRequest } from "../../domain/refund/refund_batch.ts";
import { takeTurns } from "../../streams/timing/take_turns.ts";
import { refundLocks } from "../../streams/workflow/order_locks.ts";
import { auditedTogether, outcomeOf } from "../audited.ts";
import { publishAfterCommit, type ServiceDeps } from "../publish_after_commit.ts";

/** What somebody asks for. */
export interface RefundRequest {
  orderId: number;
  /** Null means all that is left, or what the parts are worth that `items` names. */
  amountCents: number | null;
  /** Which parts of the order it is about; without it, it is about a mere amount. */
  items?: RefundItems;
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

/** A request that stands in the audit log. */
export interface AuditedRequest extends Omit<RefundRequest, "actor"> {
  operator: Operator;
}

/** A request that was taken, now or when it came for the first time. */
export interface TakenRefund {
  /** As it was first answered: `REQUESTED`. */
  refund: RefundDetail;
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
  /**
   * Wait for no order that another transaction has: its requests come back as {@linkcode OrderHeld}, undecided and in no log,
   * for another call to come back to. Without it such an order is waited for once, as long as any wait for a lock.
   */
  skipsHeld?: boolean;
}

/** A request about an order, or a refund of it, that another transaction has: nothing was decided about it. */
export class OrderHeld extends WorkflowError {
  /** Makes what a request comes to whose order is held. */
  constructor(orderId: number) {
    super(
      "unavailable",
      `Cannot refund order ${orderId} now: another transaction has it at the moment; ask again later`,
    );
  }
}

/**
 * Checks refund requests, takes them, many in one transaction, and publishes what was taken. A crash leaves
 * all of them or none in the database; what no stream holds then, the sweep publishes. Timelines and the audit log tell
 * who asks for each.
 *
 * @returns for each request, in the same order, the refund or the reason why not: `invalid`, `not_found`,
 * `order_not_refundable`, `refund_exceeds_left`, `idempotency_key_reused`, or {@linkcode OrderHeld}
 */
export async function requestAllAndPublish(
  deps: ServiceDeps,
  requests: readonly AuditedRequest[],
  options: RefundOptions = {},
): Promise<(TakenRefund | WorkflowError)[]> {
  const asked = requests.map(({ operator, ...request }) => ({
    ...request,
    actor: operator.actor,
  }));
  const about = requests.map(({ operator, orderId }) => ({
    operator,
    action: "refund.request",
    subject: { kind: "order", id: String(orderId) },
  } as const));
  const results = await auditedTogether(deps, about, () =>
    requestRefunds(deps.db, asked, "api", {
      ...options,
      inTransaction: async (tx, results) => {
        await options.inTransaction?.(tx, results);
        const entries = results.flatMap((result, at) =>
          options.skipsHeld && result instanceof OrderHeld ? [] : entryOf(requests[at]!, result)
        );
        await addAuditEntries(tx, entries);
      },
    }));
  await publishAfterCommit(
    deps,
    results.flatMap((result) => {
      if (result instanceof WorkflowError) return [];
      const { refund: { id: refundId, orderId, amountCents }, currency } = result;
      return [{ type: "refund.process" as const, orderId, refundId, amountCents, currency }];
    }),
  );
  return results;
}

/**
 * Requests one refund, see {@linkcode requestAllAndPublish}.
 *
 * @throws {WorkflowError} where it is refused
 */
export async function requestAndPublish(
  deps: ServiceDeps,
  request: Omit<RefundRequest, "actor">,
  operator: Operator,
): Promise<TakenRefund> {
  const [result] = await requestAllAndPublish(deps, [{ ...request, operator }]);
  if (result instanceof WorkflowError) throw result;
  return result!;
}

/** What the audit log says of a request. */
function entryOf(
  { operator, orderId }: AuditedRequest,
  result: TakenRefund | WorkflowError,
): AuditEntry {
  const subject = { kind: "order", id: String(orderId) } as const;
  const about = { operator, action: "refund.request", subject } as const;
  if (result instanceof WorkflowError) return { ...about, ...outcomeOf(result) };
  const { refund: { id, amountCents }, currency, replayed } = result;
  const detail = `refund ${id}: ${namedAmount(amountCents, currency)}`;
  return { ...about, outcome: replayed ? "unchanged" : "done", detail };
}

/**
 * Takes refund requests, many in one transaction under the locks of their orders, so that requests which
 * come at once can't return more than was paid. A crash leaves all of them or none; the refunds then wait
 * as `REQUESTED` until a message about them is handled, and recovery republishes lost messages.
 *
 * @param actor who asks, for the timeline
 * @returns for each request, in the same order, the refund or the reason why not: `invalid`, `not_found`,
 * `order_not_refundable`, `refund_exceeds_left`, `idempotency_key_reused`, or {@linkcode OrderHeld}
 */
export async function requestRefunds(
  db: Database,
  requests: readonly RefundRequest[],
  actor: string,
  options: RefundOptions = {},
): Promise<(TakenRefund | WorkflowError)[]> {
  const asked = requests.map((request): Asked => {
    const { idempotencyKey, keyOwner, actor: own, items = null } = request;
    const reason = trimmedReason(request.reason);
    const owner = keyOwner ?? own ?? actor;
    return {
      orderId: request.orderId,
      amountCents: request.amountCents,
      items,
      reason,
      actor: own,
      idempotencyKey: idempotencyKey ?? `${ownKeyStart}${crypto.randomUUID()}`,
      keyOwner: owner,
      requestHash: refundRequestHash({
        ...request,
        items,
        reason,
        owner: owner.startsWith("api:") ? owner : "",
      }),
      fault: faultOf(request.orderId, { ...request, items, reason }),
    };
  });
  const lock = refundLocks(db, { patient: options.skipsHeld !== true });
  const take = async () => {
    const results = await db.transaction(async (tx) => {
      const results = await takeFree(tx, asked, { actor, lock });
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

/** A request as it is decided about, and what is written of it. */
interface Asked extends KeyedRequest {
  reason: string | null;
  /** Who asks for this one, where it is not the one who asks for the others. */
  actor: string | undefined;
}

/** A request that is accepted, by its place among the others. */
interface Accepted extends RefundParts {
  index: number;
  amountCents: number;
}

/** What a refund is for; nothing where it is of a mere amount. */
interface RefundParts {
  lines: RefundLine[];
  adjustments: RefundAdjustment[];
}

/** Takes the requests whose orders are free. */
async function takeFree(
  tx: Queryable,
  requests: readonly Asked[],
  { actor, lock }: { actor: string; lock: ReturnType<typeof refundLocks> },
): Promise<(TakenRefund | WorkflowError)[]> {
  const locks = await lock(tx, [...new Set(requests.map(({ orderId }) => orderId))]);
  const free = requests.filter(({ orderId }) => !locks.held.has(orderId));
  const results = (await takeLocked(tx, free, locks, actor)).values();
  return requests.map(({ orderId }) =>
    locks.held.has(orderId) ? new OrderHeld(orderId) : results.next().value!
  );
}

async function takeLocked(
  tx: Queryable,
  requests: readonly Asked[],
  { orders: locked, refundsOf: refunds }: Awaited<ReturnType<ReturnType<typeof refundLocks>>>,
  actor: string,
): Promise<(TakenRefund | WorkflowError)[]> {
  const orderIds = [...new Set(requests.map(({ orderId }) => orderId))];
  const orders = withChargebacks(locked, await readChargedBack(tx, orderIds));
  const known = await readRefundsByKeys(tx, requests.map(({ idempotencyKey }) => idempotencyKey));
  const ofParts = new Set(requests.filter(({ items }) => items !== null).map((one) => one.orderId));
  const contents = await readOrderContents(tx, [...ofParts]);
  const decisions = [];
  const othersTurn = takeTurns();
  const soFar = { orders, refunds, contents, known };
  for (const decision of decideRefundRequests(requests, soFar)) {
    decisions.push(decision);
    await othersTurn();
  }

  const accepted = decisions.flatMap((decision, index): Accepted[] =>
    decision.kind === "accept" ? [{ ...decision, index }] : []
  );
  await restoreOrders(tx, [...new Set(accepted.map(({ index }) => requests[index]!.orderId))]);
  const currencyOf = (orderId: number) => orders.get(orderId)!.currency;
  const rows = await writeAccepted(tx, requests, accepted, { actor, currencyOf });
  const rowOf = new Map(accepted.map(({ index }, position) => [index, rows[position]!]));
  const before = await readRefundDetails(
    tx,
    decisions.flatMap((one) => one.kind === "requested_before" ? [one.before.refund] : []),
  );
  const beforeOf = new Map(before.map((refund) => [refund.id, refund]));
  return decisions.map((decision, index): TakenRefund | WorkflowError => {
    if (decision.kind === "refused") return decision.fault;
    const currency = currencyOf(requests[index]!.orderId);
    switch (decision.kind) {
      case "accept":
        return { refund: rowOf.get(index)!, currency, replayed: false };
      case "repeats":
        return { refund: rowOf.get(decision.of)!, currency, replayed: true };
      case "requested_before":
        return {
          refund: asFirstAnswered(beforeOf.get(decision.before.refund.id)!),
          currency,
          replayed: true,
        };
    }
  });
}

/** Inserts the refunds and their steps of the timelines. */
async function writeAccepted(
  tx: Queryable,
  requests: readonly Asked[],
  accepted: readonly Accepted[],
  { actor, currencyOf }: { actor: string; currencyOf: (orderId: number) => string },
): Promise<RefundDetail[]> {
  const wanted = accepted.map(({ index, amountCents, lines, adjustments }): Wanted => ({
    ...requests[index]!,
    amountCents,
    itemized: lines.length + adjustments.length > 0,
  }));
  const providerKeys = await providerKeysOf(tx, wanted);
  const rows = await insertRefunds(
    tx,
    wanted.map((one, position) => ({ ...one, providerKey: providerKeys[position] ?? null })),
  );
  const refunds = rows.map((row, position): RefundDetail => {
    const { lines, adjustments } = accepted[position]!;
    return { ...row, lines: lines.map((line) => ({ ...line, restocked: false })), adjustments };
  });
  await insertRefundContents(tx, refunds);
  await addOrderEvents(
    tx,
    refunds.map((refund, position): OrderEventRow => ({
      orderId: refund.orderId,
      actor: requests[accepted[position]!.index]!.actor,
      refundId: refund.id,
      event: "refund_requested",
      detail: stepDetail(refund, currencyOf(refund.orderId)),
    })),
    actor,
  );
  return refunds;
}

/** `24.90 EUR (2 × MUG 20.00 + shipping 4.90): one was broken`; what does not fit is cut from its end. */
function stepDetail(refund: RefundDetail, currency: string): string {
  const parts = refund.itemized ? ` (${writtenOut(refund, currency)})` : "";
  const reason = refund.reason === null ? "" : `: ${refund.reason}`;
  return `${namedAmount(refund.amountCents, currency)}${parts}${reason}`;
}

/** A request of which it is decided how much goes back. */
type Wanted = Asked & { amountCents: number; itemized: boolean };

/**
 * Keys for the provider. A client's key gives the same one whenever its request is taken, so that a refund whose row
 * was lost is not paid out again; where the database has such a refund, this one is another and gets a key of its own.
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
function faultOf(orderId: number, wish: RefundWish): WorkflowError | undefined {
  const faults = refundWishFaults(wish);
  if (faults.length === 0) return undefined;
  const said = faults.map(({ at, detail }) => at === "amount" ? detail : `the ${at} ${detail}`);
  return new WorkflowError(
    "invalid",
    `Cannot refund order ${orderId}: ${said.join("; ")}`,
  );
}

function asFirstAnswered(refund: RefundDetail): RefundDetail {
  const lines = refund.lines.map((line) => ({ ...line, restocked: false }));
  return { ...refund, lines, status: "REQUESTED", failureReason: null, processedAt: null };
}
