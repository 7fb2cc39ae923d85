/**
 * A consumer of one group: takes messages in batches, has them handled, and acknowledges last.
 *
 * The order of things within a batch is what makes a crash harmless: the handler's transactions commit,
 * then the figures are counted, then follow-up messages are enqueued and the batch is acknowledged in one
 * step. Whatever stops in between is delivered again and repeats its effects.
 *
 * @module
 */

import { messageOf } from "../../domain/errors.ts";
import {
  type Group,
  messageField,
  messageOfEntry,
  traceField,
  traceOfEntry,
} from "../../domain/messages/messages.ts";
import { decideRedelivery, deliveriesBeforeIsolation } from "../../domain/messages/retry.ts";
import { type Activity, flushActivity, noActivity, noteTurn } from "../kpis/activity.ts";
import {
  conclude,
  type Entry,
  isOutage,
  longestParkMs,
  type Result,
  type Turn,
} from "./complete.ts";
import { maxDelayMs } from "../payments/gateway.ts";
import { lookForMoney } from "../handlers/look_for_money.ts";
import type { Delivery, Handler, HandlerDeps, Outcome } from "./handler.ts";
import { type Share, shareOut } from "../handlers/handlers.ts";
import { beat } from "./heartbeat.ts";
import {
  enginesTakeWrites,
  isUnclear,
  noteSuccess,
  unclearOf,
  weighFailures,
} from "./engine_doubt.ts";
import type { Keys } from "../redis/keys.ts";
import { pause } from "./pause.ts";
import { isLostGroup, longestBlockMs, type RedisClient } from "../redis/redis.ts";
import { isRedisAway } from "../redis/redis_away.ts";
import { removeConsumers } from "./remove_consumers.ts";
import { runScript } from "../redis/scripts.ts";
import { traceBatch, traceIdOf, tracing } from "../telemetry/tracing.ts";

/** What one consumer works with. */
export interface ConsumerDeps extends HandlerDeps {
  /** For blocking reads only. */
  blocking: RedisClient;
}

/** How one consumer works. */
export interface ConsumerOptions {
  group: Group;
  /** Most messages at once. */
  batchSize: number;
  maxDeliveries: number;
  retryBackoffMs: number;
  /** Silence after which another consumer's messages are taken over. */
  takeoverMs: number;
  /** How to divide a batch among handlers; tests put other handlers in. */
  share?: typeof shareOut;
  /** The consumer of the same process that this one helps: it works only while that one needs it. */
  helps?: Consumer;
  /** Nothing is taken while it is shut. */
  gate?: { isShut: boolean };
}

/** A consumer of one group; make one with {@linkcode makeConsumer}. */
export interface Consumer {
  deps: ConsumerDeps;
  options: ConsumerOptions;
  /** When orphaned messages were last looked for, by the monotonic clock in ms. */
  takeoverAt: number;
  /** Where the next look begins: more may be pending than one look sees. */
  takeoverFrom: string;
  /** True while its latest batch was full, so more is likely to wait, and no other process serves the group. */
  needsHelp: boolean;
  /** Wakes the one that helps. */
  callHelp: () => void;
  /** Ids of the messages that are being handled. */
  inHand: readonly string[];
  /** What it did lately, for charts. */
  activity: Activity;
}

/** How long a turn of a paused group waits at the most, in milliseconds. */
const pausedTurnMs = 500;

/** Pending entries that one look for orphans sees. */
const takeoverScan = 10_000;

/** Creates a group and its stream from the very first message on; one that exists is left as it is. */
export async function ensureGroup(
  { redis, keys }: Pick<HandlerDeps, "redis" | "keys">,
  group: Group,
): Promise<void> {
  try {
    await redis.xgroup("CREATE", keys.stream(group), group, "0", "MKSTREAM");
  } catch (error) {
    if (!messageOf(error).includes("BUSYGROUP")) throw error;
  }
}

/** Makes a consumer; nothing is read yet. */
export function makeConsumer(deps: ConsumerDeps, options: ConsumerOptions): Consumer {
  return {
    deps,
    options,
    takeoverAt: -Infinity,
    takeoverFrom: "-",
    needsHelp: false,
    callHelp: () => {},
    inHand: [],
    activity: noActivity(),
  };
}

