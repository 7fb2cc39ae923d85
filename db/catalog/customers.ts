/**
 * Reading customers.
 *
 * @module
 */

import { type Queryable, toInteger } from "../connection/database.ts";

/**
 * The address of an order's recipient, in a statement on `orders` and `customers`: null where it has none. A row of a
 * version before may say nothing of its recipient, who is then what the customer was first known by.
 */
export const recipientEmail =
  "if(orders.recipient_name is null, customers.first_email, orders.recipient_email)";

/** A customer as the leaderboard names it. */
export interface CustomerName {
  /** The shop's own id; null of a guest. */
  externalId: string | null;
  /** By which a guest's orders are found; null where none is kept. */
  email: string | null;
  name: string;
}

/** Names of customers by database id; an id that no row has is absent. */
export async function readCustomerNames(
  db: Queryable,
  ids: readonly number[],
): Promise<Map<number, CustomerName>> {
  if (ids.length === 0) return new Map();
  const rows = await db.query(
    `
    select id, external_id, email, name, guest
    from customers
    where id in (?)`,
    [[...ids]],
  );
  return new Map(rows.map((row) => [
    toInteger(row.id),
    {
      externalId: toInteger(row.guest) === 1 ? null : String(row.external_id),
      email: row.email === null || row.email === "" ? null : String(row.email),
      name: String(row.name),
    },
  ]));
}

/**
 * The database id of a customer.
 *
 * @param reference the shop's id of the customer; where no customer has it, the database id
 * @returns undefined where nobody is meant by it
 */
export async function findCustomer(
  db: Queryable,
  reference: string,
): Promise<number | undefined> {
  const byExternalId = await db.execute(
    `
    select id
    from customers
    where external_id = ?`,
    [reference],
  );
  if (byExternalId.length > 0) return toInteger(byExternalId[0]!.id);
  const id = /^[1-9]\d{0,15}$/.test(reference) ? Number(reference) : NaN;
  if (!Number.isSafeInteger(id)) return undefined;
  const byId = await db.execute(
    `
    select id
    from customers
    where id = ?`,
    [id],
  );
  return byId.length > 0 ? id : undefined;
}
