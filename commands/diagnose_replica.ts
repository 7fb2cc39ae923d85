/**
 * Looks at the replica that lists are read from.
 *
 * @module
 */

import type { Config } from "../config/config.ts";
import { openDatabase } from "../db/connection/database.ts";
import { readServerPlace } from "../db/connection/server_facts.ts";
import { readLatestSign } from "../db/connection/schema_state.ts";
import type { Finding } from "../domain/operation/diagnosis.ts";
import { judgeReplica } from "../domain/operation/read_replica.ts";

/**
 * Says how far the replica is behind, by the signs that processes leave in the database.
 *
 * @throws what opening either throws
 */
export async function diagnoseReplica(config: Config): Promise<Finding[]> {
  const opened = await Promise.all(
    [config.readDatabaseUrl, config.databaseUrl].map((url) =>
      openDatabase(url, { connections: 1 })
    ),
  );
  try {
    // The replica first: what it has by then the other has as well.
    const [replica, primary] = opened;
    const there = await readLatestSign(replica!);
    const here = await readLatestSign(primary!);
    return [judgeReplica({
      isSame: await readServerPlace(replica!) === await readServerPlace(primary!),
      behindMs: there === null || here === null ? null : Math.round(here - there),
      stalenessMs: config.readStalenessMs,
    })];
  } finally {
    await Promise.all(opened.map((db) => db.close()));
  }
}
