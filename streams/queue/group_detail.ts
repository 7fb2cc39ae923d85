/**
 * What one group is busy with, for people.
 *
 * @module
 */

import { isLostGroup } from "../redis/redis.ts";
import type { AnyMessage, Codec, QueueDeps } from "./queue.ts";

/** Messages of each kind that are shown. */
const maxShown = 25;

/** Pending messages that are counted by age and deliveries: the oldest ones, in one short answer. */
const maxCounted = 2_000;

/** Ages below which pending messages are counted together, in milliseconds. */
const ageBounds = [10_000, 60_000, 600_000, 3_600_000, Infinity] as const;

/** Deliveries that are counted apart; the last one counts all above it too. */
export const maxDeliveriesApart = 5;

/** A consumer of the group. */
export interface ConsumerState {
  /** `host:pid:…` */
  name: string;
  /** Messages that it has taken and not finished. */
  pending: number;
  /** Since its last sign of life, in milliseconds; null where none is known. */
  silentMs: number | null;
  /** When it began, ISO 8601; null where that is not known. */
  startedAt: string | null;
}

/** A message that a consumer has taken. */
export interface PendingMessage<M> {
  id: string;
  consumer: string;
  /** Since it was taken or last worked on, in milliseconds. */
  idleMs: number;
  /** Since it was published, in milliseconds. */
  ageMs: number;
  deliveries: number;
  errors: number;
  lastError: string | null;
  /** Milliseconds until its next try; null where it does not wait for one. */
  retryInMs: number | null;
  /** What it says, or why nobody understands it. */
  message: M | string;
}

/** Pending messages of about one age. */
export interface PendingBand {
  /** Younger than this, in milliseconds; Infinity for the oldest ones. */
  belowMs: number;
  /** How many were delivered once, twice, … and {@linkcode maxDeliveriesApart} times or more. */
  byDeliveries: number[];
}

/** A message that may not be read before its time. */
export interface ScheduledMessage<M> {
  inMs: number;
  message: M | string;
}

/** See {@linkcode readGroupDetail}. */
export interface GroupDetail<M> {
  consumers: ConsumerState[];
  /** The oldest ones. */
  pending: PendingMessage<M>[];
  /** The oldest {@linkcode maxCounted} by age, the youngest first; bands without any are left out. */
  bands: PendingBand[];
  /** How many those are. */
  counted: number;
  /** The next ones. */
  scheduled: ScheduledMessage<M>[];
  nowMs: number;
}

/** As XPENDING has it. */
type PendingEntry = [id: string, consumer: string, idleMs: number, deliveries: number];

/** Reads what a group is busy with; a group that does not exist has nothing. */
export async function readGroupDetail<M extends AnyMessage>(
  { redis, keys }: QueueDeps,
  codec: Codec<M>,
  group: string,
): Promise<GroupDetail<M>> {
  const stream = keys.stream(group);
  const replies = await redis.pipeline()
    .time()
    .xinfo("CONSUMERS", stream, group)
    .zrange(keys.alive(group), 0, "-1", "WITHSCORES")
    .hgetall(keys.consumerStarts(group))
    .xpending(stream, group, "-", "+", maxCounted)
    .zrange(keys.scheduled(group), 0, String(maxShown - 1), "WITHSCORES")
    .exec();
  const answers = (replies ?? []).map(([error, answer]) => {
    if (error !== null && !isLostGroup(error)) throw error;
    return error === null ? answer : null;
  });
  const [time, infos, signs, starts, pending, scheduled] = answers as [
    [number | string, number | string],
    unknown[][] | null,
    string[],
    Record<string, string>,
    PendingEntry[] | null,
    string[],
  ];
  const nowMs = Number(time[0]) * 1_000 + Math.floor(Number(time[1]) / 1_000);
  return {
    nowMs,
    consumers: consumersOf(infos ?? [], pairsOf(signs), starts, nowMs),
    pending: await readPending({ redis, keys }, codec, {
      group,
      entries: (pending ?? []).slice(0, maxShown),
      nowMs,
    }),
    bands: bandsOf(pending ?? [], nowMs),
    counted: pending?.length ?? 0,
    scheduled: pairsOf(scheduled).map(([text, dueMs]) => ({
      inMs: Math.max(0, dueMs - nowMs),
      message: codec.decode(text),
    })),
  };
}

