/**
 * Cursors of lists: opaque to callers, the last id of a page inside.
 *
 * @module
 */

import { WorkflowError } from "./errors.ts";

/** Limits on the size of a page. */
export const pageLimits = { fallback: 50, most: 200 } as const;

/** One page of a list. */
export interface Page<T> {
  /** The entries of the page. */
  data: T[];
  /** Cursor of the next page; null on the last one. */
  nextCursor: string | null;
}

/**
 * Cuts a page out of rows of which one more than the page holds was asked for, so that no count is
 * needed to know whether more follow.
 *
 * @param list name of the list, so that no cursor is taken for one of another list
 * @param rows at most `limit + 1`, in the order of the list
 */
export function pageOf<T extends { id: number }>(
  list: string,
  rows: readonly T[],
  limit: number,
): Page<T> {
  const data = rows.slice(0, limit);
  const last = data.at(-1);
  return {
    data,
    nextCursor: rows.length > limit && last !== undefined ? encodeCursor(list, last.id) : null,
  };
}

/** The cursor of what follows the row `id`. */
export function encodeCursor(list: string, id: number): string {
  return cursorOf(`${list}:${id}`);
}

/** A text of ASCII as a cursor. */
export function cursorOf(text: string): string {
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The text inside a cursor; an empty one of what is none. */
export function textOfCursor(cursor: string): string {
  try {
    return atob(cursor.replaceAll("-", "+").replaceAll("_", "/"));
  } catch {
    return "";
  }
}

/** Whoever asks for a page by a cursor that a list did not give out is told so. */
export function strangeCursor(): WorkflowError {
  return new WorkflowError("bad_request", "The cursor is not one that this list gave out", [
    { at: "cursor", detail: "must be a next_cursor of this list" },
  ]);
}

/**
 * The id inside a cursor.
 *
 * @throws {WorkflowError} `bad_request` for anything that {@linkcode encodeCursor} did not make for this
 * list
 */
export function decodeCursor(list: string, cursor: string): number {
  const match = /^([a-z]+):([1-9]\d{0,15})$/.exec(textOfCursor(cursor));
  const id = Number(match?.[2]);
  if (match?.[1] !== list || !Number.isSafeInteger(id) || encodeCursor(list, id) !== cursor) {
    throw strangeCursor();
  }
  return id;
}
