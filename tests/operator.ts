/**
 * Whoever does something in tests.
 *
 * @module
 */

import type { Operator } from "../domain/operation/audit.ts";

/** An operator at the command line. */
export function anOperator(actor = "test"): Operator {
  return { actor, via: "command", address: null };
}
