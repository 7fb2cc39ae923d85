/**
 * The connection pool, transactions, and the one place that retries them.
 *
 * @module
 */

import type mysql from "mysql2/promise";
import { whyUnreachable } from "../../config/engine_url.ts";
import { messageOf, WorkflowError } from "../../domain/errors.ts";
import {
  connectionOptions,
  type EngineKind,
  limitSilence,
  sessionSettings,
  withoutSecrets,
} from "./connection.ts";
import { type ConnectionCounts, type ConnectionPool, openPool } from "./connection_pool.ts";
import { hangs, isFatal, isRetryable, isWrongServer } from "./faults.ts";
import { preparation, type Queryable, queryable, type Row } from "./queryable.ts";

export type { EngineKind } from "./connection.ts";
export type { ConnectionCounts } from "./connection_pool.ts";
export type { Queryable, Row, Value } from "./queryable.ts";

/** The pool. */
export interface Database extends Queryable {
  /** The server's own words, e.g. `10.11.19-MariaDB`. */
  version: string;
  /**
   * Runs `work` in one transaction at READ COMMITTED and commits.
   *
   * Deadlocks, lock wait time-outs, lost connections and servers that are read-only roll back and run `work`
   * again from the start, so it must keep nothing from an earlier try. A connection that is lost while it commits leaves open
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
  /** Has every connection looked at before it is used for the first time, those that are open as well. */
  guard(guard: ConnectionGuard): void;
  /** Has the guard, where there is one, look at every connection again before it is used. */
  lookAgain(): void;
  /** The same pool without its guard: for whoever makes good what the guard has found. */
  unguarded: Database;
  /**
   * Ends all connections. Statements that still run are abandoned, and a server that hangs is not waited
   * for, so that a process can always stop. Closing again is nothing.
   */
  close(): Promise<void>;
}

