/**
 * Checks 4 and 5 of the proof: everybody was told, and all unfinished work has a home.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import {
  listOpenOrders,
  listOpenRefunds,
  listOpenReversals,
  listUntoldOrders,
  listUntoldRefunds,
  type PageRequest,
} from "../../db/recovery/recovery.ts";
import { findNoticeGaps, findWrongNotices } from "../../db/verification/verify.ts";
import { orderEventName, refundEventName } from "../../domain/notification/notification.ts";
import { addDrift, type Drift, type Drifts, noDrifts } from "./drift.ts";
import {
  findHeldWork,
  type HeldWork,
  type HeldWorkDeps,
  type Need,
} from "../recovery/held_work.ts";
import { pause } from "../queue/pause.ts";
import { collect } from "./verify_database.ts";

/** Something that needs a message, and what is told if there is none. */
interface Needy {
  /** Of its row. */
  id: number;
  need: Need;
  /** The order or the refund that a message must be about. */
  about: number;
  drift: Drift;
}

/** One kind of thing that needs messages. */
interface Kind {
  check: "notifications" | "homes";
  /** A page of those that need one, as the books say. */
  read(db: Queryable, page: PageRequest): Promise<Needy[]>;
}

/** Rows to one page. */
const pageSize = 5_000;

/** Rounds of looking, at least: what is on its way from the books to a stream is met in the second. */
const leastRounds = 2;

const openOrders: Kind = {
  check: "homes",
  read: async (db, page) =>
    (await listOpenOrders(db, page)).map(({ id, status }): Needy => ({
      id,
      need: status === "PENDING" ? "reserve" : "settle",
      about: id,
      drift: {
        subject: `order ${id}`,
        what: `message or dead letter of a ${status} order`,
        expected: status === "PENDING" ? "order.reserve" : "payment.charge or what follows from it",
        found: null,
      },
    })),
};

const openRefunds: Kind = {
  check: "homes",
  read: async (db, page) =>
    (await listOpenRefunds(db, page)).map(({ id, orderId }): Needy => ({
      id,
      need: "refund",
      about: id,
      drift: {
        subject: `refund ${id} of order ${orderId}`,
        what: "message or dead letter of a REQUESTED refund",
        expected: "refund.process",
        found: null,
      },
    })),
};

const openReversals: Kind = {
  check: "homes",
  read: async (db, page) =>
    (await listOpenReversals(db, page)).map(({ id, orderId }): Needy => ({
      id,
      need: "reversal",
      about: orderId,
      drift: {
        subject: `payment ${id} of order ${orderId}`,
        what: "message or dead letter of a REVERSING payment",
        expected: "payment.reverse",
        found: null,
      },
    })),
};

const untoldOrders: Kind = {
  check: "notifications",
  read: async (db, page) =>
    (await listUntoldOrders(db, page)).map(({ id, status }): Needy => ({
      id,
      need: "order_notice",
      about: id,
      drift: {
        subject: `order ${id}`,
        what: `notification of a ${status} order`,
        expected: orderEventName(status),
        found: null,
      },
    })),
};

const untoldRefunds: Kind = {
  check: "notifications",
  read: async (db, page) =>
    (await listUntoldRefunds(db, page)).map(({ id, orderId, status }): Needy => ({
      id,
      need: "refund_notice",
      about: id,
      drift: {
        subject: `refund ${id} of order ${orderId}`,
        what: `notification of a ${status} refund`,
        expected: refundEventName(id, status),
        found: null,
      },
    })),
};

/**
 * Which kind of things has each need. A need that is not in it does not compile, so that nothing that waits for a
 * message goes unproven.
 */
const kindOf: Readonly<Record<Need, Kind | null>> = {
  reserve: openOrders,
  settle: openOrders,
  refund: openRefunds,
  reversal: openReversals,
  order_notice: untoldOrders,
  refund_notice: untoldRefunds,
  // The third check finds who is in no figure; a reserved order with a charge has its home.
  order_count: null,
  time_out: null,
};

const kinds = [...new Set(Object.values(kindOf))].filter((kind) => kind !== null);

