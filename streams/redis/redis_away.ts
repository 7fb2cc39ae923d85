/**
 * Tells a Redis that can't serve now from other errors.
 *
 * @module
 */

import { messageOf } from "../../domain/errors.ts";

/** Codes by which a server says that it takes nothing now, or nothing from this user. */
const awayCodes = [
  "LOADING",
  "READONLY",
  "MASTERDOWN",
  "CLUSTERDOWN",
  "TRYAGAIN",
  "BUSY",
  "OOM",
  "MISCONF",
  "NOREPLICAS",
  "NOAUTH",
  "WRONGPASS",
  "NOPERM",
  "EXECABORT",
].join("|");

/**
 * What the client says of a lost connection, and what a server says that is not ready or is not set up. Of an
 * error within a script, servers before 7.0 tell the code at the end of a sentence.
 */
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
    "^Client network socket disconnected",
    "^(connect|read|write|getaddrinfo|shutdown) E[A-Z_]{3,}",
    `^(${awayCodes}) `,
    `^ERR Error running script .*: -?(${awayCodes}) `,
    "^ERR max number of clients reached",
    "^ERR unknown command",
    "^ERR This (user|instance) ",
    "is not allowed from script",
  ].join("|"),
);

/** True for an error after which the same command may succeed later. */
export function isRedisAway(error: unknown): boolean {
  return awayMessages.test(messageOf(error));
}

/** True where a server says that it is not the one to write to: a master that has become a replica. */
export function isReplica(error: unknown): boolean {
  return /\b(READONLY|MASTERDOWN) /.test(messageOf(error));
}
