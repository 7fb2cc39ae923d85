/**
 * Keeps the replica of the settings usable for reading while a process serves.
 *
 * @module
 */

import { openDatabase } from "../db/connection/database.ts";
import { openReadReplica, type Reads } from "../db/connection/read_replica.ts";
import { messageOf } from "../domain/errors.ts";
import { pause } from "../streams/timing/pause.ts";
import type { AppDeps } from "./deps.ts";

/** Marks are written so often within what a read may be old. */
const marksInTime = 4;

/** And no more often than this, in milliseconds. */
const minMarkMs = 200;

/** And no less often, in milliseconds: a replica that had come to rest is used again soon. */
const maxMarkMs = 1_000;

/**
 * Reads from the replica that the settings name until the signal aborts; undefined where they name none. It need not be there
 * yet, and may go: what it can't answer the database itself does. Opens nothing before the first read.
 *
 * @param deps.processId of this process' row in `processes`
 */
export function keepReplica(
  { config, db, log, processId }: Pick<AppDeps, "config" | "db" | "log"> & { processId: string },
  signal: AbortSignal,
): Reads | undefined {
  const { readDatabaseUrl: url, readStalenessMs: stalenessMs } = config;
  if (url === "") return undefined;
  const replica = openReadReplica({
    db,
    open: () => openDatabase(url, { connections: config.databaseConnections }),
    processId,
    stalenessMs,
    onChange: (change) => {
      if (change.reads === "replica") log.info("lists are read from the replica");
      else log.warn("lists are read from the database itself", { error: messageOf(change.why) });
    },
  });
  void keepMarking(replica, signal, stalenessMs);
  return replica.read;
}

async function keepMarking(
  replica: ReturnType<typeof openReadReplica>,
  signal: AbortSignal,
  stalenessMs: number,
): Promise<void> {
  const everyMs = Math.min(maxMarkMs, Math.max(minMarkMs, stalenessMs / marksInTime));
  while (!signal.aborted) {
    // Without marks the primary is read, whose own answer tells what is wrong with it.
    await replica.mark().catch(() => {});
    await pause(everyMs, signal);
  }
  await replica.close();
}
