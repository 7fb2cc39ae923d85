/**
 * What the routes are given.
 *
 * @module
 */

import type { ProcessDeps } from "../streams/workflow/process_deps.ts";
import type { BodyTimes } from "./middleware/body_times.ts";

/** Everything that a route works with; routes open nothing themselves. */
export interface AppDeps extends ProcessDeps {
  /** Aborts when the process is about to stop: answers that go on for ever end then. */
  stopping?: AbortSignal;
  /** Work that goes on after its answer; whoever closes the engines waits for it. */
  background?: Set<Promise<void>>;
  /** Other times for bodies than the usual ones. */
  bodyTimes?: BodyTimes;
}
