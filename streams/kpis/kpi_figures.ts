/**
 * What the figures of a day must be.
 *
 * @module
 */

import type { KpiEvent } from "../../domain/kpi/kpi.ts";
import type { QuarterSum } from "../../db/verification/kpi_sums.ts";
import type { KpiFigure } from "../redis/keys.ts";

/** What a day and currency came to. */
export interface DaySum {
  /** Paid less refunded. */
  revenueCents: bigint;
  orders: number;
  failed: number;
  refunds: number;
  refundedCents: bigint;
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
    if (event.kind === "paid") add(sums, name, "PAID", -1, -BigInt(event.cents));
    else if (event.kind === "failed") add(sums, name, "FAILED", -1, 0n);
    else add(sums, name, "REFUNDED", -1, -BigInt(event.cents));
  }
}

/** The figures that a sum makes; those of no sum are all 0. */
export function figuresOf(sum: DaySum | undefined): Record<KpiFigure, bigint> {
  const { revenueCents, orders, failed, refunds, refundedCents } = sum ?? emptySum();
  return {
    revenue_cents: revenueCents,
    order_count: BigInt(orders),
    avg_order_value_cents: averageOf(revenueCents, orders),
    failed_order_count: BigInt(failed),
    refund_count: BigInt(refunds),
    refund_amount_cents: refundedCents,
  };
}

/** Rounded down, below zero too; 0 where there are no orders. */
function averageOf(revenueCents: bigint, orders: number): bigint {
  if (orders === 0) return 0n;
  const count = BigInt(orders);
  const average = revenueCents / count;
  return revenueCents % count < 0n ? average - 1n : average;
}

function add(
  sums: DaySums,
  name: string,
  kind: QuarterSum["kind"],
  count: number,
  cents: bigint,
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
  return { revenueCents: 0n, orders: 0, failed: 0, refunds: 0, refundedCents: 0n };
}
