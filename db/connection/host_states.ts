/**
 * What each of several hosts is at this moment.
 *
 * @module
 */

import mysql from "mysql2/promise";
import type { HostState } from "../../domain/operation/diagnosis.ts";
import { messageOf } from "../../domain/errors.ts";
import { databaseFault } from "../../domain/operation/engine_fault.ts";
import { readDatabaseUrl } from "../../config/engine_url.ts";
import { connectionWay, streamTo } from "./connection.ts";
import { isWrongServer } from "./faults.ts";
import { isWithoutGroup, refuseHangingCommits, refuseReadOnly } from "./writable.ts";

/** Milliseconds to wait for an answer of a server. */
const askMs = 3_000;

/**
 * Asks each host of a URL what it is.
 *
 * @returns in the order of the URL; empty where it names one host alone
 */
export async function readHostStates(url: string): Promise<HostState[]> {
  const { options, choice } = connectionWay(url);
  const { user, tls } = readDatabaseUrl(url).address;
  return await Promise.all((choice?.hosts ?? []).map(async (host): Promise<HostState> => {
    const name = `${host.host}:${host.port}`;
    try {
      const connection = await mysql.createConnection({ ...options, ...streamTo(host) });
      try {
        await refuseReadOnly(connection, askMs);
        await refuseHangingCommits(connection, askMs, options.database);
        return { name, state: await isMember(connection) ? "member" : "writable" };
      } finally {
        connection.destroy();
      }
    } catch (error) {
      if (isWrongServer(error) && !isWithoutGroup(error)) return { name, state: "read_only" };
      const way = { setting: "DATABASE_URL", ...host, user, tls } as const;
      return { name, state: "away", why: databaseFault(error, way)?.why ?? messageOf(error) };
    }
  }));
}

/** Whether what this server takes reaches others that take changes as well: Galera, Group Replication. */
async function isMember(connection: mysql.Connection): Promise<boolean> {
  const ask = async (sql: string) =>
    (await connection.query({ sql, timeout: askMs }))[0] as { Value: string }[];
  const rows = [
    ...await ask("show global status like 'wsrep_cluster_status'"),
    ...await ask("show global variables like 'group_replication_group_name'"),
  ];
  return rows.some(({ Value }) => Value !== "" && Value !== "Disconnected");
}
