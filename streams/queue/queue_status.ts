/**
 * What waits in the streams, for people and monitors.
 *
 * @module
 */

import { isLostGroup } from "../redis/redis.ts";
import { type Pause, readPause } from "./pause_group.ts";
import type { QueueDeps, Weight } from "./queue.ts";

/** A consumer that gave a sign within this time counts as one. */
const activeWithinMs = 60_000;

/** One group and its stream. */
export interface StreamStatus<G extends string> {
  group: G;
  /** Entries in the stream, read or not: finished ones are deleted. */
  length: number;
  /** Entries that no consumer has read yet. */
  lag: number;
  /** Entries that a consumer has read and not finished. */
  pending: number;
  /** Messages that may not be read before a later time. */
  scheduled: number;
  /**
   * Since the oldest entry was enqueued, or the first scheduled message should have been: nothing moves it into
   * the stream while the group is paused or has no consumer. 0 where nothing waits that could be worked on.
   */
  oldestAgeMs: number;
  /** When that was, ISO 8601; null where nothing waits that could be worked on. */
  oldestUnfinishedAt: string | null;
  /** Until the first scheduled message is due, 0 where it is; null where nothing is scheduled. */
  nextDueInMs: number | null;
  /** Consumers that gave a sign within a minute. */
  consumers: number;
  /** Messages that failed and wait for their next try. */
  retries: number;
  /** Messages finished so far. */
  processed: number;
  /** Tries that failed so far. */
  retried: number;
  /** Who told the group's consumers to take nothing, since when and why; null while they work. */
  paused: Pause | null;
  /** What the waiting messages weigh, by unit, without those that are 0. */
  weights: Weight[];
}

/** Commands that the pipeline has for each group. */
const commandsPerGroup = 10;

/** What {@linkcode commandsPerGroup} commands answer. */
type GroupAnswers = [
  length: number,
  summary: [number, ...unknown[]] | null,
  consumers: string[],
  first: [id: string, fields: string[]][],
  scheduled: number,
  next: [message?: string, dueMs?: string],
  retries: number,
  weights: Record<string, string>,
  stats: (string | null)[],
  paused: string | null,
];

/** Reads the state of groups in one round trip. A stream or a group that does not exist counts as empty. */
export async function readStreamStatus<G extends string>(
  { redis, keys }: QueueDeps,
  groups: readonly G[],
): Promise<StreamStatus<G>[]> {
  const pipeline = redis.pipeline();
  for (const group of groups) {
    const stream = keys.stream(group);
    pipeline
      .xlen(stream)
      .xpending(stream, group)
      .zrange(keys.alive(group), 0, "-1", "WITHSCORES")
      .xrange(stream, "-", "+", "COUNT", 1)
      .zcard(keys.scheduled(group))
      .zrange(keys.scheduled(group), 0, 0, "WITHSCORES")
      .zcard(keys.retries(group))
      .hgetall(keys.weights(group))
      .hmget(keys.stats(group), "processed", "retried")
      .get(keys.paused(group));
  }
  pipeline.time();
  const replies = await pipeline.exec();
  const answers = (replies ?? []).map(([error, answer]) => {
    if (error !== null && !isLostGroup(error)) throw error;
    return error === null ? answer : null;
  });
  const [seconds, microseconds] = answers.at(-1) as [number | string, number | string];
  const nowMs = Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000);
  return groups.map((group, index) => {
    const from = index * commandsPerGroup;
    return statusOf(group, answers.slice(from, from + commandsPerGroup) as GroupAnswers, nowMs);
  });
}

function statusOf<G extends string>(
  group: G,
  [length, summary, consumers, first, scheduled, next, retries, weights, stats, paused]:
    GroupAnswers,
  nowMs: number,
): StreamStatus<G> {
  const pending = Number(summary?.[0] ?? 0);
  const enqueuedMs = first.length === 0 ? Infinity : Number(first[0]![0].split("-")[0]);
  const dueMs = next.length === 0 ? Infinity : Number(next[1]);
  const sinceMs = Math.min(enqueuedMs, dueMs <= nowMs ? dueMs : Infinity);
  const oldestMs = sinceMs === Infinity ? null : sinceMs;
  return {
    group,
    length,
    lag: Math.max(0, length - pending),
    pending,
    scheduled,
    oldestAgeMs: oldestMs === null ? 0 : Math.max(0, nowMs - oldestMs),
    oldestUnfinishedAt: oldestMs === null ? null : new Date(oldestMs).toISOString(),
    nextDueInMs: dueMs === Infinity ? null : Math.max(0, dueMs - nowMs),
    consumers:
      consumers.filter((score, at) =>
        at % 2 === 1 && Math.abs(nowMs - Number(score)) < activeWithinMs
      ).length,
    retries,
    processed: Number(stats[0] ?? 0),
    retried: Number(stats[1] ?? 0),
    paused: readPause(paused),
    weights: Object.entries(weights)
      .map(([unit, amount]) => ({ unit, amount: Number(amount) }))
      .filter(({ amount }) => amount > 0)
      .sort((a, b) => a.unit < b.unit ? -1 : 1),
  };
}
