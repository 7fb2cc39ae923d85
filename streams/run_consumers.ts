/**
 * Runs the consumers of a process.
 *
 * @module
 */

import { hostname } from "node:os";
import type { Config } from "../config/config.ts";
import type { Database } from "../db/connection/database.ts";
import { messageOf } from "../domain/errors.ts";
import { type Lane, lanes } from "../domain/messages/lane.ts";
import { type Group, groups, isOfNewerVersion } from "../domain/messages/messages.ts";
import { consume } from "./queue/consumer.ts";
import { type Consumer, type ConsumerDeps, makeConsumer } from "./workflow/consumer.ts";
import { keepErasureSecret } from "./workflow/erasure_secret.ts";
import { newConsumerName } from "./workflow/living_consumers.ts";
import type { ProcessDeps } from "./workflow/process_deps.ts";
import { type LiveWatch, watchLive } from "./queue/live_watch.ts";
import { releaseInHand } from "./queue/release.ts";
import { helperOf } from "./queue/claim.ts";
import type { Turn } from "./queue/work.ts";
import { deliverWebhooks } from "./webhooks/deliver_webhooks.ts";
import { deliverNotifications, openSenders } from "./notifications/deliver_notifications.ts";
import { keepOldKeysAway, leaveOldKeys, type PaymentsGate } from "./payments/end_old_keys.ts";
import type { Gateways } from "./payments/gateway.ts";
import { gatewaysOf, refuseUnknownProviders, warnOfUnrealMoney } from "./payments/gateways.ts";
import { ensureBasis, type HeldBasis, holdBasis } from "./kpis/kpi_basis.ts";
import { keepProving } from "./verification/verify_regularly.ts";
import { pause } from "./timing/pause.ts";
import { openBlockingRedis, type RedisClient } from "./redis/redis.ts";
import { ensureRecovered } from "./recovery/recover.ts";
import { keepSealing } from "./seals/keep_sealing.ts";
import { keepUp } from "./upkeep/upkeep.ts";
import { sweep } from "./recovery/sweep.ts";

/** How long a message waits for a row that is not there, in `RETRY_BACKOFF_MS`: half a minute by default. */
const missingRowBackoffs = 6;

/** Which consumers to run, and for how long. */
export interface ConsumersOptions {
  /** Empty means all. */
  groups: readonly Group[];
  /** All by default. */
  lanes?: readonly Lane[];
  /** Everything that a process does besides its consumers, such as the sweep, is done by another thread of it. */
  consumersOnly?: boolean;
  batchSize: number;
  /** End when nothing is left to do. */
  drain: boolean;
  /** Is told what each turn did. */
  onTurn?: (group: Group, turn: Turn) => void;
}

/** Part of the shutdown time that work in hand may take; the rest is for releasing it. */
const graceShare = 0.8;

/** Connections to the database that the bulk lane leaves to others, where a process has as many and some to spare. */
const leftByBulk = 6;

/** Transactions that the bulk lane runs at once at the most while live messages come. */
const bulkBesideLive = 1, bulkApartBesideLive = 2;

/**
 * Transactions that the bulk lane runs at once at the most. Few while live messages come: its statements are large, and
 * for a processor of the database a small one waits as long as there are others. One where both lanes have one thread: with two
 * a file kept 0.64 of its rate, with one 0.58, and of a hundred web orders one was answered after 49 ms, and after 32
 * (tools/bench/RESULTS.md).
 */
function bulkTransactions(connections: number, live: LiveWatch, isApart: boolean): () => number {
  const left = isApart ? 1 : Math.min(leftByBulk, Math.floor(connections / 2));
  const max = Math.max(1, connections - left);
  return () => live.comes() ? Math.min(max, isApart ? bulkApartBesideLive : bulkBesideLive) : max;
}

/** How often it is looked whether nothing is left while draining, in milliseconds: how late the end is noticed. */
const drainLookMs = 50;

