/**
 * Transactions, and the one place that retries them.
 *
 * @module
 */

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

/** The most that a transaction waits before it is tried again; the first waits are much shorter. */
const maxRetryPauseMs = 1_000;

/** Runs transactions, and knows the last step that one of them has added to the timelines. */
export interface Transactor {
  /** See `transaction` of `Database`; connections come from `use`. */
  run<T>(
    use: ConnectionPool["use"],
    work: (tx: Queryable) => Promise<T>,
    options: TransactionOptions,
  ): Promise<T>;
  /** The highest step noted by a transaction that was committed, 0 for none. */
  lastStep(): number;
  /** Forgets that one: it may have been committed to a database that does not count any more. */
  forgetStep(): void;
}

/** Makes what runs the transactions of one pool. */
export function transactorOf({ server, limits, within }: DatabaseSessions): Transactor {
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
      const { begin, end } = silenceLimit(connection, server.engine, silence, timeout);
      const own = within(
        connection,
        {
          begin: [...begin, "start transaction"],
          ...(options.asksOnce === true ? { commit: "commit" } : {}),
        },
        timeout,
      );
      try {
        let step = 0;
        const noteStep = (id: number) => step = Math.max(step, id);
        const result = await work({ ...own.tx, noteStep });
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
      for (let attempt = 1;; attempt++) {
        let committing = false;
        try {
          return await runOnce(use, work, options, () => committing = true);
        } catch (error) {
          if (committing && options.repeatable === false && isFatal(error)) throw lostCommit(error);
          if (attempt >= triesAfter(error)) throw error;
          await pauseBeforeTry(attempt);
        }
      }
    },
    lastStep: () => lastStep,
    forgetStep: () => lastStep = 0,
  };
}

/**
 * Runs a statement outside of a transaction. One that had to give way has changed nothing: on a node of Galera that
 * happens to single statements as well, whenever another node's change comes in between.
 */
export async function againAfterDeadlock<T>(run: () => Promise<T>): Promise<T> {
  for (let attempt = 1;; attempt++) {
    try {
      return await run();
    } catch (error) {
      if (!isDeadlock(error) || attempt >= transactionTries) throw error;
      await pauseBeforeTry(attempt);
    }
  }
}

function pauseBeforeTry(attempt: number): Promise<void> {
  return sleep(Math.random() * Math.min(maxRetryPauseMs, 10 * 2 ** attempt));
}

/** How often a transaction is tried in all that ended like this. */
function triesAfter(error: unknown): number {
  if (isWrongServer(error)) return wrongServerTries;
  if (error instanceof NotTogether) return transactionTries;
  return isRetryable(error) && !hangs(error) ? transactionTries : 1;
}

function lostCommit(error: unknown): WorkflowError {
  return new WorkflowError(
    "unavailable",
    `The database was lost while it committed (${messageOf(error)}): ` +
      "look up whether the change was made before you try again",
  );
}
