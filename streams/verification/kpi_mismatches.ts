/**
 * First half of check 3 of the verification: a quick look at which figures in Redis differ from the database. On a
 * live system some always do, because work is on its way; `verify_kpis.ts` looks closely at these.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import {
  type CustomerSum,
  lastCustomerOfPage,
  sumCustomers,
} from "../../db/verification/kpi_sums.ts";
import { addDrift, type Drifts, noDrifts } from "./drift.ts";
import { kpiFigureNames } from "../../domain/kpi/kpi_table.ts";
import { type DaySums, figuresOf } from "../kpis/kpi_figures.ts";
import type { KpiDeps } from "../kpis/kpis.ts";
import type { Books } from "./books.ts";
import { scanKeys } from "../redis/scan_keys.ts";

/** A place on a leaderboard. */
export interface Place {
  currency: string;
  /** A customer's id, unless something strange stands there. */
  member: string;
}

/** What differs, or did when it was looked at. */
export interface KpiMismatches {
  /** `YYYY-MM-DD:CUR` */
  days: string[];
  places: Place[];
  /** Keys that no day, currency or customer could have. */
  strange: Drifts;
  /** Days and places that were looked at. */
  checked: number;
}

const customersPerPage = 200_000;

/** Keys or members to one command. */
const itemsPerCall = 1_000;

/**
 * Compares every KPI key and the places on the leaderboards with the database.
 *
 * @param tx a snapshot
 * @param books all of them, or the recent ones, which have the places of their own customers alone looked at
 */
export async function findKpiMismatches(
  tx: Queryable,
  deps: KpiDeps & { kpiDay: (settledAt: string) => string },
  books: Books,
): Promise<KpiMismatches> {
  const strange = noDrifts();
  const sums = await books.sumDays(tx, deps.kpiDay);
  const days = await compareDays(deps, sums, strange);
  const currencies = new Set([...sums.keys()].map((name) => name.slice(-3)));
  const customerIds = await books.customers(tx);
  const boards = customerIds === null
    ? await compareBoards(tx, deps, currencies, strange)
    : await comparePlaces(tx, deps, customerIds);
  return {
    days,
    places: boards.mismatches,
    strange,
    checked: sums.size + boards.checked,
  };
}

async function compareDays(
  deps: KpiDeps,
  sums: DaySums,
  strange: Drifts,
): Promise<string[]> {
  const { redis, keys, baseCurrency } = deps;
  const index = new Set(await redis.zrange(keys.kpiIndex, "0", "-1"));
  const stored = await readFigures(deps, strange);
  const mismatches: string[] = [];
  for (const name of new Set([...sums.keys(), ...stored.keys()])) {
    const expected = figuresOf(sums.get(name));
    const found = stored.get(name);
    const equal = kpiFigureNames.every((figure) =>
      (found?.[figure] ?? "0") === `${expected[figure]}`
    );
    const isListed = name.endsWith(`:${baseCurrency}`) || !sums.has(name) || index.has(name);
    if (!equal || !isListed) mismatches.push(name);
  }
  return mismatches;
}

/** Every KPI figure there is, by `YYYY-MM-DD:CUR`. */
async function readFigures(
  { redis, keys, baseCurrency }: KpiDeps,
  strange: Drifts,
): Promise<Map<string, Partial<Record<string, string>>>> {
  const found = new Map<string, Partial<Record<string, string>>>();
  const names = [...await scanKeys(redis, keys.kpi)];
  for (let from = 0; from < names.length; from += itemsPerCall) {
    const part = names.slice(from, from + itemsPerCall);
    const values = await redis.mget(part);
    part.forEach((key, offset) => {
      const value = values[offset];
      if (value === null || value === undefined) return;
      const parsed = parseKpiKey(key.slice(keys.kpi.length), baseCurrency);
      if (parsed === null) {
        if (value !== "0") {
          addDrift(strange, {
            subject: key,
            what: "key of no day, currency and figure",
            expected: null,
            found: value,
          });
        }
        return;
      }
      const figures = found.get(parsed.name) ?? {};
      figures[parsed.figure] = value;
      found.set(parsed.name, figures);
    });
  }
  return found;
}

/** @param rest of a key, after `kpi:` */
function parseKpiKey(
  rest: string,
  baseCurrency: string,
): { name: string; figure: string } | null {
  const [day = "", ...others] = rest.split(":");
  const figure = others.pop() ?? "";
  const currency = others.length === 0 ? baseCurrency : others.join(":");
  const isKnown = /^\d{4}-\d{2}-\d{2}$/.test(day) && /^[A-Z]{3}$/.test(currency) &&
    (others.length === 0 || currency !== baseCurrency) &&
    kpiFigureNames.some((known) => known === figure);
  return isKnown ? { name: `${day}:${currency}`, figure } : null;
}

