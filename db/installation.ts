/**
 * The one row that says which installation this is.
 *
 * @module
 */

import type { Installation } from "../domain/payment_key.ts";
import { type Queryable, toInteger } from "./database.ts";

/**
 * Reads what the keys of charges and refunds are made of. Read whenever it is needed and never kept: another
 * database may have taken the place of this one.
 *
 * @throws {Error} where the database has none: no money may be asked for then
 */
export async function readInstallation(db: Queryable): Promise<Installation> {
  const [row] = await db.query(
    "select name, last_old_order_id, made_at from installation where id = 1",
  );
  if (row === undefined) throw new Error("The database does not say which installation it is");
  return {
    name: String(row.name),
    lastOldOrderId: toInteger(row.last_old_order_id),
    madeAt: String(row.made_at),
  };
}
