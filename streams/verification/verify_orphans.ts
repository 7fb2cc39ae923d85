/**
 * Checks 4 and 5: everybody was told, and no open work is orphaned.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import { findUntoldArchived } from "../../db/verification/archive_faults.ts";
import { findUnevenNotices } from "../../db/verification/uneven_notices.ts";
import { isRange, type Scope } from "../../db/verification/scope.ts";
import { findNotificationGaps, findWrongNotifications } from "../../db/verification/verify.ts";
import type { Recent } from "../seals/recent.ts";
import { pause } from "../timing/pause.ts";
import { findHeldWork, type HeldWork, type HeldWorkDeps } from "../recovery/held_work.ts";
import {
  everyOpenWork,
  type OpenCheck,
  type OpenWork,
  openWork,
  ownerOf,
  whereabouts,
} from "../recovery/open_work.ts";
import { addDrift, type Drifts, noDrifts } from "./drift.ts";
import { collect } from "./verify_database.ts";

/** Open work that is missed where it has no message. */
type MissedWork = OpenWork & { missed: NonNullable<OpenWork["missed"]> };

/** Rows to one page. */
const pageSize = 5_000;

/** Rounds of looking, at least: what is on its way from the database to a stream is met in the second. */
const minRounds = 2;

/** What verification looks for; {@linkcode everyOpenWork} without what the database can't tell. */
export const missedWork: readonly MissedWork[] = everyOpenWork.filter(
  (work): work is MissedWork & typeof everyOpenWork[number] => work.missed !== null,
);

/** Ids of orders and refunds that have ended and of which nobody was told yet. */
export type Untold = Readonly<Record<"orders" | "refunds", readonly number[]>>;

/**
 * Notices in the history that tell of what did not happen, or are incomplete, and what nobody was told of. To be run in a
 * snapshot.
 *
 * @param scopes of the orders whose notices are looked at; null for all. Of many they are looked at one by one only where
 * sums of neighbours differ
 * @returns also what was untold: it may be on its way
 */
export async function verifyNotifications(
  tx: Queryable,
  scopes: readonly Scope[] | null,
): Promise<{ drifts: Drifts; untold: Untold }> {
  const drifts = noDrifts();
  if (scopes === null) {
    collect(drifts, await findUntoldArchived(tx), ({ orderId, refundId }) => ({
      subject: refundId === null ? `order ${orderId}` : `refund ${refundId} of order ${orderId}`,
      what: "archived notification of its end",
      expected: "one",
      found: null,
    }));
  }
  const looked: Scope[] = [];
  for (const scope of scopes ?? [null]) {
    if (isRange(scope)) looked.push(...await findUnevenNotices(tx, scope));
    else looked.push(scope);
  }
  for (const scope of looked) await verifyNoticesIn(tx, scope, drifts);
  const orders = await readUntold(tx, openWork.order_notices, looked);
  const refunds = await readUntold(tx, openWork.refund_notices, looked);
  return { drifts, untold: { orders, refunds } };
}

async function readUntold(
  tx: Queryable,
  work: Pick<OpenWork, "list">,
  scopes: readonly Scope[],
): Promise<number[]> {
  const ids: number[] = [];
  for (const ofOrders of scopes) {
    for (let afterId = 0;;) {
      const page = await work.list(tx, { afterId, limit: pageSize, ofOrders });
      for (const { id } of page) ids.push(id);
      if (page.length < pageSize) break;
      afterId = page.at(-1)!.id;
    }
  }
  return ids;
}

async function verifyNoticesIn(tx: Queryable, scope: Scope, drifts: Drifts): Promise<void> {
  collect(
    drifts,
    await findWrongNotifications(tx, scope),
    ({ orderId, refundId, status, event }) => ({
      subject: refundId === null ? `order ${orderId}` : `refund ${refundId} of order ${orderId}`,
      what: status === null ? "notification of no such end" : `notification of a ${status} order`,
      expected: null,
      found: event,
    }),
  );
  collect(
    drifts,
    await findNotificationGaps(tx, scope),
    ({ orderId, event, channel, lacksChannels }) => ({
      subject: `order ${orderId}`,
      what: lacksChannels
        ? `notifications of ${event} on other channels than ${channel}`
        : `sent or waiting notification of ${event} by ${channel}`,
      expected: event,
      found: null,
    }),
  );
}

