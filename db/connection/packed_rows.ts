/**
 * Many small rows as one value.
 *
 * @module
 */

import { type Queryable, toInteger, type Value } from "./database.ts";

/**
 * A column of {@linkcode readPacked}: a number, a text without quotes, backslashes and breaks, a text that may hold
 * anything, or several values, as JSON writes them between its brackets.
 */
export interface PackedColumn {
  /** The column or expression. */
  sql: string;
  kind: "number" | "text" | "text or null" | "any text" | "values";
}

/**
 * Rows of a query that returns them packed into one text, as arrays of numbers and texts in no particular
 * order. For the statements that read thousands of rows in every batch: the driver takes a microsecond to
 * decode one field, which was a quarter of the time of a drain.
 *
 * @param columns what to read; numbers within the range that is exact, texts of a fixed vocabulary
 * @param rest the statement from its `from` on, with everything that it locks
 * @returns the rows, and the database's clock when it read them (UTC, `YYYY-MM-DD HH:MM:SS.ffffff`)
 * @throws {Error} when the answer does not hold every row, because it is longer than the server allows or a
 *   column was null: nothing may be decided on a part
 */
export async function readPacked(
  db: Queryable,
  columns: readonly PackedColumn[],
  rest: string,
  values: (Value | Value[])[],
): Promise<{ rows: (number | string | null)[][]; now: string }> {
  const [row] = await db.query(
    `
    select count(*) as n, current_timestamp(6) as now,
      group_concat('[', ${columns.map(packed).join(", ',', ")}, ']') as packed
    ${rest}`,
    values,
  );
  const rows = JSON.parse(`[${row!.packed ?? ""}]`) as (number | string | null)[][];
  const count = toInteger(row!.n);
  if (rows.length !== count) {
    throw new Error(`${rows.length} of ${count} rows came; the answer was cut off`);
  }
  return { rows, now: String(row!.now) };
}

function packed({ sql, kind }: PackedColumn): string {
  switch (kind) {
    case "number":
    case "values":
      return sql;
    case "text":
      return `'"', ${sql}, '"'`;
    case "text or null":
      return `coalesce(concat('"', ${sql}, '"'), 'null')`;
    case "any text":
      // Told, because columns of other texts have other collations, between which none wins by itself.
      return `json_quote(${sql}) collate utf8mb4_bin`;
  }
}
