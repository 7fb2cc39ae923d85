/**
 * The columns of the import file: which there are, and where a file has them.
 *
 * @module
 */

/** Every column that an import file must have, in the order of the documentation. */
export const importColumns = [
  "external_order_id",
  "order_placed_at",
  "currency",
  "customer_id",
  "customer_email",
  "customer_name",
  "product_sku",
  "product_name",
  "unit_price_cents",
  "qty",
] as const;

/** Columns that a file may have, others among them: as many as a spreadsheet. */
export const maxColumns = 16_384;

/** A column of the import file. */
export type ImportColumn = (typeof importColumns)[number];

/** Where each column stands in a file's records, counted from 0. */
export type ColumnPlaces = Readonly<Record<ImportColumn, number>>;

/** The columns that a rejects file has besides those of the file it came from. */
export const rejectColumns = ["line", "reason"] as const;

/**
 * Finds the columns in a file's header: in any order and case, among any others.
 *
 * @returns the places, or a sentence saying what is wrong with the header
 */
export function placeColumns(header: readonly string[]): ColumnPlaces | string {
  const names = header.map(columnName);
  const missing = importColumns.filter((column) => !names.includes(column));
  if (missing.length > 0) {
    const list = missing.join(", ");
    const hint = header.length === 1 && /[;\t|]/.test(header[0]!)
      ? "; fields must be separated by commas"
      : "";
    return missing.length === 1
      ? `column ${list} is missing${hint}`
      : `columns ${list} are missing${hint}`;
  }
  const twice = importColumns.filter((column) =>
    names.indexOf(column) !== names.lastIndexOf(column)
  );
  if (twice.length > 0) return `column ${twice.join(", ")} stands there twice`;
  return Object.fromEntries(
    importColumns.map((column) => [column, names.indexOf(column)]),
  ) as Record<ImportColumn, number>;
}

/** True for the header of a file of rejects, mended or not. */
export function isRejectsHeader(header: readonly string[]): boolean {
  const names = header.map(columnName);
  return rejectColumns.every((column) => names.includes(column));
}

/**
 * The places of the columns that a rejects file repeats: all but those that an earlier rejects file added,
 * so that a mended one can be imported, rejected and mended again.
 */
export function originalPlaces(header: readonly string[]): number[] {
  return header.flatMap((name, place) =>
    (rejectColumns as readonly string[]).includes(columnName(name)) ? [] : [place]
  );
}

function columnName(text: string): string {
  return text.trim().toLowerCase();
}
