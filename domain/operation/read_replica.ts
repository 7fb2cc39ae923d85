/**
 * What is said of the replica that lists are read from.
 *
 * @module
 */

import { type Finding, fine, warning } from "./diagnosis.ts";

/** What was seen of a replica and of the database that it should follow. */
export interface ReplicaFacts {
  /** Whether both are one server. */
  isSame: boolean;
  /** How much older the last sign of a process is on the replica, in milliseconds; null where none was seen on one of them. */
  behindMs: number | null;
  /** What a read may be old, in milliseconds. */
  stalenessMs: number;
}

/** Judges a replica that was reached. It is never a problem: the database itself is read where the replica won't do. */
export function judgeReplica({ isSame, behindMs, stalenessMs }: ReplicaFacts): Finding {
  const what = "read replica";
  if (isSame) {
    return warning(
      what,
      "is the same server as DATABASE_URL",
      "name a replica in READ_DATABASE_URL, or nothing",
    );
  }
  if (behindMs === null) {
    return fine(what, "answers; how far it is behind shows once a process works");
  }
  const behind = `${Math.max(0, behindMs)} ms behind`;
  return behindMs <= stalenessMs ? fine(what, behind) : warning(
    what,
    `${behind}, so that the database itself is read`,
    "let it catch up, or raise READ_STALENESS_MS",
  );
}
