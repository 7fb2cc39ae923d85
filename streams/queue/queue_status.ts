/**
 * What waits in the streams, for people and monitors.
 *
 * @module
 */

import { type Lane, lanes } from "../../domain/messages/lane.ts";
import { isLostGroup } from "../redis/redis.ts";
import { type Pause, readPause } from "./pause_group.ts";
import type { QueueDeps, Weight } from "./queue.ts";

/** A consumer that gave a sign within this time counts as one. */
const activeWithinMs = 60_000;

/** What waits, in one lane or in both. */
export interface Waiting {
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
  /** Messages that failed and wait for their next try. */
  retries: number;
  /** What the waiting messages weigh, by unit, without those that are 0. */
  weights: Weight[];
}

/** One group, with what waits in both of its lanes. */
export interface StreamStatus<G extends string> extends Waiting {
  group: G;
  /** What waits in each. */
  lanes: Record<Lane, Waiting>;
  /** Consumers that gave a sign within a minute. */
  consumers: number;
  /** Messages finished so far. */
  processed: number;
  /** Tries that failed so far. */
  retried: number;
  /** Who told the group's consumers to take nothing, since when and why; null while they work. */
  paused: Pause | null;
}

/** Commands that the pipeline has for each lane, and for each group beside those. */
const commandsPerLane = 7, commandsOfGroup = 3;

/** What {@linkcode commandsPerLane} commands answer. */
type LaneAnswers = [
  length: number,
  summary: [number, ...unknown[]] | null,
  first: [id: string, fields: string[]][],
  scheduled: number,
  next: [message?: string, dueMs?: string],
  retries: number,
  weights: Record<string, string>,
];

/** What {@linkcode commandsOfGroup} commands answer. */
type GroupAnswers = [consumers: string[], stats: (string | null)[], paused: string | null];

/** Reads the state of groups in one round trip. A stream or a group that does not exist counts as empty. */
export async function readStreamStatus<G extends string>(
  { redis, keys }: QueueDeps,
  groups: readonly G[],
): Promise<StreamStatus<G>[]> {
  const pipeline = redis.pipeline();
  for (const group of groups) {
    for (const lane of lanes) {
      const stream = keys.stream(group, lane);
      const scheduled = keys.scheduled(group, lane);
      pipeline
        .xlen(stream)
        .xpending(stream, group)
        .xrange(stream, "-", "+", "COUNT", 1)
        .zcard(scheduled)
        .zrange(scheduled, 0, 0, "WITHSCORES")
        .zcard(keys.retries(group, lane))
        .hgetall(keys.weights(group, lane));
    }
    pipeline
      .zrange(keys.alive(group), 0, "-1", "WITHSCORES")
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
  let at = 0;
  const take = (count: number) => answers.slice(at, at += count);
  return groups.map((group) => {
    const each = lanes.map((lane) =>
      [lane, waitingOf(take(commandsPerLane) as LaneAnswers, nowMs)] as const
    );
    const [consumers, stats, paused] = take(commandsOfGroup) as GroupAnswers;
    return {
      group,
      ...together(each.map(([, waiting]) => waiting)),
      lanes: Object.fromEntries(each) as Record<Lane, Waiting>,
      consumers: consumers.filter((score, at) =>
        at % 2 === 1 && Math.abs(nowMs - Number(score)) < activeWithinMs
      ).length,
      processed: Number(stats[0] ?? 0),
      retried: Number(stats[1] ?? 0),
      paused: readPause(paused),
    };
  });
}

function waitingOf(
  [length, summary, first, scheduled, next, retries, weights]: LaneAnswers,
  nowMs: number,
): Waiting {
  const pending = Number(summary?.[0] ?? 0);
  const enqueuedMs = first.length === 0 ? Infinity : Number(first[0]![0].split("-")[0]);
  const dueMs = next.length === 0 ? Infinity : Number(next[1]);
  const sinceMs = Math.min(enqueuedMs, dueMs <= nowMs ? dueMs : Infinity);
  const oldestMs = sinceMs === Infinity ? null : sinceMs;
  return {
    length,
    lag: Math.max(0, length - pending),
    pending,
    scheduled,
    oldestAgeMs: oldestMs === null ? 0 : Math.max(0, nowMs - oldestMs),
    oldestUnfinishedAt: oldestMs === null ? null : new Date(oldestMs).toISOString(),
    nextDueInMs: dueMs === Infinity ? null : Math.max(0, dueMs - nowMs),
    retries,
    weights: Object.entries(weights)
      .map(([unit, amount]) => ({ unit, amount: Number(amount) }))
      .filter(({ amount }) => amount > 0)
      .sort((a, b) => a.unit < b.unit ? -1 : 1),
  };
}

/** What waits in several lanes. */
function together(all: readonly Waiting[]): Waiting {
  const sum = (of: (one: Waiting) => number) => all.reduce((total, one) => total + of(one), 0);
  const oldest = all.reduce((a, b) => b.oldestAgeMs > a.oldestAgeMs ? b : a);
  const dues = all.flatMap(({ nextDueInMs }) => nextDueInMs ?? []);
  const weights = new Map<string, number>();
  for (const { unit, amount } of all.flatMap((one) => one.weights)) {
    weights.set(unit, (weights.get(unit) ?? 0) + amount);
  }
  return {
    length: sum(({ length }) => length),
    lag: sum(({ lag }) => lag),
    pending: sum(({ pending }) => pending),
    scheduled: sum(({ scheduled }) => scheduled),
    oldestAgeMs: oldest.oldestAgeMs,
    oldestUnfinishedAt: oldest.oldestUnfinishedAt ??
      all.find(({ oldestUnfinishedAt }) => oldestUnfinishedAt !== null)?.oldestUnfinishedAt ?? null,
    nextDueInMs: dues.length === 0 ? null : Math.min(...dues),
    retries: sum(({ retries }) => retries),
    weights: [...weights].map(([unit, amount]) => ({ unit, amount }))
      .sort((a, b) => a.unit < b.unit ? -1 : 1),
  };
}
