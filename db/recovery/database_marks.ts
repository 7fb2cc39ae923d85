/**
 * How far the database is, and what is to be done once it turns out to be older than it was.
 *
 * @module
 */

import {
  type Gaps,
  isMarked,
  markedTables,
  type NewGaps,
  type OwnMarks,
} from "../../domain/operation/database_age.ts";
import { archivedForm } from "../archive/archived_tables.ts";
import { type Database, type Queryable, type Row, toInteger } from "../connection/database.ts";
import { readOnlyError } from "../connection/writable.ts";

/** Words that stand among the numbers of tables in Redis and in the answer to {@linkcode readDatabaseMarks}. */
const otherMarks = [
  ...["gaps", "heard_name", "installation", "oldest_tick"],
  ...["tick", "tick_name", "ticked_at", "ticks"],
];

/**
 * Every table with numbers of its own, and the column that has them. Those of newer versions are among them, so it goes by
 * their form: what has other numbers than ours, or a name that is a mark's, somebody else keeps beside them.
 */
export async function listNumberedTables(db: Queryable): Promise<Map<string, string>> {
  const rows = await db.query(
    `
    select table_name as name, column_name as id
    from information_schema.columns
    where table_schema = database() and extra like '%auto_increment%'
      and column_type like 'bigint%unsigned' and table_name not in (?)
    order by table_name`,
    [otherMarks],
  );
  return new Map(rows.map(({ name, id }) => [String(name), String(id)]));
}

/**
 * Reads how far the database is.
 *
 * @param heardTick a tick whose name is wanted
 * @param tables further tables whose highest numbers are wanted, with the columns that have them
 */
