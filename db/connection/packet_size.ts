/**
 * Keeps statements within what a server takes at once.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { Value } from "./queryable.ts";

/**
 * A statement is longer than the server's `max_allowed_packet`. It was not sent: a server that gets one ends the connection.
 * Half of its rows may fit.
 */
export class StatementTooLarge extends Error {
  override name = "StatementTooLarge";
}

/** Bytes of a packet beside its text. */
const overhead = 1_024;

/** Bytes that a character of a text becomes at the most: four for two units of UTF-16, and a stroke before what is escaped. */
const maxBytesOfUnit = 3;

/**
 * Refuses a statement that the server would not take.
 *
 * @param maxBytes that the server takes
 * @param asText makes the whole text of it; asked only where it may be too long
 * @throws {StatementTooLarge}
 */
export function refuseTooLarge(
  maxBytes: number,
  { sql, values }: { sql: string; values: readonly (Value | Value[])[] },
  asText: () => string,
): void {
  let units = sql.length + overhead;
  for (const value of values) {
    if (typeof value === "string" || value instanceof Uint8Array) units += value.length;
    else if (Array.isArray(value)) units += lengthOf(value);
  }
  if (units * maxBytesOfUnit <= maxBytes) return;
  const bytes = Buffer.byteLength(asText()) + overhead;
  if (bytes <= maxBytes) return;
  throw new StatementTooLarge(
    `a statement of ${bytes} bytes is longer than max_allowed_packet, ${maxBytes} bytes`,
  );
}

/** Units of a list, quotes and commas included. */
function lengthOf(list: readonly Value[]): number {
  let units = 0;
  for (const value of list) units += (typeof value === "string" ? value.length : 16) + 4;
  return units;
}

/**
 * Runs something for rows at once, or for ever smaller parts of them where they are too many for one statement.
 *
 * @throws {StatementTooLarge} where one alone is
 */
export async function inParts<T>(
  rows: readonly T[],
  run: (part: readonly T[]) => Promise<unknown>,
): Promise<void> {
  try {
    await run(rows);
  } catch (error) {
    if (!(error instanceof StatementTooLarge) || rows.length < 2) throw error;
    const middle = Math.ceil(rows.length / 2);
    await inParts(rows.slice(0, middle), run);
    await inParts(rows.slice(middle), run);
  }
}
