/**
 * Whether what was sealed is still as it was.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import {
  listTakenBack,
  noteProven,
  readBrokenSeals,
  readOrderCandidates,
  readRefundCandidates,
  readStalestSeals,
  type Seal,
  type SealCandidate,
} from "../../db/verification/seals.ts";
import { addDrift, type Drifts, noDrifts } from "../verification/drift.ts";

/** Seals that are looked at for one report, of those that are broken. */
const brokenAtOnce = 20;

/** Rows of a seal's piece at most, those that are not sealed included. */
const maxRows = 100_000;

/**
 * Compares the rows of a seal with what was sealed of them.
 *
 * An order that was taken up again is no longer what was sealed, by right: its row in `order_retries` says what it was.
 *
 * @returns what differs, each named by its order or refund
 */
export async function compareSeal(tx: Queryable, seal: Seal): Promise<Drifts> {
  const { kind, firstId, lastId, checksums } = seal;
  const drifts = noDrifts();
  const read = kind === "order" ? readOrderCandidates : readRefundCandidates;
  const rows = await read(tx, { after: firstId - 1, upTo: lastId }, maxRows);
  const found = new Map<number, SealCandidate>(rows.map((row) => [row.id, row]));
  const differing = [...checksums].filter(([id, checksum]) => found.get(id)?.checksum !== checksum);
  if (differing.length === 0) return drifts;
  const takenBack = new Map<number, Set<number>>();
  if (kind === "order") {
    const orderIds = differing.map(([id]) => id);
    const retries = await listTakenBack(tx, {
      afterId: 0,
      limit: maxRows,
      ordersUpTo: lastId,
      orderIds,
    });
    for (const { orderId, checksum } of retries) {
      const known = takenBack.get(orderId) ?? new Set();
      takenBack.set(orderId, known.add(checksum));
    }
  }
  for (const [id, checksum] of differing) {
    if (takenBack.get(id)?.has(checksum)) continue;
    const row = found.get(id);
    const of = kind === "order"
      ? "status, customer, money, items and payment of a sealed order, as a checksum"
      : "order, amount, status and time of a sealed refund, as a checksum";
    addDrift(drifts, {
      subject: `${kind} ${id}`,
      what: of,
      expected: hex(checksum),
      found: row === undefined ? null : hex(row.checksum),
    }, true);
  }
  return drifts;
}

function hex(checksum: number): string {
  return checksum.toString(16).padStart(8, "0");
}

/** What differs in the seals that are known to be broken. Reads only. */
export async function brokenSeals(tx: Queryable): Promise<Drifts[]> {
  const drifts: Drifts[] = [];
  for (const seal of await readBrokenSeals(tx, brokenAtOnce)) {
    drifts.push(await compareSeal(tx, seal));
  }
  return drifts;
}

/**
 * Looks at the seals that were looked at the longest ago, and at those that are broken: one that is as it was sealed again
 * is broken no longer.
 *
 * @param limit most seals
 * @returns how many were looked at, and what differs
 */
export async function proveStalest(
  db: Queryable,
  limit: number,
): Promise<{ proven: number; drifts: Drifts }> {
  const all = noDrifts();
  const seals = [...await readBrokenSeals(db, brokenAtOnce), ...await readStalestSeals(db, limit)];
  for (const seal of seals) {
    const { list, count, forPeople } = await compareSeal(db, seal);
    all.list.push(...list);
    all.count += count;
    all.forPeople += forPeople;
    await noteProven(db, seal, count > 0);
  }
  return { proven: seals.length, drifts: all };
}
