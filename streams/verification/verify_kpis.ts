/**
 * Second half of check 3 of the verification: looks closely at figures and places that differed at first sight.
 *
 * @module
 */

import type { Database } from "../../db/connection/database.ts";
import { type CustomerSum, sumCustomers } from "../../db/verification/kpi_sums.ts";
import { highestRetryId } from "../../db/orders/retries.ts";
import { highestIds } from "../../db/recovery/recovery.ts";
import { type IdTable, nextId } from "../../db/verification/next_id.ts";
import { readSnapshot } from "../../db/connection/snapshot.ts";
import type { KpiEvent } from "../../domain/kpi/kpi.ts";
import { type KpiFigure, kpiFigureNames, kpiKinds } from "../../domain/kpi/kpi_table.ts";
import { exactAmount } from "../../domain/money.ts";
import { addDrift, addDrifts, type Drifts, noDrifts } from "./drift.ts";
import { findHeldWork } from "../recovery/held_work.ts";
import { type CountedMarks, isCounted, type Segments } from "../kpis/kpi_counted.ts";
import { figuresOf, hasEvents, signOf, subtractEvents } from "../kpis/kpi_figures.ts";
import { onceSegmentSize } from "../redis/keys.ts";
import { type Books, wholeBooks } from "./books.ts";
import type { KpiMismatches } from "./kpi_mismatches.ts";
import { customerIdOf, isScoreOf, type Place } from "./scores.ts";
import type { RebuildDeps } from "../kpis/kpis_rebuild.ts";
import { isLeased } from "../redis/lease.ts";
import { pause } from "../timing/pause.ts";

/** What the figures are verified with. */
export interface VerifyKpisDeps extends RebuildDeps {
  db: Database;
}

/** Places to one closer look. */
const placesPerLook = 5_000;

/** So many wrong places are enough: the closer looks end there, and the count is a lower bound. */
const enoughDrifts = 1_000;

/** Longest wait for a rebuild to end, in milliseconds. */
const rebuildWaitMs = 30_000;

/** How often the marks are read again while work is on its way, in milliseconds. */
const lookAgainMs = 250;

/**
 * Compares the mismatches exactly, while orders go on being settled and counted.
 *
 * **What it guarantees.** Every look takes, in one transaction of Redis, the figures together with the
 * bitmaps that say which orders and refunds are in them, and afterwards a snapshot of the database, in which
 * all of these are committed. What the database has settled and the bitmaps do not show is on its way: a
 * message of it is still in a stream, or it is counted within `settleMs`. The figures must be equal, to
 * the cent and however busy the system is, to the database less what is on its way. What is neither held by
 * a stream nor counted in time is lost, and is missed in the figures like any other difference.
 *
 * @param settleMs how long something may be on its way that no stream holds any more
 */
export async function verifyKpis(
  deps: VerifyKpisDeps,
  mismatches: KpiMismatches,
  settleMs: number,
  books: Books = wholeBooks,
): Promise<Drifts> {
  const drifts = noDrifts();
  addDrifts(drifts, mismatches.strange);
  const places = mismatches.places;
  if (mismatches.days.length + places.length === 0) return drifts;
  await untilRebuilt(deps);
  let days = mismatches.days;
  for (let from = 0; days.length > 0 || from < places.length; from += placesPerLook) {
    const some = places.slice(from, from + placesPerLook);
    await lookClosely(deps, { days, places: some, books }, settleMs, drifts);
    days = [];
    if (drifts.count >= enoughDrifts) break;
  }
  return drifts;
}

async function untilRebuilt({ redis, keys }: VerifyKpisDeps): Promise<void> {
  const until = performance.now() + rebuildWaitMs;
  while (performance.now() < until && await isLeased(redis, keys.kpiRebuild)) {
    await pause(lookAgainMs);
  }
}

async function lookClosely(
  deps: VerifyKpisDeps,
  looked: { days: readonly string[]; places: readonly Place[]; books: Books },
  settleMs: number,
  drifts: Drifts,
): Promise<void> {
  const found = await compareClosely(deps, looked, settleMs);
  for (const { day, currency, figure, expected, stored } of found.figures) {
    addDrift(drifts, {
      subject: deps.keys.kpiFigure(day, currency, figure),
      what: "value",
      expected: exactAmount(expected),
      found: stored,
    });
  }
  for (const name of found.unlisted) {
    const subject = deps.keys.kpiIndex;
    addDrift(drifts, { subject, what: "member", expected: name, found: null });
  }
  for (const { currency, member, expected, stored } of found.places) {
    addDrift(drifts, {
      subject: deps.keys.leaderboard(currency),
      what: `score of customer ${member}`,
      expected: expected === null ? null : exactAmount(expected),
      found: stored,
    });
  }
}

