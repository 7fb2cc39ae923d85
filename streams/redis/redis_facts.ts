/**
 * What the Redis server says of itself.
 *
 * @module
 */

import { messageOf } from "../../domain/errors.ts";
import { lanes } from "../../domain/messages/lane.ts";
import { type Group, groups } from "../../domain/messages/messages.ts";
import { readEpoch } from "../recovery/epoch.ts";
import type { RedisDeps } from "./keys.ts";
import type { RedisClient } from "./redis.ts";
import { findRefusal } from "./redis_away.ts";

/** Settings of the server that matter to the product, and what it holds of the streams. */
export interface RedisFacts {
  /** `redis` or `valkey`. */
  server: string;
  version: string;
  /** Such as `noeviction`; `unknown` where the server does not tell. */
  evictionPolicy: string;
  /** Null where the server does not tell. */
  appendOnly: boolean | null;
  /** Whether it is one node of a cluster. */
  isClusterNode: boolean;
  /** Connections that it takes from all clients together; null where the server does not tell. */
  maxClients: number | null;
  /** The server's clock, ms since 1970. */
  nowMs: number;
  /** Groups whose stream or group does not exist. */
  missingGroups: Group[];
  /** Whether the streams are known to hold all unfinished work. */
  isComplete: boolean;
}

/** Reads the settings of the server and looks for the groups. */
export async function readRedisFacts({ redis, keys }: RedisDeps): Promise<RedisFacts> {
  const info = await readInfo(redis);
  const missingGroups: Group[] = [];
  for (const group of groups) {
    if (!await hasGroup({ redis, keys }, group)) missingGroups.push(group);
  }
  const isComplete = (await readEpoch({ redis, keys })).state === "complete";
  const [seconds, microseconds] = await redis.time() as [number | string, number | string];
  return {
    server: info.has("valkey_version") ? "valkey" : "redis",
    version: info.get("valkey_version") ?? info.get("redis_version") ?? "unknown",
    evictionPolicy: info.get("maxmemory_policy") ?? "unknown",
    appendOnly: info.has("aof_enabled") ? info.get("aof_enabled") === "1" : null,
    isClusterNode: info.get("cluster_enabled") === "1",
    maxClients: info.has("maxclients") ? Number(info.get("maxclients")) : null,
    nowMs: Number(seconds) * 1_000 + Number(microseconds) / 1_000,
    missingGroups,
    isComplete,
  };
}

/** What the server tells by INFO or, to those who may not ask so, with its greeting. */
async function readInfo(redis: RedisClient): Promise<ReadonlyMap<string, string>> {
  try {
    return new Map(
      (await redis.info()).split(/\r?\n/).flatMap((line) => {
        const at = line.indexOf(":");
        return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1)]];
      }),
    );
  } catch (error) {
    if (findRefusal(error) === undefined) throw error;
  }
  try {
    const told = await redis.call("HELLO") as string[];
    const field = (name: string) => String(told[told.indexOf(name) + 1]);
    return new Map([
      [`${field("server")}_version`, field("version")],
      ["cluster_enabled", field("mode") === "cluster" ? "1" : "0"],
    ]);
  } catch (error) {
    if (findRefusal(error) === undefined) throw error;
    return new Map();
  }
}

async function hasGroup({ redis, keys }: RedisDeps, group: Group): Promise<boolean> {
  try {
    for (const lane of lanes) {
      const found = await redis.xinfo("GROUPS", keys.stream(group, lane)) as unknown[][];
      if (!found.some((fields) => fields[fields.indexOf("name") + 1] === group)) return false;
    }
    return true;
  } catch (error) {
    if (/no such key/i.test(messageOf(error))) return false;
    throw error;
  }
}
