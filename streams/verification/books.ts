/**
 * What the figures are held against: all orders and refunds, or the sums of those that are sealed and the others one by
 * one.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import { readCustomersOf, sumQuarters } from "../../db/verification/kpi_sums.ts";
import { everything } from "../../db/verification/scope.ts";
import { readSealedSums } from "../../db/verification/seals.ts";
import type { KpiEvent } from "../../domain/kpi/kpi.ts";
import { type CountedMarks, findUncounted } from "../kpis/kpi_counted.ts";
import { addSum, type DaySums, sumDays } from "../kpis/kpi_figures.ts";
import { readRecent } from "../seals/recent.ts";

/** What the figures are held against; every question is one of a snapshot. */
export interface Books {
  /** What each day and currency came to. */
  sumDays(tx: Queryable, kpiDay: (at: string) => string): Promise<DaySums>;
  /** The customers whose places on the leaderboards are looked at; null for all. */
  customers(tx: Queryable): Promise<number[] | null>;
  /** Events that the marks do not have. */
  uncounted(
    tx: Queryable,
    marks: CountedMarks,
    kpiDay: (at: string) => string,
  ): Promise<KpiEvent[]>;
}

/** All orders and refunds. */
export const wholeBooks: Books = {
  sumDays: async (tx, kpiDay) => sumDays(await sumQuarters(tx, everything), kpiDay),
  customers: () => Promise.resolve(null),
  uncounted: (tx, marks, kpiDay) => findUncounted(tx, marks, kpiDay, everything),
};

/**
 * The sums of what is sealed, and all else row by row. What is sealed is taken to be in the figures: the sums of its days
 * show whether it is.
 */
export const recentBooks: Books = {
  sumDays: async (tx, kpiDay) => {
    const { unsealed, takenBack } = await readRecent(tx);
    const sums = sumDays(await sumQuarters(tx, unsealed), kpiDay);
    for (const { day, currency, kind, events, cents } of await readSealedSums(tx)) {
      addSum(sums, `${day}:${currency}`, kind, events, cents);
    }
    for (const { settledAt, currency, cents } of takenBack) {
      addSum(sums, `${kpiDay(settledAt)}:${currency}`, "failed", -1, -BigInt(cents));
    }
    return sums;
  },
  customers: async (tx) => await readCustomersOf(tx, (await readRecent(tx)).unsealed),
  uncounted: async (tx, marks, kpiDay) =>
    await findUncounted(tx, marks, kpiDay, (await readRecent(tx)).unsealed),
};
