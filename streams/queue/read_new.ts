/**
 * Reads messages that nobody had yet, and waits for the first one.
 *
 * @module
 */

import { messageOf } from "../../domain/errors.ts";
import { findRefusal } from "../redis/redis_away.ts";
import type { RedisClient } from "../redis/redis.ts";
import { pause } from "../timing/pause.ts";
import type { ConsumerDeps } from "./consumer_state.ts";
import type { Entry, QueueTypes } from "./work.ts";

/** How often it is looked for messages where nobody may wait on the server, in milliseconds. */
export const pollMs = 100;

/** Connections whose server or proxy takes no blocking reads. */
const polling = new WeakSet<RedisClient>();

/**
 * Reads messages that nobody had yet.
 *
 * @param waitMs longest wait for a first one; where blocking reads are refused, it is looked for every
 * {@linkcode pollMs}
 */
export async function readNew<T extends QueueTypes>(
  deps: ConsumerDeps<T>,
  group: string,
  count: number,
  waitMs: number,
): Promise<Entry[]> {
  const { redis, blocking, log } = deps;
  if (waitMs < 1) return await read(deps, redis, group, count);
  if (!polling.has(blocking)) {
    try {
      return await read(deps, blocking, group, count, Math.floor(waitMs));
    } catch (error) {
      if (findRefusal(error) === undefined) throw error;
      polling.add(blocking);
      log.warn("blocking reads refused", { group, poll_ms: pollMs, error: messageOf(error) });
    }
  }
  const until = performance.now() + waitMs;
  for (;;) {
    const entries = await read(deps, redis, group, count);
    const leftMs = until - performance.now();
    if (entries.length > 0 || leftMs <= 0) return entries;
    await pause(Math.min(pollMs, leftMs));
  }
}

async function read<T extends QueueTypes>(
  { keys, consumer, lane }: ConsumerDeps<T>,
  redis: RedisClient,
  group: string,
  count: number,
  blockMs?: number,
): Promise<Entry[]> {
  const stream = keys.stream(group, lane);
  const reply = blockMs === undefined
    ? await redis.xreadgroup("GROUP", group, consumer, "COUNT", count, "STREAMS", stream, ">")
    : await redis.xreadgroup(
      "GROUP",
      group,
      consumer,
      "COUNT",
      count,
      "BLOCK",
      blockMs,
      "STREAMS",
      stream,
      ">",
    );
  const streams = (reply ?? []) as [string, [string, string[]][]][];
  return (streams[0]?.[1] ?? []).map(([id, fields]) => ({
    id,
    fields,
    deliveries: 1,
    errors: 0,
    lastError: "",
    again: false,
  }));
}
