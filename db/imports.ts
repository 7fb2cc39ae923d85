/**
 * The runs of the importer: one row each, with counts while it runs and afterwards.
 *
 * @module
 */

import type { Queryable } from "./database.ts";

/** The counts of a run so far. */
export interface ImportCounts {
  rows: number;
  rowsRejected: number;
  orders: number;
  ordersNew: number;
  ordersUpdated: number;
  ordersUnchanged: number;
  ordersRejected: number;
  ordersConflict: number;
  published: number;
}

/** Characters that the name of a source keeps. */
const sourceLength = 255;

/** Characters that an error keeps. */
const errorLength = 2_000;

/**
 * Begins a run. A crash leaves it `RUNNING` for ever; running the import again is a row of its own.
 *
 * @param source name of the file
 * @returns its id
 */
export async function createImport(db: Queryable, source: string): Promise<number> {
  const { insertId } = await db.run(
    `
    insert into imports (source)
    values (?)`,
    [[...source].slice(0, sourceLength).join("")],
  );
  return insertId;
}

/** Writes down how far a run has come. */
export async function updateImport(db: Queryable, id: number, counts: ImportCounts): Promise<void> {
  await writeImport(db, id, counts, "RUNNING", null);
}

/** Ends a run. */
export async function finishImport(
  db: Queryable,
  id: number,
  counts: ImportCounts,
  end: { status: "DONE" } | { status: "FAILED"; error: string },
): Promise<void> {
  const error = end.status === "FAILED" ? [...end.error].slice(0, errorLength).join("") : null;
  await writeImport(db, id, counts, end.status, error);
}

async function writeImport(
  db: Queryable,
  id: number,
  counts: ImportCounts,
  status: "RUNNING" | "DONE" | "FAILED",
  error: string | null,
): Promise<void> {
  await db.run(
    `
    update imports
    set row_count = ?, rows_rejected = ?, orders = ?, orders_new = ?, orders_updated = ?,
      orders_unchanged = ?, orders_rejected = ?, orders_conflict = ?, published = ?,
      status = ?, error = ?, finished_at = if(status = 'RUNNING', null, current_timestamp(6))
    where id = ?`,
    [
      counts.rows,
      counts.rowsRejected,
      counts.orders,
      counts.ordersNew,
      counts.ordersUpdated,
      counts.ordersUnchanged,
      counts.ordersRejected,
      counts.ordersConflict,
      counts.published,
      status,
      error,
      id,
    ],
  );
}
