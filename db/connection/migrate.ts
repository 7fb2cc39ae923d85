/**
 * Brings a database's schema up to date while processes work on it.
 *
 * @module
 */

import { setTimeout as sleep } from "node:timers/promises";
import type mysql from "mysql2/promise";
import { messageOf, WorkflowError } from "../../domain/errors.ts";
import { databaseFault, EngineFault } from "../../domain/operation/engine_fault.ts";
import { migrationFault } from "../../domain/operation/grants.ts";
import type { MigrationHeader } from "../../domain/operation/migration_header.ts";
import { connectionWay, openConnection, sameMeaning } from "./connection.ts";
import type { Row } from "./database.ts";
import { isFatal, isRetryable } from "./faults.ts";
import { refuseForeignTables } from "./foreign_tables.ts";
import { noteAccount, readGrants } from "./grants.ts";
import {
  headerOf,
  listMigrations,
  type MigrationFile,
  migrationsFolder,
  readMigration,
  splitStatements,
} from "./migration_files.ts";
import { type MigrationLease, withMigrationLease } from "./migration_lease.ts";
import { dynamicRows } from "./row_format.ts";
import { createSchemaState, forgetProcesses, olderProcesses, toOlder } from "./schema_state.ts";
import { unreachableDatabase } from "./unreachable.ts";

/** A migration, and whether the database has it. */
export interface Migration extends MigrationFile {
  applied: boolean;
}

/** A migration that is to be applied, with what it says of itself. */
export interface PlannedMigration extends MigrationFile {
  header: MigrationHeader;
  /** Names of the processes that stop for it: they are too old to work beside it. */
  stops: string[];
}

/** Rows that one step of a large statement may change: others write to the table meanwhile. */
const rowsPerStep = 5_000;

/** Tries of one step, which may meet a deadlock with those others. */
const triesPerStep = 10;

/**
 * While a statement waits for a table that a transaction uses, everybody else who wants the table waits behind it. So it
 * gives up after a second at first, and later after this many at the most, lets the others go on, and comes again.
 */
const maxTableWaitSeconds = 5;

/** Pauses between such tries, in milliseconds. */
const tableRestMs = 1_000;

/** How long a transaction may keep a statement from its table all in all, in milliseconds. */
const maxBusyMs = 600_000;

/** Processes that are too old stop within seconds, and those that died are silent for twenty. */
const maxOlderMs = 60_000;

/** How often is looked whether they have, in milliseconds. */
const olderLookMs = 250;

/**
 * Applies every pending migration, in the order of their numbers, under a lease that one process holds at
 * a time. The database itself is created if it is missing and the user may do so.
 *
 * Before each it is written down how old a process may be beside it, and processes that are older are waited for: they
 * take no more work, and nothing of theirs is lost. One that stood still finds out before it does anything.
 *
 * DDL can't be rolled back: a crash in the middle leaves the statements that ran, and every statement
 * is written so that running it again changes nothing.
 *
 * @param folder of the migrations; default those of this version
 * @returns all migrations, and the names of those that were applied now
 * @throws {WorkflowError} `unavailable` when the server can't be reached or a statement fails
 */
export async function migrate(
  url: string,
  { folder = migrationsFolder }: { folder?: URL } = {},
): Promise<{ all: Migration[]; applied: string[] }> {
  await createDatabase(url);
  return await withConnection(url, async (connection) => {
    // Nothing to do, and nothing of the schema to be allowed: processes of a user with fewer rights start on it.
    const status = await statusOn(connection, folder);
    if (status.every(({ applied }) => applied)) return { all: status, applied: [] };
    await connection.query(sameMeaning);
    await refuseForeignTables(connection);
    await refuseFewRights(connection);
    let inDynamicRows: (sql: string) => string;
    try {
      inDynamicRows = await dynamicRows(
        connection,
        (version) => status.some((one) => one.applied && one.version === version),
      );
      for (const statement of [createMigrations, ...createSchemaState]) {
        await connection.query(inDynamicRows(statement.trim()));
      }
    } catch (error) {
      throw await failed(connection, "Cannot migrate", error);
    }
    const another = () => openConnection(connectionWay(url));
    return await withMigrationLease(connection, another, async (lease) => {
      const applied: string[] = [];
      const all = await statusOn(connection, folder);
      for (const file of all) {
        if (file.applied) continue;
        await apply(
          connection,
          { file, source: readMigration(file, folder), inDynamicRows },
          lease,
        );
        applied.push(file.name);
      }
      return { all: all.map((migration) => ({ ...migration, applied: true })), applied };
    });
  });
}

