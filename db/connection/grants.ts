/**
 * What the user of a connection may do.
 *
 * @module
 */

import type { Queryable } from "./queryable.ts";

/** The user as the server knows it, `'name'@'host'`, and what it was granted, as SHOW GRANTS tells it. */
export async function readGrants(db: Queryable): Promise<{ account: string; grants: string[] }> {
  const [who] = await db.query("select current_user() as account");
  const rows = await db.query("show grants");
  return {
    account: quotedAccount(String(who?.account)),
    grants: rows.map((row) => String(Object.values(row)[0])),
  };
}

/** `name@host`, as current_user() says it, in the form that GRANT wants. */
export function quotedAccount(account: string): string {
  const at = account.lastIndexOf("@");
  return `'${account.slice(0, at)}'@'${account.slice(at + 1)}'`;
}
