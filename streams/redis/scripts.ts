/**
 * Runs the Lua scripts, each by its hash; each lies beside its one caller.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { RedisClient } from "./redis.ts";

const folders = {
  advance: "queue",
  database_note: "recovery",
  claim_crashed: "queue",
  claim_due: "queue",
  count_activity: "kpis",
  epoch: "recovery",
  forget_messages: "recovery",
  give_back: "queue",
  heartbeat: "queue",
  kpis_apply: "kpis",
  kpis_begin: "kpis",
  kpis_hold_basis: "kpis",
  kpis_swap: "kpis",
  lease_end: "redis",
  lease_look: "redis",
  lease_renew: "redis",
  lease_take: "redis",
  locks_acquire: "handlers",
  locks_release: "handlers",
  delay: "queue",
  promote: "queue",
  rate_limit: "redis",
  recover_end: "recovery",
  release_own: "queue",
  remove_consumer: "queue",
} as const;

/** A script's name: its file without the ending. */
export type ScriptName = keyof typeof folders;

type Call = (keyCount: number, ...keysAndArgs: (string | number)[]) => Promise<unknown>;

/** Read once, together: a deploy beside a running process must not mix old callers with new scripts. */
const sources = new Map<ScriptName, string>(
  Object.entries(folders).map(([name, folder]) => [
    name as ScriptName,
    Deno.readTextFileSync(new URL(`../${folder}/${name}.lua`, import.meta.url)),
  ]),
);

let namesOfCalls: Map<string, ScriptName> | undefined;

/**
 * The script that a command runs, for those who watch commands go by.
 *
 * @param source the command's first argument: the script's hash or its text
 * @returns undefined for any other command
 */
export function scriptOfCall(command: string, source: string | undefined): ScriptName | undefined {
  if (source === undefined || !/^eval(sha)?$/i.test(command)) return undefined;
  namesOfCalls ??= new Map(
    [...sources].flatMap(([name, text]) => [
      [text, name],
      [createHash("sha1").update(text).digest("hex"), name],
    ]),
  );
  return namesOfCalls.get(source);
}

const known = new WeakMap<RedisClient, Set<ScriptName>>();

/**
 * Runs a script atomically. A server that does not know it yet, or has forgotten it in a restart, is
 * given its source.
 *
 * @param keys all in one slot of a cluster
 * @returns what the script returns, see its header
 */
export function runScript(
  redis: RedisClient,
  name: ScriptName,
  keys: readonly string[],
  args: readonly (string | number)[],
): Promise<unknown> {
  let defined = known.get(redis);
  if (defined === undefined) known.set(redis, defined = new Set());
  const command = `script_${name}`;
  if (!defined.has(name)) {
    redis.defineCommand(command, { lua: sources.get(name)! });
    defined.add(name);
  }
  const call = (redis as unknown as Record<string, Call>)[command]!;
  return call.call(redis, keys.length, ...keys, ...args);
}
