/**
 * The kinds of open work: how the database lists what is still to be done, as which message it is published again,
 * and what verification says where no message is there for it. Recovery, the sweep and verification go through this
 * table; a kind that `domain/messages/work.ts` names and that is not in it does not compile.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import {
  countOpenOrders,
  countOpenRefunds,
  listOpenOrders,
  listOpenRefunds,
  listOpenReversals,
  listUnansweredOrders,
  listUnnotifiedOrders,
  listUnnotifiedRefunds,
  type OpenOrder,
  type OpenRefund,
  type PageRequest,
} from "../../db/recovery/recovery.ts";
import type { RowCounts } from "../../db/verification/verify.ts";
import type { OrderMessage } from "../../domain/messages/messages.ts";
import {
  type Group,
  groups,
  messageTypes,
  type Need,
  needTable,
  type OpenKind,
  workOf,
} from "../../domain/messages/work.ts";
import { orderEventName, refundEventName } from "../../domain/notification/notification.ts";
import type { Drift } from "../verification/drift.ts";
import type { HeldWork } from "./held_work.ts";

/** The checks of verification that miss open work: ends that nobody was told of, and unfinished work. */
export type OpenCheck = "notifications" | "homes";

/** A kind of open work; a row is of its table, by whose ids the pages are ordered. */
export interface OpenWork<Row extends { id: number } = { id: number }> {
  /** The name under which reports count what was published again. */
  countedAs: string;
  /** A page of what is to be done. */
  list(db: Queryable, page: PageRequest): Promise<Row[]>;
  /** What one of them needs. */
  need(row: Row): Need;
  /** The message that brings it about. */
  message(row: Row): OrderMessage;
  /**
   * Counts it, in dispute and named by dead letters left out. Only where an index finds it: the sweep then looks for
   * it every minute. Otherwise a whole table is read, which recovery and repair alone do.
   */
  count?(db: Queryable): Promise<number>;
  /** What verification says; null where the database doesn't say that anything is missing: only after a loss it may be. */
  missed: Missed<Row> | null;
}

/** What verification says of open work without a message. */
interface Missed<Row> {
  check: OpenCheck;
  /** How many things are looked at for it. */
  lookedAt(counts: RowCounts): number;
  drift(row: Row): Omit<Drift, "found">;
}

/** Has the compiler look at one row, and keeps its names. */
function kind<Row extends { id: number }, const Name extends string>(
  row: OpenWork<Row> & { countedAs: Name },
): OpenWork<Row> & { countedAs: Name } {
  return row;
}

/** Every kind of open work, in the order in which it is published again. */
export const openWork = {
  /** Orders that are not settled. */
  orders: kind({
    countedAs: "orders",
    list: listOpenOrders,
    count: countOpenOrders,
    need: ({ status }) => status === "PENDING" ? "reserve" : "settle",
    message: (order) =>
      orderMessage(order.status === "PENDING" ? "order.reserve" : "payment.charge", order),
    missed: {
      check: "homes",
      lookedAt: ({ openOrders }) => openOrders,
      drift: ({ id, status }) => ({
        subject: `order ${id}`,
        what: `message or dead letter of a ${status} order`,
        expected: status === "PENDING" ? "order.reserve" : "payment.charge or what follows from it",
      }),
    },
  }),
  /** Refunds that are not finished. */
  refunds: kind({
    countedAs: "refunds",
    list: listOpenRefunds,
    count: countOpenRefunds,
    need: () => "refund",
    message: (refund) => refundMessage("refund.process", refund),
    missed: {
      check: "homes",
      lookedAt: ({ openRefunds }) => openRefunds,
      drift: ({ id, orderId }) => ({
        subject: `refund ${id} of order ${orderId}`,
        what: "message or dead letter of a REQUESTED refund",
        expected: "refund.process",
      }),
    },
  }),
  /** Charges of orders that ended without an answer to them: which of them a message still waited for is not written. */
  charges: kind({
    countedAs: "charges",
    list: listUnansweredOrders,
    need: () => "settle",
    message: (order) => orderMessage("payment.charge", order),
    missed: null,
  }),
  /** Payments that are to be given back. */
  reversals: kind({
    countedAs: "reversals",
    list: listOpenReversals,
    need: () => "reversal",
    message: ({ orderId, amountCents, currency }) => ({
      type: "payment.reverse",
      orderId,
      amountCents,
      currency,
    }),
    missed: {
      check: "homes",
      lookedAt: () => 0,
      drift: ({ id, orderId }) => ({
        subject: `payment ${id} of order ${orderId}`,
        what: "message or dead letter of a REVERSING payment",
        expected: "payment.reverse",
      }),
    },
  }),
  /** Settled orders that nobody was told of. */
  order_notices: kind({
    countedAs: "notices",
    list: listUnnotifiedOrders,
    need: () => "order_notice",
    message: (order) => orderMessage("notify.order", order),
    missed: {
      check: "notifications",
      lookedAt: ({ settledOrders }) => settledOrders,
      drift: ({ id, status }) => ({
        subject: `order ${id}`,
        what: `notification of a ${status} order`,
        expected: orderEventName(status),
      }),
    },
  }),
  /** Finished refunds that nobody was told of. */
  refund_notices: kind({
    countedAs: "notices",
    list: listUnnotifiedRefunds,
    need: () => "refund_notice",
    message: (refund) => refundMessage("notify.refund", refund),
    missed: {
      check: "notifications",
      lookedAt: ({ finishedRefunds }) => finishedRefunds,
      drift: ({ id, orderId, status }) => ({
        subject: `refund ${id} of order ${orderId}`,
        what: `notification of a ${status} refund`,
        expected: refundEventName(id, status),
      }),
    },
  }),
} as const satisfies Record<OpenKind | "charges", OpenWork>;

