/**
 * The leaderboards and what all customers have paid, compared by the sums of neighbours: millions of places are looked at
 * one by one only where these differ.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import {
  boardNeighbours,
  type CustomerSum,
  type NeighbourSum,
  sumCustomers,
  sumNeighbours,
} from "../../db/verification/kpi_sums.ts";
import type { KpiDeps } from "../kpis/kpis.ts";
import { compareScores, customerIdOf, type Place, readScores } from "./scores.ts";

/** Members to one reply. */
const membersPerReply = 2_000;

/** Buckets that are looked into at once where they touch. */
const bucketsAtOnce = 32;

/** Sums up to here are exact, and so is every one on the way to them. */
const largestExact = 2 ** 51;

/** The places of neighbours on one leaderboard. */
type BoardSum = Omit<NeighbourSum, "bucket" | "currency" | "members"> & {
  /** The bits of {@linkcode NeighbourSum.members}, the lower 32 and the upper. */
  low: number;
  high: number;
  /** False where a score is none that a customer can have. */
  isSound: boolean;
};

/**
 * Finds the places that are not what customers have paid, less what went back; the leaderboards may go on changing.
 *
 * @param currencies of the leaderboards and of the orders
 * @returns mismatches with how many places were looked at
 */
export async function compareNeighbours(
  tx: Queryable,
  deps: KpiDeps,
  currencies: ReadonlySet<string>,
): Promise<{ mismatches: Place[]; checked: number }> {
  const paid = Map.groupBy(await sumNeighbours(tx), ({ currency }) => currency);
  const mismatches: Place[] = [];
  let checked = 0;
  for (const currency of currencies) {
    const board = await sumBoard(deps, currency);
    checked += board.members;
    for (const member of board.strange) mismatches.push({ currency, member });
    const sums = new Map((paid.get(currency) ?? []).map((sum) => [sum.bucket, sum]));
    const uneven = [...new Set([...sums.keys(), ...board.sums.keys()])]
      .filter((bucket) => !isEven(sums.get(bucket), board.sums.get(bucket)))
      .sort((a, b) => a - b);
    for (const range of rangesOf(uneven)) {
      for (const place of await lookInto(tx, deps, currency, range)) mismatches.push(place);
    }
  }
  return { mismatches, checked };
}

async function sumBoard(
  { redis, keys }: KpiDeps,
  currency: string,
): Promise<{ sums: Map<number, BoardSum>; members: number; strange: string[] }> {
  const sums = new Map<number, BoardSum>();
  const strange: string[] = [];
  let members = 0;
  let cursor = "0";
  do {
    const [next, flat] = await redis.zscan(
      keys.leaderboard(currency),
      cursor,
      "COUNT",
      membersPerReply,
    );
    cursor = next;
    members += flat.length / 2;
    for (let at = 0; at < flat.length; at += 2) {
      const id = customerIdOf(flat[at]!);
      if (id === null) strange.push(flat[at]!);
      else addPlace(sums, id, Number(flat[at + 1]));
    }
  } while (cursor !== "0");
  return { sums, members, strange };
}

function addPlace(sums: Map<number, BoardSum>, id: number, score: number): void {
  const bucket = Math.floor(id / boardNeighbours);
  const place = id % boardNeighbours;
  let sum = sums.get(bucket);
  if (sum === undefined) {
    sums.set(bucket, sum = { low: 0, high: 0, cents: 0, weighted: 0, isSound: true });
  }
  if (place < 32) sum.low |= 1 << place;
  else sum.high |= 1 << (place - 32);
  sum.cents += score;
  sum.weighted += score * place;
  if (!Number.isInteger(score) || score < 0) sum.isSound = false;
}

function isEven(sum: NeighbourSum | undefined, board: BoardSum | undefined): boolean {
  if (sum === undefined || board === undefined || !board.isSound) return false;
  const members = (BigInt(board.high >>> 0) << 32n) | BigInt(board.low >>> 0);
  return sum.members === members && sum.cents === board.cents &&
    sum.weighted === board.weighted && sum.weighted < largestExact && sum.cents < largestExact;
}

/** Ranges of customers, the first excluded. */
function rangesOf(buckets: readonly number[]): { after: number; upTo: number }[] {
  const ranges: { after: number; upTo: number }[] = [];
  const most = bucketsAtOnce * boardNeighbours;
  for (const bucket of buckets) {
    const after = bucket * boardNeighbours - 1;
    const last = ranges.at(-1);
    if (last?.upTo === after && last.upTo - last.after < most) last.upTo += boardNeighbours;
    else ranges.push({ after, upTo: after + boardNeighbours });
  }
  return ranges;
}

/** Places of a range of customers that are not what these have paid, or who have paid nothing. */
async function lookInto(
  tx: Queryable,
  deps: KpiDeps,
  currency: string,
  range: { after: number; upTo: number },
): Promise<Place[]> {
  const sums = (await sumCustomers(tx, range)).filter((sum: CustomerSum) =>
    sum.currency === currency
  );
  const mismatches = await compareScores(deps, sums);
  const known = new Set(sums.map(({ customerId }) => customerId));
  const others: string[] = [];
  for (let id = range.after + 1; id <= range.upTo; id++) {
    if (!known.has(id)) others.push(String(id));
  }
  const scores = await readScores(deps, currency, others);
  others.forEach((member, index) => {
    if (scores[index] !== null) mismatches.push({ currency, member });
  });
  return mismatches;
}
