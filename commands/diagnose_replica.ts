/**
 * Looks at the replica that lists are read from.
 *
 * @module
 */

import { type Config, isLoopback } from "../config/config.ts";
import { readDatabaseUrl } from "../config/engine_url.ts";
import { type Database, openDatabase } from "../db/connection/database.ts";
import { readEncryption, readServerPlace } from "../db/connection/server_facts.ts";
import { readLatestSign } from "../db/connection/schema_state.ts";
import { type Finding, judgeEncryption } from "../domain/operation/diagnosis.ts";
import { EngineFault } from "../domain/operation/engine_fault.ts";
import { WorkflowError } from "../domain/errors.ts";
import { judgeReplica } from "../domain/operation/read_replica.ts";

/**
 * Says how the replica is reached, and how far it is behind, by the signs that processes leave in the database. What is
 * wrong with the database itself is told elsewhere.
 *
 * @param remedy for a way that is not encrypted
 * @throws what opening the replica throws, about its own setting
 */
export async function diagnoseReplica(config: Config, remedy: string): Promise<Finding[]> {
  const replica = await openReplica(config.readDatabaseUrl);
  let primary: Database | undefined;
  try {
    const way = await judgeWay(config.readDatabaseUrl, replica, remedy);
    // The replica first: what it has by then the other has as well.
    const there = await readLatestSign(replica);
    primary = await openDatabase(config.databaseUrl, { connections: 1 }).catch(() => undefined);
    if (primary === undefined) return [way];
    const here = await readLatestSign(primary);
    return [
      way,
      judgeReplica({
        isSame: await readServerPlace(replica) === await readServerPlace(primary),
        behindMs: there === null || here === null ? null : Math.round(here - there),
        stalenessMs: config.readStalenessMs,
      }),
    ];
  } finally {
    await replica.close();
    await primary?.close();
  }
}

async function judgeWay(url: string, replica: Database, remedy: string): Promise<Finding> {
  const { host, socket, tls } = readDatabaseUrl(url).address;
  const way = {
    host,
    isSocket: socket !== undefined,
    mode: tls?.mode ?? null,
    seen: await readEncryption(replica),
  };
  return judgeEncryption("read replica", way, isLoopback(host), remedy);
}

/** Whoever opens a database speaks of DATABASE_URL, and somebody would change what is right. */
async function openReplica(url: string): Promise<Database> {
  const named = (text: string) => text.replaceAll(/\bDATABASE_URL\b/g, "READ_DATABASE_URL");
  try {
    return await openDatabase(url, { connections: 1 });
  } catch (error) {
    if (error instanceof EngineFault) {
      throw new EngineFault(error.what, { why: named(error.why), remedy: named(error.remedy) });
    }
    if (!(error instanceof WorkflowError)) throw error;
    throw new WorkflowError(error.code, named(error.message));
  }
}
