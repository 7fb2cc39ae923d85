/**
 * Makes a database good that lacks what Redis has heard of it, see `database_age.ts`.
 *
 * @module
 */

import { recordLoss } from "../../db/recovery/database_losses.ts";
import {
  listNumberedTables,
  listTicks,
  raiseMarks,
  readDatabaseMarks,
  readGaps,
  refuseReadOnlyServer,
} from "../../db/recovery/database_marks.ts";
import { raiseCounters } from "../../db/recovery/table_counters.ts";
import type { Queryable } from "../../db/connection/database.ts";
import { renameInstallation } from "../../db/payments/installation.ts";
import { databaseTime } from "../../domain/database_time.ts";
import {
  type DatabaseJudgement,
  type DatabaseLoss,
  floorsAfter,
  gapsOfLoss,
  type HeardMarks,
  markedTables,
  type OwnMarks,
  tickAfter,
  withGaps,
} from "../../domain/operation/database_age.ts";
import { messageOf } from "../../domain/errors.ts";
import { lanes } from "../../domain/messages/lane.ts";
import { groups } from "../../domain/messages/messages.ts";
import { onceSegmentSize } from "../redis/keys.ts";
import type { Lease } from "../redis/lease.ts";
import { scanKeys } from "../redis/scan_keys.ts";
import { defineScript, runScript } from "../redis/scripts.ts";
import { pause } from "../timing/pause.ts";
import {
  type DatabaseAgeDeps,
  lookAtDatabase,
  noteMarks,
  otherDatabase,
  readHeard,
} from "./database_age.ts";
import { findLostRows } from "./lost_rows.ts";

const closeHistoryScript = defineScript("close_history", import.meta.url);
const forgetMessagesScript = defineScript("forget_messages", import.meta.url);

/** For so long a database that is behind is waited for while it stands still, in milliseconds: orders are taken within 5 s of a promotion. */
const defaultCatchUpMs = 2_000;

/** And for so long at the most while it comes nearer: a loss has to be told within a minute. */
const maxCatchUpMs = 30_000;

/** Between two looks, in milliseconds. */
const lookAgainMs = 200;

/** Ticks in which the last one is looked for that both know. */
const ticksToSearch = 10_000;

/**
 * Where the database is older: has no row get a number that was in use, closes the numbers that are gone, writes down what
 * was lost, forgets every message, and has Redis hear that this database is the one that counts. What is to be done is then
 * to be published anew, as if Redis had lost everything, and the figures are to be counted anew.
 *
 * A stop at any moment leaves the database older than what Redis has heard, or a Redis without messages and without
 * the mark that it is complete: either way the next recovery does the rest, and finds the same loss once.
 *
 * @param lease of the recovery
 * @param options.accept another database is made good as well: a person has said that it counts
 * @returns the loss; null where there was none, `lost` where the lease was lost meanwhile
 * @throws where the counters can't be raised: nothing may be written to such a database
 * @throws {WorkflowError} `unavailable` where it is another database, and nobody has said that it counts
 */
export async function makeDatabaseGood(
  deps: DatabaseAgeDeps,
  lease: Lease,
  options: { accept?: boolean } = {},
): Promise<DatabaseLoss | null | "lost"> {
  const { db, log } = deps;
  const judged = await lookUntilSure(deps);
  if (judged.kind === "current") return null;
  if (judged.kind === "other" && options.accept !== true) throw otherDatabase(judged);
  const tables = await listNumberedTables(db);
  const heard = await readHeard(deps);
  const marks = await readDatabaseMarks(db, heard.ticks, tables);
  const loss = { ...judged.loss, lostFrom: await lastCommonTick(deps, marks) };
  const floors = floorsAfter(loss, marks, heard, [...tables.keys()]);
  log.error("the database is older than what was published: making it good", {
    lost_from: loss.lostFrom,
    lost_until: loss.lostUntil,
    orders_lost: loss.lost.orders,
    refunds_lost: loss.lost.refunds,
    steps_lost: loss.lost.order_events,
  });
  try {
    await raiseCounters(db, floors, {
      confirm: (connection) => confirmLoss(deps, connection),
      unused: unusedTables(marks, heard, tables.keys()),
    });
  } catch (error) {
    if (error instanceof CaughtUp) return null;
    throw error;
  }
  await keepName(deps, heard, loss);
  const tick = tickAfter(marks, heard);
  const gaps = gapsOfLoss(marks, floors, tick);
  const allGaps = withGaps(await readGaps(db), gaps);
  const closed = await runScript(
    deps.redis,
    closeHistoryScript,
    [lease.key, deps.keys.databaseMarks, deps.keys.databaseTicks],
    [lease.value, JSON.stringify(allGaps), marks.ticks],
  );
  if (closed !== 1) return "lost";
  await writeDown(deps, loss, marks, await readHeard(deps));
  if (!await forgetMessages(deps, lease, heard)) return "lost";
  await raiseMarks(db, { floors, tick, gaps });
  await noteMarks(deps, await readDatabaseMarks(db, 0, tables), true);
  return loss;
}