async function compareBoards(
  tx: Queryable,
  deps: KpiDeps,
  currencies: Set<string>,
  strange: Drifts,
): Promise<{ mismatches: Place[]; checked: number }> {
  const { redis, keys, baseCurrency } = deps;
  const base = keys.leaderboard(baseCurrency);
  for (const key of await scanKeys(redis, base)) {
    const suffix = key.slice(base.length);
    if (suffix === "") currencies.add(baseCurrency);
    else if (/^:[A-Z]{3}$/.test(suffix) && suffix !== `:${baseCurrency}`) {
      currencies.add(suffix.slice(1));
    } else {
      addDrift(strange, {
        subject: key,
        what: "leaderboard of no currency",
        expected: null,
        found: await redis.type(key),
      });
    }
  }
  const mismatches: Place[] = [];
  const matched = new Map([...currencies].map((currency) => [currency, 0]));
  let checked = 0;
  for (let after = 0;;) {
    const upTo = await lastCustomerOfPage(tx, after, customersPerPage);
    if (upTo === null) break;
    const page = await sumCustomers(tx, { after, upTo });
    checked += page.length;
    mismatches.push(...await compareScores(deps, page, matched));
    after = upTo;
  }
  for (const [currency, count] of matched) {
    if (await redis.zcard(keys.leaderboard(currency)) === count) continue;
    mismatches.push(...await findStrays(tx, deps, currency));
  }
  return { mismatches, checked };
}

/** Compares the places of some customers. */
async function comparePlaces(
  tx: Queryable,
  deps: KpiDeps,
  customerIds: readonly number[],
): Promise<{ mismatches: Place[]; checked: number }> {
  const mismatches: Place[] = [];
  let checked = 0;
  for (let from = 0; from < customerIds.length; from += itemsPerCall) {
    const sums = await sumCustomers(tx, { ids: customerIds.slice(from, from + itemsPerCall) });
    checked += sums.length;
    mismatches.push(...await compareScores(deps, sums, new Map()));
  }
  return { mismatches, checked };
}

/** @param matched counts by currency the customers who have a place */
async function compareScores(
  deps: KpiDeps,
  customers: readonly CustomerSum[],
  matched: Map<string, number>,
): Promise<Place[]> {
  const mismatches: Place[] = [];
  for (const [currency, sums] of Map.groupBy(customers, (sum) => sum.currency)) {
    const members = sums.map(({ customerId }) => String(customerId));
    const scores = await readScores(deps, currency, members);
    sums.forEach((sum, index) => {
      const score = scores[index];
      if (score !== null) matched.set(currency, (matched.get(currency) ?? 0) + 1);
      if (!isScoreOf(sum, score ?? null)) mismatches.push({ currency, member: members[index]! });
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

/** Members of a leaderboard who have no paid order in its currency. */
async function findStrays(tx: Queryable, deps: KpiDeps, currency: string): Promise<Place[]> {
  const strays: Place[] = [];
  let cursor = "0";
  do {
    const [next, flat] = await deps.redis.zscan(
      deps.keys.leaderboard(currency),
      cursor,
      "COUNT",
      itemsPerCall,
    );
    cursor = next;
    const members = flat.filter((_, index) => index % 2 === 0);
    const ids = members.flatMap((member) => customerIdOf(member) ?? []);
    const sums = ids.length === 0 ? [] : await sumCustomers(tx, { ids });
    const known = new Set(
      sums.filter((sum) => sum.currency === currency).map(({ customerId }) => String(customerId)),
    );
    for (const member of members) if (!known.has(member)) strays.push({ currency, member });
  } while (cursor !== "0");
  return strays;
}

/** The customer's id that a member stands for, or null. */
export function customerIdOf(member: string): number | null {
  return /^[1-9]\d{0,15}$/.test(member) && Number.isSafeInteger(Number(member))
    ? Number(member)
    : null;
}

/** Scores in the order of the members; null for one who is not on the board. */
async function readScores(
  { redis, keys }: KpiDeps,
  currency: string,
  members: readonly string[],
): Promise<(number | null)[]> {
  const scores: (number | null)[] = [];
  for (let from = 0; from < members.length; from += itemsPerCall) {
    const part = members.slice(from, from + itemsPerCall);
    for (const score of await redis.zmscore(keys.leaderboard(currency), ...part)) {
      scores.push(score === null ? null : Number(score));
    }
  }
  return scores;
}
