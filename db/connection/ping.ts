/**
 * Asks the database for a sign of life.
 *
 * @module
 */

import type { Database, Queryable } from "./database.ts";
import { isWrongServer } from "./faults.ts";
import { changeSomething } from "./writable.ts";

/** Resolves if the database answers; may hang as long as the server does. */
export async function pingDatabase(db: Queryable): Promise<void> {
  await db.query("select 1");
}

/**
 * Sees whether the database takes a change. The server refuses the statement before it looks for a row, so
 * one that changes none says the same as one that does, and locks nothing. Only a member of Group Replication that has
 * lost the others takes it and lets commits of changes wait, so there a row is changed now and then.
 *
 * @returns false where the server is read-only: a primary that was demoted, a node without quorum
 * @throws any other error of the database; may hang as long as the server does
 */
export async function canWrite(db: Queryable): Promise<boolean> {
  try {
    await db.runText(changeNothing);
    if (db.engine === "mysql" && await isInGroup(db)) await commitSomething(db);
    return true;
  } catch (error) {
    if (isWrongServer(error)) return false;
    throw error;
  }
}

/**
 * Changes nothing in the way in which work is done: with a prepared statement in a transaction that commits.
 *
 * @throws what the server says to it
 */
export async function tryWriting(db: Database): Promise<void> {
  await db.transaction((tx) => tx.run(changeNothing));
}

const changeNothing = "update orders set updated_at = updated_at where id = 0";

/** Milliseconds between two changes of a row, however many ask: each is written to the logs of all members. */
const changeMs = 5_000;

/** What is known of servers by those who asked. */
const groups = new WeakMap<Queryable, { isMember: boolean; changedAt: number }>();

async function isInGroup(db: Queryable): Promise<boolean> {
  const known = groups.get(db);
  if (known !== undefined) return known.isMember;
  const rows = await db.query("show global variables like 'group_replication_group_name'");
  const isMember = rows.some(({ Value }) => Value !== "");
  groups.set(db, { isMember, changedAt: -Infinity });
  return isMember;
}

/** Changes what nobody reads; hangs where the members don't agree on it. */
async function commitSomething(db: Queryable): Promise<void> {
  const known = groups.get(db)!;
  const now = performance.now();
  if (now - known.changedAt < changeMs) return;
  await db.runText(changeSomething);
  known.changedAt = now;
}
