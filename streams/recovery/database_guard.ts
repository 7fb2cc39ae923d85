/**
 * Keeps a process from working on a database that is older than what was published from it.
 *
 * A restored dump, or a server that reclaims, comes by new connections. Each is looked at before it is used,
 * so that no row gets a number again that Redis, clients or the payment provider know.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import { messageOf, WorkflowError } from "../../domain/errors.ts";
import type { HeardMarks } from "../../domain/operation/database_age.ts";
import { lookAtDatabase, lookWith, otherDatabase, readHeard } from "./database_age.ts";
import { pause } from "../timing/pause.ts";
import type { RecoverDeps } from "./recover.ts";

/** Longest wait of somebody who wants a connection until the database is good, in milliseconds. */
const maxWaitMs = 30_000;

/** How often to look whether another process has made the database good, in milliseconds. */
const lookAgainMs = 250;

/** Longest wait for Redis' word, in milliseconds: without it work goes on, and the sweep looks later. */
const maxLookMs = 2_000;

/**
 * Has every new connection compared with what Redis has heard of the database, and makes an older database good. From
 * then on nobody gets a connection to an older database: they wait, and get `unavailable` after half a minute; to
 * another one nobody gets any, at once.
 *
 * @throws {WorkflowError} `unavailable` where the database is older and can't be made good, or another one
 */
export async function guardDatabase(deps: RecoverDeps): Promise<void> {
  const { db, log } = deps;
  const unguarded = { ...deps, db: db.unguarded };
  let recovering: Promise<void> | undefined;
  let failure = "";
  const recover = async (): Promise<void> => {
    failure = "";
    try {
      await recoverNow(unguarded);
    } catch (error) {
      failure = messageOf(error);
      log.error("older books not made good", { error: failure });
    }
  };
  let gaps: string | undefined;
  const look = async (connection: Queryable): Promise<boolean> => {
    let heard: HeardMarks;
    try {
      heard = await within(maxLookMs, readHeard(deps));
    } catch (error) {
      log.warn("books not looked at", { error: messageOf(error) });
      return true;
    }
    const judged = await lookWith(deps, heard, connection);
    if (judged.kind === "other") throw otherDatabase(judged);
    if (judged.kind === "older") return false;
    // Somebody has made a database good: what this process knows of the one before counts no more.
    const found = JSON.stringify(heard.gaps);
    if (gaps !== undefined && gaps !== found) db.lookAgain();
    gaps = found;
    return true;
  };
  const wait = async (since: number): Promise<void> => {
    const mine = recovering ??= recover().finally(() => recovering = undefined);
    while (performance.now() < since + maxWaitMs) {
      const ended = await Promise.race([mine.then(() => true), pause(lookAgainMs)]);
      // The rest of a recovery may go on beside everything else.
      if ((await lookAtDatabase(unguarded, db.unguarded)).kind === "current") {
        // By another connection than that of the caller, whose next one may lead to a server that is still behind.
        if (performance.now() - since > lookAgainMs) await pause(lookAgainMs);
        return;
      }
      if (ended === true) break;
    }
    throw new WorkflowError(
      "unavailable",
      "The database is older than what was published from it, and was not made good" +
        (failure === "" ? "" : `: ${failure}`),
    );
  };
  db.guard({ look, wait });
  await db.query("select 1");
}

/** How often a process without a sweep looks at its database, in milliseconds. */
const lookMs = 2_000;

/**
 * Looks until the signal aborts, for a process that has no sweep: connections may live on although the database
 * behind them is another, where a proxy stands between.
 */
export async function keepLooking(deps: RecoverDeps, signal: AbortSignal): Promise<void> {
  const { db, log } = deps;
  while (!signal.aborted) {
    await pause(lookMs, signal);
    if (signal.aborted) break;
    try {
      if ((await lookAtDatabase(deps, db.unguarded)).kind === "current") continue;
      db.lookAgain();
      await recoverNow({ ...deps, db: db.unguarded, signal });
    } catch (error) {
      if (!signal.aborted) log.warn("books not looked at", { error: messageOf(error) });
    }
  }
}

/** Loaded only now: half of the product belongs to it, and hardly any import ever meets an older database. */
async function recoverNow(deps: RecoverDeps): Promise<void> {
  const { ensureRecovered } = await import("./recover.ts");
  await ensureRecovered(deps);
}

function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout>;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Redis did not answer in ${ms} ms`)), ms);
  });
  work.catch(() => {});
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
