/**
 * Finds out whether a server takes every command that is needed: managed ones forbid some, and users may be
 * allowed only some.
 *
 * @module
 */

import { Cluster } from "ioredis";
import { messageOf } from "../../domain/errors.ts";
import type { RedisDeps } from "./keys.ts";
import { findRefusal } from "./redis_away.ts";

/**
 * Every command that is sent, or that a script runs, with arguments for a trial on keys of its own, which it
 * is given as `text`, `hash`, `zset`, `set`, `stream` and `other`. They are in an order in which each has
 * what it needs.
 */
// deno-fmt-ignore
const trials: readonly (readonly string[])[] = [
  ["PING"], ["TIME"], ["INFO", "server"], ["HELLO"], ["SCAN", "0", "COUNT", "1"],
  ["SET", "text", "1", "EX", "60"], ["GET", "text"], ["GETRANGE", "text", "0", "1"], ["MGET", "text"], ["EXISTS", "text"],
  ["TYPE", "text"], ["INCRBY", "text", "1"], ["EXPIRE", "text", "60"], ["PEXPIRE", "text", "60000"], ["PTTL", "text"],
  ["SETBIT", "other", "1", "1"], ["SETRANGE", "other", "0", "a"], ["BITFIELD", "other", "SET", "u1", "1", "1"], ["EXPIRE", "other", "60"],
  ["RENAME", "other", "text"], ["EXPIRE", "text", "60"],
  ["HSET", "hash", "f", "1"], ["EXPIRE", "hash", "60"], ["HINCRBY", "hash", "f", "1"],
  ["HSETNX", "hash", "f", "1"],
  ["HGET", "hash", "f"], ["HMGET", "hash", "f"], ["HGETALL", "hash"], ["HKEYS", "hash"], ["HVALS", "hash"],
  ["HLEN", "hash"], ["HDEL", "hash", "g"],
  ["SADD", "set", "m"], ["EXPIRE", "set", "60"], ["SISMEMBER", "set", "m"], ["SMEMBERS", "set"],
  ["ZADD", "zset", "1", "m"], ["EXPIRE", "zset", "60"], ["ZINCRBY", "zset", "1", "m"], ["ZCARD", "zset"],
  ["ZSCORE", "zset", "m"], ["ZMSCORE", "zset", "m"], ["ZRANGE", "zset", "0", "0"],
  ["ZREVRANGE", "zset", "0", "0"], ["ZRANGEBYSCORE", "zset", "0", "1"], ["ZRANGEBYLEX", "zset", "-", "+"],
  ["ZSCAN", "zset", "0"], ["ZREM", "zset", "n"], ["ZREMRANGEBYSCORE", "zset", "5", "6"],
  ["XGROUP", "CREATE", "stream", "g", "0", "MKSTREAM"], ["EXPIRE", "stream", "60"],
  ["XADD", "stream", "*", "f", "v"], ["XLEN", "stream"], ["XRANGE", "stream", "-", "+", "COUNT", "1"], ["XREVRANGE", "stream", "+", "-", "COUNT", "1"],
  ["XREADGROUP", "GROUP", "g", "c", "COUNT", "1", "STREAMS", "stream", ">"],
  ["XREADGROUP", "GROUP", "g", "c", "COUNT", "1", "BLOCK", "1", "STREAMS", "stream", ">"],
  ["XPENDING", "stream", "g"], ["XCLAIM", "stream", "g", "c", "0", "1-1"], ["XACK", "stream", "g", "1-1"],
  ["XDEL", "stream", "1-1"], ["XTRIM", "stream", "MAXLEN", "100"], ["XINFO", "GROUPS", "stream"], ["XGROUP", "DELCONSUMER", "stream", "g", "c"],
  ["EVAL", "return redis.call('EXISTS', KEYS[1])", "1", "text"],
  ["MULTI"], ["EXEC"],
  ["UNLINK", "set", "zset"], ["DEL", "text", "hash", "stream"],
];

/** Names that stand for keys in {@linkcode trials}. */
const keyNames = new Set(["text", "hash", "zset", "set", "stream", "other"]);

/** The names of all commands that are tried. */
export const triedCommands: ReadonlySet<string> = new Set(trials.map(([name]) => name!));

/** Commands without which the work is done as well, and what is then otherwise. */
export const dispensable: ReadonlyMap<string, string> = new Map([
  [
    "INFO",
    "whether it evicts, keeps anything on disk, or was restarted is not seen: what a restart or a failover lost is found by " +
    "the sweep, and not at once",
  ],
  ["HELLO", "the server's version is not known where INFO is refused as well"],
  ["XREADGROUP BLOCK", "new messages are looked for ten times a second"],
]);

/** A command that the server refuses. */
export interface RefusedCommand {
  /** With its subcommand, where it has some. */
  command: string;
  /** The server's own words. */
  reason: string;
}

/**
 * Tries every command on keys of its own, which it takes away again.
 *
 * @returns those that are refused, whether to everybody or to this user
 * @throws when Redis is away
 */
export async function findRefusedCommands(
  { redis, keys }: RedisDeps,
): Promise<RefusedCommand[]> {
  const base = `${keys.probe}:${crypto.randomUUID()}`;
  const refused: RefusedCommand[] = [];
  const names = new Set<string>();
  // A cluster's client has connections of its own for these, by node.
  const skipped = redis instanceof Cluster ? ["PING", "INFO", "SCAN", "MULTI", "EXEC"] : [];
  for (const [name, ...args] of trials) {
    if (skipped.includes(name!)) continue;
    const own = args.map((arg) => keyNames.has(arg) ? `${base}:${arg}` : arg);
    try {
      await redis.call(name!, ...own);
    } catch (error) {
      const reason = messageOf(error);
      if (isDead(reason)) throw error;
      const command = nameOf(name!, args);
      if (findRefusal(error) === undefined || names.has(command)) continue;
      names.add(command);
      refused.push({ command, reason });
    }
  }
  return refused;
}

function nameOf(name: string, args: readonly string[]): string {
  if (args.includes("BLOCK")) return `${name} BLOCK`;
  return name === "XGROUP" || name === "XINFO" ? `${name} ${args[0]}` : name;
}

function isDead(reason: string): boolean {
  return /^(Connection is closed|Stream isn't|Command timed out|Reached the max|READONLY|LOADING)/
    .test(reason);
}
