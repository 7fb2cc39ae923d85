/**
 * Reads everything as of one moment.
 *
 * @module
 */

import type { Database, Queryable } from "./database.ts";

/** A proof reads whole tables in one statement. */
const maxStatementMs = 3_600_000;

/** Between two statements it may compare what it has read with Redis; it locks nothing meanwhile. */
const idleTransactionSeconds = 600;

/**
 * Runs `work` in a read-only transaction that sees the database as it was when the transaction began,
 * whatever is committed meanwhile. Nothing is locked; long ones keep the server from tidying up old rows.
 *
 * Every other transaction works at READ COMMITTED, so the level is set for this one alone: it takes
 * effect with the inner START TRANSACTION, which ends the empty one that `transaction` began.
 *
 * @param work may run again from the start, so it must keep nothing from an earlier try
 */
export function readSnapshot<T>(
  db: Database,
  work: (tx: Queryable) => Promise<T>,
): Promise<T> {
  return db.transaction(async (tx) => {
    await tx.query("set session transaction isolation level repeatable read");
    try {
      await tx.query("start transaction with consistent snapshot, read only");
      return await work(tx);
    } finally {
      // On a connection that is gone it fails and does not matter: that one is not used again.
      await tx.query("set session transaction isolation level read committed").catch(() => {});
    }
  }, { maxStatementMs, idleTransactionSeconds });
}
