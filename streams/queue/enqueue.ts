/**
 * Puts messages into the streams and takes finished ones out.
 *
 * @module
 */

import type { Lane } from "../../domain/messages/lane.ts";
import { onceSegmentSize } from "../redis/keys.ts";
import { defineScript, runScript } from "../redis/scripts.ts";
import { noteOutcome, traceparentOf, tracePublish, tracing } from "../telemetry/tracing.ts";
import type { AnyMessage, Codec, Enqueued, Marks, QueueDeps } from "./queue.ts";
import type { EngineDeps } from "./work.ts";

const advanceScript = defineScript("advance", import.meta.url);

/** A message that a consumer has finished. */
export interface Finished<M> {
  /** The stream entry's id. */
  id: string;
  /** Its weight leaves the queue with it; null where it could not be understood. */
  message: M | null;
  /** What follows from it; enqueued only if the message was still pending, unless it is to be even if lost. */
  followUps: readonly Enqueued<M>[];
}

/** How messages are enqueued. */
export interface EnqueueOptions {
  /** Where {@linkcode Codec.laneOf} does not say otherwise. */
  lane: Lane;
  /** Skip those whose {@linkcode Codec.onceIdOf} an earlier call with this option has enqueued. */
  once?: boolean;
  marks?: Marks;
}

/** Messages to one script call: bounds how long Redis is busy with one. */
const messagesPerCall = 2_000;

/**
 * Puts messages into the streams of their groups. A crash in the middle leaves the calls that were made.
 *
 * @returns how many were enqueued
 */
export function enqueue<M extends AnyMessage>(
  deps: QueueDeps,
  codec: Codec<M>,
  messages: readonly Enqueued<M>[],
  options: EnqueueOptions,
): Promise<number> {
  if (!tracing || messages.length === 0) return enqueueParts(deps, codec, messages, options);
  const describe = ({ message }: Enqueued<M>) => ({
    type: message.type,
    attributes: codec.spanFacts(message),
  });
  return tracePublish(
    messages,
    describe,
    (traced) => enqueueParts(deps, codec, traced, options),
  );
}

