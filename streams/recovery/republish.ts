/**
 * Publishes again what the books say is to be done and nothing holds.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import {
  highestIds,
  listOpenOrders,
  listOpenRefunds,
  listOpenReversals,
  listUnansweredOrders,
  listUntoldOrders,
  listUntoldRefunds,
  type OpenOrder,
  type OpenRefund,
  type OpenReversal,
  type PageRequest,
} from "../../db/recovery/recovery.ts";
import type { Message } from "../../domain/messages/messages.ts";
import { findHeldWork, type HeldWork, type Need } from "./held_work.ts";
import { onceSegmentSize } from "../redis/keys.ts";
import { publish, type PublishDeps } from "../workflow/publish.ts";

/** What publishing again works with. */
export interface RepublishDeps extends PublishDeps {
  db: Queryable;
  /** Ends the work between two pages when it aborts: its reason is thrown. */
  signal?: AbortSignal;
}

/** What was published again, by what it was about. */
export interface Republished {
  /** Orders that are not settled. */
  orders: number;
  /** Refunds that are not finished. */
  refunds: number;
  /** Charges of orders that ended without an answer to them. */
  charges: number;
  /** Payments that are to be given back. */
  reversals: number;
  /** Settled orders and finished refunds that nobody was told of. */
  notices: number;
}

/** Rows to one page. */
const pageSize = 5_000;

/** Marks to one BITFIELD. */
const marksPerCall = 1_000;

/**
 * Searches the streams, then reads the books page by page and publishes what nothing holds: a `PENDING`
 * order's reservation, a `RESERVED` order's charge, a `REQUESTED` refund, and unless `openOnly` the
 * reversals and notices that are missing, for which whole tables are read.
 *
 * What was finished after the search is not met in the books any more. What came into the books after it
 * may be published once too often, which is harmless.
 *
 * @param options.afterLoss ask about the charges of ended orders as well: the books don't say which of them
 * a message still waited for
 * @param options.olderThanSeconds leave out what has changed within so many seconds
 */
export async function republish(
  deps: RepublishDeps,
  { openOnly = false, afterLoss = false, olderThanSeconds }: {
    openOnly?: boolean;
    afterLoss?: boolean;
    olderThanSeconds?: number;
  } = {},
): Promise<Republished> {
  const kinds = [
    ...everyKind.filter(({ readsAll }) => !(openOnly && readsAll)),
    ...(afterLoss ? [unansweredOrders] : []),
  ];
  const held = await findHeldWork(deps, await highestIds(deps.db));
  const sum = nothingRepublished();
  for (const kind of kinds) {
    for (let afterId: number | null = 0; afterId !== null;) {
      deps.signal?.throwIfAborted();
      const page: WorkPage = await kind.read(deps.db, {
        afterId,
        limit: pageSize,
        olderThanSeconds,
      });
      const messages = page.missing(held);
      await publishAgain(deps, messages);
      sum[kind.count] += messages.length;
      afterId = page.last;
    }
  }
  return sum;
}

/**
 * Publishes messages whether or not they were published before. Reservations are marked as published
 * first: an importer that is about to publish the same orders then passes them over.
 */
export async function publishAgain(
  deps: RepublishDeps,
  messages: readonly Message[],
): Promise<void> {
  await markPublished(
    deps,
    messages.flatMap((message) => message.type === "order.reserve" ? message.orderId : []),
  );
  await publish(deps, messages.map((message) => ({ message })), { committed: true });
}

/** Zeros. */
export function nothingRepublished(): Republished {
  return { orders: 0, refunds: 0, charges: 0, reversals: 0, notices: 0 };
}

/** Kinds of work, each with where it stands in the books and which messages bring it about. */
interface Kind {
  count: keyof Republished;
  /** True where a whole table is read to find it. */
  readsAll?: true;
  /** A page of what is to be done; `last` is where the next page starts, null on the last one. */
  read(db: Queryable, page: PageRequest): Promise<WorkPage>;
}

interface WorkPage {
  last: number | null;
  /** Messages of what is not held. */
  missing(held: HeldWork): Message[];
}

const openOrders: Kind = {
  count: "orders",
  read: async (db, page) =>
    workPage(await listOpenOrders(db, page), (rows, held) =>
      rows
        .filter(({ id, status }) => !held.holds(status === "PENDING" ? "reserve" : "settle", id))
        .map(({ id: orderId, status, amountCents, currency }) => ({
          type: status === "PENDING" ? "order.reserve" : "payment.charge",
          orderId,
          amountCents,
          currency,
        }))),
};

