/**
 * Rows that continue the order above, in a file that a spreadsheet has sorted: they stand below orders of others then.
 *
 * @module
 */

import type { SourceRow } from "../source_row.ts";
import { type ColumnPlan, type PlannedColumn, textAt } from "./column_plan.ts";

/** See {@linkcode watchContinuations}. */
export interface Continuations {
  /** Takes a row and its order's id, where it has one of its own. */
  note(row: SourceRow, ownId: string): void;
  /**
   * Why rows without an id can't be taken for the order above; undefined where nothing speaks against it.
   *
   * @param hasTotals the file names what orders come to, so a row of another order is found out
   */
  problem(hasTotals: boolean): { line: number; detail: string } | undefined;
}

/** Orders, and different values one after the other, from which on order in a column is no accident. */
const minOrders = 5;
const minChanges = 4;

/** Watches rows whose order is the one above, for signs that it was another one when they were written. */
export function watchContinuations({ columns }: ColumnPlan): Continuations {
  const items = [columns.product_sku, columns.product_name, columns.price, columns.qty]
    .filter((column) => column !== undefined && column.places.length > 0) as PlannedColumn[];
  const collators = [collator(false), collator(true)] as const;
  const sorted = items.flatMap(({ name, places }) =>
    collators.map((collator) => ({ name, places, run: orderRun(collator) }))
  );
  const ids = orderRun(collators[1]);
  let open = sorted;
  let orders = 0;
  let lastId = "";
  let first: number | undefined;
  let above: number | undefined;
  return {
    note({ fields, line, fault }, ownId) {
      if (fault !== undefined) return;
      if (ownId !== "" && ownId !== lastId) {
        orders++;
        lastId = ownId;
        // Once nothing else is sorted it makes no difference, and to compare numbers in texts is dear.
        if (open.length > 0) ids.note(ownId);
      }
      if (ownId === "" && (first === undefined || (orders === 0 && above === undefined))) {
        if (items.some(({ places }) => textAt(fields, places) !== "")) {
          first ??= line;
          if (orders === 0) above ??= line;
        }
      }
      if (open.length === 0) return;
      for (const { places, run } of open) {
        const text = textAt(fields, places);
        if (text !== "") run.note(text);
      }
      open = open.filter(({ run }) => run.isSorted());
    },
    problem(hasTotals) {
      if (above !== undefined) {
        return {
          line: above,
          detail: `has an item and no order id, and no order stands above it: ${remedy}`,
        };
      }
      const column = open.find(({ run }) => run.changes() >= minChanges);
      const isSorted = first !== undefined && !hasTotals && orders >= minOrders &&
        column !== undefined && !ids.isSorted();
      if (!isSorted) return undefined;
      return {
        line: first!,
        detail:
          `has an item and no order id, and all rows stand in the order of ${column.name}, so the order above ` +
          `it may be another one's: ${remedy}`,
      };
    },
  };
}

const remedy =
  "the file was sorted since it was written; export it again, or write the order's id on every row";

/** As spreadsheets sort: texts, and numbers. */
function collator(numeric: boolean): Intl.Collator {
  return new Intl.Collator("en", { numeric, sensitivity: "base", ignorePunctuation: !numeric });
}

/** Whether values rise, or fall, all along. */
function orderRun(collator: Intl.Collator) {
  let last: string | undefined;
  let changes = 0;
  let rises = true, falls = true;
  return {
    note(text: string): void {
      if (text === last || !(rises || falls)) return;
      const compared = last === undefined ? 0 : collator.compare(last, text);
      if (compared > 0) rises = false;
      else if (compared < 0) falls = false;
      if (compared !== 0) changes++;
      last = rises || falls ? text : undefined;
    },
    isSorted: () => rises || falls,
    changes: () => changes,
  };
}