/**
 * Takes one turn: promotes scheduled messages that are due, claims parked and orphaned ones, reads new
 * ones, and handles them all.
 *
 * @param blockMs longest wait for a first message
 * @throws when Redis is away; what was read stays pending and is claimed later
 */
export async function consumeOnce(consumer: Consumer, blockMs = 0): Promise<Turn> {
  const { deps, options } = consumer;
  const { helps } = options;
  if (helps?.needsHelp === false) return await rest(untilCalled(helps, blockMs));
  if (await isPaused(consumer)) {
    return await rest(pause(Math.min(blockMs, pausedTurnMs)));
  }
  const { entries, nextDueMs, others } = await claim(consumer);
  const room = options.batchSize - entries.length;
  if (room > 0) {
    const waits = entries.length === 0 && helps === undefined;
    const wait = waits ? Math.min(blockMs, nextDueMs) : 0;
    entries.push(...await readNew(deps, options.group, room, wait));
  }
  consumer.needsHelp = others === 0 && entries.length >= options.batchSize;
  if (consumer.needsHelp) consumer.callHelp();
  if (entries.length === 0 && helps !== undefined) return await rest(untilCalled(helps, blockMs));
  consumer.inHand = entries.map(({ id }) => id);
  try {
    return tracing && entries.length > 0
      ? await traceEntries(consumer, entries)
      : await runEntries(consumer, entries);
  } finally {
    consumer.inHand = [];
    await tellActivity(consumer);
  }
}

/** A turn that does nothing for a while. */
async function rest(wait: Promise<void>): Promise<Turn> {
  await wait;
  return { handled: 0, retried: 0, dead: 0, delayed: 0 };
}

/** Waits until a consumer calls for help, for so many milliseconds at the longest. */
async function untilCalled(helped: Consumer, ms: number): Promise<void> {
  const called = new AbortController();
  helped.callHelp = () => called.abort();
  await pause(ms, called.signal);
}

