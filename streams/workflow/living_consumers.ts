/**
 * The consumers that are alive, and of which version they are: their names tell.
 *
 * @module
 */

import process from "node:process";
import { lanes } from "../../domain/messages/lane.ts";
import type { Group } from "../../domain/messages/messages.ts";
import { messageOf } from "../../domain/errors.ts";
import type { RedisDeps } from "../redis/keys.ts";
import { isLostGroup } from "../redis/redis.ts";

/** A consumer that gave no sign for so long has ended, in milliseconds. */
const silenceMs = 30_000;

/** Consumers of processes are called after host and process in every version; others are tests' and people's. */
const processName = /:\d+:[^:]/;

/** Names say so since orders can be paid at their source, backordered, taken up again and edited. */
const mark = "v2";

const markedName = new RegExp(`:\\d+:${mark}:[0-9a-f]{12}(:2)?$`);

/** A new name for the consumers of this process. */
export function newConsumerName(host: string): string {
  return `${host}:${process.pid}:${mark}:${crypto.getRandomValues(new Uint8Array(6)).toHex()}`;
}

/** Whether a process of this version or a later one has this name for its consumers. */
export function isMarked(consumer: string): boolean {
  return markedName.test(consumer);
}

/** The names of the consumers of processes that are alive in these groups. */
export async function livingConsumers(
  { redis, keys }: RedisDeps,
  groups: readonly Group[],
): Promise<string[]> {
  const [seconds] = await redis.time();
  const since = Number(seconds) * 1_000 - silenceMs;
  const names = new Set<string>();
  for (const group of groups) {
    for (const name of await redis.zrangebyscore(keys.alive(group), since, "+inf")) names.add(name);
    // One that works on a long batch says so by keeping its messages.
    for (const lane of lanes) {
      const infos = await redis.xinfo("CONSUMERS", keys.stream(group, lane), group).catch(
        (error) => {
          // Nobody has worked in it yet.
          if (isLostGroup(error) || messageOf(error).includes("no such key")) return [];
          throw error;
        },
      ) as unknown[][];
      for (const info of infos) {
        const of = (field: string) => info[info.indexOf(field) + 1];
        if (Number(of("pending")) > 0 && Number(of("idle")) < silenceMs) {
          names.add(String(of("name")));
        }
      }
    }
  }
  return [...names].filter((name) => processName.test(name));
}
