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
  { db, log }: SchemaDeps,
  work: string,
  { knows = newestMigration(), reads = false, now = () => performance.now() }: {
    knows?: number;
    reads?: boolean;
    now?: () => number;
  } = {},
): Promise<SchemaWatch> {
  const { unguarded } = db;
  const id = crypto.getRandomValues(new Uint8Array(12)).toHex();
  const name = `${hostname()}:${process.pid} ${work}`;
  const outdated = new AbortController();
  const stopped = new AbortController();
  let error: OutdatedError | undefined;
  let signedAt = -Infinity;
  const sign = async (): Promise<void> => {
    const startedAt = now();
    await signProcess(unguarded, { id, name, knows });
    signedAt = startedAt;
  };
  const look = async (signs: boolean): Promise<void> => {
    if (error !== undefined) throw error;
    if (signs && now() - signedAt >= signMs) await sign();
    const least = await readOldestBeside(unguarded);
    if (least <= knows) return;
    error = new OutdatedError(knows, least);
    outdated.abort(error);
    log.error("too old for the database: takes nothing any more", {
      knows: formatVersion(knows),
      least: formatVersion(least),
    });
    throw error;
  };
  let looking: Promise<void> | undefined;
  const lookShared = (signs = true) => looking ??= look(signs).finally(() => looking = undefined);

  try {
    const signs = await sign().then(() => true, (error) => {
      if (reads) return false;
      throw error;
    });
    await lookShared(signs);
    if (!signs) return { outdated: outdated.signal, stop: () => Promise.resolve() };
  } catch (error) {
    await removeProcess(unguarded, id).catch(() => {});
    throw error;
  }
  db.gate(() => {
    if (error !== undefined) throw error;
    return now() - signedAt < trustMs ? undefined : lookShared();
  });
  const watching = (async () => {
    while (!stopped.signal.aborted && !outdated.signal.aborted) {
      await pause(lookMs, stopped.signal);
      if (stopped.signal.aborted) break;
      await lookShared().catch((error) => {
        if (!(error instanceof OutdatedError)) {
          log.debug("schema not looked at", { error: messageOf(error) });
        }
      });
    }
    if (!outdated.signal.aborted) return;
    await untilIdle(db);
    await removeProcess(unguarded, id).catch((error) =>
      log.warn("the database waits for this process", { error: messageOf(error) })
    );
  })();
  return {
    outdated: outdated.signal,
    stop: async () => {
      stopped.abort();
      const leaving = watching.then(() => removeProcess(unguarded, id)).catch(() => {});
      await Promise.race([leaving, pause(maxLeaveMs)]);
    },
  };
}

/** Waits for what had begun before. */
async function untilIdle(db: Database): Promise<void> {
  const until = performance.now() + maxInHandMs;
  while (db.connections().inUse > 0 && performance.now() < until) await pause(20);
}
