/**
 * What counts towards a day's figures, and which day that is.
 *
 * @module
 */

import {
  eachKpiFigure,
  kpiAverages,
  type KpiFigure,
  kpiFigureNames,
  type KpiKind,
  kpiKindOf,
  type KpiKindRow,
  type kpiKinds,
} from "./kpi_table.ts";

/** Days that one question may span. */
export const maxKpiDays = 3_660;

/** One thing to count, at most once for its kind and id. */
export type KpiEvent = OrderKpiEvent | RefundKpiEvent | ChargebackKpiEvent;

/** What every event says. */
export interface KpiEventFacts {
  /** `YYYY-MM-DD` on which its order was settled, or a chargeback's money moved. */
  day: string;
  /** ISO 4217, upper case. */
  currency: string;
  /** The order's total, what the refund gave back, or what moved: below zero where it came back. */
  cents: number;
  /** Database id of the customer. */
  customerId: number;
}

/** An order that came to its end. */
export interface OrderKpiEvent extends KpiEventFacts {
  /** By the status that it ended in. */
  kind: KpiKindOf<"order">;
  /** Database id. */
  orderId: number;
  /**
   * Of an order that was taken up again after it had failed: which time, and whether this takes the failure before it
   * out of the figures or counts the end after it. Missing of the end before the first time.
   */
  retry?: {
    /** Of its row in `order_retries`. */
    id: number;
    undoes: boolean;
  };
}

/** A refund that came to its end. */
export interface RefundKpiEvent extends KpiEventFacts {
  /** By the status that it ended in. */
  kind: KpiKindOf<"refund">;
  /** Database id. */
  refundId: number;
  /** Its provider has taken it back: this takes it out of the figures again. */
  isReturned?: true;
}

/** Money of a chargeback that moved. */
export interface ChargebackKpiEvent extends KpiEventFacts {
  /** By the kind of the movement. */
  kind: KpiKindOf<"chargeback">;
  /** Database id of the movement. */
  movementId: number;
}

/** The kinds of orders, of refunds, or of movements. */
export type KpiKindOf<Subject extends KpiKindRow["of"]> = {
  [Kind in KpiKind]: typeof kpiKinds[Kind]["of"] extends Subject ? Kind : never;
}[KpiKind];

/** A settled order, as much of it as counts. */
export interface SettledOrder {
  /** Database id. */
  id: number;
  /** Where it ended. */
  status: string;
  /** Database id of the customer. */
  customerId: number;
  /** ISO 4217, upper case. */
  currency: string;
  /** Sum of its items. */
  totalCents: number;
  /** UTC, `YYYY-MM-DD HH:MM:SS[.ffffff]`. */
  settledAt: string;
  /** The latest time that it was taken up again; missing where it never was. */
  retryId?: number;
}

/** That an order which had failed was taken up again: what it had counted as is to be taken out of the figures. */
export interface OrderRetry {
  /** Of its row in `order_retries`. */
  id: number;
  /** Database id of the order. */
  orderId: number;
  /** The time before; null at the first. */
  previousId: number | null;
  /** Database id of the customer, as the order failed. */
  customerId: number;
  /** ISO 4217, upper case, as the order failed. */
  currency: string;
  /** As the order failed. */
  totalCents: number;
  /** When it was settled: UTC, `YYYY-MM-DD HH:MM:SS[.ffffff]`. */
  failedAt: string;
}

/** A finished refund, as much of it as counts. */
export interface FinishedRefund {
  /** Database id. */
  id: number;
  /** Where it ended. */
  status: string;
  /** Database id of the customer. */
  customerId: number;
  /** ISO 4217, upper case. */
  currency: string;
  /** What it gave back, or was to. */
  amountCents: number;
  /** When its order was settled: the day that it changes. */
  settledAt: string;
}

/** Money of a chargeback that moved, as much of it as counts. */
export interface ChargebackMovement {
  /** Database id. */
  id: number;
  /** What it tells of, as its row says. */
  kind: string;
  /** Database id of the customer. */
  customerId: number;
  /** ISO 4217, upper case: the chargeback's, whatever its order's is. */
  currency: string;
  /** With its sign. */
  amountCents: number;
  /** The day that it changes: UTC, `YYYY-MM-DD HH:MM:SS[.ffffff]`. */
  happenedAt: string;
}

