/**
 * Lua scripts: each lies beside its one caller, which declares it, and is run by its hash.
 *
 * @module
 */

import type { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { readOwnText } from "../../runtime/own_files.ts";
import type { RedisClient } from "./redis.ts";

/** A script that is known to this process; make one with {@linkcode defineScript}. */
export interface Script {
  /** The name of its file without the ending. */
  readonly name: string;
  readonly source: string;
  /** The method of a client that runs it. */
  readonly command: string;
}

type Call = (keyCount: number, ...keysAndArgs: (string | number | Buffer)[]) => Promise<unknown>;

const scripts = new Map<string, Script>();

/**
 * Declares a script, once, where its caller's module begins: it is read then, because a deploy beside a running
 * process must not mix old callers with new scripts.
 *
 * @param name of the file `NAME.lua`
 * @param beside the caller's own `import.meta.url`
 */
export function defineScript(name: string, beside: string): Script {
  if (scripts.has(name)) throw new Error(`there are two scripts of the name ${name}`);
  const source = readOwnText(new URL(`${name}.lua`, beside));
  const script: Script = { name, source, command: `script_${name}` };
  scripts.set(name, script);
  return script;
}

let namesOfCalls: Map<string, string> | undefined;
let namedCalls = 0;

/**
 * The script that a command runs, for those who watch commands go by.
 *
 * @param source the command's first argument: the script's hash or its text
 * @returns undefined for any other command
 */
export function scriptOfCall(command: string, source: string | undefined): string | undefined {
  if (source === undefined || !/^eval(sha)?$/i.test(command)) return undefined;
  if (namesOfCalls === undefined || namedCalls < scripts.size) {
    namedCalls = scripts.size;
    namesOfCalls = new Map(
      [...scripts.values()].flatMap(({ name, source }) => [
        [source, name],
        [createHash("sha1").update(source).digest("hex"), name],
      ]),
    );
  }
  return namesOfCalls.get(source);
}

const known = new WeakMap<RedisClient, Set<Script>>();

/**
 * Runs a script atomically. A server that does not know it yet, or has forgotten it in a restart, is
 * given its source.
 *
 * @param keys all in one slot of a cluster
 * @returns what the script returns, see its header
 */
export function runScript(
  redis: RedisClient,
  script: Script,
  keys: readonly string[],
  args: readonly (string | number | Buffer)[],
): Promise<unknown> {
  const { command, source } = script;
  let defined = known.get(redis);
  if (defined === undefined) known.set(redis, defined = new Set());
  if (!defined.has(script)) {
    redis.defineCommand(command, { lua: source });
    defined.add(script);
  }
  const call = (redis as unknown as Record<string, Call>)[command]!;
  return call.call(redis, keys.length, ...keys, ...args);
}
