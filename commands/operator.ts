/**
 * Who types a command, for timelines and for the audit log.
 *
 * @module
 */

import { hostname } from "node:os";
import type { Operator } from "../domain/operation/audit.ts";
import { cutText } from "../domain/text/cut_text.ts";

/** Characters of a name that timelines have room for, and the id of an import behind both; Linux has none that are longer. */
const maxHost = 64, maxUser = 32;

/**
 * Whoever types a command, by the name that the machine knows them by, and which machine that is.
 *
 * @param host the machine's name, on macOS of up to 255 characters
 */
export function operatorIn(
  env: Record<string, string | undefined>,
  host: string = hostname(),
): Operator {
  const address = host.replace(/[^\x21-\x7e]/g, "?").slice(0, maxHost);
  const user = cutText(env.USER || "unknown", maxUser);
  return { actor: `cli:${user}@${address}`, via: "command", address };
}
