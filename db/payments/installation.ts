/**
 * The one row that says which installation this is.
 *
 * @module
 */

import type { Installation } from "../../domain/payment/payment_key.ts";
import type { Queryable } from "../connection/database.ts";

/**
 * Reads what the keys of charges and refunds are made of. Read whenever it is needed and never kept: another
 * database may have taken the place of this one.
 *
 * @throws {Error} where the database has none: no money may be asked for then
 */
export async function readInstallation(db: Queryable): Promise<Installation> {
  const [row] = await db.query(
    "select name, old_keys_until, older_seen_at from installation where id = 1",
  );
  if (row === undefined) throw new Error("The database does not say which installation it is");
  return {
    name: String(row.name),
    oldKeysUntil: row.old_keys_until as string | null,
    olderSeenAt: row.older_seen_at as string | null,
  };
}

/**
 * Whether processes of the version before may read messages: their time is not over, or one was seen in the last minute.
 */
export async function mayOlderRead(db: Queryable): Promise<boolean> {
  const [row] = await db.query(`
    select old_keys_until is null
      or coalesce(older_seen_at > utc_timestamp(6) - interval 60 second, false) as may
    from installation
    where id = 1`);
  return Number(row?.may ?? 1) === 1;
}

/**
 * Ends the time of keys made of row ids, once and for all; the orders that are reserved by now keep theirs. Where there
 * is no order there never was such a time.
 *
 * @returns false where it had ended before
 */
export async function endOldKeys(db: Queryable): Promise<boolean> {
  const { affectedRows } = await db.run(
    `
    update installation
    set old_keys_until = if(exists (select 1 from orders), utc_timestamp(6), '1000-01-01 00:00:00')
    where id = 1 and old_keys_until is null`,
  );
  return affectedRows === 1;
}

/** Notes that a process which charges under keys made of row ids was alive just now, though their time is over. */
export async function noteOlderSeen(db: Queryable): Promise<void> {
  await db.run(
    `
    update installation
    set older_seen_at = utc_timestamp(6)
    where id = 1 and old_keys_until is not null and coalesce(older_seen_at, '1000-01-01') < utc_timestamp(6)`,
  );
}

/**
 * Notes the same of a process that has ended by now, where an order that it reserved is not finished: nobody of today's
 * may have been there to see it, as after a return to the version before.
 */
export async function noteOlderRan(db: Queryable): Promise<void> {
  await db.run(`
    update installation
    set older_seen_at = utc_timestamp(6)
    where id = 1 and exists (
      select 1
      from orders
      join order_events on order_events.order_id = orders.id
      where orders.unfinished = 1 and orders.status = 'RESERVED'
        and order_events.event = 'reserved'
        and order_events.created_at > installation.old_keys_until
        and order_events.actor regexp ':[0-9]+:[0-9a-f]{8}(:2)?$')`);
}

/**
 * Gives the installation a name that it had, where its own was drawn after a moment: its table is not in dumps of
 * earlier versions, and what was charged before the dump was restored is known to the provider by the old name.
 *
 * @param since a database time
 * @returns false where it keeps its name
 */
export async function renameInstallation(
  db: Queryable,
  name: string,
  since: string,
): Promise<boolean> {
  const { affectedRows } = await db.run(
    "update installation set name = ? where id = 1 and name <> ? and created_at > ?",
    [name, name, since],
  );
  return affectedRows === 1;
}