/** Notes since when a consumer works, and forgets those that gave no sign of life for an hour. */
async function noteStart(
  { redis, keys, consumer }: ConsumerDeps,
  group: Group,
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
async function isPaused(consumer: Consumer): Promise<boolean> {
  const { deps, options } = consumer;
  const isShut = options.gate?.isShut === true;
  if (!isShut && await deps.redis.exists(deps.keys.paused(options.group)) === 0) return false;
  // By Redis' clock, as every sign of life.
  await claimDue(consumer, 0);
  return true;
}

/** The name of the consumer that helps another. */
export function helperOf(consumer: string): string {
  return `${consumer}:2`;
}

/**
 * Claims parked messages that are due, tells that this consumer is alive, and counts those of other
 * processes that are.
 */
async function claimDue(
  { deps: { redis, keys, consumer }, options }: Consumer,
  most: number,
): Promise<[nextMs: number, others: number, ...RawEntry[]]> {
  const { group } = options;
  const helper = helperOf(consumer);
  const args = [group, consumer, most, helper, 5 * longestBlockMs, longestParkMs(options)];
  return await runScript(redis, "claim_due", retryKeys(keys, group), args) as [
    number,
    number,
    ...RawEntry[],
  ];
}

/** What the scripts need that look for messages to be tried again. */
function retryKeys(keys: Keys, group: Group): string[] {
  return [
    keys.stream(group),
    keys.retries(group),
    keys.errors(group),
    keys.errorTexts(group),
    keys.alive(group),
  ];
}

/** Charts are no reason to fail a turn. */
async function tellActivity(
  { deps, options: { group }, activity }: Consumer,
  options: { force?: boolean } = {},
): Promise<void> {
  await flushActivity(deps, group, activity, options).catch((error) =>
    deps.log.debug("activity not counted", { group, error: messageOf(error) })
  );
}

/**
 * Gives up what a consumer has in hand, so that others may claim it at once and without counting this
 * delivery. For a stop that can't wait: handlers that still run may commit, and whoever claims the
 * messages then repeats their effects.
 *
 * @returns how many messages were given back
 */
export async function giveBack({ deps, options, inHand }: Consumer): Promise<number> {
  if (inHand.length === 0) return 0;
  const { redis, keys, consumer } = deps;
  return await runScript(redis, "give_back", [keys.stream(options.group)], [
    options.group,
    consumer,
    options.takeoverMs,
    ...inHand,
  ]) as number;
}

/**
 * Gives up what a turn left pending that was broken off because Redis was away: no consumer has died, so
 * nobody needs to wait for its silence, and the delivery does not count. What is parked stays so.
 */
async function releaseOwn({ deps, options }: Consumer): Promise<void> {
  const { redis, keys, consumer } = deps;
  const { group, takeoverMs } = options;
  const scriptKeys = [keys.stream(group), keys.retries(group)];
  await runScript(redis, "release_own", scriptKeys, [group, consumer, takeoverMs, takeoverScan]);
}

/** What waits: due messages are claimed; with the time until the next one is due, and who else is alive. */
async function claim(
  consumer: Consumer,
): Promise<{ entries: Entry[]; nextDueMs: number; others: number }> {
  const { redis, keys, consumer: name } = consumer.deps;
  const { group, batchSize, takeoverMs } = consumer.options;
  const stream = keys.stream(group);
  const [promoted, due] = await Promise.all([
    runScript(redis, "promote", [keys.scheduled(group), stream, keys.scheduledTraces], [
      batchSize,
      messageField,
      traceField,
      maxDelayMs(consumer.deps.gateway),
    ]),
    claimDue(consumer, batchSize),
  ]) as [[number, number], [number, number, ...RawEntry[]]];
  const [nextParkedMs, others, ...parked] = due;
  const entries = parked.map(toEntry);
  // Looking for orphans costs a scan of what is pending: a few times in a take-over time is enough.
  const now = performance.now();
  if (entries.length < batchSize && now - consumer.takeoverAt >= takeoverMs / 5) {
    consumer.takeoverAt = now;
    const [next, ...orphaned] = await runScript(redis, "claim_crashed", retryKeys(keys, group), [
      group,
      name,
      takeoverMs,
      batchSize - entries.length,
      takeoverScan,
      consumer.takeoverFrom,
      deliveriesBeforeIsolation,
    ]) as [string, ...RawEntry[]];
    consumer.takeoverFrom = next;
    entries.push(...orphaned.map(toEntry));
    // Suspects come one at a time, so the next one is looked for as soon as this one is done.
    if (entries.some(isSuspect)) consumer.takeoverAt = -Infinity;
    if (orphaned.length > 0) {
      consumer.deps.log.info("work taken over", {
        group,
        consumer: name,
        messages: orphaned.length,
      });
    }
  }
  const times = [promoted[1], nextParkedMs].filter((ms) => ms >= 0);
  return { entries, nextDueMs: Math.min(longestBlockMs, ...times), others };
}

/** True for a message that is tried alone because it has outlived several consumers. */
function isSuspect({ deliveries, errors }: Entry): boolean {
  return deliveries - 1 - errors >= deliveriesBeforeIsolation;
}

type RawEntry = [string, number, number, string, string[]];

function toEntry([id, deliveries, errors, lastError, fields]: RawEntry): Entry {
  return { id, deliveries, errors, lastError, fields };
}

async function readNew(
  { redis, blocking, keys, consumer }: ConsumerDeps,
  group: Group,
  count: number,
  waitMs: number,
): Promise<Entry[]> {
  const reply = waitMs >= 1
    ? await blocking.xreadgroup(
      "GROUP",
      group,
      consumer,
      "COUNT",
      count,
      "BLOCK",
      Math.floor(waitMs),
      "STREAMS",
      keys.stream(group),
      ">",
    )
    : await redis.xreadgroup(
      "GROUP",
      group,
      consumer,
      "COUNT",
      count,
      "STREAMS",
      keys.stream(group),
      ">",
    );
  const streams = (reply ?? []) as [string, [string, string[]][]][];
  return (streams[0]?.[1] ?? []).map(([id, fields]) => ({
    id,
    fields,
    deliveries: 1,
    errors: 0,
    lastError: "",
  }));
}

/** What a span tells of a message that nobody understands. */
const unreadable = { type: undefined, orderId: undefined };

/** The same as {@linkcode runEntries}, with spans. */
function traceEntries(consumer: Consumer, entries: readonly Entry[]): Promise<Turn> {
  const messages = entries.map(({ id, fields, deliveries }) => {
    const message = messageOfEntry(fields);
    const { type, orderId } = typeof message === "string" ? unreadable : message;
    return { id, type, orderId, attempt: deliveries, traceparent: traceOfEntry(fields) };
  });
  return traceBatch(consumer.options.group, messages, () => runEntries(consumer, entries));
}

async function runEntries(
  { deps, options, activity }: Consumer,
  entries: readonly Entry[],
): Promise<Turn> {
  const turn: Turn = { handled: 0, retried: 0, dead: 0, delayed: 0 };
  if (entries.length === 0) return turn;
  const startedAt = performance.now();
  const paid: number[] = [];
  const failed: number[] = [];
  const together: Delivery[] = [];
  const alone: Delivery[] = [];
  const results: Result[] = [];
  for (const entry of entries) {
    const message = messageOfEntry(entry.fields);
    if (typeof message === "string") {
      results.push({ entry, delivery: null, outcome: { kind: "dead", error: message } });
      continue;
    }
    const delivery = { id: entry.id, message, attempt: entry.deliveries };
    switch (decideRedelivery(entry.deliveries, entry.errors, options.maxDeliveries)) {
      case "run":
        together.push(delivery);
        break;
      case "run_alone":
        alone.push(delivery);
        break;
      case "bury":
        results.push({ entry, delivery, outcome: { kind: "dead", error: reasonToBury(entry) } });
    }
  }

  const beat = startHeartbeat(deps, options, entries.map(({ id }) => id));
  try {
    const byId = new Map(entries.map((entry) => [entry.id, entry]));
    const batches = [together, ...alone.map((delivery) => [delivery])];
    const share = options.share ?? shareOut;
    // What is known to be finished is written before a suspect is tried that may kill the process.
    for (const batch of batches) {
      results.push(
        ...await runBatch({ ...deps, stillOurs: beat.keep }, options, share(batch), byId),
      );
      const ours = await lookForMoney(deps, results, beat);
      await conclude(deps, options, ours, turn);
      for (const { outcome } of results) {
        for (const event of outcome.kind === "done" ? outcome.kpis : []) {
          if (event.kind === "paid") paid.push(event.orderId);
          else if (event.kind === "failed") failed.push(event.orderId);
        }
      }
      results.length = 0;
    }
  } finally {
    beat.stop();
  }
  const ms = performance.now() - startedAt;
  noteTurn(activity, { batch: entries.length, ms, ...turn, paid, failed });
  return turn;
}

/** Has the messages of a batch handled, each by its handler. */
async function runBatch(
  deps: ConsumerDeps,
  { group, maxDeliveries }: ConsumerOptions,
  shares: readonly Share[],
  entries: ReadonlyMap<string, Entry>,
): Promise<Result[]> {
  let trial: Promise<boolean> | undefined;
  const isWell = () => trial ??= enginesTakeWrites(deps);
  const ran: (Result & { delivery: Delivery; handle: Handler })[] = [];
  for (const { handle, deliveries } of shares) {
    const outcomes = await runHalving(deps, handle, deliveries, isWell);
    deliveries.forEach((delivery, index) => {
      ran.push({ entry: entries.get(delivery.id)!, delivery, outcome: outcomes[index]!, handle });
    });
  }
  if (!ran.some(({ outcome }) => isUnclear(outcome))) {
    if (ran.some(({ outcome }) => outcome.kind === "done")) noteSuccess(deps.db, group);
    return ran;
  }
  const weighed = ran.map(({ delivery: { id }, outcome }) => ({ id, outcome }));
  const outcomes = await weighFailures(deps, group, weighed, {
    isWell,
    isLast: (index) => {
      const { deliveries, errors } = ran[index]!.entry;
      return decideRedelivery(deliveries + 1, errors + 1, maxDeliveries) === "bury";
    },
    again: async (index) => {
      const { handle, delivery } = ran[index]!;
      return (await runHalving(deps, handle, [delivery], isWell))[0]!;
    },
  });
  return ran.map(({ entry, delivery }, index) => ({ entry, delivery, outcome: outcomes[index]! }));
}

function reasonToBury({ deliveries, errors, lastError }: Entry): string {
  return errors > 0
    ? lastError
    : `${deliveries - 1} consumers stopped while handling it, without an error`;
}

/**
 * Has a batch handled. A batch that fails is halved until the culprits stand alone, so that one bad
 * message never fails its neighbours; where an engine is at fault there is no culprit to look for.
 *
 * @param isWell whether the engines take changes
 */
async function runHalving(
  deps: ConsumerDeps,
  handle: Handler,
  deliveries: Delivery[],
  isWell: () => Promise<boolean>,
): Promise<Outcome[]> {
  try {
    const outcomes = await handle(deps, deliveries);
    const outages = outcomes.filter((outcome) => outcome.kind === "outage");
    if (outages.length > 0) {
      deps.log.warn("engine away", { error: outages[0]!.error, messages: outages.length });
    }
    return outcomes;
  } catch (error) {
    const text = messageOf(error);
    const unclear = unclearOf(error);
    if (isOutage(error) || (unclear !== undefined && !await isWell())) {
      deps.log.warn("engine away", { error: text, messages: deliveries.length });
      return deliveries.map(() => ({ kind: "outage", error: text }));
    }
    if (deliveries.length === 1) {
      deps.log.warn("message failed", {
        id: deliveries[0]!.id,
        order_id: deliveries[0]!.message.orderId,
        consumer: deps.consumer,
        attempt: deliveries[0]!.attempt,
        error: text,
        trace_id: tracing ? traceIdOf(deliveries[0]!.id) : undefined,
      });
      return [{ kind: "retry", error: text, unclear }];
    }
    const middle = Math.ceil(deliveries.length / 2);
    return [
      ...await runHalving(deps, handle, deliveries.slice(0, middle), isWell),
      ...await runHalving(deps, handle, deliveries.slice(middle), isWell),
    ];
  }
}

/** Tells a few times in a take-over time that the messages are being worked on, and whenever it is asked. */
function startHeartbeat(
  { redis, keys, consumer, log }: ConsumerDeps,
  { group, takeoverMs }: ConsumerOptions,
  ids: readonly string[],
): {
  lost: ReadonlySet<string>;
  keep: (ids: readonly string[]) => Promise<boolean>;
  stop: () => void;
} {
  const lost = new Set<string>();
  const keep = async (ids: readonly string[]): Promise<boolean> => {
    const gone = await beat({ redis, keys, consumer }, group, ids);
    for (const id of gone) lost.add(id);
    return gone.length < ids.length;
  };
  const timer = setInterval(async () => {
    try {
      await keep(ids);
    } catch (error) {
      log.warn("heartbeat failed", { group, error: messageOf(error) });
    }
  }, takeoverMs / 3);
  return { lost, keep, stop: () => clearInterval(timer) };
}

/**
 * Takes turns until the signal aborts; the batch in hand is finished first. A lost group is made anew,
 * and while an engine is away the pauses between turns grow.
 *
 * @param onTurn is told what each turn did; it ends the loop by returning false
 */
export async function consume(
  consumer: Consumer,
  signal: AbortSignal,
  onTurn: (turn: Turn) => boolean | Promise<boolean> = () => true,
  blockMs = longestBlockMs,
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
        consumer.takeoverAt = -Infinity;
      }
      brokenOff = false;
      // One that helps must not begin to wait for one that has ended meanwhile.
      if (signal.aborted) break;
      const turn = await consumeOnce(consumer, blockMs);
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
  await tellActivity(consumer, { force: true });
  await removeConsumers(deps, group, { name: deps.consumer, leastIdleMs: 0 }).catch(() => {});
}
