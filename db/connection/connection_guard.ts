/**
 * Looks at connections before they are used: the database behind the address may be an older one by now.
 *
 * @module
 */

import type mysql from "mysql2/promise";
import type { ConnectionPool } from "./connection_pool.ts";
import type { Queryable } from "./queryable.ts";

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
   * @param since when the caller first had to wait, a `performance.now()`
   * @throws {WorkflowError} `unavailable` to whoever wanted a connection
   */
  wait(since: number): Promise<void>;
}

/** A pool whose connections are looked at. */
export interface GuardedPool extends Pick<ConnectionPool, "use"> {
  /** Has every connection looked at before it is used for the first time, those that are open as well. */
  guard(guard: ConnectionGuard): void;
  /** Has the guard, where there is one, look at every connection again before it is used. */
  lookAgain(): void;
  /** Asks before each use whether this process may work at all. */
  gate(gate: Gate): void;
}

/**
 * Whether this process may work on the database: nothing where it may, else what somebody who wants a connection waits
 * for. Asked for every statement, so it looks at no engine as a rule.
 *
 * @throws, or its promise does, where it may not
 */
export type Gate = () => Promise<void> | undefined;

/**
 * Lends connections that the guard, where there is one, has let pass; until one does, callers wait.
 *
 * @param on statements on one connection
 */
export function guardedPool(
  pool: ConnectionPool,
  on: (connection: mysql.PoolConnection) => Queryable,
): GuardedPool {
  let guard: ConnectionGuard | undefined;
  let gate: Gate | undefined;
  let guarded = new WeakSet<object>();
  const passes = async (connection: mysql.PoolConnection): Promise<boolean> => {
    const { connection: own } = connection;
    if (guard === undefined || guarded.has(own)) return true;
    const looked = guarded;
    if (!await guard.look(on(connection))) {
      // The next one may lead to another server.
      connection.destroy();
      return false;
    }
    looked.add(own);
    return true;
  };
  return {
    async use(work) {
      let since: number | undefined;
      for (;;) {
        const asked = gate?.();
        if (asked !== undefined) await asked;
        const done = await pool.use(async (connection) =>
          await passes(connection) ? { result: await work(connection) } : null
        );
        if (done !== null) return done.result;
        await guard!.wait(since ??= performance.now());
      }
    },
    guard(own) {
      guard = own;
      guarded = new WeakSet();
    },
    lookAgain() {
      guarded = new WeakSet();
    },
    gate(own) {
      gate = own;
    },
  };
}
