/**
 * Whether a server takes changes: what it says of itself, and whether it commits one.
 *
 * @module
 */

import type mysql from "mysql2/promise";
import { hangs, isFatal, isLockTimeout, isWrongServer } from "./faults.ts";

/** Changes what nobody reads. */
export const changeSomething =
  "update schema_migrations set updated_at = current_timestamp(6) where version = 1";

/** Seconds that the change above waits for another like it, which takes milliseconds unless commits hang. */
const waitSeconds = 1;

/** Number of an error by which a member of a group says that it can't commit. */
const cannotCommit = 3100;

/** Whether a server refuses changes because the other members of its group don't agree to them. */
export function isWithoutGroup(error: unknown): boolean {
  return (error as { errno?: number } | null)?.errno === cannotCommit;
}

/**
 * Looks whether a server takes changes: a replica does not, whoever asks, although administrators may write to it; a node
 * of Galera that has no quorum, or has not got what it missed, refuses statements but no questions about itself.
 *
 * @param timeout milliseconds to wait for an answer, which every server gives at once
 * @throws as the server would throw for a change
 */
export async function refuseReadOnly(connection: mysql.Connection, timeout: number): Promise<void> {
  const values = await showAll(connection, timeout, [
    "show global variables where variable_name in " +
    "('read_only', 'innodb_read_only', 'wsrep_on', 'wsrep_reject_queries')",
    "show global status like 'wsrep_ready'",
  ]);
  const rejects = values.get("wsrep_reject_queries") ?? "NONE";
  if (
    values.get("wsrep_on") === "ON" && (values.get("wsrep_ready") === "OFF" || rejects !== "NONE")
  ) {
    throw refusal(1047, "ER_UNKNOWN_COM_ERROR", "it is not ready", "08S01");
  }
  if (isOn(values.get("read_only")) || isOn(values.get("innodb_read_only"))) {
    throw readOnlyError();
  }
}

/** What a server throws for a change while it only reads. */
export function readOnlyError(): Error {
  return refusal(1290, "ER_OPTION_PREVENTS_STATEMENT", "it is read-only");
}

/**
 * Commits a change at a member of Group Replication: one that has lost the majority calls itself writable, and its commits wait
 * for as long as it has not found the others again. Other servers are not asked. Of those who ask at once one waits for
 * the commit and the others for its lock, so that no more than one commit hangs there.
 *
 * @param connection one that nobody else uses: what it is told stays
 * @param database that of the service; where it has no tables yet, nothing is known and nothing thrown
 * @throws as such a server throws once it gives up
 */
export async function refuseHangingCommits(
  connection: mysql.Connection,
  timeout: number,
  database: string | undefined,
): Promise<void> {
  const values = await showAll(connection, timeout, [
    "show global variables like 'group_replication_group_name'",
  ]);
  if ((values.get("group_replication_group_name") ?? "") === "") return;
  const tell = (sql: string) => connection.query({ sql, timeout });
  try {
    if (database !== undefined) await tell(`use ${connection.escapeId(database)}`);
    await tell(`set session innodb_lock_wait_timeout = ${waitSeconds}`);
    await tell(changeSomething);
  } catch (error) {
    if (hangs(error) || isLockTimeout(error)) {
      throw refusal(cannotCommit, "ER_RUN_HOOK_ERROR", "its group does not agree to changes");
    }
    // That another member changed the row meanwhile shows that they agree; what is missing is met by whoever needs it.
    if (isFatal(error) || isWrongServer(error)) throw error;
  }
}

async function showAll(
  connection: mysql.Connection,
  timeout: number,
  questions: readonly string[],
): Promise<Map<string, string>> {
  const values = new Map<string, string>();
  for (const sql of questions) {
    const [rows] = await connection.query({ sql, timeout });
    for (const { Variable_name, Value } of rows as Record<string, unknown>[]) {
      values.set(String(Variable_name).toLowerCase(), String(Value));
    }
  }
  return values;
}

function isOn(value: string | undefined): boolean {
  return value !== undefined && !/^(0|off)$/i.test(value);
}

function refusal(errno: number, code: string, message: string, sqlState = "HY000"): Error {
  return Object.assign(new Error(message), { errno, code, sqlState });
}