/**
 * Runs a consumer of each group and lane with a connection of its own for blocking reads, one that helps that of the
 * bulk lane, and the sweep that finds lost work. A batch is a chain of a dozen round trips, and while one waits for its
 * commit the other works: under a backlog two drain a tenth more than one. More than two wait for each
 * other's products, so one helps only where no other process serves the group.
 *
 * Those of the bulk lane leave connections to the database to those of the live one and to whoever else is there, and
 * all but one while live messages come.
 *
 * Returns when the signal aborts, or with `drain` when nothing is left to do;
 * batches in hand are finished first,
 * or released for others to claim when most of `SHUTDOWN_TIMEOUT_MS` is over. A recovery that comes before
 * all this is left to the next process.
 *
 * @throws {WorkflowError} `unavailable` when Redis can't be reached at the start, or processes are alive that count the
 * figures by another currency or zone; `bad_settings` where payments or refunds are served and the database holds those
 * of a provider that is not configured
 */
export async function runConsumers(
  deps: ProcessDeps,
  options: ConsumersOptions,
  signal: AbortSignal,
): Promise<void> {
  const basis = await holdBasis(deps, { signal });
  try {
    await runGroups(deps, options, signal, basis);
  } finally {
    await basis.release();
  }
}

/** The consumers of this process. */
interface Running {
  deps: ProcessDeps;
  /** The database as each lane is given it. */
  databases: Record<Lane, Database>;
  options: ConsumersOptions;
  groups: readonly Group[];
  lanes: readonly Lane[];
  /** The bulk lane has this thread for itself. */
  isApart: boolean;
  /** Name of the consumers that help nobody. */
  name: string;
  gateways: Required<Gateways>;
  consumers: Consumer[];
  live: LiveWatch;
  gate: PaymentsGate;
  /** Ends them all. */
  stop: AbortController;
  /** Aborts when they are to end, for whatever reason. */
  stopped: AbortSignal;
}

async function runGroups(
  deps: ProcessDeps,
  options: ConsumersOptions,
  signal: AbortSignal,
  basis: HeldBasis,
): Promise<void> {
  const { config, log } = deps;
  const wanted = options.groups.length === 0 ? groups : [...new Set(options.groups)];
  const name = newConsumerName(hostname());
  const gateways = gatewaysOf(config);
  if (wanted.includes("payments") || wanted.includes("refunds")) {
    await refuseUnknownProviders(deps);
    warnOfUnrealMoney(deps);
  }
  const stop = new AbortController();
  const stopped = AbortSignal.any([signal, stop.signal]);
  // Whoever makes the database good must not wait until it is.
  const unguarded = { ...deps, db: deps.db.unguarded };
  await orOverdue(prepare({ ...unguarded, signal: stopped }), config, signal);
  if (signal.aborted) return;
  const wantedLanes = options.lanes ?? lanes;
  const isApart = !wantedLanes.includes("live");
  const sends = wanted.includes("notifications") && options.consumersOnly !== true;
  const senders = sends ? await openSenders(config) : [];

  const live = watchLive();
  const running: Running = {
    deps,
    databases: {
      live: deps.db,
      bulk: deps.db.withTransactions(bulkTransactions(config.databaseConnections, live, isApart)),
    },
    options,
    groups: wanted,
    lanes: wantedLanes,
    isApart,
    name,
    gateways,
    consumers: [],
    live,
    gate: { isShut: false },
    stop,
    stopped,
  };
  log.info("consumers started", {
    consumer: name,
    groups: wanted.join(","),
    ...(wantedLanes.length < lanes.length ? { lanes: wantedLanes.join(",") } : {}),
  });
  const beside = options.consumersOnly ? [] : workBeside(running, senders, signal);
  try {
    const all = Promise.all([
      ...wanted.map((group) => runGroup(running, group)),
      ...(options.drain ? [stopWhenDrained(running)] : []),
      ...beside,
    ]);
    if (!await orOverdue(Promise.race([all, basis.lost]), config, signal)) {
      const released = await Promise.all(running.consumers.map(releaseInHand));
      log.warn("work given back", { messages: released.reduce((sum, count) => sum + count, 0) });
      return;
    }
  } finally {
    stop.abort();
  }
  log.info("consumers stopped", { consumer: name });
}

