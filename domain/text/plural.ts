/**
 * Words that go with a count: one row, two rows.
 *
 * @module
 */

import { formatCount } from "./format_count.ts";

/** The word for so many: `one` of exactly one, else `many`, which is `one` with an s where it is not given. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return count === 1 ? one : many;
}

/** A count with its word: `1 row`, `12,480 rows`. */
export function counted(count: number, one: string, many?: string): string {
  return `${formatCount(count)} ${plural(count, one, many)}`;
}
