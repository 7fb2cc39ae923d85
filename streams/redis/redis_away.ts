/**
 * Tells a Redis that can't serve now from other errors; the words stand in `redis_error_codes.ts`.
 *
 * @module
 */

import { messageOf } from "../../domain/errors.ts";
import { faultOfText } from "./redis_error_codes.ts";

/** True for an error after which the same command may succeed later. */
export function isRedisAway(error: unknown): boolean {
  return faultOfText(messageOf(error)) !== undefined;
}

/** True where a server says that it is not the one to write to: a master that has become a replica. */
export function isReplica(error: unknown): boolean {
  return /\b(READONLY|MASTERDOWN) /.test(messageOf(error));
}

/** The server's own words where it forbids a command, or has none of this name; undefined for all else. */
export function findRefusal(error: unknown): string | undefined {
  const reason = messageOf(error);
  return refusals.test(reason) ? reason : undefined;
}

const refusals =
  /^NOPERM |unknown command|unknown subcommand|unsupported|not allowed|is disabled|not supported|can't run this command/i;
