/**
 * Who types a command, for timelines and for the audit log.
 *
 * @module
 */

import type { Operator } from "../domain/operation/audit.ts";

/** Whoever types a command, by the name that the machine knows them by. */
export function operatorIn(env: Record<string, string | undefined>): Operator {
  return { actor: `cli:${env.USER || "unknown"}`, via: "command", address: null };
}
