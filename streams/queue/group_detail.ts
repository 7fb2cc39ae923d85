/**
 * What one group is busy with, for people.
 *
 * @module
 */

import { type Lane, lanes } from "../../domain/messages/lane.ts";
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
  lane: Lane;
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
  lane: Lane;
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

/** A pending message of one of the lanes. */
interface PendingIn {
  lane: Lane;
  entry: PendingEntry;
}

/** What the commands of a lane answer. */
type LaneAnswers = [
  infos: unknown[][] | null,
  pending: PendingEntry[] | null,
  scheduled: string[],
];

/** Commands for each lane. */
const commandsPerLane = 3;

/** Reads what a group is busy with, in both lanes together; a group that does not exist has nothing. */
export async function readGroupDetail<M extends AnyMessage>(
  { redis, keys }: QueueDeps,
  codec: Codec<M>,
  group: string,
): Promise<GroupDetail<M>> {
  const pipeline = redis.pipeline()
    .time()
    .zrange(keys.alive(group), 0, "-1", "WITHSCORES")
    .hgetall(keys.consumerStarts(group));
  for (const lane of lanes) {
    const stream = keys.stream(group, lane);
    pipeline
      .xinfo("CONSUMERS", stream, group)
      .xpending(stream, group, "-", "+", maxCounted)
      .zrange(keys.scheduled(group, lane), 0, String(maxShown - 1), "WITHSCORES");
  }
  const answers = (await pipeline.exec() ?? []).map(([error, answer]) => {
    if (error !== null && !isLostGroup(error)) throw error;
    return error === null ? answer : null;
  });
  const [time, signs, starts, ...ofLanes] = answers as [
    [number | string, number | string],
    string[],
    Record<string, string>,
    ...unknown[],
  ];
  const nowMs = Number(time[0]) * 1_000 + Math.floor(Number(time[1]) / 1_000);
  const each = lanes.map((lane, index) => {
    const from = index * commandsPerLane;
    const [infos, pending, scheduled] = ofLanes.slice(from, from + commandsPerLane) as LaneAnswers;
    return { lane, infos: infos ?? [], pending: pending ?? [], scheduled: pairsOf(scheduled) };
  });
  const pending = each.flatMap(({ lane, pending }) => pending.map((entry) => ({ lane, entry })))
    .sort((a, b) => enqueuedAt(a.entry[0]) - enqueuedAt(b.entry[0]))
    .slice(0, maxCounted);
  const scheduled = each.flatMap(({ lane, scheduled }) =>
    scheduled.map(([text, dueMs]) => ({
      lane,
      inMs: Math.max(0, dueMs - nowMs),
      message: codec.decode(text),
    }))
  );
  return {
    nowMs,
    consumers: consumersOf(each.flatMap(({ infos }) => infos), pairsOf(signs), starts, nowMs),
    pending: await readPending({ redis, keys }, codec, {
      group,
      found: pending.slice(0, maxShown),
      nowMs,
    }),
    bands: bandsOf(pending, nowMs),
    counted: pending.length,
    scheduled: scheduled.sort((a, b) => a.inMs - b.inMs).slice(0, maxShown),
  };
}

/** Every consumer that Redis knows of, those alive first. */
function consumersOf(
  infos: readonly unknown[][],
  signs: readonly [name: string, ms: number][],
  starts: Record<string, string>,
  nowMs: number,
): ConsumerState[] {
  const pendingOf = new Map<string, number>();
  for (const flat of infos) {
    const name = String(flat[flat.indexOf("name") + 1]);
    const pending = Number(flat[flat.indexOf("pending") + 1]);
    pendingOf.set(name, (pendingOf.get(name) ?? 0) + pending);
  }
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

function bandsOf(pending: readonly PendingIn[], nowMs: number): PendingBand[] {
  const bands = ageBounds.map((belowMs) => ({
    belowMs,
    byDeliveries: Array.from({ length: maxDeliveriesApart }, () => 0),
  }));
  for (const { entry: [id, , , deliveries] } of pending) {
    const ageMs = ageOf(id, nowMs);
    const { byDeliveries } = bands.find(({ belowMs }) => ageMs < belowMs)!;
    byDeliveries[Math.min(Math.max(deliveries, 1), maxDeliveriesApart) - 1]!++;
  }
  return bands.filter(({ byDeliveries }) => byDeliveries.some((count) => count > 0));
}

/** Since a message was published, which its id says, in milliseconds. */
function ageOf(id: string, nowMs: number): number {
  return Math.max(0, nowMs - enqueuedAt(id));
}

/** When the entry of an id was made, in milliseconds. */
function enqueuedAt(id: string): number {
  return Number(id.split("-")[0]);
}

async function readPending<M extends AnyMessage>(
  { redis, keys }: QueueDeps,
  codec: Codec<M>,
  { group, found, nowMs }: { group: string; found: readonly PendingIn[]; nowMs: number },
): Promise<PendingMessage<M>[]> {
  if (found.length === 0) return [];
  const pipeline = redis.pipeline();
  for (const { lane, entry: [id] } of found) {
    pipeline
      .xrange(keys.stream(group, lane), id, id)
      .zscore(keys.retries(group, lane), id)
      .hget(keys.errors(group, lane), id)
      .hget(keys.errorTexts(group, lane), id);
  }
  const answers = (await pipeline.exec() ?? []).map(([error, answer]) => {
    if (error !== null) throw error;
    return answer;
  });
  return found.map(({ lane, entry: [id, consumer, idleMs, deliveries] }, index) => {
    const [entries, dueMs, errors, lastError] = answers.slice(index * 4, index * 4 + 4) as [
      [id: string, fields: string[]][],
      string | null,
      string | null,
      string | null,
    ];
    return {
      id,
      lane,
      consumer,
      idleMs,
      ageMs: ageOf(id, nowMs),
      deliveries,
      errors: Number(errors ?? 0),
      lastError,
      retryInMs: dueMs === null ? null : Math.max(0, Number(dueMs) - nowMs),
      message: entries.length === 0 ? "it is gone from the stream" : codec.read(entries[0]![1]),
    };
  });
}

function pairsOf(flat: readonly string[]): [string, number][] {
  const pairs: [string, number][] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) pairs.push([flat[at]!, Number(flat[at + 1])]);
  return pairs;
}