/** Every consumer that Redis knows of, those alive first. */
function consumersOf(
  infos: readonly unknown[][],
  signs: readonly [name: string, ms: number][],
  starts: Record<string, string>,
  nowMs: number,
): ConsumerState[] {
  const pendingOf = new Map<string, number>(
    infos.map((flat) => [
      String(flat[flat.indexOf("name") + 1]),
      Number(flat[flat.indexOf("pending") + 1]),
    ]),
  );
  const signOf = new Map(signs);
  return [...new Set([...signOf.keys(), ...pendingOf.keys()])]
    .map((name) => ({
      name,
      pending: pendingOf.get(name) ?? 0,
      silentMs: signOf.has(name) ? Math.max(0, nowMs - signOf.get(name)!) : null,
      startedAt: starts[name] ?? null,
    }))
    .sort((a, b) => (a.silentMs ?? Infinity) - (b.silentMs ?? Infinity));
}

function bandsOf(entries: readonly PendingEntry[], nowMs: number): PendingBand[] {
  const bands = ageBounds.map((belowMs) => ({
    belowMs,
    byDeliveries: Array.from({ length: maxDeliveriesApart }, () => 0),
  }));
  for (const [id, , , deliveries] of entries) {
    const ageMs = ageOf(id, nowMs);
    const { byDeliveries } = bands.find(({ belowMs }) => ageMs < belowMs)!;
    byDeliveries[Math.min(Math.max(deliveries, 1), maxDeliveriesApart) - 1]!++;
  }
  return bands.filter(({ byDeliveries }) => byDeliveries.some((count) => count > 0));
}

/** Since a message was published, which its id says, in milliseconds. */
function ageOf(id: string, nowMs: number): number {
  return Math.max(0, nowMs - Number(id.split("-")[0]));
}

async function readPending<M extends AnyMessage>(
  { redis, keys }: QueueDeps,
  codec: Codec<M>,
  { group, entries, nowMs }: { group: string; entries: readonly PendingEntry[]; nowMs: number },
): Promise<PendingMessage<M>[]> {
  const ids = entries.map(([id]) => id);
  if (ids.length === 0) return [];
  const pipeline = redis.pipeline();
  for (const id of ids) {
    pipeline.xrange(keys.stream(group), id, id).zscore(keys.retries(group), id);
  }
  pipeline.hmget(keys.errors(group), ...ids).hmget(keys.errorTexts(group), ...ids);
  const answers = (await pipeline.exec() ?? []).map(([error, answer]) => {
    if (error !== null) throw error;
    return answer;
  });
  const [errors, texts] = answers.slice(-2) as [(string | null)[], (string | null)[]];
  return entries.map(([id, consumer, idleMs, deliveries], index) => {
    const found = answers[index * 2] as [id: string, fields: string[]][];
    const dueMs = answers[index * 2 + 1] as string | null;
    return {
      id,
      consumer,
      idleMs,
      ageMs: ageOf(id, nowMs),
      deliveries,
      errors: Number(errors[index] ?? 0),
      lastError: texts[index] ?? null,
      retryInMs: dueMs === null ? null : Math.max(0, Number(dueMs) - nowMs),
      message: found.length === 0 ? "it is gone from the stream" : codec.read(found[0]![1]),
    };
  });
}

function pairsOf(flat: readonly string[]): [string, number][] {
  const pairs: [string, number][] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) pairs.push([flat[at]!, Number(flat[at + 1])]);
  return pairs;
}