/** What differs, as of one moment. */
export interface Differences {
  figures: {
    day: string;
    currency: string;
    figure: KpiFigure;
    expected: bigint;
    /** As Redis has it, `0` for none. */
    stored: string;
  }[];
  /** Days with figures of another currency that are not in the index: `YYYY-MM-DD:CUR`. */
  unlisted: string[];
  /** expected is null for who should have no place, stored for who has none. */
  places: (Place & { expected: bigint | null; stored: string | null })[];
  /** What nobody has counted and no stream holds. */
  lost: KpiEvent[];
}

/** Compares figures and places with the database, less what is on its way; see {@linkcode verifyKpis}. */
export async function compareClosely(
  deps: VerifyKpisDeps,
  { days, places, books }: {
    days: readonly string[];
    places: readonly Place[];
    books: Books;
  },
  settleMs: number,
): Promise<Differences> {
  const limits = { ...await highestIds(deps.db), retryId: await highestRetryId(deps.db) };
  const stored = await readStored(deps, days, places);
  const customerIds = [...new Set(places.flatMap(({ member }) => customerIdOf(member) ?? []))];
  const database = await readSnapshot(deps.db, async (tx) => ({
    days: days.length === 0 ? new Map() : await books.sumDays(tx, deps.kpiDay),
    customers: customerIds.length === 0 ? [] : await sumCustomers(tx, { ids: customerIds }),
    uncounted: await books.uncounted(tx, stored.marks, deps.kpiDay),
  }));
  const lost = new Set(await findLost(deps, database.uncounted, limits, settleMs));
  const onTheirWay = database.uncounted.filter((event) => !lost.has(event));
  subtractEvents(database.days, onTheirWay);
  const customers = withoutEvents(database.customers, onTheirWay);

  const differences: Differences = { figures: [], unlisted: [], places: [], lost: [...lost] };
  days.forEach((name, index) => {
    const sum = database.days.get(name);
    const expected = figuresOf(sum);
    const [day, currency] = name.split(":") as [string, string];
    kpiFigureNames.forEach((figure, offset) => {
      const found = stored.figures[index * kpiFigureNames.length + offset] ?? "0";
      if (found === `${expected[figure]}`) return;
      differences.figures.push({
        day,
        currency,
        figure,
        expected: expected[figure],
        stored: found,
      });
    });
    if (hasEvents(sum) && currency !== deps.baseCurrency && stored.listed[index] === null) {
      differences.unlisted.push(name);
    }
  });
  places.forEach(({ currency, member }, index) => {
    const sum = customers.get(`${member}:${currency}`);
    const isOn = sum !== undefined && sum.events > 0;
    const found = stored.scores[index] ?? null;
    if (isOn ? isScoreOf(sum, found === null ? null : Number(found)) : found === null) return;
    const expected = isOn ? sum.cents : null;
    differences.places.push({ currency, member, expected, stored: found });
  });
  return differences;
}

/** The highest ids that matter. */
interface Limits {
  orderId: number;
  refundId: number;
  retryId: number;
}

/** Redis as of one moment. */
interface Stored {
  /** The figures of each day, in the order of {@linkcode kpiFigureNames}. */
  figures: (string | null)[];
  /** For each day whether it is in the index. */
  listed: (string | null)[];
  /** The score of each place. */
  scores: (string | null)[];
  marks: CountedMarks;
}

