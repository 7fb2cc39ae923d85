/**
 * Brings a database's schema up to date.
 *
 * @module
 */

import type mysql from "mysql2/promise";
import { messageOf, WorkflowError } from "../../domain/errors.ts";
import { databaseFault, EngineFault } from "../../domain/operation/engine_fault.ts";
import { namesIn, readOwnText } from "../../runtime/own_files.ts";
import { connectionWay, openConnection } from "./connection.ts";
import type { Row } from "./database.ts";
import { isRetryable } from "./faults.ts";
import { readAccount } from "./grants.ts";
import { unreachableDatabase } from "./unreachable.ts";

/** One file of `migrations/`. */
export interface Migration {
  /** The number in front of the file's name. */
  version: number;
  /** The file's name without `.sql`. */
  name: string;
  applied: boolean;
}

const folder = new URL("../../migrations/", import.meta.url);

/** A digest, because names of locks end at 64 characters, as those of databases do. */
const lockName = "concat('migrate:', sha2(database(), 224))";

/** Seconds to wait for another process that is migrating. */
const lockSeconds = 60;

/** Rows that one step of a large statement may change: others write to the table meanwhile. */
const rowsPerStep = 5_000;

/** Tries of one step, which may meet a deadlock with those others. */
const triesPerStep = 10;

/**
 * Applies every pending migration, in the order of their numbers, under a lock that one process holds at
 * a time. The database itself is created if it is missing and the user may do so.
 *
 * DDL can't be rolled back: a crash in the middle leaves the statements that ran, and every statement
 * is written so that running it again changes nothing.
 *
 * @returns all migrations, and the names of those that were applied now
 * @throws {WorkflowError} `unavailable` when the server can't be reached or a statement fails
 */
export async function migrate(url: string): Promise<{ all: Migration[]; applied: string[] }> {
  await createDatabase(url);
  return await withConnection(url, async (connection) => {
    // Nothing to do, and nothing of the schema to be allowed: processes of a user with fewer rights start on it.
    const status = await statusOn(connection);
    if (status.every(({ applied }) => applied)) return { all: status, applied: [] };
    const [locked] = await connection.query(
      `select get_lock(${lockName}, ?) as got`,
      [lockSeconds],
    );
    if ((locked as Row[])[0]?.got !== 1) {
      throw new WorkflowError("unavailable", "Another process is migrating this database");
    }
    try {
      try {
        await connection.query(createMigrations);
      } catch (error) {
        throw await failed(connection, "Cannot migrate", error);
      }
      const known = await appliedVersions(connection);
      const applied: string[] = [];
      const all = readMigrations();
      for (const { version, name } of all) {
        if (known.has(version)) continue;
        const source = readOwnText(new URL(`${name}.sql`, folder));
        for (const statement of splitStatements(source)) {
          try {
            await runStatement(connection, statement);
          } catch (error) {
            throw await failed(connection, `Migration ${name} failed`, error);
          }
        }
        await connection.query("insert into schema_migrations (version, name) values (?, ?)", [
          version,
          name,
        ]);
        applied.push(name);
      }
      return { all: all.map((migration) => ({ ...migration, applied: true })), applied };
    } finally {
      await connection.query(`select release_lock(${lockName})`);
    }
  });
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
  const words = databaseFault(error, undefined, await readAccount(connection));
  return words === undefined
    ? new WorkflowError("unavailable", `${what}: ${messageOf(error)}`)
    : new EngineFault(what, words);
}

/**
 * Runs a statement: as it is, or, where it begins with `in steps of TABLE` as a comment, once for every few
 * thousand rows of that table, whose ids are `@step_first` to `@step_last`. Each step is committed by itself.
 */
async function runStatement(connection: mysql.Connection, statement: string): Promise<void> {
  const table = /^\/\* in steps of (\w+) \*\//.exec(statement)?.[1];
  if (table === undefined) {
    await connection.query(statement);
    return;
  }
  for (let after = 0;;) {
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
      try {
        await connection.query(statement);
        break;
      } catch (error) {
        if (!isRetryable(error) || attempt >= triesPerStep) throw error;
      }
    }
    after = Number(last);
  }
}

/**
 * Tells which migrations are applied and which are pending; changes nothing.
 *
 * @throws {WorkflowError} `unavailable` when the server can't be reached
 */
export async function migrationStatus(url: string): Promise<Migration[]> {
  return await withConnection(url, statusOn);
}

async function statusOn(connection: mysql.Connection): Promise<Migration[]> {
  const [tables] = await connection.query("show tables like 'schema_migrations'");
  const known = (tables as Row[]).length === 0
    ? new Set<number>()
    : await appliedVersions(connection);
  return readMigrations().map((migration) => ({
    ...migration,
    applied: known.has(migration.version),
  }));
}

function readMigrations(): Omit<Migration, "applied">[] {
  const found: Omit<Migration, "applied">[] = [];
  for (const name of namesIn(folder)) {
    const match = /^(\d{4})_\w+\.sql$/.exec(name);
    if (match) found.push({ version: Number(match[1]), name: name.slice(0, -".sql".length) });
  }
  found.sort((a, b) => a.version - b.version);
  const twin = found.find(({ version }, index) => version === found[index - 1]?.version);
  if (twin !== undefined) throw new Error(`Two migrations have the number of ${twin.name}`);
  return found;
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

/** Statements end with a semicolon at the end of a line; a comment line never ends one. */
function splitStatements(source: string): string[] {
  return source
    .split("\n")
    .filter((line) => !line.startsWith("--"))
    .join("\n")
    .split(/;\s*$/m)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== "");
}
