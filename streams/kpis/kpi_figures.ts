/**
 * What the figures of a day must be.
 *
 * @module
 */

import type { KpiEvent } from "../../domain/kpi/kpi.ts";
import {
  eachKpiFigure,
  type KpiAmount,
  kpiAverages,
  type KpiFigure,
  kpiFigures,
  type KpiKind,
} from "../../domain/kpi/kpi_table.ts";
import type { QuarterSum } from "../../db/verification/kpi_sums.ts";

/** What a day and currency came to, by kind of event. */
export type DaySum = Partial<Record<KpiKind, { count: number; cents: bigint }>>;

/** Sums by `YYYY-MM-DD:CUR`. */
export type DaySums = Map<string, DaySum>;

/** Puts quarters of an hour together to days. */
export function sumDays(
  quarters: readonly QuarterSum[],
  kpiDay: (settledAt: string) => string,
): DaySums {
  const sums: DaySums = new Map();
  for (const { kind, settledAt, currency, count, cents } of quarters) {
    addSum(sums, `${kpiDay(settledAt)}:${currency}`, kind, count, cents);
  }
  return sums;
}

/** Takes events out of the sums. */
export function subtractEvents(sums: DaySums, events: readonly KpiEvent[]): void {
  for (const event of events) {
    const { day, currency, kind, cents } = event;
    const sign = signOf(event);
    addSum(sums, `${day}:${currency}`, kind, -sign, BigInt(-sign) * BigInt(cents));
  }
}

/** -1 for an event that takes out of the figures what counted before, else 1. */
export function signOf(event: KpiEvent): 1 | -1 {
  if ("orderId" in event) return event.retry?.undoes ? -1 : 1;
  return "refundId" in event && event.isReturned ? -1 : 1;
}

/** True if anything counted on a day. */
export function hasEvents(sum: DaySum | undefined): boolean {
  return Object.values(sum ?? {}).some(({ count }) => count > 0);
}

/** The figures that a sum makes; those of no sum are all 0. */
export function figuresOf(sum: DaySum = {}): Record<KpiFigure, bigint> {
  const figures = eachKpiFigure((figure) => {
    let total = 0n;
    for (const [kind, amount] of Object.entries(kpiFigures[figure].sums ?? {})) {
      total += amountOf(sum[kind as KpiKind], amount);
    }
    return total;
  });
  for (const [figure, of, by] of kpiAverages) figures[figure] = averageOf(figures[of], figures[by]);
  return figures;
}

function amountOf(events: DaySum[KpiKind], amount: KpiAmount): bigint {
  if (events === undefined) return 0n;
  switch (amount) {
    case "count":
      return BigInt(events.count);
    case "cents":
      return events.cents;
    case "-cents":
      return -events.cents;
  }
}

/** Rounded down, below zero too; 0 where there are no orders. */
function averageOf(sum: bigint, count: bigint): bigint {
  if (count === 0n) return 0n;
  const average = sum / count;
  return sum % count < 0n ? average - 1n : average;
}

/** Adds events of one kind to a day and currency; what is below zero is taken away. */
export function addSum(
  sums: DaySums,
  name: string,
  kind: KpiKind,
  count: number,
  cents: bigint,
): void {
  let sum = sums.get(name);
  if (sum === undefined) sums.set(name, sum = {});
  const events = sum[kind] ??= { count: 0, cents: 0n };
  events.count += count;
  events.cents += cents;
}
