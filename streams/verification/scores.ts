/**
 * Places on the leaderboards: what a score must be.
 *
 * @module
 */

import type { CustomerSum } from "../../db/verification/kpi_sums.ts";
import type { KpiDeps } from "../kpis/kpis.ts";

/** Members to one command. */
const membersPerCall = 1_000;

/** A place on a leaderboard. */
export interface Place {
  currency: string;
  /** A customer's id, unless something strange stands there. */
  member: string;
}

/** Which places of some customers are not what their orders come to. */
export async function compareScores(
  deps: KpiDeps,
  customers: readonly CustomerSum[],
): Promise<Place[]> {
  const mismatches: Place[] = [];
  for (const [currency, sums] of Map.groupBy(customers, (sum) => sum.currency)) {
    const members = sums.map(({ customerId }) => String(customerId));
    const scores = await readScores(deps, currency, members);
    sums.forEach((sum, index) => {
      const score = scores[index] ?? null;
      if (!isScoreOf(sum, score)) mismatches.push({ currency, member: members[index]! });
    });
  }
  return mismatches;
}

/**
 * True if a score is what a customer's orders come to. Scores are floating-point numbers, exact up to 2^53. One that
 * has been larger may have been rounded at every event, and that much is allowed to it: no repair could do better.
 */
export function isScoreOf(
  { cents, events, movedCents }: CustomerSum,
  score: number | null,
): boolean {
  if (score === null || !Number.isInteger(score)) return false;
  if (movedCents <= BigInt(Number.MAX_SAFE_INTEGER)) return BigInt(score) === cents;
  const difference = BigInt(score) - cents;
  const rounded = BigInt(events) * (movedCents / 2n ** 53n + 1n);
  return difference <= rounded && difference >= -rounded;
}

/** The customer's id that a member stands for, or null. */
export function customerIdOf(member: string): number | null {
  return /^[1-9]\d{0,15}$/.test(member) && Number.isSafeInteger(Number(member))
    ? Number(member)
    : null;
}

/** Scores in the order of the members; null for one who is not on the board. */
export async function readScores(
  { redis, keys }: KpiDeps,
  currency: string,
  members: readonly string[],
): Promise<(number | null)[]> {
  const scores: (number | null)[] = [];
  for (let from = 0; from < members.length; from += membersPerCall) {
    const part = members.slice(from, from + membersPerCall);
    for (const score of await redis.zmscore(keys.leaderboard(currency), ...part)) {
      scores.push(score === null ? null : Number(score));
    }
  }
  return scores;
}
