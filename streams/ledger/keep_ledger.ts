/**
 * What the ledger needs besides: books what has no rows yet, closes days, and looks whether closed ones are as they were.
 *
 * @module
 */

import type { Database } from "../../db/connection/database.ts";
import { readLedgerMarks } from "../../db/ledger/ledger_marks.ts";
import type { Log } from "../../domain/operation/log.ts";
import type { RedisDeps } from "../redis/keys.ts";
import { bookNextOrders, bookRecent } from "./book_left.ts";
import { closeDays, sealPiece } from "./close_days.ts";
import { proveStalestDays } from "./prove_days.ts";

/** Longest time of one step, in milliseconds, but for what is begun. */
const stepMs = 1_000;

/** How often it is looked for what a version before has not booked, in milliseconds. */
const lookMs = 300_000;

/** What keeping the ledger works with. */
export type LedgerDeps = RedisDeps & { db: Database; log: Log };

/**
 * One step of the duty that seals ({@linkcode file://./../seals/keep_sealing.ts}), in one process at a time: books orders of
 * before the ledger or, once all are, what is missing of recent work; seals closed days; and looks at the piece that was
 * looked at the longest ago.
 *
 * @returns what was done
 */
export async function takeLedgerStep(
  deps: LedgerDeps,
): Promise<"booked" | "sealed" | "proven"> {
  const { db, redis, keys, log } = deps;
  const started = performance.now();
  const isOver = () => performance.now() - started > stepMs;
  if (!(await readLedgerMarks(db)).isComplete) {
    let goesOn = true;
    while (goesOn && !isOver()) goesOn = await bookNextOrders(db);
    if (!goesOn) log.info("the ledger has what happened before it");
    return "booked";
  }
  if (await redis.set(keys.ledgerRest, "1", "PX", lookMs, "NX") !== null) {
    const movements = await bookRecent(db);
    if (movements > 0) log.warn("booked for a version before", { movements });
    else await closeDays(db);
    return "booked";
  }
  if (await sealPiece(db)) {
    while (!isOver() && await sealPiece(db));
    return "sealed";
  }
  const { drifts } = await proveStalestDays(db, 1);
  for (const { subject, what, expected, found } of drifts.list) {
    log.error("changed since its day was closed", { subject, what, expected, found });
  }
  return "proven";
}