/** Tables of which no number is known, neither by the database nor by Redis. */
function unusedTables(
  marks: OwnMarks,
  heard: HeardMarks,
  tables: Iterable<string>,
): ReadonlySet<string> {
  const isUnused = (table: string) =>
    [marks, heard].every(({ numbers }) => (numbers[table] ?? 0) === 0);
  return new Set([...tables].filter(isUnused));
}

/**
 * Looks until the database is as new as Redis knows it, or has stayed behind for long enough: a server that follows another
 * one, to which a proxy leads for a moment, has lost nothing. Work waits meanwhile.
 */
async function lookUntilSure(deps: DatabaseAgeDeps): Promise<DatabaseJudgement> {
  const { db, log, signal, catchUpMs = defaultCatchUpMs } = deps;
  const started = performance.now();
  let before: DatabaseLoss | undefined;
  let nearerAt = started;
  for (;;) {
    const judged = await lookAtDatabase(deps, db);
    if (judged.kind === "current") return judged;
    const now = performance.now();
    // Nobody of this process may go on by a connection that was looked at before.
    if (before === undefined) {
      db.lookAgain();
      log.warn("the database is behind what was published: waiting for it", {
        ...judged.loss.lost,
      });
    }
    // That Redis hears more by others says nothing: they may be connected to a server that was left behind.
    if (before !== undefined && isNearer(judged.loss, before)) nearerAt = now;
    if (now - nearerAt >= catchUpMs || now - started >= maxCatchUpMs) return judged;
    before = judged.loss;
    await pause(lookAgainMs, signal);
    signal?.throwIfAborted();
  }
}

function isNearer(loss: DatabaseLoss, before: DatabaseLoss): boolean {
  return loss.lostFrom !== before.lostFrom ||
    markedTables.some((table) => loss.lost[table] < before.lost[table]);
}

/** The database on the one connection by which it would be made good is not behind, or not any more. */
class CaughtUp extends Error {}

/**
 * Looks once more before the first change, by the very connection of the change: a proxy may have led the looks to a server
 * that is behind, and leads the change to the one that everybody works on.
 *
 * @throws {CaughtUp} there is nothing to be made good
 * @throws where the server only reads: it follows another one, and is waited for
 */
async function confirmLoss(deps: DatabaseAgeDeps, connection: Queryable): Promise<void> {
  if ((await lookAtDatabase(deps, connection)).kind === "current") throw new CaughtUp();
  await refuseReadOnlyServer(connection);
}

/** When the database last ticked while it was what Redis knows, a database time. */
async function lastCommonTick(
  { db, redis, keys }: DatabaseAgeDeps,
  marks: OwnMarks,
): Promise<string> {
  const own = await listTicks(db, { upTo: marks.ticks, limit: ticksToSearch });
  const oldest = own.at(-1)?.tick ?? 0;
  const known = new Set(await redis.zrangebyscore(keys.databaseTicks, oldest, marks.ticks));
  return own.find(({ tick, name }) => known.has(`${tick} ${name}`))?.at ?? marks.tickedAt!;
}