/** The events by which a settled order counts: one, or none where its status counts nowhere. */
export function orderKpiEvents(
  { id: orderId, status, customerId, currency, totalCents: cents, settledAt, retryId }:
    SettledOrder,
  kpiDay: (settledAt: string) => string,
): OrderKpiEvent[] {
  const kind = kpiKindOf("order", status) as KpiKindOf<"order"> | undefined;
  if (kind === undefined) return [];
  const event = { kind, orderId, day: kpiDay(settledAt), currency, cents, customerId };
  return [retryId === undefined ? event : { ...event, retry: { id: retryId, undoes: false } }];
}

/**
 * The events of a time that an order was taken up again: the failure before it, which may not have been counted yet,
 * and that it counts no more. Each counts once by a key of its own, so they may come in any order, with any others of
 * the order and however often.
 */
export function retryKpiEvents(
  retry: OrderRetry,
  kpiDay: (settledAt: string) => string,
): OrderKpiEvent[] {
  return orderKpiEvents(failureBefore(retry), kpiDay).flatMap((failed) => [
    failed,
    { ...failed, retry: { id: retry.id, undoes: true } },
  ]);
}

/** The order as it had failed before it was taken up again. */
export function failureBefore(
  { orderId, previousId, customerId, currency, totalCents, failedAt }: OrderRetry,
): SettledOrder {
  const failure = {
    id: orderId,
    status: "FAILED",
    customerId,
    currency,
    totalCents,
    settledAt: failedAt,
  };
  return previousId === null ? failure : { ...failure, retryId: previousId };
}

/** The events by which a finished refund counts: one, or none where its status counts nowhere. */
export function refundKpiEvents(
  { id: refundId, status, customerId, currency, amountCents: cents, settledAt }: FinishedRefund,
  kpiDay: (settledAt: string) => string,
): RefundKpiEvent[] {
  const kind = kpiKindOf("refund", status) as KpiKindOf<"refund"> | undefined;
  if (kind === undefined) return [];
  return [{ kind, refundId, day: kpiDay(settledAt), currency, cents, customerId }];
}

/**
 * The events of a refund that its provider has taken back: that it was processed, which may not have been counted yet, and
 * that it counts no more. Each counts once by a key of its own, in any order and however often.
 *
 * @param refund as it was processed
 */
export function returnKpiEvents(
  refund: FinishedRefund,
  kpiDay: (settledAt: string) => string,
): RefundKpiEvent[] {
  return refundKpiEvents(refund, kpiDay)
    .flatMap((processed) => [processed, { ...processed, isReturned: true as const }]);
}

/** The events by which a movement counts: one, or none where its kind counts nowhere. */
export function chargebackKpiEvents(
  { id: movementId, kind: of, customerId, currency, amountCents: cents, happenedAt }:
    ChargebackMovement,
  kpiDay: (happenedAt: string) => string,
): ChargebackKpiEvent[] {
  const kind = kpiKindOf("chargeback", of) as KpiKindOf<"chargeback"> | undefined;
  if (kind === undefined) return [];
  return [{ kind, movementId, day: kpiDay(happenedAt), currency, cents, customerId }];
}

/** The id by which an event counts once for what it is of. */
export function kpiIdOf(event: KpiEvent): number {
  if ("movementId" in event) return event.movementId;
  if ("refundId" in event) return event.refundId;
  return event.retry?.id ?? event.orderId;
}

/** The figures of one day in one currency, money in its minor units. */
export interface KpiRow extends Record<KpiFigure, number> {
  /** `YYYY-MM-DD` in `KPI_TIMEZONE`. */
  date: string;
  /** ISO 4217; figures of different currencies are never added up. */
  currency: string;
}

/** A row of zeros. */
export function emptyKpiRow(date: string, currency: string): KpiRow {
  return { date, currency, ...eachKpiFigure(() => 0) };
}

/** Days of one currency taken together; what is an average is one of all of them. */
export function sumKpiRows(rows: readonly KpiRow[], currency: string, date = ""): KpiRow {
  const sum = emptyKpiRow(date, currency);
  for (const figure of kpiFigureNames) {
    sum[figure] = rows.reduce((total, row) => total + row[figure], 0);
  }
  for (const [figure, of, by] of kpiAverages) sum[figure] = averageCents(sum[of], sum[by]);
  return sum;
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
