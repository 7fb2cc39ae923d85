/**
 * Decides about refund requests that come together, each against what the others leave.
 *
 * @module
 */

import { WorkflowError } from "../errors.ts";
import type { OrderStatus } from "../order/order.ts";
import type { ChargedBack } from "../payment/chargeback.ts";
import { decideRefundRequest, type RefundFacts, refusedRefund } from "./refund.ts";
import {
  contentsAfter,
  decideRefundItems,
  type OrderContents,
  type RefundAdjustment,
  type RefundItems,
  type RefundLine,
} from "./refund_items.ts";
import { reusedKey } from "./refund_request.ts";

/** A request with all that is known of it before anybody looks at its order. */
export interface KeyedRequest {
  /** Database id of the order. */
  orderId: number;
  /** Null means all that is left. */
  amountCents: number | null;
  /** Which parts of the order it is about; null where it is about a mere amount. */
  items: RefundItems | null;
  /** The caller's, or one of its own. */
  idempotencyKey: string;
  /** Whose key it is; others may have the same one for something else. */
  keyOwner: string;
  /** Of what was asked, to recognise it under the same key. */
  requestHash: Uint8Array;
  /** Why it is no request; undefined where it is one. */
  fault: WorkflowError | undefined;
}

/** A request that was taken under a key before. */
export interface KnownRequest {
  /** Null where a process of an older version wrote it, which did not say whose key it is. */
  keyOwner: string | null;
  /** Of what was asked for. */
  requestHash: Uint8Array;
}

/** What the requests are decided by; the rows of the orders and of their refunds are locked. */
export interface RefundsSoFar<K extends KnownRequest> {
  /** By id. */
  orders: ReadonlyMap<
    number,
    {
      id: number;
      status: OrderStatus;
      totalCents: number;
      currency: string;
      chargedBack?: ChargedBack;
    }
  >;
  /** Every refund of the orders, by order id. */
  refunds: ReadonlyMap<number, readonly RefundFacts[]>;
  /** By order id: of all orders of which parts are asked for. */
  contents: ReadonlyMap<number, OrderContents>;
  /** What was requested before, by key, whosever it is. */
  known: ReadonlyMap<string, readonly K[]>;
}

/** What becomes of one request. */
export type TakeDecision<K extends KnownRequest> =
  /** A refund of so much, and of these parts; of none where it is a mere amount. */
  | {
    kind: "accept";
    amountCents: number;
    lines: RefundLine[];
    adjustments: RefundAdjustment[];
  }
  /** The same as one that was taken before. */
  | { kind: "requested_before"; before: K }
  /** The same as one beside it that is accepted, by its place. */
  | { kind: "repeats"; of: number }
  /** None. */
  | { kind: "refused"; fault: WorkflowError };

/**
 * Decides what becomes of each request, in their sequence: those that are accepted count against what is left for
 * those after them. One by one, with room for breaks between: a request may be about parts of an order of very many lines.
 */
export function* decideRefundRequests<K extends KnownRequest>(
  requests: readonly KeyedRequest[],
  { orders, refunds, contents, known }: RefundsSoFar<K>,
): Generator<TakeDecision<K>, void> {
  const claimed = new Map(refunds);
  const holds = new Map(contents);
  const accepted = new Map<string, number>();
  const refused = (fault: WorkflowError): TakeDecision<K> => ({ kind: "refused", fault });
  const decide = (request: KeyedRequest, index: number): TakeDecision<K> => {
    if (request.fault !== undefined) return refused(request.fault);
    const order = orders.get(request.orderId);
    if (order === undefined) {
      return refused(new WorkflowError("not_found", `There is no order ${request.orderId}`));
    }
    const before = requestedBefore(request, known.get(request.idempotencyKey) ?? []);
    if (before !== undefined) {
      return saysTheSame(before, request)
        ? { kind: "requested_before", before }
        : refused(reusedKey());
    }
    const key = `${request.keyOwner}\n${request.idempotencyKey}`;
    const twin = accepted.get(key);
    if (twin !== undefined) {
      return saysTheSame(requests[twin]!, request)
        ? { kind: "repeats", of: twin }
        : refused(reusedKey());
    }
    const others = claimed.get(order.id) ?? [];
    const wanted = request.items === null ? request.amountCents : null;
    const decision = decideRefundRequest(order, others, wanted);
    if (decision.kind === "refused") return refused(refusedRefund(order, wanted, decision));
    let parts = { amountCents: decision.amountCents, ...noParts };
    if (request.items !== null) {
      const own = holds.get(order.id)!;
      const { amountCents } = request;
      const leftCents = decision.amountCents;
      const decided = decideRefundItems(order, own, request.items, { leftCents, amountCents });
      if (decided.kind === "refused") return decided;
      parts = decided;
      holds.set(order.id, contentsAfter(own, decided));
    }
    const { amountCents, lines, adjustments } = parts;
    claimed.set(order.id, [...others, { id: Infinity, amountCents, status: "REQUESTED" }]);
    accepted.set(key, index);
    return { kind: "accept", amountCents, lines, adjustments };
  };
  for (const [index, request] of requests.entries()) yield decide(request, index);
}

/** What a mere amount is a refund of. */
const noParts = { lines: [] as RefundLine[], adjustments: [] as RefundAdjustment[] };

/** What was requested under the key before. One without an owner can be told by its request alone. */
function requestedBefore<K extends KnownRequest>(
  request: KeyedRequest,
  known: readonly K[],
): K | undefined {
  return known.find((one) => one.keyOwner === request.keyOwner) ??
    known.find((one) => one.keyOwner === null && saysTheSame(one, request));
}

function saysTheSame(
  { requestHash: a }: Pick<KnownRequest, "requestHash">,
  { requestHash: b }: Pick<KnownRequest, "requestHash">,
): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
