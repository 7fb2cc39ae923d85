/**
 * `stringify` with the interface of `@std/csv/stringify`, over csv-stringify.
 *
 * @module
 */

import { stringify as write } from "csv-stringify/sync";

/** Where a value is found on the way into an object or array. */
export type PropertyAccessor = number | string;

/** A column under a name of its own. */
export interface ColumnDetails {
  /** Its name; by default the last step to its value. */
  header?: string;
  /** The steps to its value. */
  prop: PropertyAccessor | readonly PropertyAccessor[];
}

/** Where a column's values come from. */
export type Column = ColumnDetails | PropertyAccessor | readonly PropertyAccessor[];

/** One record. */
export type DataItem = Readonly<Record<string, unknown>> | readonly unknown[];

/** Options of {@linkcode stringify}. */
export interface StringifyOptions {
  /** Begin with the names of the columns; default true. */
  headers?: boolean;
  /** Stands between fields; a comma by default. */
  separator?: string;
  /** Which values make a record, and their names; needed for records that are objects. */
  columns?: readonly Column[];
  /** Begin with a byte-order mark; default false. */
  bom?: boolean;
}

/**
 * Writes records as CSV, with CRLF after each. null and undefined are empty fields, objects are JSON.
 *
 * @throws {TypeError} for a separator that holds a quote or CRLF, and for an object without `columns`
 */
export function stringify(
  data: readonly DataItem[],
  options: StringifyOptions = {},
): string {
  const { headers = true, separator = ",", columns = [], bom = false } = options;
  if (separator.includes('"') || separator.includes("\r\n")) {
    throw new TypeError("Separator cannot include a quotation mark or CRLF");
  }
  const paths = columns.map(pathOf);
  const records = data.map((item) => {
    if (paths.length > 0) return paths.map(({ steps }) => textOf(valueAt(item, steps)));
    if (Array.isArray(item)) return item.map(textOf);
    throw new TypeError("No property accessor function was provided for object");
  });
  if (headers) records.unshift(paths.map(({ name }) => name));
  return write(records, {
    bom,
    delimiter: separator,
    record_delimiter: "\r\n",
    quoted_match: /[\r\n]/,
  });
}

function pathOf(column: Column): { name: string; steps: readonly PropertyAccessor[] } {
  const isDetailed = typeof column === "object" && !Array.isArray(column);
  const { header, prop } = isDetailed
    ? column as ColumnDetails
    : { header: undefined, prop: column as PropertyAccessor | readonly PropertyAccessor[] };
  const steps = typeof prop === "object" ? prop : [prop];
  return { name: header ?? String(steps.at(-1)), steps };
}

function valueAt(item: unknown, steps: readonly PropertyAccessor[]): unknown {
  let value = item;
  for (const step of steps) {
    if (typeof value !== "object" || value === null) break;
    if (Array.isArray(value) && typeof step !== "number") {
      throw new TypeError('Property accessor is not of type "number"');
    }
    value = (value as Record<PropertyAccessor, unknown>)[step];
  }
  return value;
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