/** Notices in the history that tell of what did not happen, or are incomplete. To be run in a snapshot. */
export async function verifyNotices(tx: Queryable): Promise<Drifts> {
  const drifts = noDrifts();
  collect(drifts, await findWrongNotices(tx), ({ orderId, refundId, status, event }) => ({
    subject: refundId === null ? `order ${orderId}` : `refund ${refundId} of order ${orderId}`,
    what: status === null ? "notification of no such end" : `notification of a ${status} order`,
    expected: null,
    found: event,
  }));
  collect(drifts, await findNoticeGaps(tx), ({ orderId, event, channel, lacksChannels }) => ({
    subject: `order ${orderId}`,
    what: lacksChannels
      ? `notifications of ${event} on other channels than ${channel}`
      : `sent or waiting notification of ${event} by ${channel}`,
    expected: event,
    found: null,
  }));
  return drifts;
}

/**
 * Finds what needs a message and has none.
 *
 * **What it guarantees.** Each round searches the streams and then reads the books. What a round reports
 * needed its message during the whole search and had none at the moment in which the search would have
 * met it, unless its message was being published just then (an importer, an order or a refund request
 * commits first and publishes right after) or it moved on between the two. Only what every round reports
 * is drift, over `settleMs` at least, so only a publisher that stands still for longer than that between
 * its commit and its message can be taken for drift; and nothing that is really lost is ever missed,
 * because nothing but a message would take it out of the list.
 *
 * A dead letter is a home for unfinished work, yet it tells nobody anything: it excuses no missing
 * notification. Where the notification itself is one, no repair publishes it anew, and a person has to decide.
 *
 * @param limits the highest ids when the proof began; what came later is not looked at
 * @param settleMs how long a difference must last
 */
export async function verifyHomes(
  deps: HeldWorkDeps,
  limits: { orderId: number; refundId: number },
  settleMs: number,
): Promise<{ notifications: Drifts; homes: Drifts }> {
  const until = performance.now() + settleMs;
  let suspects = new Map<Kind, number[] | null>(kinds.map((kind) => [kind, null]));
  let result = { notifications: noDrifts(), homes: noDrifts() };
  for (let round = 1;; round++) {
    const held = await findHeldWork(deps, limits);
    const next = new Map<Kind, number[]>();
    result = { notifications: noDrifts(), homes: noDrifts() };
    for (const [kind, ids] of suspects) {
      const found = await readNeedy(deps.db, kind, held, limits, ids, result[kind.check]);
      if (found.length > 0) next.set(kind, found);
    }
    if (next.size === 0 || (round >= leastRounds && performance.now() >= until)) return result;
    suspects = next;
    await pause(Math.min(500, settleMs / 4));
  }
}

/** @param ids only these, or all for null @returns the ids of those that nothing holds */
async function readNeedy(
  db: Queryable,
  kind: Kind,
  held: HeldWork,
  limits: { orderId: number; refundId: number },
  ids: number[] | null,
  drifts: Drifts,
): Promise<number[]> {
  const homeless: number[] = [];
  const keep = (page: readonly Needy[]): void => {
    for (const { id, need, about, drift } of page) {
      const limit = need === "refund" || need === "refund_notice"
        ? limits.refundId
        : limits.orderId;
      if (about > limit) continue;
      if (kind.check === "homes" ? held.holds(need, about) : held.moves(need, about)) continue;
      homeless.push(id);
      if (kind.check === "notifications" && held.isDead(need, about)) {
        addDrift(drifts, { ...drift, found: "a dead letter" }, true);
      } else addDrift(drifts, drift);
    }
  };
  if (ids !== null) {
    for (let from = 0; from < ids.length; from += pageSize) {
      const part = ids.slice(from, from + pageSize);
      keep(await kind.read(db, { afterId: 0, limit: pageSize, ids: part }));
    }
    return homeless;
  }
  for (let afterId = 0;;) {
    const page = await kind.read(db, { afterId, limit: pageSize });
    keep(page);
    if (page.length < pageSize) return homeless;
    afterId = page.at(-1)!.id;
  }
}