/** Starts what a process does besides its consumers. @returns the ends of what a stop waits for */
function workBeside(
  { deps, options, groups, stopped }: Running,
  senders: Awaited<ReturnType<typeof openSenders>>,
  signal: AbortSignal,
): Promise<void>[] {
  const unguarded = { ...deps, db: deps.db.unguarded };
  const { reservationTtlSeconds, captureWithinSeconds: holdSeconds } = deps.config;
  const sweeping = sweep(unguarded, stopped, { reservationTtlSeconds, holdSeconds });
  const finish = options.drain ? signal : undefined;
  const delivering = [
    deliverNotifications(deps, senders, stopped, finish),
    ...(groups.includes("notifications") ? [deliverWebhooks(deps, stopped, finish)] : []),
  ];
  // A proof changes nothing, so a stop does not wait for it; neither for what goes on where it was left.
  keepProving(unguarded, stopped);
  void keepErasureSecret(unguarded, stopped);
  void keepUp(unguarded, stopped);
  void keepSealing(unguarded, stopped);
  return [sweeping, ...delivering];
}

/** @returns false where work goes on when most of the time for a stop is over; its end is then ignored */
async function orOverdue(
  work: Promise<unknown>,
  config: Config,
  signal: AbortSignal,
): Promise<boolean> {
  work.catch(() => {});
  return await Promise.race([
    work.then(() => true),
    overdue(signal, config.shutdownTimeoutMs * graceShare).then(() => false),
  ]);
}

/** Runs the consumers of a group until they are to end. */
async function runGroup(running: Running, group: Group): Promise<void> {
  const { deps, gate, stopped } = running;
  if (group === "payments" && !await leaveOldKeys(deps, stopped)) return;
  const ended = new AbortController();
  await Promise.all([
    Promise.all(running.lanes.map((lane) => runLane(running, group, lane))).finally(() =>
      ended.abort()
    ),
    ...(group === "payments"
      ? [keepOldKeysAway(deps, gate, AbortSignal.any([stopped, ended.signal]))]
      : []),
  ]);
}

/** Runs the consumer of one lane, and the one that helps it. A live batch is too small for help to be of use. */
async function runLane(running: Running, group: Group, lane: Lane): Promise<void> {
  const { deps, name, stopped } = running;
  const blocking = await openBlockingRedis(deps.config.redisUrl);
  const unblock = wakeOnAbort(deps.redis, blocking, stopped);
  try {
    const first = consumerOf(running, group, { lane, blocking, name });
    const all = [first];
    if (lane === "bulk") {
      const helper = { lane, blocking, name: helperOf(name), helps: first };
      all.push(consumerOf(running, group, helper));
    }
    await Promise.all(all.map((consumer) => run(running, group, consumer)));
  } finally {
    unblock();
    blocking.disconnect();
  }
}

function consumerOf(
  { deps, databases, options, gateways, live, isApart, gate }: Running,
  group: Group,
  { lane, blocking, name, helps }: {
    lane: Lane;
    blocking: RedisClient;
    name: string;
    helps?: Consumer;
  },
): Consumer {
  const { config } = deps;
  const own: ConsumerDeps = {
    ...deps,
    db: databases[lane],
    lane,
    blocking,
    ...gateways,
    consumer: name,
    reservationTtlSeconds: config.reservationTtlSeconds,
    capturesLater: config.capture === "later",
    holdSeconds: config.captureWithinSeconds,
    chargebackRevenue: config.chargebackRevenue,
    missingRowMs: missingRowBackoffs * config.retryBackoffMs,
    onShortage: config.onShortage,
    notifyChannels: config.notifyChannels,
  };
  return makeConsumer(own, {
    group,
    batchSize: options.batchSize,
    maxDeliveries: config.maxDeliveries,
    retryBackoffMs: config.retryBackoffMs,
    takeoverMs: config.takeoverMs,
    helps,
    live,
    isApart,
    ...(group === "payments" ? { gate } : {}),
  });
}

