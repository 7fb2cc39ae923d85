/**
 * Puts messages into the streams and takes finished ones out.
 *
 * @module
 */

import {
  encodeMessage,
  type Group,
  groupOf,
  groups,
  type Message,
  messageField,
  traceField,
} from "../../domain/messages/messages.ts";
import type { Queryable } from "../../db/connection/database.ts";
import { type Keys, onceSegmentSize } from "../redis/keys.ts";
import type { RedisClient } from "../redis/redis.ts";
import { runScript } from "../redis/scripts.ts";
import { noteOutcome, traceparentOf, tracePublish, tracing } from "../telemetry/tracing.ts";

/** What the queue works with. */
export interface QueueDeps {
  redis: RedisClient;
  keys: Keys;
  /** Where what the messages are about was committed. */
  db?: Queryable;
}

/** A message to enqueue. */
export interface Enqueued {
  message: Message;
  /** Milliseconds until it may be read. The same message scheduled twice is one message. */
  delayMs?: number;
  /**
   * Looks for money that may have been taken: enqueued even where the message that it follows from was taken over by
   * another consumer, which knows nothing of that money.
   */
  evenIfLost?: true;
  /** The trace that it belongs to; by default the one of whoever publishes it, or of what it follows from. */
  traceparent?: string;
}

/** A message that a consumer has finished. */
export interface Finished {
  /** The stream entry's id. */
  id: string;
  /** Money that leaves the queue with it; null where the message could not be understood. */
  money: { currency: string; amountCents: number } | null;
  /** What follows from it; enqueued only if the message was still pending, unless it looks for money. */
  followUps: Enqueued[];
}

interface PublishOptions {
  oncePerOrder?: boolean;
  committed?: boolean;
}

/** Messages to one script call: bounds how long Redis is busy with one. */
const messagesPerCall = 2_000;

/**
 * Puts messages into the streams of their groups.
 *
 * A crash in the middle leaves the calls that were made; publishing again is safe because handlers meet
 * a repeated message with the same effects.
 *
 * @param options.oncePerOrder skip orders that an earlier call with this option has published
 * @param options.committed their orders and refunds are in the books for certain, so that books which lack them
 * have lost them, see `database_age.ts`
 * @returns how many were enqueued
 */
export function publish(
  deps: QueueDeps,
  messages: readonly Enqueued[],
  options: PublishOptions = {},
): Promise<number> {
  if (!tracing || messages.length === 0) return enqueue(deps, messages, options);
  return tracePublish(messages, (traced) => enqueue(deps, traced, options));
}

async function enqueue(
  deps: QueueDeps,
  messages: readonly Enqueued[],
  options: PublishOptions,
): Promise<number> {
  let enqueued = 0;
  for (let from = 0; from < messages.length; from += messagesPerCall) {
    const part = messages.slice(from, from + messagesPerCall);
    const followers = part.map((entry) => ({
      ...entry,
      cause: 0,
      onceId: options.oncePerOrder === true ? entry.message.orderId : 0,
    }));
    const marks = options.committed === true ? highestIn(part) : none;
    enqueued += (await advance(deps, "orders", [], followers, "", marks)).enqueued;
  }
  return enqueued;
}

/**
 * Acknowledges and deletes messages of a group and enqueues their follow-ups, atomically.
 *
 * To be called after everything else about the messages has been committed.
 *
 * @param counter which of the group's counters to raise
 * @returns how many were still pending
 */
export async function finish(
  deps: QueueDeps,
  group: Group,
  finished: readonly Finished[],
  counter: "processed" | "dead",
): Promise<number> {
  if (finished.length === 0) return 0;
  const followers: Follower[] = finished.flatMap(({ followUps }, index) =>
    followUps.map((entry) => ({
      ...entry,
      traceparent: tracing ? traceparentOf(finished[index]!.id) : undefined,
      cause: entry.evenIfLost ? 0 : index + 1,
      onceId: 0,
    }))
  );
  if (tracing) {
    if (counter === "processed") noteOutcome(finished.map(({ id }) => id), "processed");
  }
  return (await advance(deps, group, finished, followers, counter)).acknowledged;
}

/** No numbers that are known to be in the books. */
const none = { orderId: 0, refundId: 0 };

function highestIn(messages: readonly Enqueued[]): typeof none {
  const highest = { ...none };
  for (const { message } of messages) {
    highest.orderId = Math.max(highest.orderId, message.orderId);
    if ("refundId" in message) highest.refundId = Math.max(highest.refundId, message.refundId);
  }
  return highest;
}

interface Follower extends Enqueued {
  /** Position from 1 of the finished message that it follows, or 0. */
  cause: number;
  /** Enqueued at most once for this id; 0 for any number of times. */
  onceId: number;
}

/** Messages to one group with one delay, in their order: as columns they cost the script least. */
interface Column {
  target: number;
  delayMs: number;
  causes: number[];
  currencies: string[];
  cents: number[];
  texts: string[];
  onceIds: number[];
  /** As long as the others where this process traces, else empty; "" for none. */
  traces: string[];
}

function columnsOf(followers: readonly Follower[]): Column[] {
  const all = new Map<string, Column>();
  for (const { message, delayMs = 0, traceparent, cause, onceId } of followers) {
    const target = groups.indexOf(groupOf[message.type]);
    const name = `${target} ${delayMs}`;
    let column = all.get(name);
    if (column === undefined) {
      column = {
        target,
        delayMs,
        causes: [],
        currencies: [],
        cents: [],
        texts: [],
        onceIds: [],
        traces: [],
      };
      all.set(name, column);
    }
    column.causes.push(cause);
    column.currencies.push(message.currency);
    column.cents.push(message.amountCents);
    column.texts.push(encodeMessage(message));
    column.onceIds.push(onceId);
    if (tracing) column.traces.push(traceparent ?? "");
  }
  return [...all.values()];
}

async function advance(
  { redis, keys, db }: QueueDeps,
  group: Group,
  finished: readonly Finished[],
  followers: readonly Follower[],
  counter: string,
  committed = none,
): Promise<{ acknowledged: number; enqueued: number }> {
  const reply = await runScript(
    redis,
    "advance",
    [
      keys.stream(group),
      keys.money(group),
      keys.errors(group),
      keys.errorTexts(group),
      keys.retries(group),
      keys.stats(group),
      keys.scheduledTraces,
      ...groups.flatMap((to) => [keys.stream(to), keys.scheduled(to), keys.money(to)]),
      keys.booksMarks,
    ],
    [
      group,
      JSON.stringify([
        finished.map(({ id }) => id),
        finished.map(({ money }) => money?.currency ?? ""),
        finished.map(({ money }) => money?.amountCents ?? 0),
      ]),
      JSON.stringify(
        columnsOf(followers).map((
          { target, delayMs, causes, currencies, cents, texts, onceIds, traces },
        ) => [target, Math.round(delayMs), causes, currencies, cents, texts, onceIds, traces]),
      ),
      keys.publishedOnce,
      onceSegmentSize,
      counter,
      messageField,
      traceField,
      committed.orderId,
      committed.refundId,
      db?.lastStep?.() ?? 0,
    ],
  ) as [number, number];
  return { acknowledged: reply[0], enqueued: reply[1] };
}