/**
 * A dump of a version that had no names got a new one, drawn after the moment until which it lacks everything: it is
 * called again what it was, because the provider knows its charges by that.
 */
async function keepName(
  { db, log }: DatabaseAgeDeps,
  heard: HeardMarks,
  loss: DatabaseLoss,
): Promise<void> {
  if (heard.installation === null || loss.lostUntil === null) return;
  const renamed = await renameInstallation(db, heard.installation, loss.lostUntil);
  if (renamed) log.warn("the installation has its name of before again");
}

/** Writes the loss down with the numbers that it took; where nothing was lost, there is nothing to tell. */
async function writeDown(
  deps: DatabaseAgeDeps,
  loss: DatabaseLoss,
  marks: OwnMarks,
  heard: HeardMarks,
): Promise<void> {
  // Redis has gone back behind a loss that was told when it was found.
  const isTold = heard.ticks < marks.ticks && markedTables.every((table) => loss.lost[table] === 0);
  if (isTold) return;
  const found = await findLostRows(deps, marks, heard);
  await recordLoss(deps.db, {
    heard: `${heard.ticks} ${heard.tickName ?? ""}`.trim(),
    loss: { ...loss, lostUntil: await lastPublished(deps, loss.lostUntil), lost: found.atMost },
    ordersLost: found.orders.length,
    orders: found.orders,
    refunds: found.refunds,
  });
}

/**
 * When anything was last published, by Redis' clock, where that was after the last tick that it heard of: as a database time.
 * It is told to people, and nothing is decided by it.
 */
async function lastPublished(
  { redis, keys }: DatabaseAgeDeps,
  tickedAt: string | null,
): Promise<string | null> {
  const ids = await Promise.all(
    groups.flatMap((group) => lanes.map((lane) => lastId(redis, keys.stream(group, lane)))),
  );
  const ms = Math.max(...ids.map((id) => Number(id.split("-")[0])));
  const published = databaseTime(ms, 6);
  return tickedAt === null || (ms > 0 && published > tickedAt) ? published : tickedAt;
}

/** The last id that a stream gave; `0-0` where there is none. */
async function lastId(redis: DatabaseAgeDeps["redis"], stream: string): Promise<string> {
  const facts = await redis.xinfo("STREAM", stream).catch(() => []) as unknown[];
  const at = facts.indexOf("last-generated-id");
  return at < 0 ? "0-0" : String(facts[at + 1]);
}

async function forgetMessages(
  { redis, keys, log }: DatabaseAgeDeps,
  lease: Lease,
  { numbers }: HeardMarks,
): Promise<boolean> {
  const segments = Math.floor(numbers.orders / onceSegmentSize) + 1;
  const forgotten = [
    keys.epoch,
    keys.sweptEvent,
    keys.scheduledTraces,
    ...groups.flatMap((group) =>
      lanes.flatMap((lane) => [
        keys.stream(group, lane),
        keys.scheduled(group, lane),
        keys.retries(group, lane),
        keys.errors(group, lane),
        keys.errorTexts(group, lane),
        keys.weights(group, lane),
        keys.turn(group, lane),
        keys.passedOver(group, lane),
      ])
    ),
    ...Array.from({ length: segments }, (_, segment) => `${keys.publishedOnce}${segment}`),
    ...await takenMarks(redis, keys, log),
  ];
  const args = [keys.recoveryLease, ...forgotten];
  return await runScript(redis, forgetMessagesScript, args, [lease.value]) === 1;
}

/** Marks of what was taken once, whose effect may be gone: a callback that is sent again counts then. */
async function takenMarks(
  redis: DatabaseAgeDeps["redis"],
  { callback, expiryMark }: DatabaseAgeDeps["keys"],
  log: DatabaseAgeDeps["log"],
): Promise<string[]> {
  try {
    return [...await scanKeys(redis, callback), ...await scanKeys(redis, expiryMark)];
  } catch (error) {
    log.warn("marks of callbacks are kept, until they expire", { error: messageOf(error) });
    return [];
  }
}
