/**
 * Reads the parts of a proof by two connections, whichever is free.
 *
 * @module
 */

import type { Database, Queryable } from "../../db/connection/database.ts";
import { readSnapshot } from "../../db/connection/snapshot.ts";

/** Connections, each with a snapshot of its own. More would take processors from those who work. */
const snapshots = 2;

/** Parts by name, each of which reads all it needs in one snapshot. */
type Parts = Readonly<Record<string, (tx: Queryable) => Promise<unknown>>>;

/** What becomes of them. */
type Read<T extends Parts> = { readonly [Name in keyof T]: ReturnType<T[Name]> };

/**
 * Begins to read all parts, in their order, each in one of the snapshots: where what takes long comes last, one connection ends
 * long after the other. None is read twice, but for the one that a lost connection was at.
 *
 * @returns what each is read as; where one can't be read, whatever is not read by then fails as well
 */
export function readParts<T extends Parts>(db: Database, parts: T): Read<T> {
  const waiting = Object.keys(parts);
  const results = new Map(waiting.map((name) => [name, Promise.withResolvers<unknown>()]));
  const readSome = async () => {
    let begun: string | undefined;
    await readSnapshot(db, async (tx) => {
      // Where it runs again, it goes on with what it was at: the parts before have been handed out.
      for (begun ??= waiting.shift(); begun !== undefined; begun = waiting.shift()) {
        results.get(begun)!.resolve(await parts[begun]!(tx));
      }
    });
  };
  for (let started = 0; started < snapshots; started++) {
    readSome().catch((error) => {
      waiting.length = 0;
      for (const { reject } of results.values()) reject(error);
    });
  }
  return Object.fromEntries([...results].map(([name, { promise }]) => [name, promise])) as Read<T>;
}
