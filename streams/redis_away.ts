/**
 * Tells a Redis that can't serve now from other errors.
 *
 * @module
 */

import { messageOf } from "../domain/errors.ts";

/** What the client says of a lost connection, and what a server says that is not ready. */
const awayMessages = new RegExp(
  [
    "^Connection is closed",
    "^Stream isn't writeable",
    "^Command timed out",
    "^Reached the max retries per request limit",
    "^Command aborted due to connection close",
    "^Failed to refresh slots cache",
    "^None of startup nodes is available",
    "^Cluster isn't ready",
    "^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY|OOM|MISCONF|NOREPLICAS) ",
    "^connect (ECONN|ENOENT|ETIMEDOUT|EHOST)",
    "^read ECONNRESET",
    "^write EPIPE",
  ].join("|"),
);

/** True for an error after which the same command may succeed later. */
export function isRedisAway(error: unknown): boolean {
  return awayMessages.test(messageOf(error));
}
