/**
 * Says why the database can't be reached.
 *
 * @module
 */

import mysql from "mysql2/promise";
import { readDatabaseUrl, unreachable } from "../../config/engine_url.ts";
import { messageOf, type WorkflowError } from "../../domain/errors.ts";
import { databaseFault, EngineFault, isOddAnswer } from "../../domain/operation/engine_fault.ts";
import { whoListens } from "../../runtime/who_listens.ts";
import { connectionOptions, withoutSecrets } from "./connection.ts";
import { NoWritableHost } from "./host_choice.ts";

/** The error for a server that can't be reached; another kind of server in its place is told by its name. */
export async function unreachableDatabase(url: string, error: unknown): Promise<WorkflowError> {
  if (error instanceof NoWritableHost) return noneWritable(url, error);
  const { address } = readDatabaseUrl(url);
  if (isRefusedLogin(error) && await takesTlsAlone(url)) error = tlsOnly;
  const looks = isOddAnswer(error) && address.socket === undefined;
  return unreachable(
    `Cannot reach the database at ${withoutSecrets(url)}`,
    "DATABASE_URL",
    address,
    error,
    looks ? await whoListens(address.host, address.port) : undefined,
  );
}

/** As MySQL says it; MariaDB calls it a wrong password. */
const tlsOnly = { errno: 3159, message: "the server takes encrypted connections alone" };

function isRefusedLogin(error: unknown): boolean {
  return (error as { errno?: number } | null)?.errno === 1045;
}

/** Longest wait for a login that is tried once more. */
const loginMs = 3_000;

/** Whether the same login succeeds on an encrypted way, of one that was tried in clear text. */
async function takesTlsAlone(url: string): Promise<boolean> {
  // The database may not be there yet, which says nothing of the login.
  const { database: _, ...options } = connectionOptions(url);
  if (options.ssl !== undefined || options.socketPath !== undefined) return false;
  const ssl = { rejectUnauthorized: false };
  try {
    const connection = await mysql.createConnection({ ...options, ssl, connectTimeout: loginMs });
    connection.destroy();
    return true;
  } catch {
    return false;
  }
}

/** What is wrong with each of several hosts. */
function noneWritable(url: string, { tried }: NoWritableHost): EngineFault {
  const { user, tls } = readDatabaseUrl(url).address;
  const reasons = tried.map(({ host: { host, port }, error }) => {
    const way = { setting: "DATABASE_URL", host, port, user, tls } as const;
    const why = databaseFault(error, way)?.why ?? messageOf(error);
    return why.includes(`${host}:${port}`) ? why : `${host}:${port}: ${why}`;
  });
  return new EngineFault(`Cannot reach the database at ${withoutSecrets(url)}`, {
    why: `none of its hosts takes changes: ${reasons.join("; ")}`,
    remedy: "start the primary, or type on the one that is to be it: SET GLOBAL read_only = 0",
  });
}
