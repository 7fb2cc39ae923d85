/**
 * Whether standard output is a terminal. `node:tty` takes some milliseconds to load on Deno, which every command would pay.
 *
 * @module
 */

import { bun } from "./bun.ts";

/** True where somebody reads along; false for a file or another program. */
export function writesToTerminal(): boolean {
  if (bun === undefined) return Deno.stdout.isTerminal();
  const { process } = globalThis as unknown as { process: { stdout: { isTTY?: boolean } } };
  return process.stdout.isTTY === true;
}
