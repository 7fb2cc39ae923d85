/**
 * Whether closed days of the ledger are still as they were sealed.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { Queryable } from "../../db/connection/database.ts";
import {
  countDay,
  type LedgerSeal,
  noteLedgerSealProven,
  readDigest,
  readPieceEntries,
  readStalestLedgerSeals,
} from "../../db/ledger/ledger_seals.ts";
import { readLedgerMarks } from "../../db/ledger/ledger_marks.ts";
import { accountNamed } from "../../domain/ledger/chart.ts";
import { addDrift, type Drifts, noDrifts } from "../verification/drift.ts";
import { checksumsOf, digestOf, noDigest } from "./piece_digest.ts";

/** Broken seals that are looked at for one report. */
const brokenAtOnce = 20;

/** Rows of a piece at most, those included that were added to it. */
const maxRows = 200_000;

/** Compares the rows of a closed day's piece with what was sealed of them. @returns what differs, each row by its order */
export async function compareLedgerSeal(tx: Queryable, seal: LedgerSeal): Promise<Drifts> {
  const { number, day, account, checksums } = seal;
  const drifts = noDrifts();
  const entries = await readPieceEntries(tx, seal, maxRows);
  const found = checksumsOf(entries);
  const rowsOf = (orderId: number) => orderId === 0 ? "no order" : `order ${orderId}`;
  for (const orderId of new Set([...checksums.keys(), ...found.keys()])) {
    const [was, is] = [checksums.get(orderId), found.get(orderId)];
    if (was === is) continue;
    addDrift(drifts, {
      subject: rowsOf(orderId),
      what: `rows of account ${accountNamed(account)} in the ledger of ${day}, as a checksum`,
      expected: hex(was),
      found: hex(is),
    }, true);
  }
  const before = number === 1 ? noDigest : await readDigest(tx, number - 1);
  const digest = before && digestOf(before, entries);
  if (drifts.count === 0 && (digest === undefined || !Buffer.from(digest).equals(seal.digest))) {
    const what = `chain of seals at number ${number}`;
    addDrift(drifts, { subject: `ledger of ${day}`, what, expected: "whole", found: null }, true);
  }
  // Of other accounts, and behind what was the last order: looked for once an account.
  const { sealedDay } = await readLedgerMarks(tx);
  const isWhole = sealedDay !== null && day <= sealedDay;
  if (!isWhole || seal.afterOrderId !== -1 || drifts.count > 0) return drifts;
  const { rows, sealed } = await countDay(tx, day);
  if (rows !== sealed) {
    const what = "rows of a closed day";
    addDrift(drifts, { subject: `ledger of ${day}`, what, expected: sealed, found: rows }, true);
  }
  return drifts;
}

function hex(checksum: number | undefined): string | null {
  return checksum === undefined ? null : checksum.toString(16).padStart(8, "0");
}

/** What differs in the pieces that are known to be broken. Reads only. */
export async function brokenLedgerSeals(tx: Queryable): Promise<Drifts[]> {
  const drifts: Drifts[] = [];
  for (const seal of await readStalestLedgerSeals(tx, true, brokenAtOnce)) {
    drifts.push(await compareLedgerSeal(tx, seal));
  }
  return drifts;
}

/**
 * Looks at the pieces that were looked at the longest ago, and at those that are broken: one that is as it was sealed
 * again is broken no longer.
 *
 * @param limit most pieces
 */
export async function proveStalestDays(
  db: Queryable,
  limit: number,
): Promise<{ proven: number; drifts: Drifts }> {
  const all = noDrifts();
  const seals = [
    ...await readStalestLedgerSeals(db, true, brokenAtOnce),
    ...await readStalestLedgerSeals(db, false, limit),
  ];
  for (const seal of seals) {
    const { list, count, forPeople } = await compareLedgerSeal(db, seal);
    all.list.push(...list);
    all.count += count;
    all.forPeople += forPeople;
    await noteLedgerSealProven(db, seal.number, count > 0);
  }
  return { proven: seals.length, drifts: all };
}
