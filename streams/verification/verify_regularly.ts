/**
 * Proves again and again, keeps the last report where every process finds it, and repairs what can be repaired.
 *
 * @module
 */

import { messageOf } from "../../domain/errors.ts";
import type { Log } from "../../domain/operation/log.ts";
import { backoffMs } from "../../domain/messages/retry.ts";
import { isLeased, takeLease, underLease } from "../redis/lease.ts";
import { repair } from "../recovery/repair.ts";
import { pause } from "../timing/pause.ts";
import type { RedisDeps } from "../redis/keys.ts";
import { verify, type VerifyReport } from "./verify.ts";
import type { VerifyKpisDeps } from "./verify_kpis.ts";

/** What proving works with. */
export type VerificationDeps = VerifyKpisDeps & RedisDeps & { log: Log };

/** Shortest time from one proof to the next, in milliseconds. */
const minIntervalMs = 60_000;

/** The proof may take this share of all time: what lasts ten seconds is repeated every five minutes. */
const restShare = 30;

/** Longest time from a proof that could not be made to the next, in milliseconds. */
const maxFailedRestMs = 600_000;

/** A proof of everything that takes no longer is made every time. */
const affordableSeconds = 10;

/** How often everything is looked at where that takes longer, in milliseconds. */
const wholeEveryMs = 86_400_000;

/** How often it is asked whether a proof is due, in milliseconds. */
const lookMs = 5_000;

/** A proof that gave no sign for so long was stopped by a crash; another process may begin. */
const lockMs = 30_000;

/** The last report, or null where nothing was proven yet. */
export async function readVerification({ redis, keys }: RedisDeps): Promise<VerifyReport | null> {
  const text = await redis.get(keys.proof);
  return text === null ? null : JSON.parse(text) as VerifyReport;
}

/**
 * Proves and keeps the report, unless a proof is running already. A crash leaves the last report and a
 * lock that ends by itself.
 *
 * @param options.incremental whether only what is not sealed is looked at
 * @returns the report, or null where another proof is running
 */
export async function verifyNow(
  deps: VerificationDeps,
  options: { incremental?: boolean } = {},
): Promise<VerifyReport | null> {
  const { redis, keys, log } = deps;
  const lease = await takeLease(redis, keys.verificationLease, lockMs);
  if (lease === null) return null;
  return await underLease(redis, lease, async () => {
    const report = await verify(deps, options);
    await redis.set(keys.proof, JSON.stringify(report));
    if (!report.incremental) await redis.set(keys.wholeProof, JSON.stringify(report));
    await restFor(deps, restMsAfter(report));
    await redis.del(keys.verificationFailures);
    if (!report.ok) {
      const drifts = report.checks.map(({ name, drift_count: count }) => [name, count] as const);
      log.error("drift", Object.fromEntries(drifts));
    }
    return report;
  });
}

/**
 * Proves whenever it is due and repairs what was found, until the signal aborts; of many processes one does
 * so. What is due is decided by Redis' clock: a host whose own is wrong would verifyNow all the time, or never.
 */
export async function keepProving(deps: VerificationDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await pause(lookMs, signal);
    if (signal.aborted) break;
    try {
      if (await isLeased(deps.redis, deps.keys.verificationRest)) continue;
      await verifyAndRepair(deps, signal);
    } catch (error) {
      if (!signal.aborted) deps.log.warn("not proven", { error: messageOf(error) });
    }
  }
}

/**
 * Proves once and repairs what was found. A proof that could not be made is tried again after a wait that grows, and
 * that it fails is kept where people are told of it.
 *
 * @throws what the proof throws
 */
export async function verifyAndRepair(deps: VerificationDeps, signal?: AbortSignal): Promise<void> {
  const own = { ...deps, signal: signal ?? deps.signal };
  let report: VerifyReport | null;
  try {
    report = await verifyNow(own, { incremental: await isIncrementalEnough(own) });
  } catch (error) {
    if (!signal?.aborted) await noteFailure(own, error);
    throw error;
  }
  if (report !== null) await repair(own, report, () => verifyNow(own));
}

/**
 * Whether the next proof that nobody asked for may be incremental: everything was looked at within a day and agreed, and
 * that took longer than {@linkcode affordableSeconds}.
 */
async function isIncrementalEnough({ redis, keys }: RedisDeps): Promise<boolean> {
  const text = await redis.get(keys.wholeProof);
  if (text === null) return false;
  const { ok, seconds, checked_at: at } = JSON.parse(text) as VerifyReport;
  return ok && seconds > affordableSeconds && Date.now() - Date.parse(at) < wholeEveryMs;
}

/** What is known of proofs that could not be made; null where the last one could. */
export interface VerificationFailures {
  /** In a row. */
  count: number;
  /** When the first of them failed, ISO 8601. */
  since: string;
  /** What the last of them said. */
  error: string;
}

/** See {@linkcode VerificationFailures}. */
export async function readVerificationFailures(
  { redis, keys }: RedisDeps,
): Promise<VerificationFailures | null> {
  const text = await redis.get(keys.verificationFailures);
  return text === null ? null : JSON.parse(text) as VerificationFailures;
}

async function noteFailure(deps: VerificationDeps, error: unknown): Promise<void> {
  const { redis, keys } = deps;
  const known = await readVerificationFailures(deps);
  const count = (known?.count ?? 0) + 1;
  const state: VerificationFailures = {
    count,
    since: known?.since ?? new Date().toISOString(),
    error: messageOf(error),
  };
  const restMs = Math.min(maxFailedRestMs, backoffMs(count, minIntervalMs));
  await redis.set(keys.verificationFailures, JSON.stringify(state));
  await restFor(deps, restMs);
}

/** Has all processes wait before the next proof: a lease that nobody gives back ends when that is due. */
async function restFor({ redis, keys }: RedisDeps, ms: number): Promise<void> {
  await redis.del(keys.verificationRest);
  await takeLease(redis, keys.verificationRest, ms);
}

/** How long to rest after a proof, in milliseconds. */
export function restMsAfter({ seconds }: Pick<VerifyReport, "seconds">): number {
  return Math.max(minIntervalMs, Math.round(seconds * 1_000 * restShare));
}
