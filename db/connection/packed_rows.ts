/**
 * Many small rows as one value.
 *
 * @module
 */

import { type Queryable, toInteger, type Value } from "./database.ts";

/** Whose first character may be a byte order mark. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

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
 * @throws {Error} when the answer does not hold every row, because a column was null: nothing may be decided on a part
 */
export async function readPacked(
  db: Queryable,
  columns: readonly PackedColumn[],
  rest: string,
  values: (Value | Value[])[],
): Promise<{ rows: PackedRow[]; now: string }> {
  const [row] = await db.query(
    `
    select count(*) as n, current_timestamp(6) as now,
      group_concat('[', ${columns.map(packed).join(", ',', ")}, ']') as packed
    ${rest}`,
    values,
  );
  const count = toInteger(row!.n);
  const now = String(row!.now);
  const rows = rowsOf(String(row!.packed ?? ""), columns);
  if (rows?.length === count) return { rows, now };
  // A server cuts a text off at its `max_allowed_packet`, or gives none instead: then the rows come one by one.
  return { rows: await readUnpacked(db, columns, rest, { values, count }), now };
}

/** A row, column by column. */
type PackedRow = (number | string | null)[];

/** Undefined of a text that is cut off. */
function rowsOf(text: string, columns: readonly PackedColumn[]): PackedRow[] | undefined {
  try {
    return unpacked(JSON.parse(`[${text}]`), columns);
  } catch {
    return undefined;
  }
}

/** The rows with their texts that may hold anything, which come as hexadecimal bytes. */
function unpacked(rows: PackedRow[], columns: readonly PackedColumn[]): PackedRow[] {
  const several = columns.findIndex(({ kind }) => kind === "values");
  // Behind several values places are counted from the end.
  const places = columns.flatMap(({ kind }, at) =>
    kind !== "any text" ? [] : several < 0 || at < several ? at : at - columns.length
  );
  for (const row of rows) {
    for (const place of places) {
      const at = place < 0 ? row.length + place : place;
      row[at] = decoder.decode(Uint8Array.fromHex(row[at] as string));
    }
  }
  return rows;
}

async function readUnpacked(
  db: Queryable,
  columns: readonly PackedColumn[],
  rest: string,
  { values, count }: { values: (Value | Value[])[]; count: number },
): Promise<PackedRow[]> {
  const found = await db.query(
    `select ${
      columns.map((column, at) => `concat(${packed(column)}) as c${at}`).join(", ")
    } ${rest}`,
    values,
  );
  const texts = found
    .filter((row) => columns.every((_, at) => row[`c${at}`] !== null))
    .map((row) => `[${columns.map((_, at) => String(row[`c${at}`])).join(",")}]`);
  const rows = rowsOf(texts.join(","), columns) ?? [];
  if (rows.length !== count) {
    throw new Error(`${rows.length} of ${count} rows came; a column was null`);
  }
  return rows;
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
      // JSON_QUOTE takes MariaDB 0.4 ms for the first row that it is asked for, which is a third of one order's statements.
      return `'"', hex(${sql}), '"'`;
  }
}
