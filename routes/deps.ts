/**
 * What the routes are given.
 *
 * @module
 */

import type { Reads } from "../db/connection/read_replica.ts";
import type { ProcessDeps } from "../streams/workflow/process_deps.ts";
import type { BodyTimes } from "./middleware/body_times.ts";

/** Everything that a route works with; routes open nothing themselves. */
export interface AppDeps extends ProcessDeps {
  /** Of this process' row in `processes`, where it has one. */
  processId?: string;
  /** Reads what may be a little old, such as lists; from the database itself where there is no replica. */
  reads?: Reads;
  /** Aborts when the process is about to stop: answers that go on for ever end then. */
  stopping?: AbortSignal;
  /** Work that goes on after its answer; whoever closes the engines waits for it. */
  background?: Set<Promise<void>>;
  /** Other times for bodies than the usual ones. */
  bodyTimes?: BodyTimes;
}

/** Reads what may be a little old: see {@linkcode AppDeps.reads}. */
export function readsOf({ db, reads }: Pick<AppDeps, "db" | "reads">): Reads {
  return reads ?? ((read) => read(db));
}
