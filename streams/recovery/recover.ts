/**
 * Brings lost work back from the database: after it, losing all of Redis has cost nothing.
 *
 * @module
 */

import type { Database } from "../../db/connection/database.ts";
import { answerOf } from "../../domain/payment/recorded_answer.ts";
import {
  highestIds,
  lastEventId,
  listCancellations,
  listUndoneDecisions,
} from "../../db/recovery/recovery.ts";
import type { DatabaseLoss } from "../../domain/operation/database_age.ts";
import { WorkflowError } from "../../domain/errors.ts";
import type { Log } from "../../domain/operation/log.ts";
import { groups } from "../../domain/messages/messages.ts";
import { keepGaps, lookAtDatabase, otherDatabase } from "./database_age.ts";
import { makeDatabaseGood } from "./make_database_good.ts";
import { ensureGroup } from "../queue/consumer.ts";
import { type Epoch, epochOf, readEpoch } from "./epoch.ts";
import { countMessages, findHeldWork } from "./held_work.ts";
import { type RebuildDeps, rebuildKpis, type RebuildReport } from "../kpis/kpis_rebuild.ts";
import { type Lease, takeLease, underLease } from "../redis/lease.ts";
import { pause } from "../timing/pause.ts";
import { publishAwaitedStock } from "../stock/awaited_stock.ts";
import { openWork, sweptGroups, sweptWork, whereabouts } from "./open_work.ts";
import { nothingRepublished, publishAgain, republish, type Republished } from "./republish.ts";
import { defineScript, runScript } from "../redis/scripts.ts";

const recoverEndScript = defineScript("recover_end", import.meta.url);

/** What a recovery works with. */
export interface RecoverDeps extends RebuildDeps {
  db: Database;
  log: Log;
}

/** What a recovery did. */
export type RecoverReport =
  | {
    kind: "recovered";
    /** What the database turned out to lack; null where it lacked nothing. */
    loss: DatabaseLoss | null;
    republished: Republished;
    kpis: RebuildReport;
    seconds: number;
  }
  /** Another process is recovering and did not end within the time that was allowed, or has just ended. */
  | { kind: "busy" };

/** A recovery that gave no sign for so long has died. */
const lockTtlMs = 6_000;

/** How often to look whether another recovery has ended. */
const waitStepMs = 200;

/** Tries, where Redis loses its data again while it is being recovered. */
const tries = 3;

/** A search of so many messages takes less than a tenth of a second, so it is not worth avoiding. */
const cheapSearch = 20_000;

/** How far back the first sweep looks for cancellations, in steps of the timelines. */
const firstSweepEvents = 1_000_000;

/**
 * Makes a database good that is older than what was published from it, see `database_age.ts`, creates the consumer
 * groups, republishes whatever the database says is unfinished and no stream, schedule
 * or dead letter holds, rebuilds the figures and the leaderboard, and marks Redis as complete.
 *
 * Safe at any time, beside consumers, importers and the API: a message too many meets handlers that
 * repeat the same effects. An order that an importer has committed and not yet published is published
 * here, and marked as published for the importer to pass over.
 *
 * One process does it at a time; another waits. A crash leaves messages that were published, figures as
 * they were, no mark, and a lock that expires: the next recovery does the rest.
 *
 * @param options.waitMs how long to wait for another process's recovery
 * @param options.unless is asked once the lock is held: true ends the recovery before it begins
 * @param options.accept another database counts from now on as well, see `judgeDatabase`
 * @throws {WorkflowError} `unavailable` when Redis loses its data again and again meanwhile, or it is another database
 * @throws where the database is older and its tables can't be altered
 */
