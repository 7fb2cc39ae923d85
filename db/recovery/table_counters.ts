/**
 * From which number on tables number their next rows.
 *
 * @module
 */

import { messageOf } from "../../domain/errors.ts";
import { type Database, type Queryable, type Row, toInteger } from "../connection/database.ts";
import { isForbidden } from "../connection/faults.ts";
import { listNumberedTables } from "./database_marks.ts";

/** Longest wait for statements that use a table, in seconds: behind one that waits everybody else does. Then it comes again. */
const maxTableWaitSeconds = 5;

/**
 * Has tables give their next rows numbers above the given ones. Changes the tables' counters and no row. A user who may not
 * alter tables inserts a row with the number, and takes it out again: the counter stays where it was pushed, on
 * replicas as well.
 *
 * @throws where a table is in use whenever it is asked for, ten times for five seconds each, or neither way is open
 */
export async function raiseCounters(
  db: Database,
  floors: ReadonlyMap<string, number>,
  { confirm = () => Promise.resolve(), unused = new Set() }: RaiseOptions = {},
): Promise<void> {
  try {
    await alterCounters(db, floors, confirm);
  } catch (error) {
    if (!isForbidden(error)) throw error;
    await pushCounters(db, floors, { why: error, confirm, unused });
  }
}

/** What {@linkcode raiseCounters} goes by besides. */
export interface RaiseOptions {
  /**
   * Is asked on the connection that the changes go by, before each of them begins: behind a proxy others may lead to another
   * server. What it throws ends it all.
   */
  confirm?: Confirm;
  /** Tables of which nobody knows a number: where they are empty and take no row, they stay as they are. */
  unused?: ReadonlySet<string>;
}

type Confirm = (connection: Queryable) => Promise<void>;

async function alterCounters(
  db: Database,
  floors: ReadonlyMap<string, number>,
  confirm: Confirm,
): Promise<void> {
  await db.transaction(async (connection) => {
    await confirm(connection);
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

/** Checks that a row which nobody ever sees need not pass; foreign keys on both engines, the rest where it can be. */
const laxities = {
  mysql: ["foreign_key_checks"],
  mariadb: ["foreign_key_checks", "check_constraint_checks"],
};

async function pushCounters(
  db: Database,
  floors: ReadonlyMap<string, number>,
  { why, confirm, unused }: { why: unknown } & Required<RaiseOptions>,
): Promise<void> {
  const ids = await listNumberedTables(db);
  await db.transaction(async (tx) => {
    await confirm(tx);
    for (const name of laxities[tx.engine]) await tx.runText(`set session ${name} = 0`);
    try {
      for (const [table, floor] of floors) {
        const isEmpty = (await tx.query(`select 1 from \`${table}\` limit 1`)).length === 0;
        try {
          await pushCounter(tx, { table, id: ids.get(table)!, floor, isEmpty });
        } catch (error) {
          // A table that never had a row has given no number away, as far as anybody knows.
          if (isEmpty && (unused.has(table) || floor <= hardlyUsed)) continue;
          throw new Error(
            `${messageOf(why)}; nor does ${table} take a row in its place: ${messageOf(error)}`,
          );
        }
      }
    } finally {
      // Not to their defaults: that of foreign_key_checks is 0 on MySQL, where `= default` says it.
      for (const name of laxities[tx.engine]) await tx.runText(`set session ${name} = 1`);
    }
  });
}

/** The floor of a table that is empty again after some rows is hardly above the numbers that are left out. */
const hardlyUsed = 1_100_000;

/** A row that pushes a table's counter. */
interface Push {
  table: string;
  /** The column that is numbered. */
  id: string;
  floor: number;
  isEmpty: boolean;
}

/**
 * Inserts a copy of a row under the number, with other values where they have to be unique, and deletes it.
 * Where a column that is made of others has to be unique, they have other values, but those that may not have just any.
 */
async function pushCounter(tx: Queryable, { table, id, floor, isEmpty }: Push): Promise<void> {
  const columns = await tx.query(
    `
    select column_name as name, data_type as type, is_nullable as nullable, column_type as form,
      coalesce(character_maximum_length, 0) as length,
      exists (
        select 1 from information_schema.statistics
        where statistics.table_schema = database() and statistics.table_name = columns.table_name
          and statistics.column_name = columns.column_name and non_unique = 0
          and index_name <> 'PRIMARY')
      or exists (
        select 1
        from information_schema.columns made
        join information_schema.statistics on statistics.table_schema = made.table_schema
          and statistics.table_name = made.table_name and statistics.column_name = made.column_name
        where made.table_schema = database() and made.table_name = columns.table_name
          and non_unique = 0
          and instr(made.generation_expression, concat('\`', columns.column_name, '\`')) > 0)
      and not exists (
        select 1
        from information_schema.table_constraints checked
        join information_schema.check_constraints
          on check_constraints.constraint_schema = checked.constraint_schema
          and check_constraints.constraint_name = checked.constraint_name
        where checked.table_schema = database() and checked.table_name = columns.table_name
          and checked.constraint_type = 'CHECK'
          and instr(check_clause, concat('\`', columns.column_name, '\`')) > 0) as is_unique
    from information_schema.columns
    where table_schema = database() and table_name = ?
      and coalesce(generation_expression, '') = ''
    order by ordinal_position`,
    [table],
  );
  const values = columns.map((column) => {
    if (column.name === id) return String(floor);
    if (isEmpty) return column.nullable === "YES" ? "null" : plainValue(column);
    return toInteger(column.is_unique) === 1 ? ownValue(column, floor) : `\`${column.name}\``;
  });
  await tx.runText(
    `insert into \`${table}\` (${columns.map(({ name }) => `\`${name}\``).join(", ")})
    select ${values.join(", ")}${
      isEmpty ? "" : ` from \`${table}\` order by \`${id}\` desc limit 1`
    }`,
  );
  await tx.runText(`delete from \`${table}\` where \`${id}\` = ${floor}`);
}

/**
 * A value that no row has; of types with few values the one of the row that is copied, for they are unique with others. What is
 * null there stays so: that is unique, and of two columns perhaps just one may be set.
 */
function ownValue({ name, type, length, nullable }: Row, floor: number): string {
  const copied = `\`${name}\``;
  const unlessNull = (value: string) =>
    nullable === "YES" ? `if(${copied} is null, null, ${value})` : value;
  switch (type) {
    case "bigint":
      return unlessNull(String(floor));
    case "char":
    case "varchar":
      return unlessNull(`left(sha2(${floor}, 256), ${toInteger(length)})`);
    case "binary":
    case "varbinary":
      return unlessNull(`left(unhex(sha2(${floor}, 256)), ${toInteger(length)})`);
    default:
      return nullable === "YES" ? "null" : copied;
  }
}

/** A value that a column of a row takes that nobody ever sees. */
function plainValue({ type, form }: Row): string {
  switch (type) {
    case "char":
    case "varchar":
    case "text":
    case "mediumtext":
    case "longtext":
      return "'x'";
    case "json":
      return "'{}'";
    case "binary":
    case "varbinary":
    case "blob":
      return "'x'";
    case "date":
    case "datetime":
    case "timestamp":
      return "'2000-01-01'";
    case "enum":
      return String(form).slice("enum(".length, -1).split(",")[0]!;
    default:
      return "1";
  }
}
