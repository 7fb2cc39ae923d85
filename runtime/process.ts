/**
 * What this process was started with, and its end. Deno's own ways are taken on Deno: Node's `process` takes 13 ms to load
 * there, which a command would pay that needs nothing else of Node.
 *
 * @module
 */

import { bun } from "./bun.ts";

/** The part of Node's `process` that Bun has at hand without loading anything. */
interface NodeProcess {
  argv: string[];
  env: Record<string, string | undefined>;
  exit(code: number): never;
}

const node = () => (globalThis as unknown as { process: NodeProcess }).process;

/** The arguments behind the program's name. */
export function processArguments(): string[] {
  return bun === undefined ? Deno.args : node().argv.slice(2);
}

/** A variable of the environment; undefined where it is not set, or the permissions hide it. */
export function environmentVariable(name: string): string | undefined {
  return bun === undefined ? Deno.env.get(name) : node().env[name];
}

/** Ends the process. */
export function exitProcess(code: number): never {
  return bun === undefined ? Deno.exit(code) : node().exit(code);
}
