/**
 * What the consumers did lately: counters by slots of time, and histograms, for charts and monitors.
 *
 * They are kept in Redis, so that any process can show what all processes do. They are no books: a crash
 * loses a second of them, and a message that is delivered again is counted again.
 *
 * @module
 */

import { readSettleTimes } from "../../db/orders/settle_times.ts";
import type { Queryable } from "../../db/connection/database.ts";
import { type Group, groups } from "../../domain/messages/messages.ts";
import {
  batchSizeBounds,
  bucketOf,
  handlerMsBounds,
  type Histogram,
  settleMsBounds,
} from "../../domain/operation/histogram.ts";
import type { KpiEvent } from "../../domain/kpi/kpi.ts";
import type { TurnFacts, Watch } from "../queue/work.ts";
import type { Keys } from "../redis/keys.ts";
import type { RedisClient } from "../redis/redis.ts";
import { defineScript, runScript } from "../redis/scripts.ts";

const countActivityScript = defineScript("count_activity", import.meta.url);

/** Seconds to a slot of time. */
export const slotSeconds = 15;

/** Slots to a key: ten minutes. */
const slotsPerKey = 40;

/** How long a key is kept, in seconds: the hour that is shown, and some more. */
const keptSeconds = 7_200;

/** A process adds its counters to those in Redis so often at the most, in milliseconds. */
const flushMs = 1_000;

/** Most settled orders a second whose time is looked up: one statement by primary key. */
const settleSample = 200;

/** What one consumer has not yet added to the counters in Redis. */
interface Activity {
  counts: Map<string, number>;
  /** Orders that were settled, of which some are looked up. */
  settled: number[];
  /** When it was last added, by the monotonic clock in ms. */
  flushedAt: number;
}

/** What a group did in one slot of time, or since the beginning. */
export interface ActivityCounts {
  handled: number;
  retried: number;
  dead: number;
  batches: number;
  paid: number;
  failed: number;
  /** Sums of what the histograms count. */
  sumMs: number;
  sumBatch: number;
  sumSettleMs: number;
  handlerMs: Histogram;
  batchSize: Histogram;
  settleMs: Histogram;
}

/** Slots of an hour or so, of each group, from the oldest to the one that is not over yet. */
export interface ActivityHour {
  /** When each slot began, in seconds since 1970. */
  times: number[];
  groups: Record<Group, ActivityCounts[]>;
}

/** Counts what a consumer does, and adds it to the counters in Redis now and then. */
export function watchActivity(
  deps: { redis: RedisClient; db: Queryable; keys: Keys },
  group: Group,
): Watch<KpiEvent> {
  const activity: Activity = { counts: new Map(), settled: [], flushedAt: -Infinity };
  return {
    note: (turn) => noteTurn(activity, turn),
    flush: (options) => flushActivity(deps, group, activity, options),
  };
}

/** Notes a turn; nothing is written yet. */
function noteTurn({ counts, settled }: Activity, turn: TurnFacts<KpiEvent>): void {
  const paid: number[] = [];
  const failed: number[] = [];
  for (const event of turn.events) {
    if (event.kind === "paid") paid.push(event.orderId);
    else if (event.kind === "failed") failed.push(event.orderId);
  }
  const add = (field: string, count: number) => {
    if (count !== 0) counts.set(field, (counts.get(field) ?? 0) + count);
  };
  add("handled", turn.handled);
  add("retried", turn.retried);
  add("dead", turn.dead);
  add("batches", 1);
  add("paid", paid.length);
  add("failed", failed.length);
  add("sumMs", Math.round(turn.ms));
  add("sumBatch", turn.batch);
  add(`handlerMs.${bucketOf(handlerMsBounds, turn.ms)}`, 1);
  add(`batchSize.${bucketOf(batchSizeBounds, turn.batch)}`, 1);
  for (const ids of [paid, failed]) {
    settled.push(...ids.slice(0, Math.max(0, settleSample - settled.length)));
  }
}

/**
 * Adds what was noted to the counters in Redis, once a second at the most.
 *
 * @param options.force now, however short ago the last time was
 * @throws when an engine is away; what was noted is then lost
 */
