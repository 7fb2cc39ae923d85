/**
 * Who is signed in on the dashboard. All processes share it, and it outlives the loss of Redis.
 *
 * @module
 */

import type { Queryable } from "../connection/database.ts";

/** Rows that one statement of a purge deletes at the most. */
const purgeRows = 1_000;

/**
 * Begins a session, and deletes some that are over.
 *
 * @param idHash SHA-256 of the session's id: whoever reads the table can't take the session over
 * @param tokenPrint tells by which token it was begun, without telling the token or its hash
 */
export async function beginSession(
  db: Queryable,
  idHash: Uint8Array,
  tokenPrint: Uint8Array,
  seconds: number,
): Promise<void> {
  await db.run(
    `
    insert into sessions (id_hash, token_print, ends_at)
    values (?, ?, current_timestamp(6) + interval ? second)`,
    [idHash, tokenPrint, seconds],
  );
  await db.run(
    `
    delete from sessions
    where ends_at < current_timestamp(6)
    limit ${purgeRows}`,
  );
}

/** By which token a session was begun; undefined where there is none, or it is over. */
export async function readSession(
  db: Queryable,
  idHash: Uint8Array,
): Promise<Uint8Array | undefined> {
  const [row] = await db.execute(
    `
    select token_print
    from sessions
    where id_hash = ? and ends_at > current_timestamp(6)`,
    [idHash],
  );
  return row === undefined ? undefined : row.token_print as Uint8Array;
}

/**
 * Ends a session, for all processes.
 *
 * @returns false where there was none
 */
export async function endSession(db: Queryable, idHash: Uint8Array): Promise<boolean> {
  const { affectedRows } = await db.run("delete from sessions where id_hash = ?", [idHash]);
  return affectedRows > 0;
}
