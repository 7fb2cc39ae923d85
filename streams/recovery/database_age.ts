/**
 * Finds out whether the database is older than what Redis has published and counted of it, and makes it good:
 * after a dump was restored, or another server reclaimed that lacked the last commits.
 *
 * Redis keeps marks: the highest numbers of orders, refunds and steps of the timelines of which anything was
 * published or counted, raised by the very scripts that do so, and the ticks of a counter in the database. What is
 * published or counted was committed before, so a database that is behind a mark has lost what it had.
 *
 * @module
 */

import {
  acceptLoss,
  listNumberedTables,
  raiseCounters,
  readDatabaseMarks,
  tickDatabase,
} from "../../db/recovery/database_marks.ts";
import type { Database, Queryable } from "../../db/connection/database.ts";
import { readInstallation, renameInstallation } from "../../db/payments/installation.ts";
import {
  type DatabaseLoss,
  type DatabaseMarks,
  findLoss,
  floorsAfter,
  markedTables,
} from "../../domain/operation/database_age.ts";
import type { Log } from "../../domain/operation/log.ts";
import { lanes } from "../../domain/messages/lane.ts";
import { groups } from "../../domain/messages/messages.ts";
import { onceSegmentSize } from "../redis/keys.ts";
import type { Lease } from "../redis/lease.ts";
import { pause } from "../timing/pause.ts";
import type { RedisDeps } from "../redis/keys.ts";
import { defineScript, runScript } from "../redis/scripts.ts";

const forgetMessagesScript = defineScript("forget_messages", import.meta.url);
const databaseNoteScript = defineScript("database_note", import.meta.url);

/** Looks that must agree before the database is called older. */
const looks = 5;

/** Between two looks, in milliseconds: another node of a cluster may lag behind for a moment. */
const lookAgainMs = 200;

/** A tick is worth a write after so many milliseconds although no number has changed. */
const idleTickMs = 60_000;

/** What Redis has heard of the database. */
export async function readHeard({ redis, keys }: RedisDeps): Promise<DatabaseMarks> {
  const { ticks, ticked_at: tickedAt, ...numbers } = await redis.hgetall(keys.databaseMarks);
  return {
    ticks: Number(ticks ?? 0),
    tickedAt: tickedAt ?? null,
    numbers: {
      ...Object.fromEntries(markedTables.map((table) => [table, 0])),
      ...Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, Number(value)])),
    } as DatabaseMarks["numbers"],
  };
}

/**
 * One look at whether the database is older than what Redis has heard of it.
 *
 * @param db the pool, or the one connection that is in question
 * @returns null where they are not
 */
export async function lookAtDatabase(
  deps: RedisDeps,
  db: Queryable,
): Promise<DatabaseLoss | null> {
  // In this order: what Redis has heard of by now was committed before the database is read.
  return await lookWith(await readHeard(deps), db);
}

/** The same with what Redis had heard of before. */
export async function lookWith(heard: DatabaseMarks, db: Queryable): Promise<DatabaseLoss | null> {
  return findLoss(await readDatabaseMarks(db), heard);
}

/** What makes an older database good. */
export interface DatabaseAgeDeps extends RedisDeps {
  db: Database;
  log: Log;
}

/**
 * Where the database is older: has no row get a number that was in use, forgets every message, and writes down
 * that rows are gone. What is to be done is then to be published anew, as if Redis had lost everything, and the
 * figures are to be counted anew.
 *
 * A stop leaves counters that were raised for nothing, or a Redis without messages and without the mark that it
 * is complete: either way the next recovery does the rest.
 *
 * @param lease of the recovery
 * @returns the loss; null where there was none, `lost` where the lease was lost meanwhile
 * @throws where the counters can't be raised: nothing may be written to such a database
 */
export async function makeDatabaseGood(
  deps: DatabaseAgeDeps,
  lease: Lease,
): Promise<DatabaseLoss | null | "lost"> {
  const { db, log } = deps;
  let loss = await lookAtDatabase(deps, db);
  // Nobody of this process may go on by a connection that was looked at before.
  if (loss !== null) db.lookAgain();
  for (let look = 1; loss !== null && look < looks; look++) {
    await pause(lookAgainMs);
    loss = await lookAtDatabase(deps, db);
  }
  if (loss === null) return null;
  const tables = await listNumberedTables(db);
  const heard = await readHeard(deps);
  const floors = floorsAfter(loss, await readDatabaseMarks(db, tables), heard, [...tables.keys()]);
  log.error("the database is older than what was published: making it good", {
    lost_from: loss.lostFrom,
    lost_until: loss.lostUntil,
    orders_lost: loss.lost.orders,
    refunds_lost: loss.lost.refunds,
    steps_lost: loss.lost.order_events,
  });
  await raiseCounters(db, floors);
  const name = await deps.redis.get(deps.keys.installation);
  if (name !== null && loss.lostUntil !== null) {
    const renamed = await renameInstallation(db, name, loss.lostUntil);
    if (renamed) log.warn("the installation has its name of before again");
  }
  if (!await forgetMessages(deps, lease, heard)) return "lost";
  await acceptLoss(db, loss, floors, heard.ticks);
  return loss;
}

async function forgetMessages(
  { redis, keys }: RedisDeps,
  lease: Lease,
  { numbers }: DatabaseMarks,
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
      ])
    ),
    ...Array.from({ length: segments }, (_, segment) => `${keys.publishedOnce}${segment}`),
  ];
  const args = [keys.recoveryLease, ...forgotten];
  return await runScript(redis, forgetMessagesScript, args, [lease.value]) === 1;
}

/**
 * Makes what notes now and then how far the database is, in Redis as well. To be called only after a look has
 * found them no older than what Redis has heard.
 */
export function databaseNoter(deps: DatabaseAgeDeps): () => Promise<void> {
  const { db, redis, keys } = deps;
  let tables: Map<string, string> | undefined;
  let before = "";
  let tickedAt = -Infinity;
  return async () => {
    tables ??= await listNumberedTables(db);
    let marks = await readDatabaseMarks(db, tables);
    const numbers = JSON.stringify(marks.numbers);
    if (numbers !== before || performance.now() - tickedAt >= idleTickMs) {
      await tickDatabase(db);
      tickedAt = performance.now();
      marks = await readDatabaseMarks(db, tables);
    }
    before = numbers;
    await redis.set(keys.installation, (await readInstallation(db)).name);
    await runScript(redis, databaseNoteScript, [keys.databaseMarks], [
      marks.ticks,
      marks.tickedAt!,
      ...Object.entries(marks.numbers).flatMap(([name, number]) => [name, number!]),
    ]);
  };
}
