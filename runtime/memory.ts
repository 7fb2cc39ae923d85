/**
 * How much memory a process may have, and how much of it one that takes files lets garbage have.
 *
 * @module
 */

import { getHeapStatistics } from "node:v8";
import { bun } from "./bun.ts";
import { isSingleExecutable } from "./carried.ts";

/** The part of Node's `process` that is used; it is at hand without loading anything. */
interface NodeProcess {
  argv: string[];
  execArgv: string[];
  execPath: string;
  env: Record<string, string | undefined>;
  /** Puts a program in the place of this process; missing where the system has no such call. */
  execve?(file: string, args: string[], env: Record<string, string | undefined>): never;
}

/** Bun's name for the memory that its collector of garbage believes to have; it is read before anything of ours runs. */
const believed = "BUN_JSC_forceRAMSize";

/**
 * 256 MB: `start` that is brought a file of 25 MB holds 228 to 239 MB at most, with 320 MB up to 243, with 400 MB 247, and 306 to
 * 360 by what Bun believes itself, which is all memory of the machine; 42 MB of it are live. It costs some processor
 * time: 68 instead of 65 µs an order of an import, 64 instead of 59 of a drain. So commands that stay below 210 MB
 * without it, `import` and `consume`, do without.
 */
const believedBytes = 256 * 1_048_576;

/** The most that V8 lets a heap of this process have. */
export function heapLimitBytes(): number {
  return getHeapStatistics().heap_size_limit;
}

/** Processors that this process may use. */
export function processors(): number {
  return navigator.hardwareConcurrency;
}

/**
 * Lets Bun collect garbage as early as in a machine of 256 MB. What
 * Bun believes can't be changed in a running process, so the process begins once more in its own place, with the same
 * number, arguments and open files; that takes some 10 ms. Nothing happens on Deno, and where the environment says
 * something else of it.
 */
export function collectGarbageEarly(): void {
  if (bun === undefined) return;
  const { process } = globalThis as unknown as { process: NodeProcess };
  const { argv, execArgv, execPath, env, execve } = process;
  if (env[believed] !== undefined || execve === undefined) return;
  // A single executable puts its own name before what was typed.
  const typed = argv.slice(isSingleExecutable ? 2 : 1);
  execve.call(process, execPath, [execPath, ...execArgv, ...typed], {
    ...env,
    [believed]: String(believedBytes),
  });
}
