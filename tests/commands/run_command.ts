/**
 * Runs commands in this process, for tests.
 *
 * @module
 */

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

/** Runs a command as it would be typed: `run(env, "stock", "a", "--set=5")`. */
export async function run(
  env: Record<string, string | undefined>,
  ...args: string[]
): Promise<Ran> {
  const out: string[] = [];
  const err: string[] = [];
  const { log, error } = console;
  console.log = (...parts) => out.push(parts.join(" "));
  console.error = (...parts) => err.push(parts.join(" "));
  try {
    const code = await main(args, env);
    return { code, out: out.join("\n"), err: err.join("\n") };
  } finally {
    console.log = log;
    console.error = error;
  }
}

/** The name of every command, as the help lists them. */
export async function commandNames(): Promise<string[]> {
  const { out } = await run({}, "--help");
  return [...out.matchAll(/^ {2}([a-z]+) {2}/gm)].map(([, name]) => name!);
}
