/**
 * The connection pool, transactions, and the one place that retries them.
 *
 * @module
 */

import mysql from "mysql2/promise";
import { messageOf, WorkflowError } from "../domain/errors.ts";

/** A row as the driver gives it: DECIMAL as text, BIGINT as a number while that is exact, else text. */
export type Row = Record<string, string | number | null | Uint8Array>;

/** What a statement takes for its `?`. */
export type Value = string | number | null | Uint8Array;

/** Something that runs statements: the pool (each on a connection of its own) or a transaction. */
export interface Queryable {
  /** Rows of a statement that is sent as text: for statements of changing shape, such as `in (?)`. */
  query(sql: string, values?: (Value | Value[])[]): Promise<Row[]>;
  /** Rows of a prepared statement: for statements of one fixed shape. */
  execute(sql: string, values?: Value[]): Promise<Row[]>;
  /** Changed rows of a prepared statement: for an UPDATE the rows it matched. */
  run(sql: string, values?: Value[]): Promise<{ affectedRows: number; insertId: number }>;
  /** The same for a statement that is sent as text. */
  runText(
    sql: string,
    values?: (Value | Value[])[],
  ): Promise<{ affectedRows: number; insertId: number }>;
  /** Which engine answers; statements that differ are chosen by it, here in db/ only. */
  engine: EngineKind;
}

/** The two families of servers that are supported. */
export type EngineKind = "mysql" | "mariadb";

