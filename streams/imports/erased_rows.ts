/**
 * Keeps rows of people who were erased out of rejects, their reasons and whatever else is told of a file.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import { readErased, readErasureKey, readLatestErasure } from "../../db/customers/erased_keys.ts";
import { readAddresses } from "../../db/imports/preview_reads.ts";
import { isErasedRow, namesIn } from "../../domain/customer/erased_row.ts";
import type { RejectedRow } from "../../domain/import/order_csv.ts";

/** See {@linkcode erasedRows}. */
export interface ErasedRows {
  /** Rows that were not taken, of those who were erased nothing but the line and that they were. */
  without(rejected: readonly RejectedRow[]): Promise<RejectedRow[]>;
}

/** What is said of a row of somebody who was erased, and nothing else. */
export const erasedRowReason = "was not taken, and is of a customer whose data were erased";

/**
 * Looks at the rows that a file's orders were not taken for, whoever brings the file: those who were erased are known again by
 * the ids and addresses in them, see {@linkcode isErasedRow}. Costs nothing where every row is taken, and a look at one number where some are not.
 *
 * @param header the names of the file's columns
 */
export function erasedRows(
  db: Queryable,
  header: readonly string[],
  { erasureSecret = "" }: { erasureSecret?: string },
): ErasedRows {
  return {
    async without(rejected) {
      if (rejected.length === 0 || await readLatestErasure(db) === 0) return [...rejected];
      const names = rejected.map(({ fields }) => namesIn(header, fields));
      const ids = new Set(
        names.flatMap(({ ids, addresses }) => [...ids, ...addresses.map(({ guestId }) => guestId)]),
      );
      const erased = await readErased(db, [...ids], await readErasureKey(db, erasureSecret));
      const sharing = names.filter(({ addresses }) =>
        addresses.some(({ guestId }) => erased.has(guestId))
      );
      const known = await readAddresses(db, [...new Set(sharing.flatMap(({ ids }) => ids))]);
      return rejected.map((row, at) =>
        isErasedRow(names[at]!, erased, known)
          ? { line: row.line, fields: [], reason: erasedRowReason }
          : row
      );
    },
  };
}
