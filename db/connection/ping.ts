/**
 * Asks the database for a sign of life.
 *
 * @module
 */

import type { Database, Queryable } from "./database.ts";
import { isWrongServer } from "./faults.ts";

/** Resolves if the database answers; may hang as long as the server does. */
export async function pingDatabase(db: Queryable): Promise<void> {
  await db.query("select 1");
}

/**
 * Sees whether the database takes a change. The server refuses the statement before it looks for a row, so
 * one that changes none says the same as one that does, and locks nothing.
 *
 * @returns false where the server is read-only: a primary that was demoted, a node without quorum
 * @throws any other error of the database; may hang as long as the server does
 */
export async function canWrite(db: Queryable): Promise<boolean> {
  try {
    await db.runText(changeNothing);
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
