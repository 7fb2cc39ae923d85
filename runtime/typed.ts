/**
 * What a person types to start a command, in messages that say what to do next.
 *
 * @module
 */

import { bun } from "./bun.ts";
import { isSingleExecutable } from "./carried.ts";

/** What stands before a command's name. */
export const typedFirst: string = isSingleExecutable
  ? "orders"
  : bun === undefined
  ? "deno task"
  : "bun run";

/**
 * A command as it is typed where this process runs: `deno task recover`, `bun run recover` or `orders recover`.
 *
 * @param command its name, and its arguments if any
 */
export function typed(command: string): string {
  return `${typedFirst} ${command}`;
}