export async function recover(
  deps: RecoverDeps,
  options: { waitMs?: number; unless?: () => Promise<boolean>; accept?: boolean } = {},
): Promise<RecoverReport> {
  const started = performance.now();
  for (let attempt = 1; attempt <= tries; attempt++) {
    const report = await alone(deps, options.waitMs ?? 0, async (lease) => {
      if (await options.unless?.()) return null;
      const loss = await makeDatabaseGood(deps, lease, { accept: options.accept });
      if (loss === "lost") return loss;
      const { server, state } = await readEpoch(deps);
      // By it a primary is known that was left behind, whoever comes back to it first.
      if (state !== "complete") await keepGaps(deps);
      for (const group of groups) await ensureGroup(deps, group);
      const republished = await republish(deps, { afterLoss: state !== "complete" });
      await publishAwaitedStock(deps);
      const kpis = await rebuildKpis(deps);
      const ended = await runScript(
        deps.redis,
        recoverEndScript,
        [deps.keys.recoveryLease, deps.keys.epoch],
        [lease.value, epochOf(server)],
      );
      return ended === 1 ? { loss, republished, kpis } : "lost";
    });
    if (report === "busy" || report === null) return { kind: "busy" };
    if (report === "lost") continue;
    const seconds = Math.round(performance.now() - started) / 1_000;
    return { kind: "recovered", ...report, seconds };
  }
  throw new WorkflowError(
    "unavailable",
    "Cannot recover: Redis lost its data again while it was being recovered",
  );
}

/** How long {@linkcode ensureRecovered} waits for another process. */
const ensureWaitMs = 600_000;

/**
 * Recovers if Redis may have lost something (it is new, was flushed, was restarted, or a replica was promoted),
 * or the database has (it is older than what was published). Costs one look at the epoch and one at the database
 * otherwise. While another process recovers, waits until it has ended.
 *
 * Ends between two pages when `deps.signal` aborts, as a crash would end it: whoever comes next recovers.
 *
 * @returns the report if this process recovered, else null
 */
export async function ensureRecovered(deps: RecoverDeps): Promise<RecoverReport | null> {
  const because = await findCause(deps);
  if (because === null) return null;
  let report: RecoverReport;
  try {
    const unless = async () => await findCause(deps) === null;
    report = await recover(deps, { waitMs: ensureWaitMs, unless });
  } catch (error) {
    if (deps.signal?.aborted) return null;
    throw error;
  }
  if (report.kind === "busy") {
    if (deps.signal?.aborted || await findCause(deps) === null) return null;
    throw new WorkflowError("unavailable", "Another process is recovering Redis and does not end");
  }
  const { republished, kpis, seconds } = report;
  deps.log.info("redis recovered", {
    because,
    ...republished,
    settled_orders: kpis.orders,
    seconds,
  });
  return report;
}

/** For so long after it was met last another database is told of, in milliseconds. */
const otherMs = 15_000;

/**
 * Why a recovery is needed; null where none is.
 *
 * @throws {WorkflowError} `unavailable` where it is another database: nothing may come from it into Redis
 */
async function findCause(
  deps: RecoverDeps,
): Promise<Exclude<Epoch["state"], "complete"> | "older_database" | null> {
  const { state } = await readEpoch(deps);
  const judged = await lookAtDatabase(deps, deps.db);
  if (judged.kind === "other") {
    deps.db.lookAgain();
    await deps.redis.set(deps.keys.databaseOther, judged.why, "PX", otherMs);
    throw otherDatabase(judged);
  }
  if (state !== "complete") return state;
  return judged.kind === "current" ? null : "older_database";
}

/**
 * Republishes unfinished orders and refunds that nothing holds and that have not changed for a while, and
 * what follows from cancelled orders and decided disputes that was lost between the database and the stream. Tells of
 * units that orders wait for.
 *
 * When all is well it costs two look-ups by index, and a page of the newest steps of the timelines. With
 * old work waiting and few messages, the streams are searched; with many, only if they hold fewer
 * messages than there is work, so one lost message may be found only as the backlog shrinks.
 *
 * @param options.olderThanSeconds work that changed within this time may be on its way to a stream
 * @returns what was republished; nothing while another process recovers or sweeps
 */
export async function sweepOrphans(
  deps: RecoverDeps,
  options: { olderThanSeconds: number },
): Promise<Republished> {
  const { olderThanSeconds } = options;
  const republished = await alone(deps, 0, async () => {
    const sum = await mayBeLost(deps, olderThanSeconds)
      ? await republish(deps, { openOnly: true, olderThanSeconds })
      : nothingRepublished();
    const { told, repeated } = await repeatDecided(deps, olderThanSeconds);
    sum.notices += told;
    sum.reversals += repeated;
    await publishAwaitedStock(deps);
    return sum;
  });
  if (republished === "busy") return nothingRepublished();
  if (Object.values(republished).some((count) => count > 0)) {
    deps.log.warn("lost work republished", { ...republished });
  }
  return republished;
}