/** The pool. */
export interface Database extends Queryable {
  /** The server's own words, e.g. `10.11.19-MariaDB`. */
  version: string;
  /**
   * Runs `work` in one transaction at READ COMMITTED and commits.
   *
   * Deadlocks, lock wait time-outs and lost connections roll back and run `work` again from the start,
   * so it must keep nothing from an earlier try. A connection that is lost while it commits leaves open
   * whether the commit counted, so `work` may run again although it did, and must recognise its own
   * effects; where it can't, say `repeatable: false`. A crash, or an error that `work` throws, leaves
   * nothing behind.
   *
   * A process that stands still in the middle loses its transaction to the server, so that whoever takes
   * its work over does not wait for its locks.
   *
   * @throws what `work` throws, or the last error after {@linkcode transactionTries} tries
   */
  transaction<T>(
    work: (tx: Queryable) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<T>;
  /**
   * Ends all connections. Statements that still run are abandoned, and a server that hangs is not waited
   * for, so that a process can always stop. Closing again is nothing.
   */
  close(): Promise<void>;
}

/** How a transaction differs from others. */
export interface TransactionOptions {
  /**
   * False where running it again after a commit would have a second effect: a lost answer to the commit is
   * then an error, `unavailable`, and not a reason to try again. Default true.
   */
  repeatable?: boolean;
  /** See {@linkcode longestStatementMs}. */
  longestStatementMs?: number;
  /** See {@linkcode idleTransactionSeconds}. */
  idleTransactionSeconds?: number;
}

/** How a pool differs from others. */
export interface DatabaseOptions {
  /** Most connections at once; default 10. */
  connections?: number;
  /** Another database than the URL's. */
  name?: string;
  /**
   * Seconds after which the server ends a transaction whose client is silent, and gives its locks to
   * others; default {@linkcode idleTransactionSeconds}.
   */
  idleTransactionSeconds?: number;
  /** See {@linkcode longestStatementMs}. */
  longestStatementMs?: number;
}

/** As long as it takes until a silent consumer's work is taken over: then its locks must go too. */
export const idleTransactionSeconds = 10;

/**
 * A statement that is not answered in this time has failed: a server that hangs must not hang its callers.
 * Ordinary statements take milliseconds, and wait for a lock {@linkcode lockWaitSeconds} at the most.
 */
export const longestStatementMs = 60_000;

/** Tries of a transaction before its error is passed on. */
export const transactionTries = 10;

/** Longest wait for an orderly end of connections that nobody uses. */
const longestCloseMs = 500;

/** The most that a transaction waits before it is tried again; the first waits are much shorter. */
const longestRetryPauseMs = 1_000;

/** Seconds that a statement waits for another's row lock before the transaction is tried again. */
const lockWaitSeconds = 5;

/** Silence of a connection after which the operating system asks whether the other side still exists. */
const keepAliveMs = 10_000;

/** Prepared statements that a connection keeps; their shapes are fixed, so there are few. */
const preparedStatements = 200;

/**
 * Opens a pool and finds out which engine it talks to.
 *
 * @param url `mysql://user:pass@host:3306/name`, with `?socket=/path` for a Unix socket
 * @param options.connections most connections at once
 * @throws {WorkflowError} `unavailable` when the server can't be reached or refuses the login
 */
export async function openDatabase(
  url: string,
  options: DatabaseOptions = {},
): Promise<Database> {
  const idleSeconds = options.idleTransactionSeconds ?? idleTransactionSeconds;
  const statementMs = options.longestStatementMs ?? longestStatementMs;
  const pool = mysql.createPool({
    ...connectionOptions(url),
    ...(options.name === undefined ? {} : { database: options.name }),
    connectionLimit: options.connections ?? 10,
    maxIdle: options.connections ?? 10,
    enableKeepAlive: true,
    keepAliveInitialDelay: keepAliveMs,
    maxPreparedStatements: preparedStatements,
  });
  const prepared = new WeakSet<object>();
  const borrowed = new Set<mysql.PoolConnection>();

  const prepare = async (connection: mysql.PoolConnection): Promise<void> => {
    if (prepared.has(connection.connection)) return;
    for (const sql of sessionSettings) await connection.query({ sql, timeout: statementMs });
    if (engine === "mariadb") {
      const sql =
        `set in_predicate_conversion_threshold = 0, idle_transaction_timeout = ${idleSeconds}`;
      await connection.query({ sql, timeout: statementMs });
    }
    prepared.add(connection.connection);
  };
  const withConnection = async <T>(
    work: (connection: mysql.PoolConnection) => Promise<T>,
  ): Promise<T> => {
    const connection = await pool.getConnection();
    borrowed.add(connection);
    let broken = true;
    try {
      await prepare(connection);
      const result = await work(connection);
      broken = false;
      return result;
    } catch (error) {
      broken = isFatal(error);
      throw error;
    } finally {
      borrowed.delete(connection);
      if (broken) connection.destroy();
      else connection.release();
    }
  };

  let engine: EngineKind = "mysql";
  let version: string;
  try {
    const connection = await pool.getConnection();
    try {
      const [rows] = await connection.query({
        sql: "select version() as version",
        timeout: statementMs,
      });
      version = String((rows as Row[])[0]?.version);
      engine = /mariadb/i.test(version) ? "mariadb" : "mysql";
    } finally {
      connection.release();
    }
  } catch (error) {
    await pool.end().catch(() => {});
    throw new WorkflowError(
      "unavailable",
      `Cannot reach the database at ${withoutSecrets(url)}: ${messageOf(error)}`,
    );
  }

  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    for (const connection of borrowed) connection.destroy();
    // One that the server has closed meanwhile is closed all the same.
    await Promise.race([pool.end().catch(() => {}), pause(longestCloseMs)]);
  };

  const database: Database = {
    engine,
    version,
    query: (sql, values) =>
      withConnection((c) => queryable(c, engine, statementMs).query(sql, values)),
    execute: (sql, values) =>
      withConnection((c) => queryable(c, engine, statementMs).execute(sql, values)),
    run: (sql, values) => withConnection((c) => queryable(c, engine, statementMs).run(sql, values)),
    runText: (sql, values) =>
      withConnection((c) => queryable(c, engine, statementMs).runText(sql, values)),
    transaction: async (work, own = {}) => {
      const timeout = own.longestStatementMs ?? statementMs;
      for (let attempt = 1;; attempt++) {
        let committing = false;
        try {
          return await withConnection(async (connection) => {
            const limits = { usualSeconds: idleSeconds, ownSeconds: own.idleTransactionSeconds };
            const endLimit = await limitSilence(connection, engine, limits, timeout);
            await connection.query({ sql: "start transaction", timeout });
            try {
              const result = await work(queryable(connection, engine, timeout));
              committing = true;
              await connection.query({ sql: "commit", timeout });
              await endLimit();
              return result;
            } catch (error) {
              if (!isFatal(error)) {
                await connection.query({ sql: "rollback", timeout });
                await endLimit();
              }
              throw error;
            }
          });
        } catch (error) {
          if (committing && own.repeatable === false && isFatal(error)) throw lostCommit(error);
          if (!isRetryable(error) || hangs(error) || attempt >= transactionTries) throw error;
          await pause(Math.random() * Math.min(longestRetryPauseMs, 10 * 2 ** attempt));
        }
      }
    },
    close: () => closed ??= close(),
  };
  return database;
}