async function readStored(
  { db, redis, keys }: VerifyKpisDeps,
  days: readonly string[],
  places: readonly Place[],
): Promise<Stored> {
  const orders = await segmentsOf(db, "orders");
  const refunds = await segmentsOf(db, "refunds");
  const chargebacks = await segmentsOf(db, "chargeback_movements");
  const retries = await segmentsOf(db, "order_retries");
  const transaction = redis.multi();
  for (const name of days) {
    const [day, currency] = name.split(":") as [string, string];
    transaction.mget(kpiFigureNames.map((figure) => keys.kpiFigure(day, currency, figure)));
    transaction.zscore(keys.kpiIndex, name);
  }
  for (const { currency, member } of places) {
    transaction.zscore(keys.leaderboard(currency), member);
  }
  const bitmaps: [segments: readonly number[], keyOf: (segment: number) => string][] = [
    [orders, keys.countedOrders],
    [refunds, keys.countedRefunds],
    [chargebacks, keys.countedChargebacks],
    [refunds, keys.returnedRefunds],
    [retries, keys.countedAgain],
    [retries, keys.uncounted],
  ];
  for (const [segments, keyOf] of bitmaps) {
    for (const segment of segments) transaction.getBuffer(keyOf(segment));
  }
  const replies = (await transaction.exec() ?? []).map(([error, reply]) => {
    if (error !== null) throw error;
    return reply;
  });
  const dayReplies = replies.splice(0, 2 * days.length);
  const scores = replies.splice(0, places.length) as (string | null)[];
  const take = (segments: readonly number[]): Segments => {
    const bitmaps = replies.splice(0, segments.length) as (Uint8Array | null)[];
    return new Map(segments.flatMap((segment, index) => {
      const bitmap = bitmaps[index];
      return bitmap ? [[segment, bitmap]] : [];
    }));
  };
  return {
    figures: dayReplies.filter((_, index) => index % 2 === 0).flat() as (string | null)[],
    listed: dayReplies.filter((_, index) => index % 2 === 1) as (string | null)[],
    scores,
    marks: {
      orders: take(orders),
      refunds: take(refunds),
      chargebacks: take(chargebacks),
      returned: take(refunds),
      again: take(retries),
      undone: take(retries),
    },
  };
}

/**
 * The segments that hold ids of a table, and one more: ids go on growing while they are read. A gap is skipped, however
 * wide it is.
 */
async function segmentsOf(db: Database, table: IdTable): Promise<number[]> {
  const segments: number[] = [];
  for (let from = 0;;) {
    const id = await nextId(db, table, from);
    if (id === null) break;
    const segment = Math.floor(id / onceSegmentSize);
    segments.push(segment);
    from = (segment + 1) * onceSegmentSize;
  }
  return [...segments, (segments.at(-1) ?? -1) + 1];
}

/** Which of these are neither counted by now nor held by a stream, although there was time enough. */
async function findLost(
  deps: VerifyKpisDeps,
  uncounted: readonly KpiEvent[],
  limits: Limits,
  settleMs: number,
): Promise<KpiEvent[]> {
  const until = performance.now() + settleMs;
  let rest = await stillUncounted(deps, uncounted);
  while (rest.length > 0) {
    const held = await findHeldWork(deps, limits);
    // No stream has those of chargebacks and of refunds that were taken back: they are counted from their rows.
    rest = rest.filter((event) => {
      if ("movementId" in event || ("refundId" in event && event.isReturned)) return true;
      return "refundId" in event
        ? !held.moves("refund", event.refundId)
        : !held.moves("order_count", event.orderId);
    });
    // Counting comes before acknowledging: what was finished during the search has its mark now.
    rest = await stillUncounted(deps, rest);
    if (performance.now() >= until) break;
    if (rest.length > 0) await pause(lookAgainMs);
  }
  return rest;
}

async function stillUncounted(
  deps: VerifyKpisDeps,
  events: readonly KpiEvent[],
): Promise<KpiEvent[]> {
  if (events.length === 0) return [];
  const { marks } = await readStored(deps, [], []);
  return events.filter((event) => !isCounted(marks, event));
}

function withoutEvents(
  sums: readonly CustomerSum[],
  events: readonly KpiEvent[],
): Map<string, CustomerSum> {
  const byName = new Map(sums.map((sum) => [`${sum.customerId}:${sum.currency}`, { ...sum }]));
  for (const event of events) {
    const { leaderboard } = kpiKinds[event.kind];
    if (leaderboard === 0) continue;
    const sum = byName.get(`${event.customerId}:${event.currency}`);
    if (sum === undefined) continue;
    const sign = signOf(event);
    sum.events -= sign;
    sum.cents -= BigInt(sign * leaderboard * event.cents);
    sum.movedCents -= BigInt(Math.abs(event.cents));
  }
  return byName;
}
