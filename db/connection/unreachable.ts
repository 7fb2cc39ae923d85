/**
 * Says why the database can't be reached.
 *
 * @module
 */

import { readDatabaseUrl, unreachable } from "../../config/engine_url.ts";
import type { WorkflowError } from "../../domain/errors.ts";
import { isOddAnswer } from "../../domain/operation/engine_fault.ts";
import { whoListens } from "../../runtime/who_listens.ts";
import { withoutSecrets } from "./connection.ts";

/** The error for a server that can't be reached; another kind of server in its place is told by its name. */
export async function unreachableDatabase(url: string, error: unknown): Promise<WorkflowError> {
  const { address } = readDatabaseUrl(url);
  const looks = isOddAnswer(error) && address.socket === undefined;
  return unreachable(
    `Cannot reach the database at ${withoutSecrets(url)}`,
    "DATABASE_URL",
    address,
    error,
    looks ? await whoListens(address.host, address.port) : undefined,
  );
}
