/**
 * What the figures of a day must be.
 *
 * @module
 */

import { averageCents, type KpiEvent } from "../domain/kpi.ts";
import type { QuarterSum } from "../db/kpi_sums.ts";
import type { KpiFigure } from "./keys.ts";

/** What a day and currency came to. */
export interface DaySum {
  /** Paid less refunded. */
  revenueCents: number;
  orders: number;
  failed: number;
  refunds: number;
  refundedCents: number;
}

/** Sums by `YYYY-MM-DD:CUR`. */
export type DaySums = Map<string, DaySum>;

/** Puts quarters of an hour together to days. */
export function sumDays(
  quarters: readonly QuarterSum[],
  kpiDay: (settledAt: string) => string,
): DaySums {
  const sums: DaySums = new Map();
  for (const { kind, settledAt, currency, count, cents } of quarters) {
    add(sums, `${kpiDay(settledAt)}:${currency}`, kind, count, cents);
  }
  return sums;
}

/** Takes events out of the sums. */
export function subtractEvents(sums: DaySums, events: readonly KpiEvent[]): void {
  for (const event of events) {
    const name = `${event.day}:${event.currency}`;
    if (event.kind === "paid") add(sums, name, "PAID", -1, -event.cents);
    else if (event.kind === "failed") add(sums, name, "FAILED", -1, 0);
    else add(sums, name, "REFUNDED", -1, -event.cents);
  }
}

/** The figures that a sum makes; those of no sum are all 0. */
export function figuresOf(sum: DaySum | undefined): Record<KpiFigure, number> {
  const { revenueCents, orders, failed, refunds, refundedCents } = sum ?? emptySum();
  return {
    revenue_cents: revenueCents,
    order_count: orders,
    avg_order_value_cents: averageCents(revenueCents, orders),
    failed_order_count: failed,
    refund_count: refunds,
    refund_amount_cents: refundedCents,
  };
}

function add(
  sums: DaySums,
  name: string,
  kind: QuarterSum["kind"],
  count: number,
  cents: number,
): void {
  let sum = sums.get(name);
  if (sum === undefined) sums.set(name, sum = emptySum());
  switch (kind) {
    case "PAID":
      sum.orders += count;
      sum.revenueCents += cents;
      break;
    case "FAILED":
      sum.failed += count;
      break;
    case "REFUNDED":
      sum.refunds += count;
      sum.refundedCents += cents;
      sum.revenueCents -= cents;
      break;
  }
}

function emptySum(): DaySum {
  return { revenueCents: 0, orders: 0, failed: 0, refunds: 0, refundedCents: 0 };
}