async function flushActivity(
  deps: { redis: RedisClient; db: Queryable; keys: Keys },
  group: Group,
  activity: Activity,
  options: { force?: boolean } = {},
): Promise<void> {
  const now = performance.now();
  if (activity.counts.size === 0) return;
  if (options.force !== true && now - activity.flushedAt < flushMs) return;
  const counts = new Map(activity.counts);
  const settled = activity.settled.slice();
  activity.counts.clear();
  activity.settled.length = 0;
  activity.flushedAt = now;

  for (const ms of await readSettleTimes(deps.db, settled)) {
    const field = `settleMs.${bucketOf(settleMsBounds, ms)}`;
    counts.set(field, (counts.get(field) ?? 0) + 1);
    counts.set("sumSettleMs", (counts.get("sumSettleMs") ?? 0) + Math.round(ms));
  }
  const slot = Math.floor(Date.now() / 1_000 / slotSeconds);
  const keys = [
    deps.keys.activity(group, Math.floor(slot / slotsPerKey)),
    deps.keys.activityTotals(group),
  ];
  await runScript(deps.redis, countActivityScript, keys, [
    slot,
    keptSeconds,
    JSON.stringify([...counts]),
  ]);
}

/** What every group did in the last hour. */
export async function readActivity(
  { redis, keys }: { redis: RedisClient; keys: Keys },
  nowMs: number,
): Promise<ActivityHour> {
  const last = Math.floor(nowMs / 1_000 / slotSeconds);
  const first = last - 3_600 / slotSeconds + 1;
  const firstKey = Math.floor(first / slotsPerKey);
  const keyCount = Math.floor(last / slotsPerKey) - firstKey + 1;
  const pipeline = redis.pipeline();
  for (const group of groups) {
    for (let at = 0; at < keyCount; at++) pipeline.hgetall(keys.activity(group, firstKey + at));
  }
  const replies = await pipeline.exec() ?? [];
  const times: number[] = [];
  for (let slot = first; slot <= last; slot++) times.push(slot * slotSeconds);
  const read = groups.map((group, index) => {
    const slots = times.map(() => emptyCounts());
    for (const [error, reply] of replies.slice(index * keyCount, (index + 1) * keyCount)) {
      if (error !== null) throw error;
      for (const [name, value] of Object.entries(reply as Record<string, string>)) {
        const [slot, field] = name.split(":") as [string, string];
        const counts = slots[Number(slot) - first];
        if (counts !== undefined) addField(counts, field, Number(value));
      }
    }
    return [group, slots] as const;
  });
  return { times, groups: Object.fromEntries(read) as Record<Group, ActivityCounts[]> };
}

/** What every group did since the counters began. */
export async function readActivityTotals(
  { redis, keys }: { redis: RedisClient; keys: Keys },
): Promise<Record<Group, ActivityCounts>> {
  const pipeline = redis.pipeline();
  for (const group of groups) pipeline.hgetall(keys.activityTotals(group));
  const replies = await pipeline.exec() ?? [];
  const read = groups.map((group, index) => {
    const [error, reply] = replies[index]!;
    if (error !== null) throw error;
    const counts = emptyCounts();
    for (const [field, value] of Object.entries(reply as Record<string, string>)) {
      addField(counts, field, Number(value));
    }
    return [group, counts] as const;
  });
  return Object.fromEntries(read) as Record<Group, ActivityCounts>;
}

function emptyCounts(): ActivityCounts {
  return {
    handled: 0,
    retried: 0,
    dead: 0,
    batches: 0,
    paid: 0,
    failed: 0,
    sumMs: 0,
    sumBatch: 0,
    sumSettleMs: 0,
    handlerMs: new Array(handlerMsBounds.length + 1).fill(0),
    batchSize: new Array(batchSizeBounds.length + 1).fill(0),
    settleMs: new Array(settleMsBounds.length + 1).fill(0),
  };
}

/** A field that this version does not know is left out. */
function addField(counts: ActivityCounts, field: string, value: number): void {
  const [name, bucket] = field.split(".") as [keyof ActivityCounts, string?];
  if (!Object.hasOwn(counts, name)) return;
  const known = counts[name];
  if (typeof known === "number") (counts[name] as number) = known + value;
  else if (known[Number(bucket)] !== undefined) known[Number(bucket)]! += value;
}
