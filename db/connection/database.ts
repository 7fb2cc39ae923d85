/**
 * The database: a pool of connections that runs statements and transactions.
 *
 * @module
 */

import type mysql from "mysql2/promise";
import { connectionWay } from "./connection.ts";
import { type ConnectionGuard, type Gate, guardedPool } from "./connection_guard.ts";
import { type ConnectionCounts, type ConnectionPool, openPool } from "./connection_pool.ts";
import { limitedUse } from "./limited_use.ts";
import type { Queryable, Row } from "./queryable.ts";
import { sessionsOf } from "./session.ts";
import { type TransactionOptions, transactorOf } from "./transaction.ts";
import { unreachableDatabase } from "./unreachable.ts";

export type { EngineKind } from "./connection.ts";
export type { ConnectionGuard, Gate } from "./connection_guard.ts";
export type { ConnectionCounts } from "./connection_pool.ts";
export type { Queryable, Row, Value } from "./queryable.ts";
export { type TransactionOptions, transactionTries } from "./transaction.ts";

/** The database as everybody is given it: each statement takes a connection of the pool for itself. */
export interface Database extends Queryable {
  /** The server's own words, e.g. `10.11.19-MariaDB`, as the connection that was opened last has them. */
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
   * @throws what `work` throws, or the last error after `transactionTries` tries
   */
  transaction<T>(
    work: (tx: Queryable) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<T>;
  /**
   * The same pool for work that is to leave connections to others: at most so many of its transactions run at once, and
   * others wait in their order. Statements outside of them take a connection each as ever, so one within a
   * transaction never waits for another transaction.
   *
   * @param max see {@linkcode limitedUse}
   */
  withTransactions(max: () => number): Database;
  /**
   * Runs reads on one connection, outside of a transaction: those that are asked for at once go to the server in one packet, where
   * they are short. Each may see what was committed after the one before.
   */
  together<T>(read: (one: Queryable) => Promise<T>): Promise<T>;
  /** The connections at this moment. */
  connections(): ConnectionCounts;
  /** Has every connection looked at before it is used for the first time, those that are open as well. */
  guard(guard: ConnectionGuard): void;
  /** Has the guard, where there is one, look at every connection again before it is used, and forgets the last step. */
  lookAgain(): void;
  /** Asks before every statement and transaction whether this process may work at all. */
  gate(gate: Gate): void;
  /** The same pool without its guard and gate: for whoever makes good what the guard has found. */
  unguarded: Database;
  /**
   * Ends all connections. Statements that still run are abandoned, and a server that hangs is not waited
   * for, so that a process can always stop. Closing again is nothing.
   */
  close(): Promise<void>;
}

/** What is read from the pool whenever it is asked for. */
type ServerWords = "engine" | "version" | "unguarded";

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
  /** See {@linkcode maxStatementMs}. */
  maxStatementMs?: number;
  /** How often silent connections are looked at, in milliseconds; default 1000. */
  lookMs?: number;
}

/** As long as it takes until a silent consumer's work is reclaimed: then its locks must go too. */
const idleTransactionSeconds = 10;

/**
 * A statement that is not answered in this time has failed: a server that hangs must not hang its callers.
 * Ordinary statements take milliseconds, and wait for a lock {@linkcode lockWaitSeconds} at the most.
 */
const maxStatementMs = 60_000;

/** Prepared statements that a connection keeps; their shapes are fixed, so there are few. */
const preparedStatements = 200;

/**
 * Opens a pool and finds out which engine it talks to.
 *
 * @param url `mysql://user:pass@host:3306/name`, with hosts and parameters as `DATABASE_URL`
 * @param options.connections most connections at once
 * @throws {EngineFault} `unavailable` when the server can't be reached or refuses the login
 * @throws {WorkflowError} `bad_settings` for a parameter of the URL that is not as it should be
 */
