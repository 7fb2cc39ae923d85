/**
 * A consumer of one group: takes messages in batches, has them handled, and acknowledges last.
 *
 * The order of things within a batch is what makes a crash harmless: the handler's transactions commit,
 * then its events are taken, then follow-up messages are enqueued and the batch is acknowledged in one
 * step. Whatever stops in between is delivered again and repeats its effects.
 *
 * @module
 */

import { messageOf } from "../../domain/errors.ts";
import { lanes } from "../../domain/messages/lane.ts";
import { decideRedelivery } from "../../domain/messages/retry.ts";
import { isLostGroup, maxBlockMs } from "../redis/redis.ts";
import { isRedisAway } from "../redis/redis_away.ts";
import { traceBatch, tracing } from "../telemetry/tracing.ts";
import { batchSizeOf } from "./batch_size.ts";
import { claim, claimDue, helperOf, restOf } from "./claim.ts";
import { complete, type Result } from "./complete.ts";
import type { Consumer, ConsumerDeps, ConsumerOptions } from "./consumer_state.ts";
import { compareEntryIds } from "./entry_ids.ts";
import { execute } from "./execute.ts";
import { releaseOwn } from "./release.ts";
import { isPause } from "./pause_group.ts";
import { startHeartbeat } from "./heartbeat.ts";
import { pause } from "../timing/pause.ts";
import { othersAsk } from "../timing/take_turns.ts";
import type { QueueDeps } from "./queue.ts";
import { readNew } from "./read_new.ts";
import { removeConsumers } from "./remove_consumers.ts";
import { shareOutBy } from "./share_out.ts";
import { sortOutLost } from "./sort_out_lost.ts";
import type { Delivery, EngineDeps, Entry, Outcome, QueueTypes, Turn } from "./work.ts";

/** How long a turn of a paused group waits at the most, in milliseconds. */
const pausedTurnMs = 500;

/** So long a message waits for a process that knows its type, in milliseconds: an upgrade takes no longer than a day. */
const maxNewerMs = 86_400_000;

/** Shortest and longest pause between two looks at such a message, in milliseconds: as long it waits for that process. */
const minNewerWaitMs = 1_000, maxNewerWaitMs = 15_000;

/** Creates a group and its streams from the very first message on; what exists is left as it is. */
export async function ensureGroup({ redis, keys }: QueueDeps, group: string): Promise<void> {
  for (const lane of lanes) {
    try {
      await redis.xgroup("CREATE", keys.stream(group, lane), group, "0", "MKSTREAM");
    } catch (error) {
      if (!messageOf(error).includes("BUSYGROUP")) throw error;
    }
  }
}

/** Makes a consumer; nothing is read yet. */
export function makeConsumer<T extends QueueTypes>(
  deps: ConsumerDeps<T>,
  options: ConsumerOptions<T>,
): Consumer<T> {
  const { group, work } = options;
  return {
    deps,
    options,
    share: options.share ?? shareOutBy(work.handlers),
    sizeNow: () => batchSizeOf(deps.lane, options.batchSize, options),
    claimedAt: -Infinity,
    dueAt: -Infinity,
    reclaimAt: -Infinity,
    reclaimFrom: "-",
    needsHelp: false,
    callHelp: () => {},
    inHand: [],
    watch: work.watch?.(deps, group),
  };
}

/**
 * Takes one turn: promotes scheduled messages that are due, claims delayed and orphaned ones, reads new
 * ones, and handles them all.
 *
 * @param blockMs longest wait for a first message
 * @param goesOn it has just taken other turns: then it may read new messages alone for a while, see `restOf`
 * @throws when Redis is away; what was read stays pending and is claimed later
 */
export async function consumeOnce<T extends QueueTypes>(
  consumer: Consumer<T>,
  blockMs = 0,
  goesOn = false,
): Promise<Turn> {
  const { deps, options } = consumer;
  const { helps } = options;
  if (helps?.needsHelp === false) return await rest(untilCalled(helps, blockMs));
  const restMs = goesOn ? restOf(consumer) : 0;
  if (restMs >= 1) {
    const wait = Math.min(blockMs, restMs);
    const entries = await readNew(deps, options.group, consumer.sizeNow(), wait);
    if (entries.length > 0) options.live?.saw(0);
    return await runInHand(consumer, entries);
  }
  if (await isPaused(consumer)) {
    return await rest(pause(Math.min(blockMs, pausedTurnMs)));
  }
  // Of one turn: what is full is told by it.
  const size = consumer.sizeNow();
  const { entries, nextDueMs, others } = await claim(consumer, size);
  entries.sort((a, b) => compareEntryIds(a.id, b.id));
  const room = size - entries.length;
  if (room > 0) {
    const waits = entries.length === 0 && helps === undefined;
    const wait = waits ? Math.min(blockMs, nextDueMs) : 0;
    entries.push(...await readNew(deps, options.group, room, wait));
  }
  consumer.needsHelp = others === 0 && entries.length >= size;
  if (consumer.needsHelp) consumer.callHelp();
  if (entries.length === 0 && helps !== undefined) return await rest(untilCalled(helps, blockMs));
  return await runInHand(consumer, entries);
}

