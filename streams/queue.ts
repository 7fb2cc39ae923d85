/**
 * Puts messages into the streams and takes finished ones out.
 *
 * @module
 */

import { encodeMessage, type Group, groupOf, groups, type Message } from "../domain/messages.ts";
import { type Keys, onceSegmentSize } from "./keys.ts";
import type { RedisClient } from "./redis.ts";
import { runScript } from "./scripts.ts";

/** What the queue works with. */
export interface QueueDeps {
  redis: RedisClient;
  keys: Keys;
}

/** A message to enqueue. */
export interface Enqueued {
  message: Message;
  /** Milliseconds until it may be read. The same message scheduled twice is one message. */
  delayMs?: number;
}

/** A message that a consumer has finished. */
export interface Finished {
  /** The stream entry's id. */
  id: string;
  /** Money that leaves the queue with it; null where the message could not be understood. */
  money: { currency: string; amountCents: number } | null;
  /** What follows from it; enqueued only if the message was still pending. */
  followUps: Enqueued[];
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
 * @returns how many were enqueued
 */
export async function publish(
  deps: QueueDeps,
  messages: readonly Enqueued[],
  options: { oncePerOrder?: boolean } = {},
): Promise<number> {
  let enqueued = 0;
  for (let from = 0; from < messages.length; from += messagesPerCall) {
    const part = messages.slice(from, from + messagesPerCall);
    const lines = part.map((entry) =>
      line(entry, 0, options.oncePerOrder === true ? entry.message.orderId : 0)
    );
    enqueued += (await advance(deps, "orders", [], lines, "")).enqueued;
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
  const acks = finished.map(({ id, money }) => [
    id,
    money?.currency ?? "",
    money?.amountCents ?? 0,
  ]);
  const lines = finished.flatMap(({ followUps }, index) =>
    followUps.map((entry) => line(entry, index + 1, 0))
  );
  return (await advance(deps, group, acks, lines, counter)).acknowledged;
}

type Line = [number, number, number, string, number, string[], number];

function line({ message, delayMs = 0 }: Enqueued, cause: number, onceId: number): Line {
  return [
    groups.indexOf(groupOf[message.type]),
    Math.round(delayMs),
    cause,
    message.currency,
    message.amountCents,
    encodeMessage(message),
    onceId,
  ];
}

async function advance(
  { redis, keys }: QueueDeps,
  group: Group,
  acks: unknown[],
  lines: Line[],
  counter: string,
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
      ...groups.flatMap((to) => [keys.stream(to), keys.scheduled(to), keys.money(to)]),
    ],
    [
      group,
      JSON.stringify(acks),
      JSON.stringify(lines),
      keys.publishedOnce,
      onceSegmentSize,
      counter,
    ],
  ) as [number, number];
  return { acknowledged: reply[0], enqueued: reply[1] };
}
