/**
 * Cursors of the list of the ledger: the key of a page's last row inside, because its rows have no ids.
 *
 * @module
 */

import { cursorOf, strangeCursor, textOfCursor } from "../paging.ts";

/** Where a page ends: the key of its last row, with its day. */
export type LedgerPlace = readonly [
  day: string,
  account: number,
  orderId: number,
  source: number,
  sourceId: number,
  step: number,
];

/** The cursor of what follows a row. */
export function encodeLedgerCursor(place: LedgerPlace): string {
  return cursorOf(`ledger:${place.join(":")}`);
}

/**
 * The place inside a cursor.
 *
 * @throws {WorkflowError} `bad_request` for anything that {@linkcode encodeLedgerCursor} did not make
 */
export function decodeLedgerCursor(cursor: string): LedgerPlace {
  const text = textOfCursor(cursor);
  const match = /^ledger:(\d{4}-\d\d-\d\d):(\d{1,3}):(\d{1,15}):(\d{1,3}):(\d{1,15}):(\d{1,5})$/
    .exec(text);
  const [day, ...rest] = match?.slice(1) ?? [];
  const place = [day!, ...rest.map(Number)] as unknown as LedgerPlace;
  if (match === null || encodeLedgerCursor(place) !== cursor) {
    throw strangeCursor();
  }
  return place;
}
