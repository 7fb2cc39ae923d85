/**
 * What waits in the streams, for people and monitors.
 *
 * @module
 */

import { type Group, groups } from "../../domain/messages/messages.ts";
import { countDeadLetters } from "../../db/dead_letters/dead_letter_counts.ts";
import type { Queryable } from "../../db/connection/database.ts";
import type { QueueDeps } from "./publish.ts";
import { isLostGroup } from "../redis/redis.ts";

/** A consumer that gave a sign within this time counts as one. */
const activeWithinMs = 60_000;

/** One group and its stream. */
export interface GroupStatus {
  group: Group;
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
  /** Dead letters that nobody has dealt with. */
  dead: number;
  /** Messages finished so far. */
  processed: number;
  /** Tries that failed so far. */
  retried: number;
  /** True while the group's consumers are told to take nothing. */
  paused: boolean;
  /** What the waiting messages are about, by currency, without those that are 0. */
  money: { currency: string; amountCents: number }[];
}

/** Commands that the pipeline has for each group. */
const commandsPerGroup = 10;

/**
 * Reads the state of every group, in one round trip to Redis and one to the database. A stream or a group
 * that does not exist counts as empty.
 */
export async function readQueueStatus(deps: QueueDeps, db: Queryable): Promise<GroupStatus[]> {
  const [streams, dead] = await Promise.all([readStreams(deps), countDeadLetters(db)]);
  return streams.map((status) => ({ ...status, dead: dead.get(status.group) ?? 0 }));
}

/** What Redis alone knows of every group. */
export async function readStreams(
  { redis, keys }: QueueDeps,
): Promise<Omit<GroupStatus, "dead">[]> {
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
      .hgetall(keys.money(group))
      .hmget(keys.stats(group), "processed", "retried")
      .exists(keys.paused(group));
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
    const [length, summary, consumers, first, scheduled, next, retries, money, stats, paused] =
      answers.slice(from, from + commandsPerGroup) as [
        number,
        [number, ...unknown[]] | null,
        string[],
        [id: string, fields: string[]][],
        number,
        [message?: string, dueMs?: string],
        number,
        Record<string, string>,
        (string | null)[],
        number,
      ];
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
      consumers: consumers.filter((score, at) =>
        at % 2 === 1 && Math.abs(nowMs - Number(score)) < activeWithinMs
      ).length,
      retries,
      processed: Number(stats[0] ?? 0),
      retried: Number(stats[1] ?? 0),
      paused: paused === 1,
      money: Object.entries(money)
        .map(([currency, cents]) => ({ currency, amountCents: Number(cents) }))
        .filter(({ amountCents }) =>
          amountCents > 0
        )
        .sort((a, b) => a.currency < b.currency ? -1 : 1),
    };
  });
}
