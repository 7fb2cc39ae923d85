/**
 * Moving orders of closed months out of the way, piece by piece and beside everything else.
 *
 * @module
 */

import {
  archiveOrders,
  listArchivable,
  listArchived,
  readLatestStep,
  restoreOrders,
} from "../../db/archive/archive.ts";
import type { Database } from "../../db/connection/database.ts";
import { pause } from "../timing/pause.ts";

/** Orders that are looked at by one statement, and moved by one transaction: it holds their locks for some 50 ms. */
const ordersAtOnce = 500;

/**
 * How many times as long as a piece took is rested after it: while others work, so that it takes a thirtieth of what they
 * could have, and while nobody does.
 */
const restBesideOthers = 30, restAlone = 0.5;

/** What a run works with. */
export interface ArchiveDeps {
  db: Database;
}

/** How far a run is. */
export interface ArchiveProgress {
  /** Orders that were moved by now; of a dry run, that would be. */
  moved: number;
  /** All orders up to this id were looked at. */
  upToId: number;
}

/** How a run goes on. */
export interface ArchiveOptions {
  /** Ends it after the piece in hand. */
  signal?: AbortSignal;
  /** Moves nothing. */
  isDryRun?: boolean;
  /** Is told after each piece. */
  onProgress?: (progress: ArchiveProgress) => void;
}

/**
 * Archives the orders that ended before a moment and that nobody has to do anything about, some hundred in a transaction.
 * A crash leaves whole transactions: each order is in one place. Run again, it goes on.
 *
 * @param before UTC, `YYYY-MM-DD HH:MM:SS`
 * @returns how many were moved, or would be
 */
export async function archiveOrdersBefore(
  { db }: ArchiveDeps,
  before: string,
  { signal, isDryRun = false, onProgress }: ArchiveOptions = {},
): Promise<number> {
  let moved = 0;
  const rest = await pacer(db);
  for (let afterId: number | undefined = 0; afterId !== undefined && !signal?.aborted;) {
    const started = performance.now();
    const page = await listArchivable(db, before, { afterId, limit: ordersAtOnce });
    moved += isDryRun
      ? page.ids.length
      : page.ids.length === 0
      ? 0
      : await db.transaction((tx) => archiveOrders(tx, before, page.ids));
    afterId = page.afterId;
    if (afterId !== undefined) onProgress?.({ moved, upToId: afterId });
    await rest(performance.now() - started, signal);
  }
  return moved;
}

/**
 * Brings everything back from the archive, as before a return to an earlier version.
 *
 * @returns how many orders were brought back
 */
export async function restoreAllOrders(
  { db }: ArchiveDeps,
  { signal, onProgress }: Omit<ArchiveOptions, "isDryRun"> = {},
): Promise<number> {
  let moved = 0;
  const rest = await pacer(db);
  for (let afterId = 0; !signal?.aborted;) {
    const started = performance.now();
    const ids = await listArchived(db, { afterId, limit: ordersAtOnce });
    if (ids.length === 0) break;
    moved += await db.transaction((tx) => restoreOrders(tx, ids));
    afterId = ids.at(-1)!;
    onProgress?.({ moved, upToId: afterId });
    await rest(performance.now() - started, signal);
  }
  return moved;
}

/** Rests after each piece: long where steps were added to timelines since the one before, which moving never does. */
async function pacer(db: Database) {
  let latest = await readLatestStep(db);
  return async (tookMs: number, signal: AbortSignal | undefined) => {
    const step = await readLatestStep(db);
    const ms = tookMs * (step > latest ? restBesideOthers : restAlone);
    latest = step;
    if (ms >= 1) await pause(ms, signal ?? new AbortController().signal);
  };
}
