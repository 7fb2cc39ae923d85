/**
 * First half of check 3 of the verification: a quick look at which figures in Redis differ from the database. On a
 * live system some always do, because work is on its way; `verify_kpis.ts` looks closely at these.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import { type CustomerSum, sumCustomers, sumPaidOrders } from "../../db/verification/kpi_sums.ts";
import { addDrift, type Drifts, noDrifts } from "./drift.ts";
import { kpiFigureNames } from "../../domain/kpi/kpi_table.ts";
import { type DaySums, figuresOf } from "../kpis/kpi_figures.ts";
import type { KpiDeps } from "../kpis/kpis.ts";
import { compareNeighbours } from "./board_neighbours.ts";
import type { Books } from "./books.ts";
import { compareScores, type Place, readScores } from "./scores.ts";
import { scanKeys } from "../redis/scan_keys.ts";

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

/** Keys or members to one command. */
const itemsPerCall = 1_000;

/** Sums and scores up to here are exact. */
const largestExact = 2n ** 51n;

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
  return await compareNeighbours(tx, deps, currencies);
}

/** Compares the places of some customers: those that their orders do not explain by what is read of all their events. */
async function comparePlaces(
  tx: Queryable,
  deps: KpiDeps,
  customerIds: readonly number[],
): Promise<{ mismatches: Place[]; checked: number }> {
  const mismatches: Place[] = [];
  let checked = 0;
  for (let from = 0; from < customerIds.length; from += itemsPerCall) {
    const ids = customerIds.slice(from, from + itemsPerCall);
    const plain = await sumPaidOrders(tx, ids);
    const uneven = await unevenCustomers(deps, plain);
    const known = new Set(plain.map(({ customerId }) => customerId));
    const others = ids.filter((id) => !known.has(id) || uneven.has(id));
    const sums = others.length === 0 ? [] : await sumCustomers(tx, { ids: others });
    checked += plain.filter(({ customerId }) => !uneven.has(customerId)).length + sums.length;
    mismatches.push(...await compareScores(deps, sums));
  }
  return { mismatches, checked };
}

/** Whose score, on whichever board, is not exactly what the orders come to. */
async function unevenCustomers(
  deps: KpiDeps,
  sums: readonly Pick<CustomerSum, "customerId" | "currency" | "cents">[],
): Promise<Set<number>> {
  const uneven = new Set<number>();
  for (const [currency, some] of Map.groupBy(sums, (sum) => sum.currency)) {
    const members = some.map(({ customerId }) => String(customerId));
    const scores = await readScores(deps, currency, members);
    some.forEach(({ customerId, cents }, index) => {
      if (scores[index] !== Number(cents) || cents > largestExact) uneven.add(customerId);
    });
  }
  return uneven;
}