export async function openDatabase(
  url: string,
  options: DatabaseOptions = {},
): Promise<Database> {
  const sessions = sessionsOf({
    statementMs: options.maxStatementMs ?? maxStatementMs,
    idleSeconds: options.idleTransactionSeconds ?? idleTransactionSeconds,
  });
  const way = poolWay(url, options);
  const pool = openPool(way, sessions.prepare, options.lookMs);
  try {
    await pool.use(() => Promise.resolve());
  } catch (error) {
    await pool.close();
    throw await unreachableDatabase(url, error);
  }

  const guarded = guardedPool(pool, sessions.on);
  const transactor = transactorOf(sessions, { hasOthers: way.choice !== undefined });
  type Use = ConnectionPool["use"];
  const reading = <T>(use: Use, ask: (one: Queryable) => Promise<T>) =>
    transactor.alone(use, (connection) => ask(sessions.on(connection)), { repeatable: true });
  const changing = <T>(use: Use, ask: (one: Queryable) => Promise<T>) =>
    transactor.alone(use, (connection) => ask(sessions.on(connection)), { repeatable: false });
  const databaseOn = (
    use: ConnectionPool["use"],
    begin = use,
  ): Omit<Database, ServerWords> => ({
    query: (sql, values) => reading(use, (one) => one.query(sql, values)),
    execute: (sql, values) => reading(use, (one) => one.execute(sql, values)),
    run: (sql, values) => changing(use, (one) => one.run(sql, values)),
    runText: (sql, values) => changing(use, (one) => one.runText(sql, values)),
    transaction: (work, own = {}) => transactor.run(begin, work, own),
    together: (read) =>
      transactor.alone(use, (connection) => read(sessions.together(connection)), {
        repeatable: true,
      }),
    withTransactions: (max) => whole(databaseOn(use, limitedUse(use, max))),
    lastStep: transactor.lastStep,
    connections: pool.counts,
    guard: guarded.guard,
    lookAgain: () => {
      transactor.forgetStep();
      guarded.lookAgain();
    },
    gate: guarded.gate,
    close: pool.close,
  });
  const whole = (database: ReturnType<typeof databaseOn>): Database =>
    Object.defineProperties(database, {
      // As they are when they are asked for.
      engine: { get: () => sessions.latest().engine, enumerable: true },
      version: { get: () => sessions.latest().version, enumerable: true },
      unguarded: { get: () => unguarded, enumerable: true },
    }) as Database;
  const unguarded = whole(databaseOn(pool.use));
  return whole(databaseOn(guarded.use));
}

function poolWay(url: string, { name, connections = 10 }: DatabaseOptions) {
  const { options, choice } = connectionWay(url);
  const own: mysql.PoolOptions = {
    ...options,
    ...(name === undefined ? {} : { database: name }),
    connectionLimit: connections,
    maxIdle: connections,
    maxPreparedStatements: preparedStatements,
  };
  return { options: own, choice };
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

/** Half of what numbers hold exactly, so that the difference of two sums is exact as well. */
const maxShownSum = 2 ** 52 - 1;

/**
 * A sum of what others say, such as a provider's report: one that is larger than money can be is cut to the largest, so
 * that a wrong line is shown and nothing fails by it.
 *
 * @throws {RangeError} when it is null or not an integer
 */
export function toShownSum(value: Row[string] | undefined): number {
  const sum = toBigInteger(value);
  const max = BigInt(maxShownSum);
  return Number(sum > max ? max : sum < -max ? -max : sum);
}

/**
 * A database time (`YYYY-MM-DD HH:MM:SS.ffffff`, UTC) as ISO 8601, null staying null. The fraction, which
 * the driver leaves out of a prepared statement's rows where it is zero, is always there. The other way goes
 * `databaseTime` of `domain/database_time.ts`.
 */
export function toIsoTime(value: Row[string] | undefined): string | null {
  if (value === null || value === undefined) return null;
  const [date, time = ""] = String(value).split(" ");
  return `${date}T${time.includes(".") ? time : `${time}.000000`}Z`;
}