async function runInHand<T extends QueueTypes>(
  consumer: Consumer<T>,
  entries: readonly Entry[],
): Promise<Turn> {
  consumer.inHand = entries.map(({ id }) => id);
  try {
    return tracing && entries.length > 0
      ? await traceEntries(consumer, entries)
      : await runEntries(consumer, entries);
  } finally {
    consumer.inHand = [];
    await tellWatch(consumer);
  }
}

/** A turn that does nothing for a while. */
async function rest(wait: Promise<void>): Promise<Turn> {
  await wait;
  return { handled: 0, retried: 0, dead: 0, delayed: 0 };
}

/** Waits until a consumer calls for help, for so many milliseconds at the longest. */
async function untilCalled<T extends QueueTypes>(helped: Consumer<T>, ms: number): Promise<void> {
  const called = new AbortController();
  helped.callHelp = () => called.abort();
  await pause(ms, called.signal);
}

/** Notes since when a consumer works, and forgets those that gave no sign of life for an hour. */
async function noteStart(
  { redis, keys, consumer }: EngineDeps,
  group: string,
  startedAt: string,
): Promise<void> {
  const starts = keys.consumerStarts(group);
  const [known, alive] = await Promise.all([
    redis.hkeys(starts),
    redis.zrangebyscore(keys.alive(group), Date.now() - 3_600_000, "+inf"),
  ]);
  // One that helps gives no sign while it rests.
  const living = new Set(alive.flatMap((name) => [name, helperOf(name)]));
  const gone = known.filter((name) => !living.has(name));
  if (gone.length > 0) await redis.hdel(starts, ...gone);
  await redis.hset(starts, consumer, startedAt);
}

/** A paused group's consumers, and those behind a gate that is shut, take nothing and say that they are alive. */
async function isPaused<T extends QueueTypes>(consumer: Consumer<T>): Promise<boolean> {
  const { deps, options } = consumer;
  const isShut = options.gate?.isShut === true;
  if (!isShut && !isPause(await deps.redis.get(deps.keys.paused(options.group)))) return false;
  // By Redis' clock, as every sign of life.
  await claimDue(consumer, 0);
  return true;
}

/** Watching is no reason to fail a turn. */
async function tellWatch<T extends QueueTypes>(
  { deps, options: { group }, watch }: Consumer<T>,
  options: { force?: boolean } = {},
): Promise<void> {
  await watch?.flush(options).catch((error) =>
    deps.log.debug("activity not counted", { group, error: messageOf(error) })
  );
}

/** The same as {@linkcode runEntries}, with spans. */
function traceEntries<T extends QueueTypes>(
  consumer: Consumer<T>,
  entries: readonly Entry[],
): Promise<Turn> {
  const { group, work: { codec } } = consumer.options;
  const messages = entries.map(({ id, fields, deliveries }) => {
    const message = codec.read(fields);
    const told = typeof message === "string"
      ? { type: undefined, attributes: {} }
      : { type: message.type, attributes: codec.spanFacts(message) };
    return { id, ...told, attempt: deliveries, traceparent: codec.traceOf(fields) };
  });
  return traceBatch(group, messages, () => runEntries(consumer, entries));
}

/** Entries by how they are to be handled. */
interface Sorted<T extends QueueTypes> {
  together: Delivery<T["message"]>[];
  alone: Delivery<T["message"]>[];
  /** What is not handled at all. */
  ended: Result<T>[];
}

function sortEntries<T extends QueueTypes>(
  { work: { codec }, maxDeliveries }: ConsumerOptions<T>,
  entries: readonly Entry[],
): Sorted<T> {
  const sorted: Sorted<T> = { together: [], alone: [], ended: [] };
  for (const entry of entries) {
    const message = codec.read(entry.fields);
    if (typeof message === "string") {
      const waitMs = waitForNewer(codec, entry);
      const outcome: Outcome<T["message"], T["event"]> = waitMs === undefined
        ? { kind: "dead", error: message }
        : { kind: "newer", error: message, ms: waitMs };
      sorted.ended.push({ entry, message: null, outcome });
      continue;
    }
    const { id, deliveries: attempt, again } = entry;
    const delivery = { id, message, attempt, again };
    switch (decideRedelivery(entry.deliveries, entry.errors, maxDeliveries)) {
      case "run":
        sorted.together.push(delivery);
        break;
      case "run_alone":
        sorted.alone.push(delivery);
        break;
      case "dead_letter":
        sorted.ended.push({ entry, message, outcome: { kind: "dead", error: whyDead(entry) } });
    }
  }
  return sorted;
}

