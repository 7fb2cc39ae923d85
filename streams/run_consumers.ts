/**
 * Runs the consumers of a process.
 *
 * @module
 */

import { hostname } from "node:os";
import type { Config } from "../config/config.ts";
import { messageOf } from "../domain/errors.ts";
import { type Group, groups } from "../domain/messages/messages.ts";
import { consume } from "./queue/consumer.ts";
import { type Consumer, type ConsumerDeps, makeConsumer } from "./workflow/consumer.ts";
import { newConsumerName } from "./workflow/living_consumers.ts";
import type { ProcessDeps } from "./workflow/process_deps.ts";
import { releaseInHand } from "./queue/release.ts";
import { helperOf } from "./queue/claim.ts";
import type { Turn } from "./queue/work.ts";
import { deliverNotifications, openSenders } from "./notifications/deliver_notifications.ts";
import { keepOldKeysAway, leaveOldKeys, type PaymentsGate } from "./payments/end_old_keys.ts";
import { gatewayOf, refuseUnknownProviders, warnOfSimulation } from "./payments/gateways.ts";
import { ensureBasis, type HeldBasis, holdBasis } from "./kpis/kpi_basis.ts";
import { keepProving } from "./verification/verify_regularly.ts";
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
  batchSize: number;
  /** End when nothing is left to do. */
  drain: boolean;
  /** Is told what each turn did. */
  onTurn?: (group: Group, turn: Turn) => void;
}

/** Part of the shutdown time that work in hand may take; the rest is for releasing it. */
const graceShare = 0.8;

/** Longest wait for a message while draining: how late the end is noticed. */
const drainBlockMs = 50;

/**
 * Runs a consumer of each group with a connection of its own for blocking reads, one that helps it, and
 * the sweep that finds lost work. A batch is a chain of a dozen round trips, and while one waits for its
 * commit the other works: under a backlog two drain a tenth more than one. More than two wait for each
 * other's products, so one helps only where no other process serves the group.
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
  options: ConsumersOptions;
  groups: readonly Group[];
  /** Name of the consumers that help nobody. */
  name: string;
  gateway: ConsumerDeps["gateway"];
  consumers: Consumer[];
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
  const gateway = gatewayOf(config);
  if (wanted.includes("payments") || wanted.includes("refunds")) {
    await refuseUnknownProviders(deps);
    warnOfSimulation(deps);
  }
  const stop = new AbortController();
  const stopped = AbortSignal.any([signal, stop.signal]);
  // Whoever makes the database good must not wait until it is.
  const unguarded = { ...deps, db: deps.db.unguarded };
  await orOverdue(prepare({ ...unguarded, signal: stopped }), config, signal);
  if (signal.aborted) return;
  const senders = wanted.includes("notifications") ? await openSenders(config) : [];

  const gate: PaymentsGate = { isShut: false };
  const running: Running = {
    deps,
    options,
    groups: wanted,
    name,
    gateway,
    consumers: [],
    gate,
    stop,
    stopped,
  };
  log.info("consumers started", { consumer: name, groups: wanted.join(",") });
  const { reservationTtlSeconds } = config;
  const sweeping = sweep(unguarded, stopped, { reservationTtlSeconds });
  const delivering = deliverNotifications(
    deps,
    senders,
    stopped,
    options.drain ? signal : undefined,
  );
  // A proof changes nothing, so a stop does not wait for it; neither for what goes on where it was left.
  keepProving(unguarded, stopped);
  void keepUp(unguarded, stopped);
  void keepSealing(unguarded, stopped);
  try {
    const all = Promise.all([
      ...wanted.map((group) => runGroup(running, group)),
      sweeping,
      delivering,
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

/** Runs the consumer of a group and the one that helps it, until they are to end. */
async function runGroup(running: Running, group: Group): Promise<void> {
  const { deps, name, gate, stopped } = running;
  const blocking = await openBlockingRedis(deps.config.redisUrl);
  const unblock = wakeOnAbort(deps.redis, blocking, stopped);
  try {
    if (group === "payments" && !await leaveOldKeys(deps, stopped)) return;
    const first = consumerOf(running, group, { blocking, name });
    const second = consumerOf(running, group, { blocking, name: helperOf(name), helps: first });
    const ended = new AbortController();
    await Promise.all([
      Promise.all([run(running, group, first), run(running, group, second)])
        .finally(() => ended.abort()),
      ...(group === "payments"
        ? [keepOldKeysAway(deps, gate, AbortSignal.any([stopped, ended.signal]))]
        : []),
    ]);
  } finally {
    unblock();
    blocking.disconnect();
  }
}

function consumerOf(
  { deps, options, gateway, gate }: Running,
  group: Group,
  { blocking, name, helps }: { blocking: RedisClient; name: string; helps?: Consumer },
): Consumer {
  const { config } = deps;
  const own: ConsumerDeps = {
    ...deps,
    blocking,
    gateway,
    consumer: name,
    reservationTtlSeconds: config.reservationTtlSeconds,
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
    ...(group === "payments" ? { gate } : {}),
  });
}

async function run(running: Running, group: Group, consumer: Consumer): Promise<void> {
  const { deps, options, groups, stop, stopped } = running;
  running.consumers.push(consumer);
  await consume(
    consumer,
    stopped,
    async (turn) => {
      options.onTurn?.(group, turn);
      const idle = turn.handled + turn.retried + turn.dead + turn.delayed === 0;
      if (options.drain && idle && await isDrained(deps, groups)) stop.abort();
      return true;
    },
    options.drain ? drainBlockMs : undefined,
  );
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

/**
 * True when the groups have nothing unread, pending, scheduled or delayed, all seen at one moment.
 */
export async function isDrained(
  { redis, keys }: Pick<ProcessDeps, "redis" | "keys">,
  wanted: readonly Group[],
): Promise<boolean> {
  const transaction = redis.multi();
  for (const group of wanted) {
    transaction.xlen(keys.stream(group));
    transaction.zcard(keys.scheduled(group));
  }
  const replies = await transaction.exec() ?? [];
  return replies.every(([error, count]) => error === null && count === 0);
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
