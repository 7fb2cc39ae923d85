/**
 * Finds what the ledger lacks, and what in it follows from nothing.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import { readLedgerFacts } from "../../db/ledger/ledger_facts.ts";
import {
  areEven,
  listUnevenLedgerDays,
  sumSealedDays,
  type UnevenLedgerDay,
} from "../../db/ledger/day_sums.ts";
import {
  type BrokenMovement,
  bucketScope,
  findBrokenMovements,
  sumLedger,
  sumMovedMoney,
  unevenBuckets,
} from "../../db/ledger/ledger_sums.ts";
import { readLedgerMarks } from "../../db/ledger/ledger_marks.ts";
import type { Scope } from "../../db/verification/scope.ts";
import { findLedgerGaps, type LedgerGap } from "../../domain/ledger/due_movements.ts";

/** Buckets that are read row by row, of some thousand orders each: what they lack is held in memory. */
const maxBuckets = 10;

/** Movements of a bucket that are told one by one. */
const maxBroken = 1_000;

/** Days that are told one by one. */
const maxDays = 100;

/** What was found. */
export interface LedgerGaps {
  gaps: LedgerGap[];
  /** Movements that are none, of what has no gap: nothing but a change of rows that stood there makes them. */
  broken: BrokenMovement[];
  /** Further places with gaps that were not looked into. */
  more: number;
  /** What the ledger comes to, by currency: nothing. */
  totals: Map<string, bigint>;
  /** Days that are sealed and whose rows come to something else than they did; looked for where all orders are. */
  unevenDays: UnevenLedgerDay[];
}

/**
 * Compares the ledger with what it follows from: by sums first, then row by row where these differ. Orders whose rows of
 * before the ledger are still to be written are left out. To be run in a snapshot.
 */
export async function findGaps(tx: Queryable, scopes: readonly Scope[]): Promise<LedgerGaps> {
  const { isComplete, ordersUpTo, sealedDay } = await readLedgerMarks(tx);
  const found: LedgerGaps = { gaps: [], broken: [], more: 0, totals: new Map(), unevenDays: [] };
  let left = maxBuckets;
  for (const asked of scopes) {
    const scope = isComplete ? asked : upTo(asked, ordersUpTo);
    if (scope !== null && "ids" in scope && scope.ids.length === 0) continue;
    const { sums, days } = await sumLedger(tx, scope, scope === null ? sealedDay : null);
    if (scope === null && sealedDay !== null) {
      if (!areEven(days, await sumSealedDays(tx, sealedDay))) {
        found.unevenDays = await listUnevenLedgerDays(tx, sealedDay, maxDays);
      }
    }
    for (const [name, { total = 0n }] of sums) {
      const currency = name.slice(-3);
      found.totals.set(currency, (found.totals.get(currency) ?? 0n) + total);
    }
    const buckets = unevenBuckets(sums, await sumMovedMoney(tx, scope));
    for (const bucket of buckets.slice(0, left)) {
      const part = both(scope, bucket);
      const gaps = findLedgerGaps(await readLedgerFacts(tx, part));
      const known = new Set(gaps.map(nameOf));
      const broken = await findBrokenMovements(tx, part, maxBroken);
      found.gaps.push(...gaps);
      found.broken.push(...broken.filter((movement) => !known.has(nameOf(movement))));
    }
    found.more += Math.max(0, buckets.length - left);
    left = Math.max(0, left - buckets.length);
  }
  return found;
}

const nameOf = (
  { orderId, source, sourceId }: Pick<LedgerGap, "orderId" | "sourceId"> & { source: string },
) => `${orderId} ${source} ${sourceId}`;

/** A scope's orders up to an id. */
function upTo(scope: Scope, last: number): Scope {
  if (scope === null) return { after: -1, upTo: last };
  if ("ids" in scope) return { ids: scope.ids.filter((id) => id <= last) };
  return { after: scope.after, upTo: Math.min(last, scope.upTo ?? last) };
}

/** A scope's orders in a bucket. */
function both(scope: Scope, bucket: number): Scope {
  const range = bucketScope(bucket);
  if (scope === null) return range;
  if ("ids" in scope) {
    return { ids: scope.ids.filter((id) => id > range.after && id <= range.upTo) };
  }
  return {
    after: Math.max(scope.after, range.after),
    upTo: Math.min(scope.upTo ?? range.upTo, range.upTo),
  };
}
