/**
 * How far the database is, and what is to be done once it turns out to be older than it was.
 *
 * @module
 */

import {
  type DatabaseLoss,
  type DatabaseMarks,
  isMarked,
  markedTables,
  type RecordedLoss,
} from "../../domain/operation/database_age.ts";
import { archivedForm } from "../archive/archived_tables.ts";
import { type Database, type Queryable, toInteger, toIsoTime } from "../connection/database.ts";

/** A database is told to wait no longer than this, in seconds, for statements that use a table. */
const maxTableWaitSeconds = 5;

/** Every table with numbers of its own, and the column that has them. */
export async function listNumberedTables(db: Queryable): Promise<Map<string, string>> {
  const rows = await db.query(`
    select table_name as name, column_name as id
    from information_schema.columns
    where table_schema = database() and extra like '%auto_increment%'
    order by table_name`);
  return new Map(rows.map(({ name, id }) => [String(name), String(id)]));
}

/**
 * Reads how far the database is.
 *
 * @param tables further tables whose highest numbers are wanted, with the columns that have them
 */
export async function readDatabaseMarks(
  db: Queryable,
  tables: ReadonlyMap<string, string> = new Map(),
): Promise<DatabaseMarks & { losses: number }> {
  const others = [...tables].filter(([name]) => !isMarked(name));
  // Numbers of what is archived are in use, and will be in the live table again.
  const highest = (name: string, id: string) => {
    const max = (table: string) => `(select coalesce(max(${id}), 0) from ${table})`;
    const archived = archivedForm(name);
    return archived === name ? max(name) : `greatest(${max(name)}, ${max(archived)})`;
  };
  const [row] = await db.query(
    `
    select ticks, ticked_at, losses,
      ${
      markedTables.map((table) => `greatest(${table}_floor, ${highest(table, "id")}) as ${table}`)
        .join(",\n      ")
    }${others.map(([name, id]) => `,\n      ${highest(name, id)} as ${name}`).join("")}
    from books_marks
    where id = 1`,
  );
  return {
    ticks: toInteger(row?.ticks),
    tickedAt: String(row?.ticked_at),
    losses: toInteger(row?.losses),
    numbers: Object.fromEntries(
      [...markedTables, ...others.map(([name]) => name)].map((
        name,
      ) => [name, toInteger(row?.[name])]),
    ) as DatabaseMarks["numbers"],
  };
}

/** Lets the database be one tick further. */
export async function tickDatabase(db: Queryable): Promise<void> {
  await db.run(
    "update books_marks set ticks = ticks + 1, ticked_at = current_timestamp(6) where id = 1",
  );
}

/**
 * Has tables give their next rows numbers above the given ones. Changes the tables' counters and no row.
 *
 * @throws where the user may not alter tables, or one is in use for longer than five seconds
 */
export async function raiseCounters(
  db: Database,
  floors: ReadonlyMap<string, number>,
): Promise<void> {
  await db.transaction(async (connection) => {
    await connection.runText("set session lock_wait_timeout = ?", [maxTableWaitSeconds]);
    try {
      for (const [table, floor] of floors) {
        await connection.runText(`alter table ?? auto_increment = ${floor + 1}`, [table]);
      }
    } finally {
      await connection.runText("set session lock_wait_timeout = default");
    }
  });
}

/**
 * Accepts that rows are gone: the database is from now on as far as Redis has heard, and the numbers up to the
 * floors are used. In one transaction with the note about it.
 *
 * @param ticks that Redis has heard of
 */
export async function acceptLoss(
  db: Database,
  loss: DatabaseLoss,
  floors: ReadonlyMap<string, number>,
  ticks: number,
): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.run(
      `
      update books_marks
      set ticks = greatest(ticks, ?) + 1, ticked_at = current_timestamp(6), losses = losses + 1,
        ${markedTables.map((table) => `${table}_floor = greatest(${table}_floor, ?)`).join(", ")}
      where id = 1`,
      [ticks, ...markedTables.map((table) => floors.get(table)!)],
    );
    await tx.run(
      `
      insert into books_losses (lost_from, lost_until, orders_lost, refunds_lost, steps_lost)
      values (?, ?, ?, ?, ?)`,
      [loss.lostFrom, loss.lostUntil, ...markedTables.map((table) => loss.lost[table])],
    );
  });
}

/** Numbers of orders and refunds up to which rows may have been lost; 0 where nothing ever was. */
export async function readLossFloors(db: Queryable): Promise<{ order: number; refund: number }> {
  const [row] = await db.query("select orders_floor, refunds_floor from books_marks where id = 1");
  return { order: toInteger(row?.orders_floor), refund: toInteger(row?.refunds_floor) };
}

/** How often the database turned out to be older than it had been. */
export async function countLosses(db: Queryable): Promise<number> {
  const [row] = await db.query("select losses from books_marks where id = 1");
  return toInteger(row?.losses);
}

/**
 * The latest loss that was found within some hours, by the database's clock; null where there was none.
 */
export async function readLatestLoss(db: Queryable, hours: number): Promise<RecordedLoss | null> {
  const [row] = await db.query(
    `
    select created_at, lost_from, lost_until, orders_lost, refunds_lost
    from books_losses
    where created_at > current_timestamp(6) - interval ? hour
    order by id desc
    limit 1`,
    [hours],
  );
  if (row === undefined) return null;
  return {
    foundAt: toIsoTime(row.created_at)!,
    lostFrom: toIsoTime(row.lost_from)!,
    lostUntil: toIsoTime(row.lost_until),
    ordersLost: toInteger(row.orders_lost),
    refundsLost: toInteger(row.refunds_lost),
  };
}

/**
 * Which of some orders may have had another life before the database turned out to be older within some hours: those
 * that were placed before that was found, with an hour for the shop's clock.
 */
export async function readPlacedBeforeLoss(
  db: Queryable,
  orderIds: readonly number[],
  hours: number,
): Promise<Set<number>> {
  if (orderIds.length === 0 || await readLatestLoss(db, hours) === null) return new Set();
  const rows = await db.query(
    `
    select id
    from orders
    where id in (?) and placed_at < (select max(created_at) from books_losses) + interval 1 hour`,
    [[...orderIds]],
  );
  return new Set(rows.map(({ id }) => toInteger(id)));
}
