/**
 * Keeps figures of one base currency and time zone from being mixed with those of another.
 *
 * What the figures were counted by stands beside them in Redis. A process that is set otherwise counts them anew
 * before it shows or counts any, and only when no process is alive that goes by other settings: those that are alive
 * say so every few seconds, and whoever finds others waits for their end and then gives up. A process that stood
 * still for so long that others have taken over ends.
 *
 * @module
 */

import { messageOf, WorkflowError } from "../../domain/errors.ts";
import { kpiDayIn } from "../../domain/kpi/kpi.ts";
import type { Log } from "../../domain/operation/log.ts";
import { type Keys, keysFor } from "../redis/keys.ts";
import { otherBasis } from "./kpis.ts";
import { type RebuildDeps, rebuildKpis } from "./kpis_rebuild.ts";
import { isLeased } from "../redis/lease.ts";
import { pause } from "../timing/pause.ts";
import type { RedisClient } from "../redis/redis.ts";
import { defineScript, runScript } from "../redis/scripts.ts";

const kpisHoldBasisScript = defineScript("kpis_hold_basis", import.meta.url);

/** A process that gave no sign for so long has ended, in milliseconds. */
const aliveMs = 15_000;

/** How often a process says that it is alive, in milliseconds. */
const renewMs = 5_000;

/** How long to wait for processes of other settings to end: a little longer than one counts that was killed. */
const maxWaitMs = aliveMs + 5_000;

/** How often to look whether they have, in milliseconds. */
const lookMs = 250;

/** This process among those that are alive. */
const processName = crypto.randomUUID();

/** What a process holds its basis with. */
export interface BasisDeps {
  redis: RedisClient;
  keys: Keys;
  log: Log;
}

/** A basis that is held until it is released. */
export interface HeldBasis {
  /** Fails when processes of other settings have reclaimed, and never comes to an end otherwise. */
  lost: Promise<never>;
  /** Says that this part of the process has ended. A crash leaves it to be forgotten after some seconds. */
  release(): Promise<void>;
}

/** Parts of this process that hold a basis, by the key of the living. */
const holders = new Map<string, number>();

/**
 * Says that this process is alive and goes by its settings, from now on until it is released.
 *
 * @param options.waitMs how long to wait for processes of other settings to end
 * @throws {WorkflowError} `unavailable` where they don't
 */
export async function holdBasis(
  deps: BasisDeps,
  options: { waitMs?: number; signal?: AbortSignal } = {},
): Promise<HeldBasis> {
  const { redis, keys, log } = deps;
  const { waitMs = maxWaitMs, signal } = options;
  await untilFree(deps, waitMs, signal);
  const place = keys.kpiBasisAlive + keys.kpiBasis;
  holders.set(place, (holders.get(place) ?? 0) + 1);
  const lost = Promise.withResolvers<never>();
  lost.promise.catch(() => {});
  const timer = setInterval(async () => {
    try {
      const held = await say(deps);
      if (held !== keys.kpiBasis) lost.reject(otherBasis(keys, held, "processes that took over"));
    } catch (error) {
      // While Redis is away nobody else can say otherwise.
      log.debug("basis of the figures not renewed", { error: messageOf(error) });
    }
  }, renewMs);
  let released = false;
  return {
    lost: lost.promise,
    release: async () => {
      if (released) return;
      released = true;
      clearInterval(timer);
      const left = holders.get(place)! - 1;
      holders.set(place, left);
      if (left > 0) return;
      const member = `${keys.kpiBasis}|${processName}`;
      await redis.zrem(keys.kpiBasisAlive, member).catch(() => {});
    },
  };
}

async function untilFree(deps: BasisDeps, waitMs: number, signal?: AbortSignal): Promise<void> {
  const { keys, log } = deps;
  const until = performance.now() + waitMs;
  for (let looks = 0;; looks++) {
    const held = await say(deps);
    if (held === keys.kpiBasis || signal?.aborted) return;
    if (performance.now() >= until) throw otherBasis(keys, held, "processes that are alive");
    if (looks === 0) {
      log.warn("waiting for processes with another BASE_CURRENCY or KPI_TIMEZONE to end", {
        own: keys.kpiBasis,
        theirs: held,
      });
    }
    await pause(lookMs, signal);
  }
}

async function say({ redis, keys }: BasisDeps): Promise<string> {
  return await runScript(redis, kpisHoldBasisScript, [keys.kpiBasisAlive], [
    keys.kpiBasis,
    processName,
    aliveMs,
  ]) as string;
}

/** Whether the figures that are there were counted by this process's settings. */
export async function isOwnBasis({ redis, keys }: Omit<BasisDeps, "log">): Promise<boolean> {
  return await redis.get(keys.kpiBasisKept) === keys.kpiBasis;
}

const ensuring = new WeakMap<Keys, Promise<boolean>>();

/**
 * Counts the figures anew if they were counted by other settings, or nobody knows by which, as those of earlier
 * versions. Costs one look otherwise. Parts of one process that ask at once share the work.
 *
 * @returns whether they were counted anew
 * @throws {WorkflowError} `unavailable` where processes of other settings are alive
 */
export function ensureBasis(deps: RebuildDeps & { log: Log }): Promise<boolean> {
  let running = ensuring.get(deps.keys);
  if (running === undefined) {
    running = ensure(deps).finally(() => ensuring.delete(deps.keys));
    ensuring.set(deps.keys, running);
  }
  return running;
}

async function ensure(deps: RebuildDeps & { log: Log }): Promise<boolean> {
  const { redis, keys, log, signal } = deps;
  for (;;) {
    const kept = await redis.get(keys.kpiBasisKept);
    if (kept === keys.kpiBasis) return false;
    if (await isLeased(redis, keys.kpiRebuild)) {
      await pause(lookMs, signal);
      signal?.throwIfAborted();
      continue;
    }
    const { orders, refunds, seconds } = await rebuildKpis(deps);
    const fields = { before: kept ?? "unknown", now: keys.kpiBasis, orders, refunds, seconds };
    if (orders + refunds > 0) log.info("figures counted anew for other settings", fields);
    return true;
  }
}

/**
 * What the figures are to be verified by: the settings that they were counted by, which are not this process's where it
 * only looks at them.
 *
 * @throws {WorkflowError} `unavailable` where nobody can have counted by these
 */
export async function withKeptBasis<
  T extends {
    redis: RedisClient;
    keys: Keys;
    baseCurrency: string;
    kpiDay: (at: string) => string;
  },
>(deps: T): Promise<T> {
  const kept = await deps.redis.get(deps.keys.kpiBasisKept);
  if (kept === null || kept === deps.keys.kpiBasis) return deps;
  const [baseCurrency = "", zone = ""] = kept.split(" ");
  try {
    const keys = keysFor(deps.keys.prefix, baseCurrency, zone);
    return { ...deps, keys, baseCurrency, kpiDay: kpiDayIn(zone) };
  } catch {
    throw new WorkflowError(
      "unavailable",
      `The figures are counted by "${kept}", which is unknown`,
    );
  }
}