/** Decides whether a new connection leads to a database that may be worked on. */
export interface ConnectionGuard {
  /**
   * @param connection the new one, and nothing else of the pool
   * @returns false where it must not be used yet
   */
  look(connection: Queryable): Promise<boolean>;
  /**
   * Waits until a look may find otherwise. Nobody holds a connection meanwhile.
   *
   * @throws {WorkflowError} `unavailable` to whoever wanted a connection
   */
  wait(): Promise<void>;
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
  /** How often silent connections are looked at, in milliseconds; default 1000. */
  lookMs?: number;
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

/**
 * Tries of a transaction that met a server which is not the one to write to: the next connection may lead to
 * its successor, and one that has none takes no write however often it is asked.
 */
const wrongServerTries = 3;

/** The most that a transaction waits before it is tried again; the first waits are much shorter. */
const longestRetryPauseMs = 1_000;

/** Prepared statements that a connection keeps; their shapes are fixed, so there are few. */
const preparedStatements = 200;

/**
 * Opens a pool and finds out which engine it talks to.
 *
 * @param url `mysql://user:pass@host:3306/name`, with parameters as `DATABASE_URL`
 * @param options.connections most connections at once
 * @throws {WorkflowError} `unavailable` when the server can't be reached or refuses the login, `bad_settings`
 * for a parameter of the URL that is not as it should be
 */
export async function openDatabase(
  url: string,
  options: DatabaseOptions = {},
): Promise<Database> {
  const idleSeconds = options.idleTransactionSeconds ?? idleTransactionSeconds;
  const statementMs = options.longestStatementMs ?? longestStatementMs;
  let engine: EngineKind = "mysql";
  let version: string | undefined;
  const prepare = async (connection: mysql.PoolConnection): Promise<void> => {
    const tell = (sql: string) => connection.query({ sql, timeout: statementMs });
    if (version === undefined) {
      const [rows] = await tell("select version() as version");
      version = String((rows as Row[])[0]?.version);
      engine = /mariadb/i.test(version) ? "mariadb" : "mysql";
    }
    for (const sql of sessionSettings) await tell(sql);
    if (engine === "mariadb") {
      await tell(
        `set in_predicate_conversion_threshold = 0, idle_transaction_timeout = ${idleSeconds}`,
      );
    }
  };
  const pool = openPool(
    {
      ...connectionOptions(url),
      ...(options.name === undefined ? {} : { database: options.name }),
      connectionLimit: options.connections ?? 10,
      maxIdle: options.connections ?? 10,
      maxPreparedStatements: preparedStatements,
    },
    prepare,
    options.lookMs,
  );
  const prepared = preparation();
  const on = (connection: mysql.PoolConnection, timeout = statementMs) =>
    queryable(connection, engine, timeout, prepared);

  try {
    await pool.use(() => Promise.resolve());
  } catch (error) {
    await pool.close();
    throw new WorkflowError(
      "unavailable",
      `Cannot reach the database at ${withoutSecrets(url)}: ${whyUnreachable(error)}`,
    );
  }

  let guard: ConnectionGuard | undefined;
  let guarded = new WeakSet<object>();
  const passes = async (connection: mysql.PoolConnection): Promise<boolean> => {
    const { connection: own } = connection;
    if (guard === undefined || guarded.has(own)) return true;
    const looked = guarded;
    if (!await guard.look(on(connection))) return false;
    looked.add(own);
    return true;
  };
  const useGuarded: ConnectionPool["use"] = async (work) => {
    for (;;) {
      const done = await pool.use(async (connection) =>
        await passes(connection) ? { result: await work(connection) } : null
      );
      if (done !== null) return done.result;
      await guard!.wait();
    }
  };

  let lastStep = 0;
  const transactOnce = <T>(
    use: ConnectionPool["use"],
    work: (tx: Queryable) => Promise<T>,
    own: TransactionOptions,
    committing: () => void,
  ): Promise<T> =>
    use(async (connection) => {
      const timeout = own.longestStatementMs ?? statementMs;
      const limits = { usualSeconds: idleSeconds, ownSeconds: own.idleTransactionSeconds };
      const endLimit = await limitSilence(connection, engine, limits, timeout);
      await connection.query({ sql: "start transaction", timeout });
      try {
        let step = 0;
        const noteStep = (id: number) => step = Math.max(step, id);
        const result = await work({ ...on(connection, timeout), noteStep });
        committing();
        await connection.query({ sql: "commit", timeout });
        lastStep = Math.max(lastStep, step);
        await endLimit();
        return result;
      } catch (error) {
        if (!isFatal(error) && !isWrongServer(error)) {
          await connection.query({ sql: "rollback", timeout });
          await endLimit();
        }
        throw error;
      }
    });

  const databaseOn = (use: ConnectionPool["use"]): Omit<Database, "unguarded"> => ({
    engine,
    version: version!,
    query: (sql, values) => use((c) => on(c).query(sql, values)),
    execute: (sql, values) => use((c) => on(c).execute(sql, values)),
    run: (sql, values) => use((c) => on(c).run(sql, values)),
    runText: (sql, values) => use((c) => on(c).runText(sql, values)),
    lastStep: () => lastStep,
    transaction: async (work, own = {}) => {
      for (let attempt = 1;; attempt++) {
        let committing = false;
        try {
          return await transactOnce(use, work, own, () => committing = true);
        } catch (error) {
          if (committing && own.repeatable === false && isFatal(error)) throw lostCommit(error);
          const tries = isWrongServer(error)
            ? wrongServerTries
            : isRetryable(error) && !hangs(error)
            ? transactionTries
            : 1;
          if (attempt >= tries) throw error;
          await pause(Math.random() * Math.min(longestRetryPauseMs, 10 * 2 ** attempt));
        }
      }
    },
    connections: pool.counts,
    guard: (own) => {
      guard = own;
      guarded = new WeakSet();
    },
    lookAgain: () => {
      guarded = new WeakSet();
    },
    close: pool.close,
  });
  const unguarded = { ...databaseOn(pool.use) } as Database;
  unguarded.unguarded = unguarded;
  return { ...databaseOn(useGuarded), unguarded };
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
 * A sum over many rows, which may be larger than any number holds exactly.
 *
 * @throws {RangeError} when it is null or not an integer
 */
export function toBigInteger(value: Row[string] | undefined): bigint {
  const text = String(value);
  if (!/^-?\d+$/.test(text)) throw new RangeError(`${text} is no integer`);
  return BigInt(text);
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
