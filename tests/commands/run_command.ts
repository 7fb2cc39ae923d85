/**
 * Runs commands in this process, for tests.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { main } from "../../main.ts";
import type { Workflow } from "../workflow.ts";

/** What a command printed, and its exit code. */
export interface Ran {
  code: number;
  out: string;
  err: string;
}

/** The environment in which commands work on a test's engines. */
export function envOf(flow: Workflow): Record<string, string> {
  return {
    DATABASE_URL: flow.test.databaseUrl,
    REDIS_URL: flow.test.redisUrl,
    REDIS_PREFIX: flow.test.redisPrefix,
    LOG_LEVEL: "error",
    USER: "ann",
  };
}

/** What each of the commands that run at this moment has printed. */
const printed = new AsyncLocalStorage<{ out: string[]; err: string[] }>();

let running = 0;
const { log, error } = console;

/**
 * Runs a command as it would be typed: `run(env, "stock", "a", "--set=5")`. Several may run at a time.
 */
export async function run(
  env: Record<string, string | undefined>,
  ...args: string[]
): Promise<Ran> {
  const out: string[] = [];
  const err: string[] = [];
  if (running++ === 0) {
    console.log = (...parts) => (printed.getStore()?.out.push(parts.join(" ")) ?? log(...parts));
    console.error = (
      ...parts
    ) => (printed.getStore()?.err.push(parts.join(" ")) ?? error(...parts));
  }
  try {
    const code = await printed.run({ out, err }, () => main(args, env));
    return { code, out: out.join("\n"), err: err.join("\n") };
  } finally {
    if (--running === 0) Object.assign(console, { log, error });
  }
}

/** The name of every command, as the help lists them. */
export async function commandNames(): Promise<string[]> {
  const { out } = await run({}, "--help");
  return [...out.matchAll(/^ {2}([a-z]+) {2}/gm)].map(([, name]) => name!);
}
