/**
 * Who types a command, for timelines and for the audit log.
 *
 * @module
 */

import { hostname } from "node:os";
import type { Operator } from "../domain/operation/audit.ts";

/** Whoever types a command, by the name that the machine knows them by, and which machine that is. */
export function operatorIn(env: Record<string, string | undefined>): Operator {
  const address = hostname().replace(/[^\x21-\x7e]/g, "?");
  return { actor: `cli:${env.USER || "unknown"}@${address}`, via: "command", address };
}
