/**
 * What has to be done now and then for nobody in particular: what is older than it is kept leaves, orders of closed months are
 * moved out of the way, and erasures that were left
 * in the middle are ended.
 *
 * @module
 */

import type { Config } from "../../config/config.ts";
import { purgeKeys } from "../../db/clients/idempotency.ts";
import type { Database } from "../../db/connection/database.ts";
import { readAbandonedErasures } from "../../db/customers/erasures.ts";
import { daysAgo, type PurgeKind, purgeKinds, purgeNext } from "../../db/retention/purge.ts";
import { messageOf } from "../../domain/errors.ts";
import { countChargebacks } from "../kpis/count_chargebacks.ts";
import { followReturns } from "../payments/follow_returns.ts";
import { matchChargebacks } from "../payments/take_chargeback.ts";
import { archiveCutAfter } from "../../domain/operation/archive_cut.ts";
import type { Log } from "../../domain/operation/log.ts";
import type { RedisDeps } from "../redis/keys.ts";
import { takeLease } from "../redis/lease.ts";
import { pause } from "../timing/pause.ts";
import { archiveOrdersBefore } from "./archive_orders.ts";
import { resumeErasure } from "./continue_erasure.ts";

/** What it works with. */
export interface UpkeepDeps extends RedisDeps {
  db: Database;
  log: Log;
  baseCurrency: string;
  /** The KPI day of a database time. */
  kpiDay: (at: string) => string;
  config: Pick<
    Config,
    | "erasureSecret"
    | "keepRejectsDays"
    | "keepAttemptsDays"
    | "keepDeadLettersDays"
    | "keepAuditDays"
    | "archiveAfterMonths"
    | "chargebackRevenue"
  >;
}

/** How often somebody looks, in milliseconds. */
const lookMs = 60_000;

/** How often it is looked for what is too old, in milliseconds. */
const purgeMs = 3_600_000;

/** Seconds after which nobody goes on with an erasure any more. */
const abandonedSeconds = 60;

/** Looks until the signal aborts; of many processes one does so at a time. */
export async function keepUp(deps: UpkeepDeps, signal: AbortSignal): Promise<void> {
  const { redis, keys, log } = deps;
  // It may take hours, in which erasures must not wait.
  let archiving: Promise<number> | undefined;
  while (!signal.aborted) {
    try {
      // Not given back: it ends shortly before the next look is due, whoever takes that.
      if (await takeLease(redis, keys.upkeepLease, lookMs - 1_000) !== null) {
        await endErasures(deps);
        await keepChargebacks(deps).catch((error) => {
          log.warn("chargebacks were not looked after", { error: messageOf(error) });
        });
        const isDue = await redis.set(keys.purgeRest, "1", "PX", purgeMs, "NX") !== null;
        if (isDue) {
          await purgeOld(deps, signal);
          archiving ??= archiveOld(deps, signal).catch((error) => {
            if (!signal.aborted) log.warn("orders were not archived", { error: messageOf(error) });
            return 0;
          }).finally(() => archiving = undefined);
        }
      }
    } catch (error) {
      if (!signal.aborted) log.warn("upkeep failed", { error: messageOf(error) });
    }
    await pause(lookMs, signal);
  }
}

/**
 * Archives orders of months that are over for as long as the settings say; nothing where these say nothing.
 *
 * @returns how many were moved
 */
export async function archiveOld(
  { db, config, log }: Pick<UpkeepDeps, "db" | "log"> & {
    config: Pick<Config, "archiveAfterMonths">;
  },
  signal?: AbortSignal,
  now: Date = new Date(),
): Promise<number> {
  const { archiveAfterMonths } = config;
  if (archiveAfterMonths === 0) return 0;
  const before = archiveCutAfter(archiveAfterMonths, now.toISOString());
  const orders = await archiveOrdersBefore({ db }, before, { signal });
  if (orders > 0) log.info("orders archived", { orders, before });
  return orders;
}

/**
 * Gives chargebacks to orders whose payments came after them, and counts what whoever recorded one did not; and follows
 * refunds that were taken back in the same way.
 *
 * @returns how many were given, and how many movements counted
 */
export async function keepChargebacks(
  { db, redis, keys, log, config, baseCurrency, kpiDay }:
    & Pick<UpkeepDeps, "db" | "redis" | "keys" | "log" | "baseCurrency" | "kpiDay">
    & { config: Pick<Config, "chargebackRevenue"> },
): Promise<{ matched: number; counted: number }> {
  const { chargebackRevenue } = config;
  const matched = await matchChargebacks({ db, log, chargebackRevenue }, "upkeep");
  const counted = await countChargebacks({ db, redis, keys, baseCurrency, kpiDay });
  await followReturns({ db, redis, keys, baseCurrency, kpiDay });
  if (matched > 0) log.info("chargebacks given to their orders", { chargebacks: matched });
  return { matched, counted };
}

/** Goes on with erasures that were begun and left, each for itself: one that fails holds up nothing else. */
export async function endErasures(
  deps: Pick<UpkeepDeps, "db" | "config" | "log">,
  silentSeconds = abandonedSeconds,
): Promise<void> {
  for (const id of await readAbandonedErasures(deps.db, silentSeconds)) {
    try {
      await resumeErasure(deps, id);
      deps.log.info("an erasure was ended that had been left", { erasure: id });
    } catch (error) {
      deps.log.warn("an erasure could not be ended", { erasure: id, error: messageOf(error) });
    }
  }
}

/**
 * Deletes what is older than it is kept and that nobody needs: rows that files brought in vain, tries to send notifications, dead
 * letters that somebody has decided about, keys of requests, and the audit log where the settings say so. In statements of at most
 * a thousand rows; a crash leaves the rest to the next time.
 *
 * @returns rows that were deleted, by kind
 */
export async function purgeOld(
  { db, config, log }: Pick<UpkeepDeps, "db" | "config" | "log">,
  signal?: AbortSignal,
): Promise<Record<PurgeKind, number>> {
  const days: Record<PurgeKind, number> = {
    rejects: config.keepRejectsDays,
    stock_rejects: config.keepRejectsDays,
    attempts: config.keepAttemptsDays,
    webhooks: config.keepAttemptsDays,
    archived_attempts: config.keepAttemptsDays,
    dead_letters: config.keepDeadLettersDays,
    audit: config.keepAuditDays,
  };
  const deleted: Record<PurgeKind, number> = {
    rejects: 0,
    stock_rejects: 0,
    attempts: 0,
    webhooks: 0,
    archived_attempts: 0,
    dead_letters: 0,
    audit: 0,
  };
  await purgeKeys(db);
  for (const kind of purgeKinds) {
    if (days[kind] === 0) continue;
    const before = await daysAgo(db, days[kind]);
    for (let afterId: number | undefined = 0; afterId !== undefined && !signal?.aborted;) {
      const step = await purgeNext(db, kind, before, afterId);
      deleted[kind] += step.deleted;
      afterId = step.afterId;
    }
  }
  if (Object.values(deleted).some((rows) => rows > 0)) log.info("old rows deleted", deleted);
  return deleted;
}
