/**
 * Figures as the pages show them: their names come from the table of figures.
 *
 * @module
 */

import type { KpiRow } from "../../domain/kpi/kpi.ts";
import { type KpiFigure, kpiFigureNames, kpiFigures } from "../../domain/kpi/kpi_table.ts";
import { formatCount, formatMoney } from "./format.ts";
import { linkTo } from "./parts.tsx";

/** A figure that is shown large. */
export interface KpiCard {
  figure: KpiFigure;
  /** With what stands beside it: `Refunds · 3`. */
  name: string;
  value: string;
}

/** The list behind a figure of a day, and how many rows it has; undefined for what counts none. */
export function rowsOf(row: KpiRow, figure: KpiFigure): { href: string; rows: number } | undefined {
  const { date, currency } = row;
  const settled = { currency, settled: date };
  switch (figure) {
    case "order_count":
      return {
        href: linkTo("/dashboard/orders", { status: "PAID", ...settled }),
        rows: row.order_count,
      };
    case "failed_order_count":
      return {
        href: linkTo("/dashboard/failures", { day: date, currency }),
        rows: row.failed_order_count,
      };
    case "refund_count":
    case "refund_amount_cents":
      return {
        href: linkTo("/dashboard/refunds", { status: "PROCESSED", ...settled }),
        rows: row.refund_count,
      };
  }
}

/** A figure of a row, as money or as a number. */
export function formatFigure(row: KpiRow, figure: KpiFigure): string {
  return kpiFigures[figure].unit === "money"
    ? formatMoney(row[figure], row.currency)
    : formatCount(row[figure]);
}

/** Numbers that stand beside the money that they are of. */
const besides: Partial<Record<KpiFigure, KpiFigure>> = {
  refund_amount_cents: "refund_count",
  chargeback_amount_cents: "chargeback_count",
};

/** The figures of a row that have a card of their own, in the order of the table. */
export function kpiCards(row: KpiRow): KpiCard[] {
  return kpiFigureNames.flatMap((figure) => {
    const { card } = kpiFigures[figure];
    if (card === undefined) return [];
    const beside = besides[figure];
    const name = beside === undefined ? card : `${card} · ${formatCount(row[beside])}`;
    return [{ figure, name, value: formatFigure(row, figure) }];
  });
}