const openRefunds: Kind = {
  count: "refunds",
  read: async (db, page) =>
    workPage(
      await listOpenRefunds(db, page),
      (rows, held) => refundMessages("refund.process", rows, (id) => held.holds("refund", id)),
    ),
};

const openReversals: Kind = {
  count: "reversals",
  readsAll: true,
  read: async (db, page) =>
    workPage<OpenReversal>(await listOpenReversals(db, page), (rows, held) =>
      rows
        .filter(({ orderId }) => !held.holds("reversal", orderId))
        .map(({ orderId, amountCents, currency }) => ({
          type: "payment.reverse",
          orderId,
          amountCents,
          currency,
        }))),
};

const unansweredOrders: Kind = {
  count: "charges",
  readsAll: true,
  read: async (db, page) =>
    workPage(await listUnansweredOrders(db, page), (rows, held) =>
      rows
        .filter(({ id }) => !held.holds("settle", id))
        .map(({ id: orderId, amountCents, currency }) => ({
          type: "payment.charge",
          orderId,
          amountCents,
          currency,
        }))),
};

const untoldOrders: Kind = {
  count: "notices",
  readsAll: true,
  read: async (db, page) =>
    workPage(
      await listUntoldOrders(db, page),
      (rows, held) => noticesOf(rows.filter(({ id }) => mayBeTold(held, "order_notice", id))),
    ),
};

const untoldRefunds: Kind = {
  count: "notices",
  readsAll: true,
  read: async (db, page) =>
    workPage(
      await listUntoldRefunds(db, page),
      (rows, held) =>
        refundMessages("notify.refund", rows, (id) => !mayBeTold(held, "refund_notice", id)),
    ),
};

/**
 * Which kind of work is published where a need is not met. A need that is not in it does not compile, so that no
 * message that something waits for can be lost for good.
 */
const kindOf: Readonly<Record<Need, Kind | null>> = {
  reserve: openOrders,
  settle: openOrders,
  refund: openRefunds,
  reversal: openReversals,
  order_notice: untoldOrders,
  refund_notice: untoldRefunds,
  // The figures are counted anew from the books, and overdue reservations are looked for by themselves.
  order_count: null,
  time_out: null,
};

const everyKind = [...new Set(Object.values(kindOf))].filter((kind) => kind !== null);

function workPage<T extends { id: number }>(
  rows: readonly T[],
  missing: (rows: readonly T[], held: HeldWork) => Message[],
): WorkPage {
  return {
    last: rows.length < pageSize ? null : rows.at(-1)!.id,
    missing: (held) => missing(rows, held),
  };
}

/**
 * True where the notice of an end is to be published: nothing on its way brings it about, and it has not become a
 * dead letter. A dead letter of an earlier step tells nobody anything, whatever is decided about it.
 */
export function mayBeTold(
  held: HeldWork,
  need: "order_notice" | "refund_notice",
  id: number,
): boolean {
  return !held.moves(need, id) && !held.isDead(need, id);
}

/** The notices of settled orders. */
export function noticesOf(orders: readonly OpenOrder[]): Message[] {
  return orders.map(({ id: orderId, amountCents, currency }) => ({
    type: "notify.order",
    orderId,
    amountCents,
    currency,
  }));
}

function refundMessages(
  type: "refund.process" | "notify.refund",
  refunds: readonly OpenRefund[],
  isHeld: (refundId: number) => boolean,
): Message[] {
  return refunds
    .filter(({ id }) => !isHeld(id))
    .map(({ id: refundId, orderId, amountCents, currency }) => ({
      type,
      orderId,
      refundId,
      amountCents,
      currency,
    }));
}

async function markPublished(
  { redis, keys }: PublishDeps,
  orderIds: readonly number[],
): Promise<void> {
  const bySegment = Map.groupBy(orderIds, (id) => Math.floor(id / onceSegmentSize));
  for (const [segment, ids] of bySegment) {
    for (let from = 0; from < ids.length; from += marksPerCall) {
      const marks = ids.slice(from, from + marksPerCall)
        .flatMap((id) => ["SET", "u1", id % onceSegmentSize, 1]);
      await redis.call("BITFIELD", `${keys.publishedOnce}${segment}`, ...marks);
    }
  }
}