async function enqueueParts<M extends AnyMessage>(
  deps: QueueDeps,
  codec: Codec<M>,
  messages: readonly Enqueued<M>[],
  { lane, once = false, marks }: EnqueueOptions,
): Promise<number> {
  let enqueued = 0;
  for (let from = 0; from < messages.length; from += messagesPerCall) {
    const followers = messages.slice(from, from + messagesPerCall).map((entry) => ({
      ...entry,
      cause: 0,
      onceId: once ? codec.onceIdOf(entry.message) : 0,
    }));
    const group = codec.groups[0]!;
    const step = { group, lane, finished: [], followers, counter: "", marks };
    enqueued += (await advance(deps, codec, step)).enqueued;
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
export async function finish<M extends AnyMessage>(
  deps: Pick<EngineDeps, "redis" | "keys" | "lane">,
  codec: Codec<M>,
  { group, finished, counter, marks }: {
    group: string;
    finished: readonly Finished<M>[];
    counter: "processed" | "dead";
    marks?: Marks;
  },
): Promise<number> {
  if (finished.length === 0) return 0;
  const followers: Follower<M>[] = finished.flatMap(({ followUps }, index) =>
    followUps.map((entry) => ({
      ...entry,
      traceparent: tracing ? traceparentOf(finished[index]!.id) : undefined,
      cause: entry.evenIfLost ? 0 : index + 1,
      onceId: 0,
    }))
  );
  if (tracing && counter === "processed") noteOutcome(finished.map(({ id }) => id), "processed");
  const step = { group, lane: deps.lane, finished, followers, counter, marks };
  return (await advance(deps, codec, step)).acknowledged;
}

interface Follower<M> extends Enqueued<M> {
  /** Position from 1 of the finished message that it follows, or 0. */
  cause: number;
  /** Enqueued at most once for this id; 0 for any number of times. */
  onceId: number;
}

/** Messages to one group with one delay, in their order: as columns they cost the script least. */
interface Column {
  group: string;
  lane: Lane;
  delayMs: number;
  causes: number[];
  units: string[];
  amounts: number[];
  texts: string[];
  onceIds: number[];
  /** As long as the others where this process traces, else empty; "" for none. */
  traces: string[];
}

function columnsOf<M extends AnyMessage>(
  codec: Codec<M>,
  followers: readonly Follower<M>[],
  ownLane: Lane,
): Column[] {
  const all = new Map<string, Column>();
  for (const { message, delayMs = 0, traceparent, cause, onceId } of followers) {
    const group = codec.groupOf(message);
    const lane = codec.laneOf(message) ?? ownLane;
    const name = `${group} ${lane} ${delayMs}`;
    let column = all.get(name);
    if (column === undefined) {
      column = {
        group,
        lane,
        delayMs,
        causes: [],
        units: [],
        amounts: [],
        texts: [],
        onceIds: [],
        traces: [],
      };
      all.set(name, column);
    }
    column.causes.push(cause);
    column.units.push(codec.unitOf(message));
    column.amounts.push(codec.amountOf(message));
    column.texts.push(codec.encode(message));
    column.onceIds.push(onceId);
    if (tracing) column.traces.push(traceparent ?? "");
  }
  return [...all.values()];
}

/** What happens in one step. */
interface Step<M> {
  group: string;
  lane: Lane;
  finished: readonly Finished<M>[];
  followers: readonly Follower<M>[];
  counter: string;
  marks: Marks | undefined;
}

async function advance<M extends AnyMessage>(
  { redis, keys }: QueueDeps,
  codec: Codec<M>,
  { group, lane, finished, followers, counter, marks }: Step<M>,
): Promise<{ acknowledged: number; enqueued: number }> {
  const columns = columnsOf(codec, followers, lane);
  const reply = await runScript(
    redis,
    advanceScript,
    [
      keys.stream(group, lane),
      keys.scheduled(group, lane),
      keys.weights(group, lane),
      keys.errors(group, lane),
      keys.errorTexts(group, lane),
      keys.retries(group, lane),
      keys.stats(group),
      keys.scheduledTraces,
      ...columns.flatMap((to) => [
        keys.stream(to.group, to.lane),
        keys.scheduled(to.group, to.lane),
        keys.weights(to.group, to.lane),
      ]),
      ...bitmapsOf(columns, keys.publishedOnce),
      ...(marks === undefined ? [] : [marks.key]),
    ],
    [
      group,
      JSON.stringify([
        finished.map(({ id }) => id),
        finished.map(({ message }) => message === null ? "" : codec.unitOf(message)),
        finished.map(({ message }) => message === null ? 0 : codec.amountOf(message)),
      ]),
      JSON.stringify(
        columns.map(({ delayMs, causes, units, amounts, texts, onceIds, traces }) => [
          Math.round(delayMs),
          causes,
          units,
          amounts,
          texts,
          onceIds,
          traces,
        ]),
      ),
      keys.publishedOnce,
      onceSegmentSize,
      counter,
      codec.messageField,
      codec.traceField,
      ...Object.entries(marks?.least ?? {}).flat(),
    ],
  ) as [number, number];
  if (reply[0] < 0) throw marks!.refused();
  return { acknowledged: reply[0], enqueued: reply[1] };
}

/** The bitmaps of what is enqueued at most once. */
function bitmapsOf(columns: readonly Column[], prefix: string): Set<string> {
  const bitmaps = new Set<string>();
  let last = -1;
  for (const { onceIds } of columns) {
    for (const id of onceIds) {
      const segment = Math.floor(id / onceSegmentSize);
      if (id === 0 || segment === last) continue;
      last = segment;
      bitmaps.add(`${prefix}${segment}`);
    }
  }
  return bitmaps;
}
