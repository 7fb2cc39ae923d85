/**
 * What counts towards a day's figures, and which day that is.
 *
 * @module
 */

/** Days that one question may span. */
export const mostKpiDays = 3_660;

/** One thing to count, at most once for its kind and id. */
export type KpiEvent =
  | {
    kind: "paid";
    orderId: number;
    day: string;
    currency: string;
    cents: number;
    customerId: number;
  }
  | { kind: "failed"; orderId: number; day: string; currency: string }
  | {
    kind: "refunded";
    refundId: number;
    day: string;
    currency: string;
    cents: number;
    customerId: number;
  };

/** The figures of one day in one currency, money in its minor units. */
export interface KpiRow {
  /** `YYYY-MM-DD` in `KPI_TIMEZONE`. */
  date: string;
  /** ISO 4217; figures of different currencies are never added up. */
  currency: string;
  /** Paid less refunded. */
  revenue_cents: number;
  /** Orders that were paid. */
  order_count: number;
  /** Revenue by orders, rounded down. */
  avg_order_value_cents: number;
  /** Orders that failed for any reason. */
  failed_order_count: number;
  /** Refunds that were processed. */
  refund_count: number;
  /** What they gave back. */
  refund_amount_cents: number;
}

/** A row of zeros. */
export function emptyKpiRow(date: string, currency: string): KpiRow {
  return {
    date,
    currency,
    revenue_cents: 0,
    order_count: 0,
    avg_order_value_cents: 0,
    failed_order_count: 0,
    refund_count: 0,
    refund_amount_cents: 0,
  };
}

/** Rounded down; 0 where there are no orders. */
export function averageCents(revenueCents: number, orderCount: number): number {
  return orderCount === 0 ? 0 : Math.floor(revenueCents / orderCount);
}

/**
 * Makes a function that tells on which day something was settled.
 *
 * @param timeZone IANA zone in which days begin
 * @returns a function from UTC (`YYYY-MM-DD HH:MM:SS[.ffffff]`) to `YYYY-MM-DD` in that zone. It
 * remembers the answer for each quarter of an hour, because no zone changes its day within one.
 */
export function kpiDayIn(timeZone: string): (settledAt: string) => string {
  const format = new Intl.DateTimeFormat("en-CA", {
    timeZone,
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
  });
  const known = new Map<number, string>();
  return (settledAt) => {
    const time = Date.parse(`${settledAt.slice(0, 19).replace(" ", "T")}Z`);
    const quarter = Math.floor(time / 900_000);
    let day = known.get(quarter);
    if (day === undefined) {
      if (known.size >= 10_000) known.clear();
      day = format.format(quarter * 900_000);
      known.set(quarter, day);
    }
    return day;
  };
}
