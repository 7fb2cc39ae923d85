/**
 * Keeps a process from working on a database whose schema has moved on beyond what it knows.
 *
 * Whoever migrates writes down how old a process may be beside the migration, and waits for those that are older
 * (`db/connection/migrate.ts`). Each process says every few seconds that it is there and looks. One that is too old takes
 * no more work, and nobody in it gets a connection any more: what it had in hand is delivered again to a newer one, as
 * after an outage of the database. One that stood still looks before it goes on.
 *
 * @module
 */

import { hostname } from "node:os";
import process from "node:process";
import type { Database } from "../../db/connection/database.ts";
import { newestMigration } from "../../db/connection/migration_files.ts";
import {
  type ProcessSign,
  readOldestBeside,
  removeProcess,
  signProcess,
  silentSeconds,
} from "../../db/connection/schema_state.ts";
import { messageOf } from "../../domain/errors.ts";
import type { Log } from "../../domain/operation/log.ts";
import { formatVersion } from "../../domain/operation/migration_header.ts";
import { OutdatedError } from "../../domain/operation/outdated.ts";
import { pause } from "../timing/pause.ts";

/** How often is looked, in milliseconds; each look reads one row. */
const lookMs = 1_000;

/** How often a process says that it is there, in milliseconds. */
const signMs = 5_000;

/**
 * For so long a look counts, in milliseconds: well before the process is taken for gone, nobody in it goes on without
 * another one.
 */
export const trustMs = silentSeconds * 750;

/** Longest wait for statements and transactions in hand once it is too old, in milliseconds. */
const maxInHandMs = 10_000;

/** A server that hangs is not waited for when a process stops, in milliseconds: its row ends by itself. */
const maxLeaveMs = 1_000;

/** What looking works with. */
export interface SchemaDeps {
  db: Database;
  log: Log;
}

/** A process that says that it is there, and looks. */
export interface SchemaWatch {
  /** Of this process' row in `processes`; there is none of a process that may only read. */
  processId: string;
  /** Aborts once the process is too old, which stays so; its reason is an {@linkcode OutdatedError}. */
  outdated: AbortSignal;
  /** Looks no more; others need not wait for this process from now on. */
  stop(): Promise<void>;
}

/**
 * Says that this process is there, and looks until it is stopped. From then on every statement by `db` finds out whether
 * the last look still counts.
 *
 * A crash leaves a row that counts for nothing after twenty seconds.
 *
 * @param work what the process does, for people
 * @param options.knows the newest migration that it knows
 * @param options.reads it may be a user who only reads, on a server that is read-only: then one look has to do
 * @param options.now a monotonic clock in milliseconds
 * @throws {OutdatedError} where it is too old from the start
 */
export async function watchSchema(
  deps: SchemaDeps,
  work: string,
  { knows = newestMigration(), reads = false, now = () => performance.now() }: {
    knows?: number;
    reads?: boolean;
    now?: () => number;
  } = {},
): Promise<SchemaWatch> {
  const { db } = deps;
  const id = crypto.getRandomValues(new Uint8Array(12)).toHex();
  const name = `${hostname()}:${process.pid} ${work}`;
  const lookout = lookoutOf(deps, { id, name, knows }, now);
  const outdated = lookout.outdated.signal;
  try {
    const signs = await lookout.sign().then(() => true, (error) => {
      if (reads) return false;
      throw error;
    });
    await lookout.look(signs);
    if (!signs) return { processId: id, outdated, stop: () => Promise.resolve() };
  } catch (error) {
    await removeProcess(db.unguarded, id).catch(() => {});
    throw error;
  }
  db.gate(() => {
    outdated.throwIfAborted();
    return lookout.counts() ? undefined : lookout.look();
  });
  const stopped = new AbortController();
  const watching = keepLooking(deps, lookout, stopped.signal);
  const leave = () => removeProcess(db.unguarded, id);
  const left = watching.then(async () => {
    if (stopped.signal.aborted) return;
    const startedAt = performance.now();
    await untilIdle(db);
    await leave();
    const afterMs = Math.round(performance.now() - startedAt);
    deps.log.info("left the database to newer versions", { after_ms: afterMs });
  }).catch((error) =>
    deps.log.warn("whoever migrates waits for this process", { error: messageOf(error) })
  );
  return {
    processId: id,
    outdated,
    stop: async () => {
      stopped.abort();
      await Promise.race([left.then(leave).catch(() => {}), pause(maxLeaveMs)]);
    },
  };
}

/** What a process knows of its being there. */
interface Lookout {
  outdated: AbortController;
  sign(): Promise<void>;
  /** Looks, and says that the process is there when it is time; several at once are one. @throws {OutdatedError} */
  look(signs?: boolean): Promise<void>;
  /** Whether others still take this process for one that is there. */
  counts(): boolean;
}

function lookoutOf(
  { db, log }: SchemaDeps,
  me: ProcessSign,
  now: () => number,
): Lookout {
  const { unguarded } = db;
  const outdated = new AbortController();
  let signedAt = -Infinity;
  let counted = false;
  let looking: Promise<void> | undefined;
  const sign = async (): Promise<void> => {
    const startedAt = now();
    await signProcess(unguarded, me);
    signedAt = startedAt;
  };
  const look = async (signs: boolean): Promise<void> => {
    outdated.signal.throwIfAborted();
    if (signs && now() - signedAt >= signMs) await sign();
    const least = await readOldestBeside(unguarded);
    if (least <= me.knows) {
      counted = true;
      return;
    }
    outdated.abort(new OutdatedError(me.knows, least));
    // Who is refused from the start is told so by the error.
    if (signs && counted) {
      log.error("too old for the database: takes nothing any more", {
        knows: formatVersion(me.knows),
        least: formatVersion(least),
      });
    }
    outdated.signal.throwIfAborted();
  };
  return {
    outdated,
    sign,
    look: (signs = true) => looking ??= look(signs).finally(() => looking = undefined),
    counts: () => now() - signedAt < trustMs,
  };
}

/** Looks until the process is too old or the signal aborts. */
async function keepLooking(
  { log }: SchemaDeps,
  { look, outdated }: Lookout,
  stopped: AbortSignal,
): Promise<void> {
  while (!outdated.signal.aborted) {
    await pause(lookMs, stopped);
    if (stopped.aborted) return;
    await look().catch((error) => {
      if (!(error instanceof OutdatedError)) {
        log.debug("schema not looked at", { error: messageOf(error) });
      }
    });
  }
}

/** Waits for what had begun before. */
async function untilIdle(db: Database): Promise<void> {
  const until = performance.now() + maxInHandMs;
  while (db.connections().inUse > 0 && performance.now() < until) await pause(20);
}
