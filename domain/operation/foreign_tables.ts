/**
 * What to do about a database that is somebody else's.
 *
 * @module
 */

import type { FaultWords } from "./engine_fault.ts";

/** Tables that are named; of more their number is told. */
const tablesShown = 8;

/** Says which tables are in the way; undefined where none is. */
export function describeTables(names: readonly string[]): FaultWords | undefined {
  if (names.length === 0) return undefined;
  const others = names.length - tablesShown;
  const list = names.slice(0, tablesShown).join(", ") + (others > 0 ? ` and ${others} more` : "");
  return {
    why: `the database holds tables of another application: ${list}`,
    remedy: "let DATABASE_URL name a database of its own",
  };
}