/**
 * Finds what needs a message and has none.
 *
 * **What it guarantees.** Each round searches the streams and then reads the database. What a round reports
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
 * @param looked what nobody was told of when the proof began, because what ended later is not looked at; and what is not
 * sealed, where only that is
 */
export async function verifyOrphans(
  deps: HeldWorkDeps,
  limits: { orderId: number; refundId: number },
  settleMs: number,
  looked: { untold: Untold; recent: Recent | null },
): Promise<Record<OpenCheck, Drifts>> {
  const until = performance.now() + settleMs;
  let suspects = new Map<MissedWork, number[] | null>(missedWork.map((work) => [work, null]));
  for (let round = 1;; round++) {
    const held = await findHeldWork(deps, limits);
    const next = new Map<MissedWork, number[]>();
    const drifts = { notifications: noDrifts(), homes: noDrifts() };
    for (const [work, ids] of suspects) {
      const isOrphan = (row: { id: number }): boolean => {
        const { of, id } = ownerOf(work, row);
        if (id > (of === "refund" ? limits.refundId : limits.orderId)) return false;
        return noteOrphan(work, row, held, drifts[work.missed.check]);
      };
      const orphans: number[] = [];
      for (const scope of ids === null ? scopesOf(work, looked) : [{ ids }]) {
        orphans.push(...await readOrphans(deps, work, scope, isOrphan));
      }
      if (orphans.length > 0) next.set(work, orphans);
    }
    if (next.size === 0 || (round >= minRounds && performance.now() >= until)) return drifts;
    suspects = next;
    await pause(Math.min(500, settleMs / 4));
  }
}

/** Adds open work that has no message to the differences. @returns whether it has none */
function noteOrphan(
  work: MissedWork,
  row: { id: number },
  held: HeldWork,
  drifts: Drifts,
): boolean {
  const place = whereabouts(work, row, held);
  if (place === "held") return false;
  const isDead = place === "dead";
  addDrift(drifts, { ...work.missed.drift(row), found: isDead ? "a dead letter" : null }, isDead);
  return true;
}

/** Where open work is looked for that no index finds; what one finds is looked at whole. */
function scopesOf(
  work: MissedWork,
  { untold, recent }: { untold: Untold; recent: Recent | null },
): readonly Scope[] {
  if (work.count !== undefined) return [null];
  if (work === openWork.order_notices) return [{ ids: untold.orders }];
  if (work === openWork.refund_notices) return [{ ids: untold.refunds }];
  if (recent === null) return [null];
  const { marks, paymentIds } = recent;
  const passed = paymentIds.filter((id) => id <= marks.payment);
  return [{ after: marks.payment }, { ids: passed }];
}

/** @returns the ids of those that nothing holds */
async function readOrphans(
  { db }: HeldWorkDeps,
  work: MissedWork,
  scope: Scope,
  isOrphan: (row: { id: number }) => boolean,
): Promise<number[]> {
  const orphans: number[] = [];
  if (scope !== null && "ids" in scope) {
    const { ids } = scope;
    for (let from = 0; from < ids.length; from += pageSize) {
      const part = ids.slice(from, from + pageSize);
      const page = await work.list(db, { afterId: 0, limit: pageSize, ids: part });
      orphans.push(...page.filter(isOrphan).map(({ id }) => id));
    }
    return orphans;
  }
  for (let afterId = scope?.after ?? 0;;) {
    const page = await work.list(db, { afterId, limit: pageSize });
    orphans.push(...page.filter(isOrphan).map(({ id }) => id));
    if (page.length < pageSize) return orphans;
    afterId = page.at(-1)!.id;
  }
}