async function run(running: Running, group: Group, consumer: Consumer): Promise<void> {
  running.consumers.push(consumer);
  await consume(consumer, running.stopped, (turn) => {
    running.options.onTurn?.(group, turn);
    return true;
  });
}

/**
 * Ends all consumers of a process once nothing is left to do. One looks for all of them, and they wait for messages as if
 * there were no end: where each looked by itself, those of four processes did so 6,000 times in half a minute.
 */
async function stopWhenDrained({ deps, groups, stop, stopped }: Running): Promise<void> {
  while (!stopped.aborted) {
    await pause(drainLookMs, stopped);
    // Redis may be away for a while; consumers wait for it as well.
    if (await isDrained(deps, groups).catch(() => false)) stop.abort();
  }
}

/** What has to be so before the first message is taken. A stop leaves it to the next process. */
async function prepare(deps: ProcessDeps & { signal: AbortSignal }): Promise<void> {
  await ensureRecovered(deps);
  if (deps.signal.aborted) return;
  await ensureBasis(deps).catch((error) => {
    if (!deps.signal.aborted) throw error;
  });
}

/** Ends when the signal was aborted so many milliseconds ago; never before it aborts. */
function overdue(signal: AbortSignal, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const wait = () => {
      const timer = setTimeout(resolve, ms);
      // Work that ends in time must not be kept waiting by its own deadline.
      timer.unref();
    };
    if (signal.aborted) wait();
    else signal.addEventListener("abort", wait, { once: true });
  });
}

/** Entries of a group that are looked at one by one: a few may be a newer version's, which this one can do nothing about. */
const maxNewer = 100;

/**
 * True when both lanes of the groups have nothing unread, pending, scheduled or delayed, all seen at one moment, but for a
 * few messages that only a newer version understands.
 */
export async function isDrained(
  { redis, keys }: Pick<ProcessDeps, "redis" | "keys">,
  wanted: readonly Group[],
): Promise<boolean> {
  const all = wanted.flatMap((group) => lanes.map((lane) => [group, lane] as const));
  const counting = redis.multi();
  for (const [group, lane] of all) {
    counting.zcard(keys.scheduled(group, lane)).xlen(keys.stream(group, lane));
  }
  const counts = answersOf(await counting.exec()) as number[];
  if (counts.length === 0 || counts.some((count, at) => count > (at % 2 === 0 ? 0 : maxNewer))) {
    return false;
  }
  if (counts.every((count) => count === 0)) return true;
  const reading = redis.multi();
  for (const [group, lane] of all) {
    reading.zcard(keys.scheduled(group, lane)).xlen(keys.stream(group, lane));
    reading.xrange(keys.stream(group, lane), "-", "+", "COUNT", maxNewer);
  }
  const answers = answersOf(await reading.exec());
  return answers.length > 0 && all.every((_, at) => {
    const [scheduled, length, entries] = answers.slice(3 * at, 3 * at + 3) as [
      number,
      number,
      [id: string, fields: string[]][],
    ];
    return scheduled === 0 && length === entries.length &&
      entries.every(([, fields]) => isOfNewerVersion(fields));
  });
}

/** What a transaction's commands answered; nothing where one of them failed. */
function answersOf(replies: [error: Error | null, answer: unknown][] | null): unknown[] {
  if (replies === null || replies.some(([error]) => error !== null)) return [];
  return replies.map(([, answer]) => answer);
}

/** Wakes a blocked read when the signal aborts, so that a stop need not wait for it. */
function wakeOnAbort(redis: RedisClient, blocking: RedisClient, signal: AbortSignal): () => void {
  let clientId: number | null = null;
  const learn = async () => {
    clientId = await blocking.client("ID").catch(() => null);
  };
  // A connection that was lost comes back under another id.
  blocking.on("ready", learn);
  const learning = learn();
  const wake = async () => {
    await learning;
    if (clientId === null) return;
    await redis.client("UNBLOCK", clientId).catch((error) => messageOf(error));
  };
  signal.addEventListener("abort", wake, { once: true });
  return () => {
    signal.removeEventListener("abort", wake);
    blocking.off("ready", learn);
  };
}
