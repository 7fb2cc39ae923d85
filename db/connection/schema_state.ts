/**
 * What a database says of its own schema: the oldest version that it takes, who migrates it, and which processes work on
 * it.
 *
 * @module
 */

import { type Queryable, type Row, toInteger } from "./database.ts";

/** A process counts as gone once it gave no sign for so long, by the database's clock, in seconds. */
export const silentSeconds = 20;

/**
 * One row. `oldest_beside` is the newest migration that a process must know at least; the lease is held by whoever
 * migrates, and ends by itself where that one was killed. A row, because a lock by name is known to one node of a cluster
 * only. `step_of` and `step_after` are how far a statement in steps has come, so that whoever goes on after a crash does not
 * begin anew. It has to be there before any migration is.
 */
export const createSchemaState = [
  `create table if not exists schema_state (
    id tinyint unsigned not null,
    oldest_beside int not null default 0,
    lease_owner varchar(128) null,
    lease_until datetime(6) null,
    step_of varchar(32) null,
    step_after bigint unsigned not null default 0,
    created_at datetime(6) not null default current_timestamp(6),
    updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6),
    primary key (id),
    constraint schema_state_one_row check (id = 1)
  ) engine = innodb default charset = utf8mb4`,
  "insert ignore into schema_state (id) values (1)",
] as const;

/** A process that works on the database. */
export interface ProcessSign {
  /** Its own, 24 letters. */
  id: string;
  /** Host, number and command, for people. */
  name: string;
  /** The newest migration that it knows. */
  knows: number;
}

/** The oldest version that the database takes; 0 for any. */
export async function readOldestBeside(db: Pick<Queryable, "query">): Promise<number> {
  const [row] = await db.query("select oldest_beside from schema_state where id = 1");
  return row === undefined ? 0 : toInteger(row.oldest_beside);
}

/** Says that a process is there. */
export async function signProcess(db: Queryable, { id, name, knows }: ProcessSign): Promise<void> {
  await db.run(
    `
    insert into processes (id, name, knows, seen_at)
    values (?, ?, ?, utc_timestamp(6))
    on duplicate key update seen_at = utc_timestamp(6)`,
    [id, name, knows],
  );
}

/**
 * Says again that a process is there, where its row is.
 *
 * @returns when it has said so, as {@linkcode readProcessSign} tells it; undefined without a row
 */
export async function signAgain(db: Queryable, id: string): Promise<string | undefined> {
  await db.run("update processes set seen_at = utc_timestamp(6) where id = ?", [id]);
  return await readProcessSign(db, id);
}

/** When a process has said last that it is there, as text that can be compared; undefined without a row. */
export async function readProcessSign(db: Queryable, id: string): Promise<string | undefined> {
  const [row] = await db.query("select seen_at from processes where id = ?", [id]);
  return row === undefined ? undefined : String(row.seen_at);
}

/** When the last process that is there has said so, in milliseconds by the server's clock; null where none is. */
export async function readLatestSign(db: Queryable): Promise<number | null> {
  const [row] = await db.query(
    "select round(unix_timestamp(max(seen_at)) * 1000) as at_ms from processes",
  );
  return row?.at_ms === null || row === undefined ? null : Number(row.at_ms);
}

/** Says that a process works no more. */
export async function removeProcess(db: Queryable, id: string): Promise<void> {
  await db.run("delete from processes where id = ?", [id]);
}

/** A statement that forgets processes which ended without a word, a day ago. */
export const forgetProcesses =
  "delete from processes where seen_at < utc_timestamp(6) - interval 1 day";

/** A query of the processes that know less than the migration that is asked for, with their names. */
export const olderProcesses = `
  select name, knows
  from processes
  where knows < ? and seen_at > utc_timestamp(6) - interval ${silentSeconds} second
  order by name`;

/** A row of {@linkcode olderProcesses}. */
export function toOlder({ name, knows }: Row): { name: string; knows: number } {
  return { name: String(name), knows: toInteger(knows) };
}
