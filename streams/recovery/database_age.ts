/**
 * Finds out whether the database is older than what Redis has published and counted of it, or another one: after a dump
 * was restored, another server took over that lacked the last commits, or one is back that was left behind.
 *
 * Redis keeps marks: the highest numbers of orders, refunds and steps of the timelines of which anything was
 * published or counted, raised by the very scripts that do so, and the ticks of a counter in the database with the random
 * name of each. What is published or counted was committed before, so a database that is behind a mark has lost what it
 * had; and one that calls a tick by another name has gone another way.
 *
 * @module
 */

import {
  forgetTicks,
  listNumberedTables,
  listTicks,
  readDatabaseMarks,
  readGaps,
  tickDatabase,
} from "../../db/recovery/database_marks.ts";
import type { Database, Queryable } from "../../db/connection/database.ts";
import { WorkflowError } from "../../domain/errors.ts";
import { LeftDatabaseError } from "../../domain/operation/left_database.ts";
import {
  type DatabaseJudgement,
  type Gaps,
  type HeardMarks,
  isLeftBehind,
  judgeDatabase,
  markedTables,
  type OwnMarks,
} from "../../domain/operation/database_age.ts";
import type { Log } from "../../domain/operation/log.ts";
import type { RedisDeps } from "../redis/keys.ts";
import { defineScript, runScript } from "../redis/scripts.ts";
import { recallMarks } from "./remembered_marks.ts";

const databaseNoteScript = defineScript("database_note", import.meta.url);

/** A tick is worth a write after so many milliseconds although no number has changed. */
const idleTickMs = 60_000;

/** Ticks that Redis keeps the names of: a few hours of them where work never rests, in some MB. */
const keptTicks = 20_000;

/** The latest ticks of the database that what Redis heard last is looked for among. */
const ticksToCompare = 50;

/** Notes after which old ticks are forgotten. */
const notesToForget = 500;

/** What Redis has heard of the database, also where it has lost that and this process has not. */
export async function readHeard(deps: RedisDeps & { db?: Queryable }): Promise<HeardMarks> {
  return await recallMarks(deps, await readMarks(deps));
}

async function readMarks({ redis, keys }: RedisDeps): Promise<HeardMarks> {
  const { ticks, ticked_at: tickedAt, tick, installation, gaps, ...numbers } = await redis
    .hgetall(keys.databaseMarks);
  // A version before ticks without a name, and leaves that of an earlier tick as it is.
  const [named, name] = tick?.split(" ") ?? [];
  return {
    ticks: Number(ticks ?? 0),
    tickedAt: tickedAt ?? null,
    tickName: named === ticks ? name ?? null : null,
    installation: installation ?? null,
    gaps: gaps === undefined ? {} : JSON.parse(gaps) as Gaps,
    numbers: {
      ...Object.fromEntries(markedTables.map((table) => [table, 0])),
      ...Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, Number(value)])),
    } as HeardMarks["numbers"],
  };
}

/**
 * One look at whether the database is older than what Redis has heard of it, or another one.
 *
 * @param db the pool, or the one connection that is in question
 */
export async function lookAtDatabase(
  deps: RedisDeps & { db?: Queryable },
  db: Queryable,
): Promise<DatabaseJudgement> {
  // In this order: what Redis has heard of by now was committed before the database is read.
  return await lookWith(deps, await readHeard(deps), db);
}

/** The same with what Redis had heard of before. */
export async function lookWith(
  deps: RedisDeps,
  heard: HeardMarks,
  db: Queryable,
): Promise<DatabaseJudgement> {
  const marks = await readDatabaseMarks(db, heard.ticks);
  const judged = judgeDatabase(marks, heard, []);
  // What Redis calls the database's own last tick tells a server that was left behind from one that lags.
  return judged.kind === "older"
    ? judgeDatabase(marks, heard, await namesOf(deps, marks.ticks))
    : judged;
}

async function namesOf({ redis, keys }: RedisDeps, tick: number): Promise<string[]> {
  const found = await redis.zrangebyscore(keys.databaseTicks, tick, tick);
  return found.map((text) => text.split(" ")[1]!);
}