/**
 * Publishes again what no stream holds, and counts the figures anew, each where it is asked for. Like a recovery it
 * may run beside everything else, but it does not mark Redis as complete.
 *
 * @returns `busy` where another process is recovering
 */
export async function recoverAndRebuild(
  deps: RecoverDeps,
  what: { messages: boolean; figures: boolean },
): Promise<{ republished: Republished; kpis: RebuildReport | null } | "busy"> {
  return await alone(deps, 0, async () => ({
    republished: what.messages ? await republishAll(deps) : nothingRepublished(),
    kpis: what.figures ? await rebuildKpis(deps) : null,
  }));
}

async function republishAll(deps: RecoverDeps): Promise<Republished> {
  await publishAwaitedStock(deps);
  return await republish(deps);
}

async function mayBeLost(deps: RecoverDeps, olderThanSeconds: number): Promise<boolean> {
  if (!await hasStaleWork(deps, olderThanSeconds)) return false;
  let open = 0;
  for (const work of sweptWork) open += await work.count(deps.db);
  if (open === 0) return false;
  const messages = await countMessages(deps, sweptGroups);
  return messages <= cheapSearch || open > messages;
}

/** Whether anything is open that has not changed for a while. */
async function hasStaleWork({ db }: RecoverDeps, olderThanSeconds: number): Promise<boolean> {
  for (const work of sweptWork) {
    const [first] = await work.list(db, { afterId: 0, limit: 1, olderThanSeconds });
    if (first !== undefined) return true;
  }
  return false;
}

/** What follows from cancellations and from decisions about disputed payments, where it may have been lost. */
async function repeatDecided(
  deps: RecoverDeps,
  olderThanSeconds: number,
): Promise<{ told: number; repeated: number }> {
  const { db, redis, keys } = deps;
  const known = await redis.get(keys.sweptEvent);
  const after = known === null
    ? Math.max(0, await lastEventId(db) - firstSweepEvents)
    : Number(known);
  let told = 0;
  const cancelled = await listCancellations(db, after, olderThanSeconds);
  if (cancelled.untold.length > 0) {
    const held = await findHeldWork(deps, await highestIds(db));
    const notifications = openWork.order_notices;
    const lost = cancelled.untold.filter((order) =>
      whereabouts(notifications, order, held) === "nowhere"
    );
    await publishAgain(deps, lost.map((order) => notifications.message(order)));
    told = lost.length;
  }
  // What they had failed as leaves the figures with their reservation, once however often it comes.
  await publishAgain(
    deps,
    cancelled.retried.map(({ id: orderId, amountCents, currency }) => ({
      type: "order.reserve" as const,
      orderId,
      amountCents,
      currency,
    })),
  );
  const undone = await listUndoneDecisions(db, after, cancelled.lastEventId);
  await publishAgain(deps, undone.map(({ payment, currency }) => answerOf(payment, currency)));
  if (cancelled.lastEventId > after) await redis.set(keys.sweptEvent, cancelled.lastEventId);
  return { told, repeated: undone.length };
}

/**
 * Runs `work` while this process holds the lease of recoveries.
 *
 * @returns what `work` returns, or `busy` if another process held it for longer than `waitMs`
 */
async function alone<T>(
  deps: RecoverDeps,
  waitMs: number,
  work: (lease: Lease) => Promise<T>,
): Promise<T | "busy"> {
  const { redis, keys } = deps;
  const until = performance.now() + waitMs;
  for (;;) {
    const lease = await takeLease(redis, keys.recoveryLease, lockTtlMs);
    if (lease !== null) return await underLease(redis, lease, () => work(lease));
    if (performance.now() >= until || deps.signal?.aborted) return "busy";
    await pause(waitStepMs, deps.signal);
  }
}