/** A name under which reports count what was published again. */
export type CountedAs = (typeof openWork)[keyof typeof openWork]["countedAs"];

/** The table as a list. */
export const everyOpenWork: readonly (OpenWork & { countedAs: CountedAs })[] = Object.values(
  openWork,
);

/** What the sweep looks for every minute. */
export const sweptWork: readonly Required<OpenWork>[] = everyOpenWork.filter(
  (work): work is Required<OpenWork> & { countedAs: CountedAs } => work.count !== undefined,
);

/** The groups whose messages bring about what the sweep looks for. */
export const sweptGroups: readonly Group[] = groups.filter((group) =>
  messageTypes.map((type) => workOf[type]).some((work) =>
    work.group === group && work.brings.some((need) => {
      const { open } = needTable[need];
      return open !== null && sweptWork.some((swept) => swept === openWork[open]);
    })
  )
);

/**
 * Where the message of open work is: held by the streams, the schedules or, where that is enough, by a dead letter;
 * `dead` where a person has to decide about it first; `nowhere`.
 *
 * A dead letter is enough for unfinished work. It tells nobody anything, so it is not enough for a notification; yet
 * where the very notification is one, publishing it once more by itself would end the same way. One of an earlier
 * step says nothing of it.
 */
export function whereabouts<Row extends { id: number }>(
  work: OpenWork<Row>,
  row: Row,
  held: HeldWork,
): "held" | "dead" | "nowhere" {
  const need = work.need(row);
  const id = ownerOf(work, row).id;
  if (work.missed?.check !== "notifications") return held.holds(need, id) ? "held" : "nowhere";
  if (held.moves(need, id)) return "held";
  return held.isDead(need, id) ? "dead" : "nowhere";
}

/** The order or the refund whose id the message of open work is found by. */
export function ownerOf<Row extends { id: number }>(
  work: OpenWork<Row>,
  row: Row,
): { of: "order" | "refund"; id: number } {
  const message = work.message(row);
  const { of } = needTable[work.need(row)];
  return { of, id: of === "refund" && "refundId" in message ? message.refundId : message.orderId };
}

function orderMessage(
  type: "order.reserve" | "payment.charge" | "notify.order",
  { id: orderId, amountCents, currency }: OpenOrder,
): OrderMessage {
  return { type, orderId, amountCents, currency };
}

function refundMessage(
  type: "refund.process" | "notify.refund",
  { id: refundId, orderId, amountCents, currency }: OpenRefund,
): OrderMessage {
  return { type, orderId, refundId, amountCents, currency };
}
