/**
 * Transactions, and the one place that retries them.
 *
 * @module
 */

import type mysql from "mysql2/promise";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf, WorkflowError } from "../../domain/errors.ts";
import { silenceLimit } from "./connection.ts";
import type { ConnectionPool } from "./connection_pool.ts";
import { hangs, isDeadlock, isFatal, isRetryable, isWrongServer } from "./faults.ts";
import type { Queryable } from "./queryable.ts";
import type { DatabaseSessions } from "./session.ts";
import { NotTogether } from "./statements.ts";

/** How a transaction differs from others. */
export interface TransactionOptions {
  /**
   * False where running it again after a commit would have a second effect: a lost answer to the commit is
   * then an error, `unavailable`, and not a reason to try again. Default true.
   */
  repeatable?: boolean;
  /**
   * True for work that asks for all its statements at once: the commit goes to the server with them, where they are short. It must be
   * repeatable.
   */
  asksOnce?: boolean;
  /** Another limit than the pool's, see `DatabaseOptions`. */
  maxStatementMs?: number;
  /** Likewise. */
  idleTransactionSeconds?: number;
}

/** Tries of a transaction before its error is passed on. */
export const transactionTries = 10;

/**
 * Tries of a transaction that met a server which is not the one to write to: the next connection may lead to
 * its successor, and one that has none takes no write however often it is asked.
 */
const wrongServerTries = 3;

/** For how long another of several hosts is tried after the first of them failed, in milliseconds. */
const maxSearchMs = 5_000;

/** The most that a transaction waits before it is tried again; the first waits are much shorter. */
const maxRetryPauseMs = 1_000;

/** What stands behind a pool. */
export interface TransactorOptions {
  /** Whether the address names several hosts, so that others may take the place of one. */
  hasOthers: boolean;
}

/** Runs transactions, and knows the last step that one of them has added to the timelines. */
export interface Transactor {
  /** See `transaction` of `Database`; connections come from `use`. */
  run<T>(
    use: ConnectionPool["use"],
    work: (tx: Queryable) => Promise<T>,
    options: TransactionOptions,
  ): Promise<T>;
  /**
   * Runs a statement outside of a transaction. One that had to give way has changed nothing: on a node of Galera that
   * happens to single statements as well, whenever another node's change comes in between. Of several hosts another one
   * is gone on to, where the first has not run it, or it is repeatable: for some seconds at most.
   *
   * @param options.repeatable whether running it a second time does no harm: it reads
   */
  alone<T>(
    use: ConnectionPool["use"],
    statement: (connection: mysql.PoolConnection) => Promise<T>,
    options: { repeatable: boolean },
  ): Promise<T>;
  /** The highest step noted by a transaction that was committed, 0 for none. */
  lastStep(): number;
  /** Forgets that one: it may have been committed to a database that does not count any more. */
  forgetStep(): void;
}

/** Makes what runs the transactions of one pool. */
export function transactorOf(
  { serverOf, limits, within }: DatabaseSessions,
  { hasOthers }: TransactorOptions,
): Transactor {
  let lastStep = 0;
  const runOnce = <T>(
    use: ConnectionPool["use"],
    work: (tx: Queryable) => Promise<T>,
    options: TransactionOptions,
    committing: () => void,
  ): Promise<T> =>
    use(async (connection) => {
      const timeout = options.maxStatementMs ?? limits.statementMs;
      const silence = {
        usualSeconds: limits.idleSeconds,
        ownSeconds: options.idleTransactionSeconds,
      };
      const { engine } = serverOf(connection);
      const { begin, end } = silenceLimit(connection, engine, silence, timeout);
      const own = within(
        connection,
        {
          begin: [...begin, "start transaction"],
          commit: "commit",
          asksOnce: options.asksOnce === true,
        },
        timeout,
      );
      const asksLast = options.repeatable === false ? undefined : own.asksLast;
      try {
        let step = 0;
        const noteStep = (id: number) => step = Math.max(step, id);
        const result = await work({ ...own.tx, noteStep, asksLast });
        if (!own.hasBegun()) return result;
        committing();
        if (!own.hasEnded()) await connection.query({ sql: "commit", timeout });
        own.end(new Error("The transaction is committed"));
        lastStep = Math.max(lastStep, step);
        end();
        return result;
      } catch (error) {
        own.end(error);
        if (own.hasBegun() && !isFatal(error) && !isWrongServer(error)) {
          await connection.query({ sql: "rollback", timeout });
          end();
        }
        throw error;
      }
    });
  return {
    async run(use, work, options) {
      const isSearchOver = searchLimit();
      for (let attempt = 1;; attempt++) {
        let committing = false;
        try {
          return await runOnce(use, work, options, () => committing = true);
        } catch (error) {
          if (committing && options.repeatable === false && isFatal(error)) throw lostCommit(error);
          if (attempt >= triesAfter(error, hasOthers)) throw error;
          if (hasOthers && isSearchOver(error)) throw error;
          await pauseBeforeTry(attempt);
        }
      }
    },
    alone: (use, statement, { repeatable }) => runAlone(use, statement, { repeatable, hasOthers }),
    lastStep: () => lastStep,
    forgetStep: () => lastStep = 0,
  };
}

/** See `alone` of {@linkcode Transactor}. */
async function runAlone<T>(
  use: ConnectionPool["use"],
  statement: (connection: mysql.PoolConnection) => Promise<T>,
  { repeatable, hasOthers }: TransactorOptions & { repeatable: boolean },
): Promise<T> {
  const isSearchOver = searchLimit();
  for (let attempt = 1;; attempt++) {
    let isSent = false;
    try {
      return await use((connection) => {
        isSent = true;
        return statement(connection);
      });
    } catch (error) {
      const isLost = isFatal(error) && !hangs(error) && (repeatable || !isSent);
      const isAgain = isDeadlock(error) || error instanceof NotTogether ||
        hasOthers && (isWrongServer(error) || isLost);
      if (!isAgain || attempt >= transactionTries || isSearchOver(error)) throw error;
      await pauseBeforeTry(attempt);
    }
  }
}

/** Tells, of each error after the other, whether a host has been out for too long. */
function searchLimit(): (error: unknown) => boolean {
  let failedAt: number | undefined;
  return (error) => {
    if (!isFatal(error) && !isWrongServer(error)) return false;
    failedAt ??= performance.now();
    return performance.now() - failedAt > maxSearchMs;
  };
}

function pauseBeforeTry(attempt: number): Promise<void> {
  return sleep(Math.random() * Math.min(maxRetryPauseMs, 10 * 2 ** attempt));
}

/** How often a transaction is tried in all that ended like this. */
function triesAfter(error: unknown, hasOthers: boolean): number {
  if (isWrongServer(error) && !hasOthers) return wrongServerTries;
  if (error instanceof NotTogether) return transactionTries;
  return (isRetryable(error) || isWrongServer(error)) && !hangs(error) ? transactionTries : 1;
}

function lostCommit(error: unknown): WorkflowError {
  return new WorkflowError(
    "unavailable",
    `The database was lost while it committed (${messageOf(error)}): ` +
      "look up whether the change was made before you try again",
  );
}