/** What somebody is told who wants to work on a database that does not count. */
export function otherDatabase({ why }: { why: "installation" | "fork" }): WorkflowError {
  const what = why === "fork"
    ? "has commits that are no part of the history which Redis knows, as a primary that was left behind and is back"
    : "is another installation's than the one which Redis knows";
  return new WorkflowError(
    "unavailable",
    `The database ${what}: nothing is taken from it or written to it. Lead DATABASE_URL, or the proxy, to the one ` +
      "that counts; if this one is to count, run recover --accept-database",
  );
}

/** What noting works with. */
export interface DatabaseAgeDeps extends RedisDeps {
  db: Database;
  log: Log;
  /** How long a database that is behind is waited for while it stands still, in milliseconds; default 2,000. */
  catchUpMs?: number;
  signal?: AbortSignal;
}

/**
 * Makes what notes now and then how far the database is, in Redis as well. One that is older than what Redis has heard is left
 * as it is, for whoever makes it good.
 */
export function databaseNoter(deps: DatabaseAgeDeps): () => Promise<void> {
  const { db, log } = deps;
  let tables: Map<string, string> | undefined;
  let before = "";
  let tickedAt = -Infinity;
  let notes = 0;
  return async () => {
    tables ??= await listNumberedTables(db);
    let marks = await readDatabaseMarks(db, 0, tables);
    const numbers = JSON.stringify(marks.numbers);
    if (numbers !== before || performance.now() - tickedAt >= idleTickMs) {
      if (!await tick(deps)) return;
      tickedAt = performance.now();
      marks = await readDatabaseMarks(db, 0, tables);
    }
    before = numbers;
    if (!await noteMarks(deps, marks)) log.warn("not noted: the database is another one");
    if (++notes === 1) await keepGaps(deps);
    if (notes % notesToForget === 0) await forgetTicks(db);
  };
}

/**
 * Has Redis hear of what was just committed, where nothing of it is published or counted. Whoever tells a thing once is
 * answered only then: a database that lacks it later is seen to be older.
 *
 * @throws {LeftDatabaseError} where it was committed to a database that does not count any more
 */
export async function noteCommitted(deps: DatabaseAgeDeps): Promise<void> {
  const { db } = deps;
  const tables = await listNumberedTables(db);
  if (await tick(deps) && await noteMarks(deps, await readDatabaseMarks(db, 0, tables))) return;
  db.lookAgain();
  throw new LeftDatabaseError();
}

/**
 * @returns false where the database is older than what Redis has heard of, or another one: it has no tick more then. One that was
 * left behind has: it shows by it that it went its own way
 */
async function tick(deps: DatabaseAgeDeps): Promise<boolean> {
  return await tickDatabase(deps.db, async (connection, ticks) => {
    const heard = await readHeard(deps);
    const { kind } = await lookWith(deps, heard, connection);
    return kind === "current" || (kind === "older" && isLeftBehind(ticks, heard.gaps));
  });
}

/** A Redis that was lost does not know what the database has left out. */
export async function keepGaps({ db, redis, keys }: RedisDeps & { db: Queryable }): Promise<void> {
  const gaps = await readGaps(db);
  if (Object.keys(gaps).length === 0) return;
  await redis.hsetnx(keys.databaseMarks, "gaps", JSON.stringify(gaps));
}

/**
 * Has Redis hear how far the database is.
 *
 * @param counts whether it was decided that this database is the one that counts; else that is compared
 * @returns false where it is of another history than what Redis heard before: nothing is noted then
 */
export async function noteMarks(
  { redis, keys, db }: RedisDeps & { db: Queryable },
  marks: OwnMarks,
  counts = false,
): Promise<boolean> {
  const latest = await listTicks(db, { upTo: marks.ticks, limit: ticksToCompare });
  const args = [
    JSON.stringify(latest.map(({ tick, name }) => [tick, name])),
    marks.ticks,
    marks.tickedAt!,
    marks.installation ?? "",
    keptTicks,
    counts ? 1 : 0,
    ...Object.entries(marks.numbers).flatMap(([name, number]) => [name, number!]),
  ];
  const scriptKeys = [keys.databaseMarks, keys.databaseTicks];
  return await runScript(redis, databaseNoteScript, scriptKeys, args) === 1;
}