/**
 * Tells what {@linkcode migrate} would do, and whom it would stop; changes nothing.
 *
 * @throws {WorkflowError} `unavailable` when the server can't be reached
 */
export async function planMigrations(
  url: string,
  { folder = migrationsFolder }: { folder?: URL } = {},
): Promise<PlannedMigration[]> {
  return await withConnection(url, async (connection) => {
    const planned: PlannedMigration[] = [];
    for (const file of await statusOn(connection, folder)) {
      if (file.applied) continue;
      const header = headerOf(file, readMigration(file, folder));
      const stops = (await olderOn(connection, header.oldestBeside)).map(({ name }) => name);
      planned.push({ version: file.version, name: file.name, header, stops });
    }
    return planned;
  });
}

/** What {@linkcode apply} takes. */
interface ToApply {
  file: MigrationFile;
  source: string;
  /** See {@linkcode dynamicRows}. */
  inDynamicRows: (sql: string) => string;
}

async function apply(
  connection: mysql.Connection,
  { file, source, inDynamicRows }: ToApply,
  lease: MigrationLease,
): Promise<void> {
  await stopOlder(connection, headerOf(file, source), lease);
  for (const [at, sql] of splitStatements(source).map(inDynamicRows).entries()) {
    try {
      await runStatement(connection, { sql, id: `${file.version}.${at}` }, lease);
    } catch (error) {
      if (error instanceof WorkflowError) throw error;
      throw await failed(connection, `Migration ${file.name} failed`, error);
    }
  }
  await connection.query("insert into schema_migrations (version, name) values (?, ?)", [
    file.version,
    file.name,
  ]);
  await connection.query("update schema_state set step_of = null, step_after = 0 where id = 1");
}

/**
 * Writes down who may work from now on, then waits for those that may not. In this order: a process that is about to
 * begin says that it is there before it looks, so that either it sees this or is seen here.
 */
async function stopOlder(
  connection: mysql.Connection,
  { oldestBeside }: MigrationHeader,
  lease: MigrationLease,
): Promise<void> {
  await connection.query(
    "update schema_state set oldest_beside = ? where id = 1 and oldest_beside < ?",
    [oldestBeside, oldestBeside],
  );
  if (await hasTable(connection, "processes")) await connection.query(forgetProcesses);
  const until = performance.now() + maxOlderMs;
  for (;;) {
    const older = await olderOn(connection, oldestBeside);
    if (older.length === 0) return;
    lease.check();
    if (performance.now() >= until) {
      const names = older.map(({ name }) => name).join(", ");
      throw new WorkflowError(
        "unavailable",
        `${names} are too old to work beside the next migration, and do not stop; end them, then migrate again`,
      );
    }
    await sleep(olderLookMs);
  }
}

async function olderOn(connection: mysql.Connection, version: number) {
  if (!await hasTable(connection, "processes")) return [];
  const [rows] = await connection.query(olderProcesses, [version]);
  return (rows as Row[]).map(toOlder);
}

async function hasTable(connection: mysql.Connection, name: string): Promise<boolean> {
  const [tables] = await connection.query("show tables like ?", [name]);
  return (tables as Row[]).length > 0;
}

/** @throws {EngineFault} before anything is half done, where the user lacks a right that it takes */
async function refuseFewRights(connection: mysql.Connection): Promise<void> {
  const { account, grants, tables, database } = await readGrants({
    query: async (sql) => (await connection.query(sql))[0] as Row[],
  });
  const words = migrationFault(grants, database, account, tables);
  if (words !== undefined) throw new EngineFault("Cannot migrate", words);
}

const createMigrations = `
  create table if not exists schema_migrations (
    version int not null primary key,
    name varchar(128) not null,
    created_at datetime(6) not null default current_timestamp(6),
    updated_at datetime(6) not null default current_timestamp(6) on update current_timestamp(6)
  ) engine = innodb default charset = utf8mb4`;

/** The error for a statement that failed: where a right is missing, with the statement that gives it. */
async function failed(
  connection: mysql.Connection,
  what: string,
  error: unknown,
): Promise<WorkflowError> {
  await noteAccount(connection, error);
  const words = databaseFault(error);
  return words === undefined
    ? new WorkflowError("unavailable", `${what}: ${messageOf(error)}`)
    : new EngineFault(what, words);
}

