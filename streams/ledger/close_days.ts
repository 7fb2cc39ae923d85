/**
 * Closes days of the ledger, and seals their rows.
 *
 * @module
 */

import type { Database, Queryable } from "../../db/connection/database.ts";
import { graceSeconds } from "../../db/ledger/ledger_facts.ts";
import {
  type LedgerMarks,
  moveLedgerMarks,
  readLedgerMarks,
} from "../../db/ledger/ledger_marks.ts";
import {
  addToLedgerDay,
  insertLedgerSeal,
  lastOrderId,
  type LedgerPiece,
  nextAccount,
  readLastSeal,
  readPieceEntries,
  readYesterday,
} from "../../db/ledger/ledger_seals.ts";
import { checksumsOf, digestOf, noDigest } from "./piece_digest.ts";

/** Rows to one piece. */
const pieceRows = 5_000;

/** Orders of one piece have ids within so many. */
const pieceSpan = 2 ** 32;

/** Rows of one order, day and account at most, such as of fees that belong to no order. */
const maxRows = 200_000;

/**
 * Closes the days that are over: nothing is booked on them any more. To be called once whatever a version before may have
 * left has been booked.
 *
 * @returns the last closed day where it is another than before
 */
export async function closeDays(db: Database): Promise<string | null> {
  return await db.transaction(async (tx) => {
    const marks = await readLedgerMarks(tx, "for update");
    const yesterday = await readYesterday(tx, graceSeconds);
    if (!marks.isComplete || (marks.closedDay ?? "") >= yesterday) return null;
    await moveLedgerMarks(tx, marks, { closedDay: yesterday });
    return yesterday;
  });
}

/**
 * Seals the next piece of closed days, in one transaction under the lock of the marks: a crash leaves it sealed or not.
 *
 * @returns false where nothing is left to seal
 */
export async function sealPiece(db: Database): Promise<boolean> {
  return await db.transaction(async (tx) => {
    const marks = await readLedgerMarks(tx, "for update");
    if (marks.closedDay === null || (marks.sealedDay ?? "") >= marks.closedDay) return false;
    const last = await readLastSeal(tx);
    const piece = await nextPiece(tx, marks, last);
    if (piece === undefined) {
      await moveLedgerMarks(tx, marks, { sealedDay: marks.closedDay });
      return false;
    }
    const before = last?.digest ?? noDigest;
    const { entries, uptoOrderId } = await wholeOrders(tx, piece);
    await insertLedgerSeal(tx, {
      ...piece,
      number: (last?.number ?? 0) + 1,
      uptoOrderId,
      sealedRows: entries.length,
      checksums: checksumsOf(entries),
      digest: digestOf(before, entries),
      isBroken: false,
    });
    await addToLedgerDay(tx, piece, entries);
    return true;
  });
}

/** Where the next piece begins. */
async function nextPiece(
  tx: Queryable,
  { closedDay, sealedDay }: LedgerMarks,
  last: LedgerPiece | undefined,
): Promise<LedgerPiece | undefined> {
  // A day that was sealed to its end is never gone on with.
  const behind = last !== undefined && last.day > (sealedDay ?? "") ? last : undefined;
  if (behind !== undefined && behind.uptoOrderId < lastOrderId) {
    const { day, account, uptoOrderId } = behind;
    return { day, account, afterOrderId: uptoOrderId, uptoOrderId: lastOrderId };
  }
  const next = await nextAccount(tx, { afterDay: sealedDay, upToDay: closedDay! }, behind);
  return next && { ...next, afterOrderId: -1, uptoOrderId: lastOrderId };
}

/** The rows of a piece, whole orders only. */
async function wholeOrders(tx: Queryable, piece: LedgerPiece) {
  const rows = await readPieceEntries(tx, piece, pieceRows + 1);
  const first = rows[0]?.orderId ?? 0;
  const far = rows.findIndex(({ orderId }) => orderId - first >= pieceSpan);
  const near = far === -1 ? rows : rows.slice(0, far);
  if (near.length <= pieceRows && far === -1) return { entries: near, uptoOrderId: lastOrderId };
  const lastId = near.at(-1)!.orderId;
  const whole = far === -1 ? near.filter(({ orderId }) => orderId !== lastId) : near;
  if (whole.length > 0) return { entries: whole, uptoOrderId: whole.at(-1)!.orderId };
  // All of them are one order's, or of none.
  const one = { ...piece, uptoOrderId: lastId };
  return { entries: await readPieceEntries(tx, one, maxRows), uptoOrderId: lastId };
}
