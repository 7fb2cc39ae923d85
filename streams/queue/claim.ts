/**
 * Takes what is to be worked on: messages that are due again, those of consumers that have died, and new ones.
 *
 * @module
 */

import { deliveriesBeforeIsolation } from "../../domain/messages/retry.ts";
import { maxBlockMs } from "../redis/redis.ts";
import { defineScript, runScript } from "../redis/scripts.ts";
import type { Consumer } from "./consumer_state.ts";
import { maxRetryDelayMs } from "./delay.ts";
import type { AnyMessage, Codec } from "./queue.ts";
import type { EngineDeps, Entry, QueueTypes } from "./work.ts";

const promoteScript = defineScript("promote", import.meta.url);
const claimDueScript = defineScript("claim_due", import.meta.url);
const reclaimScript = defineScript("reclaim", import.meta.url);

/** Pending entries that one look for orphans sees. */
export const reclaimScan = 10_000;

/** The name of the consumer that helps another. */
export function helperOf(consumer: string): string {
  return `${consumer}:2`;
}

/**
 * For how long it is not looked again for what waits besides new messages, in the lane of those that somebody waits for: each
 * look costs as much as a message, and nothing of it is as urgent as they are. A read that waits for one takes longer.
 */
const restMs = 500;

/**
 * How long a consumer of the live lane may go on reading new messages without a {@linkcode claim}, in milliseconds; 0 where it
 * may not.
 */
export function restOf<T extends QueueTypes>(
  { deps: { lane }, options: { takeoverMs, helps, gate }, claimedAt, dueAt }: Consumer<T>,
): number {
  if (lane !== "live" || helps !== undefined || gate?.isShut === true) return 0;
  const until = Math.min(claimedAt + Math.min(restMs, takeoverMs / 10), dueAt);
  return Math.max(0, until - performance.now());
}

/**
 * What waits: due messages are claimed; with the time until the next one is due, and who else is alive.
 *
 * @param size most messages
 */
export async function claim<T extends QueueTypes>(
  consumer: Consumer<T>,
  size: number,
): Promise<{ entries: Entry[]; nextDueMs: number; others: number }> {
  const { deps, options: { group, work, takeoverMs, live } } = consumer;
  const [[, nextScheduledMs], due] = await Promise.all([
    promote(deps, work.codec, { group, most: size, maxMs: work.maxDelayMs(deps) }),
    claimDue(consumer, size),
  ]);
  const [nextDelayedMs, others, liveAgeMs, ...delayed] = due;
  live?.saw(liveAgeMs);
  const entries = delayed.map(toEntry);
  // Looking for orphans costs a scan of what is pending: a few times in a reclaim time is enough.
  const now = performance.now();
  if (entries.length < size && now - consumer.reclaimAt >= takeoverMs / 5) {
    consumer.reclaimAt = now;
    const [next, ...orphaned] = await reclaim(deps, consumer.options, {
      count: size - entries.length,
      from: consumer.reclaimFrom,
    });
    consumer.reclaimFrom = next;
    entries.push(...orphaned.map(toEntry));
    // Suspects come one at a time, so the next one is looked for as soon as this one is done.
    if (entries.some(isSuspect)) consumer.reclaimAt = -Infinity;
    if (orphaned.length > 0) {
      deps.log.info("work taken over", {
        group,
        consumer: deps.consumer,
        messages: orphaned.length,
      });
    }
  }
  const times = [nextScheduledMs, nextDelayedMs].filter((ms) => ms >= 0);
  const nextDueMs = Math.min(maxBlockMs, ...times);
  consumer.claimedAt = performance.now();
  // A suspect comes alone, and there may be more of whatever filled the batch.
  consumer.dueAt = entries.length > 0 ? -Infinity : consumer.claimedAt + nextDueMs;
  return { entries, nextDueMs, others };
}

/**
 * Moves scheduled messages that are due into the stream.
 *
 * @param maxMs the longest that a message is scheduled ahead
 */
export async function promote<M extends AnyMessage>(
  { redis, keys, lane }: Pick<EngineDeps, "redis" | "keys" | "lane">,
  { messageField, traceField }: Codec<M>,
  { group, most: max, maxMs }: { group: string; most: number; maxMs: number },
): Promise<[moved: number, nextMs: number]> {
  const scriptKeys = [keys.scheduled(group, lane), keys.stream(group, lane), keys.scheduledTraces];
  const args = [max, messageField, traceField, maxMs];
  return await runScript(redis, promoteScript, scriptKeys, args) as [number, number];
}

/**
 * Claims delayed messages that are due, tells that this consumer is alive, counts those of other processes that
 * are, and tells how long ago the group last got a live message, in milliseconds; -1 for never.
 */
export async function claimDue<T extends QueueTypes>(
  { deps, options }: Consumer<T>,
  max: number,
): Promise<[nextMs: number, others: number, liveAgeMs: number, ...RawEntry[]]> {
  const { redis, consumer } = deps;
  const { group } = options;
  const helper = helperOf(consumer);
  const args = [group, consumer, max, helper, 5 * maxBlockMs, maxRetryDelayMs(options)];
  const scriptKeys = [...retryKeys(deps, group), deps.keys.stream(group, "live")];
  return await runScript(redis, claimDueScript, scriptKeys, args) as [
    number,
    number,
    number,
    ...RawEntry[],
  ];
}

/**
 * Claims messages of consumers that gave no sign for a while.
 *
 * @param look.scan pending entries to look at
 * @returns where the next look begins, and what was claimed
 */
export async function reclaim(
  deps: Pick<EngineDeps, "redis" | "keys" | "consumer" | "lane">,
  { group, takeoverMs }: { group: string; takeoverMs: number },
  look: { count: number; from: string; scan?: number },
): Promise<[next: string, ...RawEntry[]]> {
  const { count, from, scan = reclaimScan } = look;
  const args = [group, deps.consumer, takeoverMs, count, scan, from, deliveriesBeforeIsolation];
  return await runScript(deps.redis, reclaimScript, retryKeys(deps, group), args) as [
    string,
    ...RawEntry[],
  ];
}

/** What the scripts need that look for messages to be tried again. */
function retryKeys(
  { keys, lane }: Pick<EngineDeps, "keys" | "lane">,
  group: string,
): string[] {
  return [
    keys.stream(group, lane),
    keys.retries(group, lane),
    keys.errors(group, lane),
    keys.errorTexts(group, lane),
    keys.alive(group),
  ];
}

/** True for a message that is tried alone because it has outlived several consumers. */
function isSuspect({ deliveries, errors }: Entry): boolean {
  return deliveries - 1 - errors >= deliveriesBeforeIsolation;
}

type RawEntry = [
  id: string,
  deliveries: number,
  errors: number,
  lastError: string,
  fields: string[],
];

function toEntry([id, deliveries, errors, lastError, fields]: RawEntry): Entry {
  return { id, deliveries, errors, lastError, fields, again: true };
}
