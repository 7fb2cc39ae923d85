/**
 * Columns that name what an order comes to and that a profile makes no use of, held against what is booked.
 *
 * @module
 */

import { type IncomingOrder, orderTotalOf } from "../../order/incoming_order.ts";
import { ownCopy } from "../../text/own_copy.ts";
import type { CsvRow } from "../csv_rows.ts";
import type { ColumnPlan } from "./column_plan.ts";
import { type MoneyForm, parseMoney } from "./money_text.ts";
import { ownFields } from "./planned_row.ts";
import { totalOf } from "./total_names.ts";

/** How a column agrees with what is booked, read in the way that agrees best. */
export interface UnusedTotal {
  /** As the header has it. */
  name: string;
  /** Orders of which it says something that is an amount. */
  named: number;
  /** Of these, those that agree. */
  agree: number;
  /** The largest difference, by its size: what is booked, less what the column says; undefined where all agree. */
  largest?: { differenceCents: number; currency: string; externalOrderId: string };
}

/** What a column may be the total of; of each order it is held against all that its name allows. */
type Way = "order" | "lines";

interface Watched {
  /** In the header, counted from 0. */
  at: number;
  ways: ReadonlyMap<Way, UnusedTotal>;
}

/** See {@linkcode watchUnusedTotals}. */
export interface UnusedTotals {
  /** There is such a column. */
  hasSome: boolean;
  /** Takes an order as it would be booked, with all of its rows. */
  note(order: IncomingOrder, rows: readonly CsvRow[]): void;
  /** Columns that contradict what was noted. */
  contradicting(): UnusedTotal[];
}

/**
 * Watches the columns that look like totals by their names, and are neither used nor ignored. A column with the same
 * amount on all rows of an order is the order's; one whose amounts add up to the items, or to all of it, is the lines'.
 * It contradicts where it is neither throughout.
 */
export function watchUnusedTotals(
  { header, fills, ignored }: ColumnPlan,
  money: MoneyForm,
  tolerance: number,
): UnusedTotals {
  const columns = header.flatMap((name, at): Watched[] => {
    const of = fills.has(at) || ignored.has(at) ? undefined : totalOf(name);
    if (of === undefined) return [];
    const ways: Way[] = of === "order" ? ["order"] : of === "line" ? ["lines"] : ["order", "lines"];
    const none = () => ({ name: name.trim(), named: 0, agree: 0 });
    return [{ at, ways: new Map(ways.map((way) => [way, none()])) }];
  });
  return {
    hasSome: columns.length > 0,
    note(order, rows) {
      for (const { at, ways } of columns) {
        const said = amountsOf(rows, at, money, order.currency);
        if (said === undefined) continue;
        for (const [way, total] of ways) {
          const difference = way === "order"
            ? differenceOfOrder(order, said)
            : ofLines(order, said);
          take(total, difference, order, tolerance);
        }
      }
    },
    contradicting: () =>
      columns.map(({ ways }) =>
        [...ways.values()].reduce((best, one) => one.agree > best.agree ? one : best)
      ).filter(({ named, agree }) => agree < named),
  };
}

/** What the rows say, in minor units; undefined where none says anything or something is no amount. */
function amountsOf(
  rows: readonly CsvRow[],
  at: number,
  money: MoneyForm,
  currency: string,
): number[] | undefined {
  const amounts: number[] = [];
  for (const row of rows) {
    const text = (ownFields(row)[at] ?? "").trim();
    if (text === "") continue;
    const cents = parseMoney(text, money, currency);
    if (typeof cents !== "number") return undefined;
    amounts.push(cents);
  }
  return amounts.length === 0 ? undefined : amounts;
}

function differenceOfOrder(order: IncomingOrder, said: readonly number[]): number {
  const total = orderTotalOf(order);
  const other = said.find((cents) => cents !== total);
  return other === undefined ? 0 : total - other;
}

/** Of lines with and without what the order costs besides. */
function ofLines(order: IncomingOrder, said: readonly number[]): number {
  const sum = said.reduce((all, cents) => all + cents, 0);
  const items = order.items.reduce((all, { unitPriceCents, qty }) => all + unitPriceCents * qty, 0);
  const off = items - sum, offAll = orderTotalOf(order) - sum;
  return Math.abs(offAll) < Math.abs(off) ? offAll : off;
}

function take(
  total: UnusedTotal,
  differenceCents: number,
  { currency, externalOrderId }: IncomingOrder,
  tolerance: number,
): void {
  total.named++;
  if (Math.abs(differenceCents) <= tolerance) total.agree++;
  else if (Math.abs(differenceCents) > Math.abs(total.largest?.differenceCents ?? 0)) {
    total.largest = ownCopy({ differenceCents, currency, externalOrderId });
  }
}
