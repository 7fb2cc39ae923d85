/**
 * What this process has heard of the database by Redis, for when Redis has lost it: then the processes that live on are all that
 * knows how far the database was.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import {
  type HeardMarks,
  isForgotten,
  recalledMarks,
} from "../../domain/operation/database_age.ts";
import type { Keys, RedisDeps } from "../redis/keys.ts";
import { defineScript, runScript } from "../redis/scripts.ts";

const databaseRecallScript = defineScript("database_recall", import.meta.url);

/** By the keys of a process, so that the tests of one process may play several. */
const remembered = new WeakMap<Keys, HeardMarks>();

/**
 * What Redis knows of the database, together with what this process has heard by it before and has committed itself. What
 * Redis lacks of that is given back to it, for all others.
 */
export async function recallMarks(
  { redis, keys, db }: RedisDeps & { db?: Queryable },
  heard: HeardMarks,
): Promise<HeardMarks> {
  const known = recalledMarks(heard, remembered.get(keys), db?.lastStep?.() ?? 0);
  if (isForgotten(known, heard)) {
    await runScript(redis, databaseRecallScript, [keys.databaseMarks, keys.databaseTicks], [
      known.ticks,
      known.tickedAt ?? "",
      known.tickName ?? "",
      known.installation ?? "",
      JSON.stringify(known.gaps),
      ...Object.entries(known.numbers).flatMap(([table, number]) => [table, number ?? 0]),
    ]);
  }
  remembered.set(keys, known);
  return known;
}

/** Makes the process know no more than one that has just started: all of them were stopped. */
export function forgetMarks({ keys, db }: Pick<RedisDeps, "keys"> & { db: Queryable }): void {
  remembered.delete(keys);
  db.lookAgain?.();
}