/**
 * Has the server end this connection's transaction when its client is silent for too long. MariaDB has a
 * limit for transactions alone, which every connection is told first; MySQL has only one for connections,
 * which must not hold for those that wait in the pool.
 *
 * @returns gives the connection its usual limit back; an error of that only means that the connection is
 * of no further use, because the transaction has ended by then
 */
async function limitSilence(
  connection: mysql.PoolConnection,
  engine: EngineKind,
  limits: { usualSeconds: number; ownSeconds: number | undefined },
  timeout: number,
): Promise<() => Promise<void>> {
  const { usualSeconds, ownSeconds } = limits;
  if (engine === "mariadb" && ownSeconds === undefined) return () => Promise.resolve();
  const variable = engine === "mariadb" ? "idle_transaction_timeout" : "wait_timeout";
  const set = async (value: number | "default") => {
    await connection.query({ sql: `set session ${variable} = ${value}`, timeout });
  };
  await set(ownSeconds ?? usualSeconds);
  const usual = engine === "mariadb" ? usualSeconds : "default";
  return () => set(usual).catch(() => connection.destroy());
}

/** What every connection is told first: nothing depends on the server's defaults. */
const sessionSettings = [
  "set time_zone = '+00:00', " +
  "sql_mode = 'STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', " +
  `innodb_lock_wait_timeout = ${lockWaitSeconds}`,
  "set names utf8mb4 collate utf8mb4_unicode_ci",
  "set session transaction isolation level read committed",
];

/**
 * Options of the driver for a URL.
 *
 * @param url `mysql://user:pass@host:3306/name?socket=/path`
 */
export function connectionOptions(url: string): mysql.ConnectionOptions {
  const parsed = new URL(url);
  const socketPath = parsed.searchParams.get("socket");
  return {
    ...(socketPath === null
      ? { host: parsed.hostname || "127.0.0.1", port: Number(parsed.port || 3306) }
      : { socketPath }),
    user: decodeURIComponent(parsed.username),
    password: decodeURIComponent(parsed.password),
    database: decodeURIComponent(parsed.pathname.slice(1)),
    ...(parsed.searchParams.get("ssl") === null ? {} : { ssl: {} }),
    charset: "utf8mb4_unicode_ci",
    timezone: "Z",
    dateStrings: true,
    supportBigNumbers: true,
    connectTimeout: 10_000,
    trace: false,
  } as mysql.ConnectionOptions;
}

/** A URL fit for logs: without password. */
export function withoutSecrets(url: string): string {
  const parsed = URL.parse(url);
  if (parsed === null) return "(not a URL)";
  if (parsed.password !== "") parsed.password = "***";
  return parsed.href;
}

/**
 * An integer column as a number.
 *
 * @throws {RangeError} when it is null, not an integer, or too large to be exact
 */
export function toInteger(value: Row[string] | undefined): number {
  const number = typeof value === "number" ? value : Number(value ?? NaN);
  if (!Number.isSafeInteger(number)) throw new RangeError(`${String(value)} is no exact integer`);
  return number;
}

/**
 * A database time (`YYYY-MM-DD HH:MM:SS.ffffff`, UTC) as ISO 8601, null staying null. The fraction, which
 * the driver leaves out of a prepared statement's rows where it is zero, is always there.
 */
