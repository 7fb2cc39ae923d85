/**
 * The kinds of work: which groups there are, which messages each of them handles, and what every message brings
 * about. Messages, the streams' names, the search for held work, recovery, verification, the dashboard and the API
 * read it. How work that is still open is found in the database says `streams/recovery/open_work.ts`, a row for
 * each {@linkcode OpenKind}; what handles a message says `streams/handlers/handlers.ts`, a row for each
 * {@linkcode MessageType}. A row that is missing anywhere does not compile.
 *
 * @module
 */

import type { Lane } from "./lane.ts";

/** The consumer groups, in the order in which they are listed; each reads the streams of its own name. */
export const groupTable = {
  orders: { purpose: "Reserves stock for new orders", searched: 1 },
  payments: { purpose: "Asks for the money and settles orders by the answers", searched: 2 },
  notifications: { purpose: "Tells customers how orders and refunds ended", searched: 4 },
  refunds: { purpose: "Gives money back", searched: 3 },
} as const satisfies Record<string, {
  /** What it does, for people. */
  purpose: string;
  /**
   * Its turn when all streams are searched: after the groups whose messages cause its own, so that a message that
   * moves on meanwhile is met.
   */
  searched: number;
}>;

/** A consumer group, and the stream it reads. */
export type Group = keyof typeof groupTable;

/** Every group, in the order in which they are listed. */
export const groups: readonly [Group, ...Group[]] = Object.keys(groupTable) as [Group, ...Group[]];

/** Every group, in the direction in which their messages cause each other. */
export const groupsInSearchOrder: readonly Group[] = groups.toSorted((a, b) =>
  groupTable[a].searched - groupTable[b].searched
);

/**
 * What a step of the workflow still needs until it is done: whose id it is told by, and as which kind of open work
 * the database lists it.
 */
export const needTable = {
  /** A `PENDING` order: its reservation. */
  reserve: { of: "order", open: "orders" },
  /** A `RESERVED` order: its charge, or the answer to it. */
  settle: { of: "order", open: "orders" },
  /** A settled order that nobody was told of: the notice, or what repeats an order's effects. */
  order_notice: { of: "order", open: "order_notices" },
  /** A settled order that is not in the figures, which are counted anew from the database. */
  order_count: { of: "order", open: null },
  /** A payment that came too late: its reversal, or the answer that asks for it. */
  reversal: { of: "order", open: "reversals" },
  /** An order whose time is over: what asks once more, or fails it. Overdue ones are looked for by themselves. */
  time_out: { of: "order", open: null },
  /** A `REQUESTED` refund, or a `PROCESSED` one that is not in the figures: its message. */
  refund: { of: "refund", open: "refunds" },
  /** A finished refund that nobody was told of: the notice, or what repeats a refund's effects. */
  refund_notice: { of: "refund", open: "refund_notices" },
} as const satisfies Record<string, { of: "order" | "refund"; open: string | null }>;

/** What a step of the workflow still needs. */
export type Need = keyof typeof needTable;

/** Every need. */
export const needs: readonly Need[] = Object.keys(needTable) as Need[];

/** A kind of open work, as the database lists it. */
export type OpenKind = NonNullable<(typeof needTable)[Need]["open"]>;

/**
 * What follows from an order once it is settled, and is repeated by whoever finds it settled: see `effectsOfOrder`. It is
 * brought about by every message that may settle an order.
 */
export const orderEnd = ["order_notice", "order_count"] as const satisfies readonly Need[];

/** What is known of a type of message. */
export type Work =
  & {
    /** The group that handles it. */
    group: Group;
    /** Where several types are there for the same: what they are there for. */
    purpose?: string;
    /** The lane that it belongs to, whatever it follows from; without it the one of its cause. */
    lane?: Lane;
  }
  & ({
    /** What its text says beside what every message about an order says, see `Details` in `messages.ts`. */
    shape: "order" | "refund" | "answer";
    /**
     * The needs that it brings about by itself or by what follows from it, first the one that it is there for. What is
     * missing here recovery publishes again and again.
     */
    brings: readonly [Need, ...Need[]];
  } | {
    /** It is about a product and no order. */
    shape: "product";
    /** Whatever needs it is looked for by itself. */
    brings: readonly Need[] & { length: 0 };
  });

/** Every type of message. */
export const typeTable = {
  "order.reserve": {
    group: "orders",
    shape: "order",
    // Last, what was paid at the source of an order that runs short.
    brings: ["reserve", "settle", ...orderEnd, "reversal"],
  },
  // Looked for by itself, see `streams/stock/awaited_stock.ts`: it is about no order. Who waits for stock has long been
  // told so, and one message takes up thousands of orders.
  "stock.arrived": { group: "orders", shape: "product", brings: [], lane: "bulk" },
  "payment.charge": {
    group: "payments",
    shape: "order",
    brings: ["settle", ...orderEnd, "reversal"],
    purpose: "settle",
  },
  "payment.callback": {
    group: "payments",
    shape: "answer",
    brings: ["settle", ...orderEnd, "reversal"],
    purpose: "settle",
  },
  "payment.ask_again": {
    group: "payments",
    shape: "order",
    brings: ["settle", "time_out", ...orderEnd, "reversal"],
    purpose: "settle",
  },
  "payment.time_out": {
    group: "payments",
    shape: "order",
    brings: ["settle", "time_out", ...orderEnd, "reversal"],
    purpose: "settle",
  },
  "notify.order": { group: "notifications", shape: "order", brings: ["order_notice"] },
  "notify.refund": { group: "notifications", shape: "refund", brings: ["refund_notice"] },
  "refund.process": { group: "refunds", shape: "refund", brings: ["refund", "refund_notice"] },
  "payment.reverse": { group: "refunds", shape: "order", brings: ["reversal"] },
} as const satisfies Record<string, Work>;

/** What a message says first, such as `payment.charge`. */
export type MessageType = keyof typeof typeTable;

/** The shape of the messages of a type. */
export type ShapeOf<T extends MessageType> = (typeof typeTable)[T]["shape"];

/** Every type of message. */
export const messageTypes: readonly MessageType[] = Object.keys(typeTable) as MessageType[];

/** What is known of each type. */
export const workOf: Readonly<Record<MessageType, Work>> = typeTable;

/** The group that handles each type of message. */
export const groupOf: Readonly<Record<MessageType, Group>> = Object.fromEntries(
  messageTypes.map((type) => [type, typeTable[type].group]),
) as Record<MessageType, Group>;
