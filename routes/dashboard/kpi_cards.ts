/**
 * Figures as the pages show them: their names come from the table of figures.
 *
 * @module
 */

import type { KpiRow } from "../../domain/kpi/kpi.ts";
import { type KpiFigure, kpiFigureNames, kpiFigures } from "../../domain/kpi/kpi_table.ts";
import { formatCount, formatMoney } from "./format.ts";

/** A figure that is shown large. */
export interface KpiCard {
  figure: KpiFigure;
  /** With what stands beside it: `Refunds · 3`. */
  name: string;
  value: string;
}

/** A figure of a row, as money or as a number. */
export function formatFigure(row: KpiRow, figure: KpiFigure): string {
  return kpiFigures[figure].unit === "money"
    ? formatMoney(row[figure], row.currency)
    : formatCount(row[figure]);
}

/** The figures of a row that have a card of their own, in the order of the table. */
export function kpiCards(row: KpiRow): KpiCard[] {
  return kpiFigureNames.flatMap((figure) => {
    const { card } = kpiFigures[figure];
    if (card === undefined) return [];
    const name = figure === "refund_amount_cents"
      ? `${card} · ${formatCount(row.refund_count)}`
      : card;
    return [{ figure, name, value: formatFigure(row, figure) }];
  });
}