export function toIsoTime(value: Row[string] | undefined): string | null {
  if (value === null || value === undefined) return null;
  const [date, time = ""] = String(value).split(" ");
  return `${date}T${time.includes(".") ? time : `${time}.000000`}Z`;
}

/** ISO 8601 in any offset as a database time in UTC, to the millisecond. */
export function fromIsoTime(iso: string): string {
  return new Date(iso).toISOString().replace("T", " ").replace("Z", "");
}

function queryable(
  connection: mysql.PoolConnection,
  engine: EngineKind,
  timeout: number,
): Queryable {
  const changed = (result: unknown) => {
    const header = result as mysql.ResultSetHeader;
    return { affectedRows: header.affectedRows, insertId: header.insertId };
  };
  return {
    engine,
    query: async (sql, values = []) =>
      (await connection.query({ sql, timeout }, values))[0] as Row[],
    execute: async (sql, values = []) =>
      (await connection.execute({ sql, timeout }, values))[0] as Row[],
    run: async (sql, values = []) =>
      changed((await connection.execute({ sql, timeout }, values))[0]),
    runText: async (sql, values = []) =>
      changed((await connection.query({ sql, timeout }, values))[0]),
  };
}

/**
 * Error numbers after which the same transaction may succeed: lock wait time-out (it rolls back the
 * statement only, so the whole is rolled back here), deadlock, MariaDB's "record has changed", and what it
 * says of a deadlock over an auto-increment counter.
 */
const retryableErrors: ReadonlySet<number> = new Set([1205, 1213, 1020, 1467]);

/**
 * Error numbers of a server that is going or gone, or has no connection left; the driver does not mark
 * all of them fatal.
 */
const connectionErrors: ReadonlySet<number> = new Set([
  1040,
  1053,
  1077,
  1079,
  1203,
  1927,
  2006,
  2013,
  3032,
]);

/** True where running the whole transaction again may succeed. */
export function isRetryable(error: unknown): boolean {
  return isFatal(error) || retryableErrors.has((error as { errno?: number })?.errno ?? 0);
}

/**
 * Error numbers of a server that can't serve now, or of one that is not set up: too many connections, no
 * access, a missing schema, read-only, a full disk, out of memory, a killed statement.
 */
// deno-fmt-ignore
const serverFaults: ReadonlySet<number> = new Set([
  1021, 1037, 1038, 1040, 1041, 1044, 1045, 1049, 1114, 1129, 1130, 1142, 1143, 1146, 1203, 1226,
  1290, 1317, 1792, 1836, 1969, 3024,
]);

/** True where the fault lies with the server or the way to it, and not with what was asked. */
export function isServerFault(error: unknown): boolean {
  return isRetryable(error) || serverFaults.has((error as { errno?: number })?.errno ?? 0);
}

/** True for a duplicate key, whichever key it was. */
export function isDuplicateKey(error: unknown): boolean {
  return (error as { errno?: number })?.errno === 1062;
}

/**
 * True where the connection is of no further use. A connection that died may have no error code, so the
 * absence of a number from the server counts as well.
 */
function isFatal(error: unknown): boolean {
  const { errno, fatal, code, sqlState } = (error ?? {}) as {
    errno?: number;
    fatal?: boolean;
    code?: string;
    sqlState?: string;
  };
  if (fatal === true || connectionErrors.has(errno ?? 0)) return true;
  // Codes of the operating system begin with E, those of the server with ER_ and come with a state.
  return sqlState === undefined && typeof code === "string" && /^(E(?!R_)|PROTOCOL_)/.test(code);
}

/** True where the server did not answer in time: what hangs now is not tried again at once. */
function hangs(error: unknown): boolean {
  return (error as { code?: string })?.code === "PROTOCOL_SEQUENCE_TIMEOUT";
}

function lostCommit(error: unknown): WorkflowError {
  return new WorkflowError(
    "unavailable",
    `The database was lost while it committed (${messageOf(error)}): ` +
      "look up whether the change was made before you try again",
  );
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
