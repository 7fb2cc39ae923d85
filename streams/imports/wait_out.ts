/**
 * Has an import wait while an engine is away, as for the length of a failover, and then go on where it was.
 *
 * @module
 */

import type { Database } from "../../db/connection/database.ts";
import { isRetryable, isWrongServer } from "../../db/connection/faults.ts";
import { messageOf, WorkflowError } from "../../domain/errors.ts";
import type { Log } from "../../domain/operation/log.ts";
import { isRedisAway } from "../redis/redis_away.ts";
import { pause } from "../timing/pause.ts";

/** Time between two tries: whatever comes back has work enough. */
const pauseMs = 1_000;

/** Time between two lines that say what is waited for. */
const tellEveryMs = 10_000;

/** What an import waits for, for people. */
export type AwaitedEngine = "the database" | "Redis";

/** See {@linkcode waitOut}. */
export interface WaitOut {
  /**
   * Does work, and does it again while an engine is away.
   *
   * @param work may have been done although it failed, so doing it again has no second effect
   * @throws {WorkflowError} `unavailable` when the wait is over; what `work` throws for another reason, and the reason
   * of the signal
   */
  during<T>(work: () => Promise<T>): Promise<T>;
  /** The same database, each of whose statements and transactions waits. */
  database: Database;
}

/** How long is waited, and who is told. */
export interface WaitOptions {
  db: Database;
  log: Log;
  /** Milliseconds that an engine may be away; 0 for none. */
  maxMs: number;
  signal?: AbortSignal;
  /** Is told what is waited for, and undefined once work goes on. */
  onWait?: (engine: AwaitedEngine | undefined) => void;
}

/** Waits for engines that are away; once an engine was away for too long, nothing is waited for any more. */
export function waitOut(options: WaitOptions): WaitOut {
  const { db, maxMs, signal } = options;
  if (maxMs === 0) return { during: (work) => work(), database: db };
  const wait = noteWait(options);
  // Of what waits beside each other the first to give up speaks for all.
  let over: WorkflowError | undefined;
  const during = async <T>(work: () => Promise<T>): Promise<T> => {
    let since: number | undefined;
    for (;;) {
      try {
        const result = await work();
        if (since !== undefined) wait.ended();
        return result;
      } catch (error) {
        const engine = awaitedFor(error);
        if (engine === undefined) throw error;
        if (over !== undefined) throw over;
        since ??= performance.now();
        wait.goesOn(engine, error);
        if (performance.now() - since > maxMs) throw over = tooLong(engine, maxMs, error);
        await pause(pauseMs, signal);
        signal?.throwIfAborted();
      }
    }
  };
  const database: Database = {
    ...db,
    query: (...args) => during(() => db.query(...args)),
    execute: (...args) => during(() => db.execute(...args)),
    run: (...args) => during(() => db.run(...args)),
    runText: (...args) => during(() => db.runText(...args)),
    transaction: (...args) => during(() => db.transaction(...args)),
  };
  return { during, database };
}

/** What is away for a while; undefined for what waiting does not change. */
function awaitedFor(error: unknown): AwaitedEngine | undefined {
  if (error instanceof WorkflowError) return undefined;
  if (isRetryable(error) || isWrongServer(error)) return "the database";
  const isRefused = /\b(NOPERM|NOAUTH|WRONGPASS) |unknown command|not allowed/.test(
    messageOf(error),
  );
  return isRedisAway(error) && !isRefused ? "Redis" : undefined;
}

function tooLong(engine: AwaitedEngine, maxMs: number, error: unknown): WorkflowError {
  const reason = messageOf(error);
  return new WorkflowError(
    "unavailable",
    `Waited ${
      Math.round(maxMs / 1_000)
    } s (IMPORT_WAIT_SECONDS) for ${engine}, which is away (${reason}): ` +
      "import the file again once it is back",
  );
}

/** Says what is waited for: at once, then now and then, and when it is over. */
function noteWait({ log, maxMs, onWait }: WaitOptions) {
  let since: number | undefined;
  let toldAt = -Infinity;
  return {
    goesOn(engine: AwaitedEngine, error: unknown): void {
      const now = performance.now();
      since ??= now;
      onWait?.(engine);
      if (now - toldAt < tellEveryMs) return;
      toldAt = now;
      const left = Math.max(0, Math.ceil((since + maxMs - now) / 1_000));
      log.warn(`import waits for ${engine}`, { at_most_seconds: left, error: messageOf(error) });
    },
    ended(): void {
      if (since === undefined) return;
      const seconds = Math.round((performance.now() - since) / 1_000);
      since = undefined;
      toldAt = -Infinity;
      onWait?.(undefined);
      log.info("import goes on", { waited_seconds: seconds });
    },
  };
}
