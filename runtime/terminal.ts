/**
 * Whether somebody sits at a terminal. `node:tty` takes some milliseconds to load on Deno, which every command would pay.
 *
 * @module
 */

import { bun } from "./bun.ts";

/** Node's streams, as Bun has them. */
interface Streams {
  process: Record<"stdin" | "stdout", { isTTY?: boolean }>;
}

/** True where somebody reads along; false for a file or another program. */
export function writesToTerminal(): boolean {
  return isTerminal("stdout");
}

/** What asks somebody at a terminal whether they are sure (no, unless they type `y`); undefined where nobody is there to answer. */
export function asksAtTerminal(): ((question: string) => boolean) | undefined {
  if (!isTerminal("stdin") || !writesToTerminal()) return undefined;
  // What is loaded in a thread as well is checked as what it can have there, where nobody is asked anything.
  const { confirm } = globalThis as unknown as { confirm(question: string): boolean };
  return (question) => confirm(question);
}

function isTerminal(stream: "stdin" | "stdout"): boolean {
  if (bun === undefined) return Deno[stream].isTerminal();
  const { process } = globalThis as unknown as Streams;
  return process[stream].isTTY === true;
}