export async function readDatabaseMarks(
  db: Queryable,
  heardTick = 0,
  tables: ReadonlyMap<string, string> = new Map(),
): Promise<OwnMarks> {
  const others = [...tables].filter(([name]) => !isMarked(name));
  // Numbers of what is archived are in use, and will be in the live table again.
  const highest = (name: string, id: string) => {
    const max = (table: string) => `(select coalesce(max(\`${id}\`), 0) from \`${table}\`)`;
    const archived = archivedForm(name);
    return archived === name ? max(name) : `greatest(${max(name)}, ${max(archived)})`;
  };
  const [row] = await db.query(
    `
    select ticks, ticked_at,
      (select name from installation where id = 1) as installation,
      (select name from books_ticks where tick = books_marks.ticks) as tick_name,
      (select name from books_ticks where tick = ?) as heard_name,
      (select min(tick) from books_ticks) as oldest_tick,
      ${
      markedTables.map((table) => `greatest(${table}_floor, ${highest(table, "id")}) as ${table}`)
        .join(",\n      ")
    }${others.map(([name, id]) => `,\n      ${highest(name, id)} as \`${name}\``).join("")}
    from books_marks
    where id = 1`,
    [heardTick],
  );
  return {
    ticks: toInteger(row?.ticks),
    tickedAt: String(row?.ticked_at),
    installation: textOf(row?.installation),
    tickName: textOf(row?.tick_name),
    nameOfHeard: textOf(row?.heard_name),
    oldestTick: row?.oldest_tick === null ? null : toInteger(row?.oldest_tick),
    numbers: Object.fromEntries(
      [...markedTables, ...others.map(([name]) => name)].map((
        name,
      ) => [name, toInteger(row?.[name])]),
    ) as OwnMarks["numbers"],
  };
}

function textOf(value: Row[string] | undefined): string | null {
  return value === null || value === undefined ? null : String(value);
}

/** Ticks whose names are kept: a day of them where work never rests. */
const keptTicks = 50_000;

/** Ticks that are forgotten at once. */
const forgottenTicks = 5_000;

/**
 * Lets the database be one tick further, under a name that was drawn at random. One that was put back since its ticks were
 * read gets none: a tick of its own would make it another history, where it is an older one that can be made good.
 *
 * @param read the ticks that it had when it was found to be no older than what was known of it
 */
export async function tickDatabase(db: Database, read: number): Promise<void> {
  await db.transaction(async (tx) => {
    const [row] = await tx.query("select ticks from books_marks where id = 1 for update");
    if (row !== undefined && toInteger(row.ticks) >= read) await tickTo(tx, 0);
  });
}

async function tickTo(tx: Queryable, least: number): Promise<void> {
  await tx.run(
    `
    update books_marks
    set ticks = greatest(ticks + 1, ?), ticked_at = current_timestamp(6)
    where id = 1`,
    [least],
  );
  await tx.run(
    `
    insert into books_ticks (tick, name, created_at)
    select ticks, ?, ticked_at from books_marks where id = 1`,
    [crypto.randomUUID().replaceAll("-", "").slice(0, 16)],
  );
}

/** Forgets the names of ticks of which enough newer ones are kept; some of them at a time. */
export async function forgetTicks(db: Queryable): Promise<void> {
  // By their count, because after a loss the ticks go on far above those before.
  await db.runText(
    `
    delete from books_ticks
    where tick < (
      select tick from (select tick from books_ticks order by tick desc limit 1 offset ?) newer)
    order by tick
    limit ?`,
    [keptTicks, forgottenTicks],
  );
}

/** A tick with its name. */
export interface NamedTick {
  tick: number;
  name: string;
  /** A database time. */
  at: string;
}

/** The latest ticks up to one, the latest first. */
export async function listTicks(
  db: Queryable,
  { upTo, limit }: { upTo: number; limit: number },
): Promise<NamedTick[]> {
  const rows = await db.query(
    "select tick, name, created_at from books_ticks where tick <= ? order by tick desc limit ?",
    [upTo, limit],
  );
  return rows.map(({ tick, name, created_at }) => ({
    tick: toInteger(tick),
    name: String(name),
    at: String(created_at),
  }));
}

/**
 * Lets the database be as far as Redis has heard, and beyond: the numbers up to the floors are used from now on.
 *
 * @param made.tick that it is at least at afterwards
 * @param made.gaps numbers that are left out by that
 */
export async function raiseMarks(
  db: Database,
  { floors, tick, gaps }: { floors: ReadonlyMap<string, number>; tick: number; gaps: NewGaps },
): Promise<void> {
  await db.transaction(async (tx) => {
    for (const [name, [after, upTo]] of Object.entries(gaps)) {
      await tx.run("insert into books_gaps (name, after_number, up_to) values (?, ?, ?)", [
        name,
        after,
        upTo,
      ]);
    }
    await tx.run(
      `
      update books_marks
      set losses = losses + 1,
        ${markedTables.map((table) => `${table}_floor = greatest(${table}_floor, ?)`).join(", ")}
      where id = 1`,
      markedTables.map((table) => floors.get(table)!),
    );
    await tickTo(tx, tick);
  });
}

/** The numbers that the database left out when it was made good, the latest last. */
export async function readGaps(db: Queryable): Promise<Gaps> {
  const rows = await db.query("select name, after_number, up_to from books_gaps order by up_to");
  const byName = Map.groupBy(rows, ({ name }) => String(name));
  return Object.fromEntries(
    [...byName].map(([name, gaps]) => [
      name,
      gaps.map(({ after_number, up_to }) => [toInteger(after_number), toInteger(up_to)] as const),
    ]),
  );
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

/** Numbers to one question about which of them are there. */
const numbersPerQuery = 10_000;

/** Which of some orders are not there. Those that are archived have their row as well. */
export async function findMissingOrders(
  db: Queryable,
  orderIds: readonly number[],
): Promise<number[]> {
  const missing: number[] = [];
  for (let from = 0; from < orderIds.length; from += numbersPerQuery) {
    const part = orderIds.slice(from, from + numbersPerQuery);
    const rows = await db.query("select id from orders where id in (?)", [part]);
    const found = new Set(rows.map(({ id }) => toInteger(id)));
    missing.push(...part.filter((id) => !found.has(id)));
  }
  return missing;
}

/**
 * Refuses a server that follows another one, as it refuses a change itself; administrators may write to it all the same.
 *
 * @throws as the server would throw for a change
 */
export async function refuseReadOnlyServer(db: Queryable): Promise<void> {
  const [row] = await db.query("select @@global.read_only as state");
  if (!/^(0|off)$/i.test(String(row?.state))) throw readOnlyError();
}
