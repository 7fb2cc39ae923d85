/**
 * What became of the rows and orders of a file: one list, for the database, the command and the API.
 *
 * @module
 */

/** The counts of a run so far. */
export interface ImportCounts {
  /** Of the file, the header and blank ones not counted. */
  rows: number;
  /** Rows in the rejects file. */
  rowsRejected: number;
  /** All orders of the file: the sum of the next five. */
  orders: number;
  /** That were not known. */
  ordersNew: number;
  /** Known ones that were changed. */
  ordersUpdated: number;
  /** Known ones with the same content. */
  ordersUnchanged: number;
  /** Of which no row was taken. */
  ordersRejected: number;
  /** Known ones with other content that could not be changed. */
  ordersConflict: number;
  /** That their source says are over and done with: in none of the other counts. */
  ordersSkipped: number;
  /** Orders that went onto the stream and had not been there before. */
  published: number;
}

/** The same as it is written down, without what only an import does. */
export interface CountsJson {
  /** Of the file, the header and blank ones not counted. */
  rows: number;
  /** Rows in the rejects file. */
  rows_rejected: number;
  /** All orders of the file: the sum of the next five. */
  orders: number;
  /** That were not known. */
  orders_new: number;
  /** Known ones that were changed. */
  orders_updated: number;
  /** Known ones with the same content. */
  orders_unchanged: number;
  /** Of which no row was taken. */
  orders_rejected: number;
  /** Known ones with other content that could not be changed. */
  orders_conflict: number;
  /** That their source says are over and done with: in none of the other counts. */
  orders_skipped: number;
}

/** Nothing was counted yet. */
export function noCounts(): ImportCounts {
  return {
    rows: 0,
    rowsRejected: 0,
    orders: 0,
    ordersNew: 0,
    ordersUpdated: 0,
    ordersUnchanged: 0,
    ordersRejected: 0,
    ordersConflict: 0,
    ordersSkipped: 0,
    published: 0,
  };
}

/** Counts as they are written down. */
export function countsJson(counts: ImportCounts): CountsJson {
  return {
    rows: counts.rows,
    rows_rejected: counts.rowsRejected,
    orders: counts.orders,
    orders_new: counts.ordersNew,
    orders_updated: counts.ordersUpdated,
    orders_unchanged: counts.ordersUnchanged,
    orders_rejected: counts.ordersRejected,
    orders_conflict: counts.ordersConflict,
    orders_skipped: counts.ordersSkipped,
  };
}
