/**
 * What customers have to do before the money of their orders moves.
 *
 * @module
 */

import { type Queryable, toIsoTime } from "../connection/database.ts";
import { databaseTime } from "../../domain/database_time.ts";

/** What a customer has to do. Times are ISO 8601 in UTC. */
export interface PaymentAction {
  /** Where; null where the provider gives no link. */
  url: string | null;
  /** Until when; null where the provider does not say. */
  expiresAt: string | null;
}

/** What the customer of an order has to do, as its provider said last; null where nothing was ever said. */
export async function readAction(db: Queryable, orderId: number): Promise<PaymentAction | null> {
  const [row] = await db.query(
    "select url, expires_at from payment_actions where order_id = ?",
    [orderId],
  );
  if (row === undefined) return null;
  return { url: row.url as string | null, expiresAt: toIsoTime(row.expires_at) };
}

/** Writes down what customers have to do, in the place of what was said before; no statement for none. */
export async function writeActions(
  db: Queryable,
  actions: readonly { orderId: number; url: string | null; expiresAt: Date | null }[],
): Promise<void> {
  if (actions.length === 0) return;
  const rows = actions.toSorted((a, b) => a.orderId - b.orderId)
    .map((
      { orderId, url, expiresAt },
    ) => [orderId, url, expiresAt && databaseTime(expiresAt)]);
  await db.run(
    `
    insert into payment_actions (order_id, url, expires_at)
    select told.order_id, told.url, told.expires_at
    from json_table(?, '$[*]' columns (
      order_id bigint unsigned path '$[0]',
      url varchar(2048) character set utf8mb4 path '$[1]',
      expires_at datetime(6) path '$[2]')) told
    on duplicate key update url = told.url, expires_at = told.expires_at`,
    [JSON.stringify(rows)],
  );
}
