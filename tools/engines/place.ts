import type { Program } from "./program.ts";

/** Where a server or a process runs: on this machine as it is, or on a host of a network that was made on it. */
export interface Place {
  /** At which it listens, and is reached from everywhere else. */
  readonly address: string;
  /** The words before a command that is to run there; empty for this machine itself. */
  readonly enter: readonly string[];
}

/** This machine itself. */
export const here: Place = { address: "127.0.0.1", enter: [] };

/** A program as it is started at a place. */
export function startedAt({ enter }: Place, program: Program): Program {
  const [command, ...args] = [...enter, program.command];
  return { command: command!, args: [...args, ...program.args] };
}
