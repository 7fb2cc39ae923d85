/**
 * What the database server says of itself.
 *
 * @module
 */

import type { DatabaseFacts } from "../../domain/operation/diagnosis.ts";
import { type Database, type Queryable, toInteger } from "./database.ts";

/** Settings of the server that matter to the product. */
export interface ServerFacts extends DatabaseFacts {
  engine: Database["engine"];
  /** Such as `10.11.19-MariaDB`. */
  version: string;
  /** The server's clock, ms since 1970. */
  nowMs: number;
}

/** Reads the settings of the server. */
export async function readServerFacts(db: Database): Promise<ServerFacts> {
  const [row] = await db.query(`
    select @@innodb_flush_log_at_trx_commit as flush_log, @@log_bin as log_bin,
      @@sync_binlog as sync_binlog, @@character_set_database as charset,
      @@max_connections as max_connections, @@max_allowed_packet as max_packet,
      @@innodb_buffer_pool_size as buffer_pool, utc_timestamp(6) as now`);
  const [format] = await db.query("show session variables like 'binlog_format'");
  return {
    engine: db.engine,
    version: db.version,
    flushLogAtCommit: toInteger(row?.flush_log),
    syncBinlog: toInteger(row?.log_bin) === 0 ? null : toInteger(row?.sync_binlog),
    logsStatements: toInteger(row?.log_bin) !== 0 && format?.Value === "STATEMENT",
    charset: String(row?.charset),
    maxConnections: toInteger(row?.max_connections),
    maxPacketBytes: toInteger(row?.max_packet),
    bufferPoolBytes: toInteger(row?.buffer_pool),
    nowMs: Date.parse(`${String(row?.now).replace(" ", "T")}Z`),
  };
}

/** How the connections of a pool are encrypted; null where they are not. */
export async function readEncryption(
  db: Queryable,
): Promise<{ protocol: string; cipher: string } | null> {
  const rows = await db.query("show session status like 'Ssl\\_%'");
  const values = new Map(rows.map((row) => [String(row.Variable_name), String(row.Value)]));
  const cipher = values.get("Ssl_cipher") ?? "";
  return cipher === "" ? null : { protocol: values.get("Ssl_version") ?? "TLS", cipher };
}

/** Which server answers, as text that no other one has. */
export async function readServerPlace(db: Queryable): Promise<string> {
  const [row] = await db.query("select @@hostname as host, @@port as port, @@datadir as folder");
  return `${row!.host} ${row!.port} ${row!.folder}`;
}