/** A statement of a migration. */
interface Statement {
  sql: string;
  /** The same whoever runs it: the migration's number and its place there. */
  id: string;
}

/**
 * Runs a statement: as it is, or, where it begins with `in steps of TABLE` as a comment, once for every few
 * thousand rows of that table, whose ids are `@step_first` to `@step_last`. Each step is committed by itself, and
 * whoever goes on after a crash begins with the step that was not.
 */
async function runStatement(
  connection: mysql.Connection,
  statement: Statement,
  lease: MigrationLease,
): Promise<void> {
  const table = /^\/\* in steps of (\w+) \*\//.exec(statement.sql)?.[1];
  if (table === undefined) {
    await runPatiently(connection, statement.sql, lease);
    return;
  }
  for (let after = await readStep(connection, statement);;) {
    const [rows] = await connection.query(
      `
      select min(id) as first, max(id) as last
      from (select id from ${table} where id > ? order by id limit ${rowsPerStep}) step`,
      [after],
    );
    const { first, last } = (rows as Row[])[0]!;
    if (last === null) return;
    await connection.query("set @step_first = ?, @step_last = ?", [Number(first), Number(last)]);
    for (let attempt = 1;; attempt++) {
      lease.check();
      try {
        await connection.query(statement.sql);
        break;
      } catch (error) {
        if (!isRetryable(error) || attempt >= triesPerStep) throw error;
      }
    }
    after = Number(last);
    await connection.query("update schema_state set step_of = ?, step_after = ? where id = 1", [
      statement.id,
      after,
    ]);
  }
}

/** The last id of the steps that are done; 0 for none. */
async function readStep(connection: mysql.Connection, { id }: Statement): Promise<number> {
  const [rows] = await connection.query(
    "select step_after from schema_state where id = 1 and step_of = ?",
    [id],
  );
  return Number((rows as Row[])[0]?.step_after ?? 0);
}

/** Runs a statement that may need a table for itself for a moment. Where it does not get it, it changes nothing. */
async function runPatiently(
  connection: mysql.Connection,
  statement: string,
  lease: MigrationLease,
): Promise<void> {
  const until = performance.now() + maxBusyMs;
  for (let attempt = 1;; attempt++) {
    lease.check();
    const seconds = Math.min(attempt, maxTableWaitSeconds);
    await connection.query("set session lock_wait_timeout = ?", [seconds]);
    try {
      await connection.query(statement);
      return;
    } catch (error) {
      if (!isRetryable(error) || isFatal(error) || performance.now() >= until) throw error;
    }
    await sleep(tableRestMs);
  }
}

/**
 * Tells which migrations are applied and which are pending; changes nothing.
 *
 * @throws {WorkflowError} `unavailable` when the server can't be reached
 */
export async function migrationStatus(url: string): Promise<Migration[]> {
  return await withConnection(url, (connection) => statusOn(connection, migrationsFolder));
}

async function statusOn(connection: mysql.Connection, folder: URL): Promise<Migration[]> {
  const known = await hasTable(connection, "schema_migrations")
    ? await appliedVersions(connection)
    : new Set<number>();
  return listMigrations(folder).map((file) => ({ ...file, applied: known.has(file.version) }));
}

async function appliedVersions(connection: mysql.Connection): Promise<Set<number>> {
  const [rows] = await connection.query("select version from schema_migrations");
  return new Set((rows as Row[]).map(({ version }) => Number(version)));
}

async function createDatabase(url: string): Promise<void> {
  const way = connectionWay(url);
  const { database } = way.options;
  try {
    const connection = await openConnection(way, { database: undefined });
    try {
      const [rows] = await connection.query(
        "select 1 from information_schema.schemata where schema_name = ?",
        [database],
      );
      if ((rows as Row[]).length === 0) {
        await connection.query(
          "create database if not exists ?? character set utf8mb4 collate utf8mb4_unicode_ci",
          [database],
        );
      }
    } finally {
      await connection.end();
    }
  } catch (error) {
    throw await unreachableDatabase(url, error);
  }
}

async function withConnection<T>(
  url: string,
  work: (connection: mysql.Connection) => Promise<T>,
): Promise<T> {
  // Wrong settings are no server that can't be reached.
  const way = connectionWay(url);
  let connection: mysql.Connection;
  try {
    connection = await openConnection(way);
  } catch (error) {
    throw await unreachableDatabase(url, error);
  }
  try {
    return await work(connection);
  } finally {
    await connection.end();
  }
}
