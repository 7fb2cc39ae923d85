/**
 * The connection pool, transactions, and the one place that retries them.
 *
 * @module
 */

import mysql from "mysql2/promise";
import { messageOf, WorkflowError } from "../domain/errors.ts";
import {
  connectionOptions,
  type EngineKind,
  limitSilence,
  sessionSettings,
  withoutSecrets,
} from "./connection.ts";
import { hangs, isFatal, isRetryable } from "./faults.ts";
import { type Queryable, queryable, type Row } from "./queryable.ts";

export type { EngineKind } from "./connection.ts";
export type { Queryable, Row, Value } from "./queryable.ts";

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
  /** The connections at this moment. */
  connections(): ConnectionCounts;
  /**
   * Ends all connections. Statements that still run are abandoned, and a server that hangs is not waited
   * for, so that a process can always stop. Closing again is nothing.
   */
  close(): Promise<void>;
}

/** Connections of a pool. */
export interface ConnectionCounts {
  /** All that there are, those that are being opened included. */
  open: number;
  /** Those that run something, or are held by a transaction. */
  inUse: number;
  /** Callers that wait for one. */
  waiting: number;
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
    connections: () => countConnections(pool),
    close: () => closed ??= close(),
  };
  return database;
}

/** Reads the driver's own lists: it has no other word for them, and counting along would cost every statement. */
function countConnections(pool: mysql.Pool): ConnectionCounts {
  type Lists = Record<"_allConnections" | "_freeConnections" | "_connectionQueue", unknown[]>;
  const lists = pool.pool as unknown as Lists;
  const open = lists._allConnections.length;
  return {
    open,
    inUse: open - lists._freeConnections.length,
    waiting: lists._connectionQueue.length,
  };
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