/**
 * How long an entry that nobody here understands waits for a process of a newer version, in milliseconds: half as long as it
 * has waited already, so that the processes of this version are not kept busy by it. Undefined where no version can be
 * meant, or none has come within {@linkcode maxNewerMs}.
 */
function waitForNewer(
  codec: { isOfNewerVersion?(fields: readonly string[]): boolean },
  { id, fields }: Entry,
): number | undefined {
  if (codec.isOfNewerVersion?.(fields) !== true) return undefined;
  const ageMs = Date.now() - Number(id.split("-")[0]);
  if (ageMs >= maxNewerMs) return undefined;
  return Math.min(Math.max(ageMs / 2, minNewerWaitMs), maxNewerWaitMs);
}

function whyDead({ deliveries, errors, lastError }: Entry): string {
  return errors > 0
    ? lastError
    : `${deliveries - 1} consumers stopped while handling it, without an error`;
}

async function runEntries<T extends QueueTypes>(
  { deps, options, share, watch }: Consumer<T>,
  entries: readonly Entry[],
): Promise<Turn> {
  const turn: Turn = { handled: 0, retried: 0, dead: 0, delayed: 0 };
  if (entries.length === 0) return turn;
  const startedAt = performance.now();
  othersAsk(startedAt);
  const events: T["event"][] = [];
  const { together, alone, ended: results } = sortEntries(options, entries);
  const beat = startHeartbeat(deps, options, entries.map(({ id }) => id));
  try {
    const byId = new Map(entries.map((entry) => [entry.id, entry]));
    const batches = [together, ...alone.map((delivery) => [delivery])];
    // What is known to be finished is written before a suspect is tried that may kill the process.
    for (const batch of batches) {
      const own = { ...deps, stillOurs: beat.keep };
      results.push(...await execute(own, options, share(batch), byId));
      const ours = await sortOutLost(deps, options.work, results, beat);
      await complete(deps, options, ours, turn);
      for (const { outcome } of results) {
        if (outcome.kind === "done") events.push(...outcome.events);
      }
      results.length = 0;
    }
  } finally {
    beat.stop();
  }
  watch?.note({ batch: entries.length, ms: performance.now() - startedAt, ...turn, events });
  return turn;
}

/**
 * Takes turns until the signal aborts; the batch in hand is finished first. A lost group is made anew,
 * and while an engine is away the pauses between turns grow.
 *
 * @param onTurn is told what each turn did; it ends the loop by returning false
 */
export async function consume<T extends QueueTypes>(
  consumer: Consumer<T>,
  signal: AbortSignal,
  onTurn: (turn: Turn) => boolean | Promise<boolean> = () => true,
  blockMs = maxBlockMs,
): Promise<void> {
  const { deps, options: { group } } = consumer;
  const startedAt = new Date().toISOString();
  let failures = 0;
  let grouped = false;
  let brokenOff = false;
  while (!signal.aborted) {
    try {
      if (!grouped) {
        await ensureGroup(deps, group);
        await noteStart(deps, group, startedAt);
      }
      grouped = true;
      if (brokenOff) {
        await releaseOwn(consumer);
        consumer.reclaimAt = -Infinity;
        consumer.dueAt = -Infinity;
      }
      brokenOff = false;
      // One that helps must not begin to wait for one that has ended meanwhile.
      if (signal.aborted) break;
      const turn = await consumeOnce(consumer, blockMs, failures === 0);
      // What failed is due again at some time that was not known before.
      if (turn.retried + turn.delayed > 0) consumer.dueAt = -Infinity;
      failures = turn.delayed > 0 ? failures + 1 : 0;
      if (!await onTurn(turn)) break;
    } catch (error) {
      if (signal.aborted) break;
      grouped = false;
      // Whatever else ends a turn counts as a crash, so that a message that always does so ends somewhere.
      brokenOff ||= isRedisAway(error);
      if (!isLostGroup(error)) failures++;
      deps.log.warn("turn failed", { group, error: messageOf(error) });
    }
    if (failures > 0) await pause(Math.min(50 * 2 ** Math.min(failures, 6), 2_000), signal);
  }
  // One that helps ends as well.
  consumer.callHelp();
  await tellWatch(consumer, { force: true });
  const own = { name: deps.consumer, minIdleMs: 0 };
  await removeConsumers(deps, group, deps.lane, own).catch(() => {});
}
