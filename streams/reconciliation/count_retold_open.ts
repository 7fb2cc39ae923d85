/**
 * Counts what a report tells again while it is open.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import { listDiscrepancies } from "../../db/reconciliation/discrepancies.ts";
import {
  countTold,
  type MovementKey,
  movementName,
} from "../../db/reconciliation/retold_movements.ts";
import { readMovementKeys } from "./movement_keys.ts";

/** Discrepancies that are looked at together. */
const together = 500;

/**
 * How many movements a report tells of that an earlier one had told, and of which something is open that the earlier one has found. Those
 * of which it has found something itself are not among them.
 */
export async function countRetoldOpen(
  db: Queryable,
  provider: string,
  reconciliationId: number,
): Promise<number> {
  const own = new Set<string>();
  const others = new Map<string, MovementKey>();
  for (let afterId = 0;;) {
    const rows = await listDiscrepancies(db, {
      filter: { provider, state: "open" },
      afterId,
      limit: together,
    });
    if (rows.length === 0) break;
    const ofLines = rows.filter(({ kind, movement }) =>
      kind !== "missing_with_them" && movement !== "unmended"
    );
    const keysOf = await readMovementKeys(db, provider, ofLines);
    for (const row of ofLines) {
      for (const key of keysOf(row)) {
        if (row.reconciliationId === reconciliationId) own.add(movementName(key));
        else others.set(movementName(key), key);
      }
    }
    afterId = rows.at(-1)!.id;
  }
  const keys = [...others].filter(([name]) => !own.has(name)).map(([, key]) => key);
  let count = 0;
  for (let from = 0; from < keys.length; from += together) {
    count += await countTold(db, reconciliationId, keys.slice(from, from + together));
  }
  return count;
}
