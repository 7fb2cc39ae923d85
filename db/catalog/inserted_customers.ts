/**
 * Inserting customers that nobody knew a moment ago.
 *
 * @module
 */

import type { CustomerText, Described } from "../../domain/order/descriptions.ts";
import { guestPrefix } from "../../domain/order/guest.ts";
import { type Queryable, toInteger } from "../connection/database.ts";
import { listRows } from "../connection/insert_once.ts";
import { readPacked } from "../connection/packed_rows.ts";

/** A customer to create: the id that the shop has, and what is known of them. */
export type CustomerRow = readonly [externalId: string, described: Described<CustomerText>];

/**
 * Inserts customers none of whom is there, and reads nothing back but their ids. Those follow the first of them one by one, so a
 * range is read, which costs a fifth of a list of texts; where ids have gaps, some are not found by it.
 *
 * @param rows by external id, each once
 * @returns ids, by external id
 * @throws a duplicate key where one of them is there by now: nothing may be committed then
 */
export async function insertNewCustomers(
  tx: Queryable,
  rows: readonly CustomerRow[],
): Promise<Map<string, number>> {
  const inserting = insertCustomers(tx, rows, "");
  const reading = readPacked(
    tx,
    [{ sql: "id", kind: "number" }, { sql: "external_id", kind: "any text" }],
    "from customers where id between last_insert_id() and last_insert_id() + ? * @@auto_increment_increment",
    [rows.length - 1],
  );
  const [, { rows: near }] = await Promise.all([inserting, reading]);
  const names = new Set(rows.map(([externalId]) => externalId));
  return new Map(
    near.flatMap(([id, externalId]) =>
      names.has(externalId as string) ? [[externalId as string, toInteger(id!)]] : []
    ),
  );
}

/** Creates those customers that there are not; the others stay as they are. */
export function createCustomers(tx: Queryable, rows: readonly CustomerRow[]) {
  return insertCustomers(tx, rows, "on duplicate key update external_id = customers.external_id");
}

/** Deletes customers of whom there is no order; one that comes meanwhile keeps its customer, or finds none and is taken again. */
export async function deleteUnused(db: Queryable, ids: readonly number[]): Promise<void> {
  if (ids.length === 0) return;
  await db.query(
    `
    delete ignore from customers
    where id in (?) and not exists (select 1 from orders where orders.customer_id = customers.id)`,
    [[...ids]],
  );
}

function insertCustomers(tx: Queryable, rows: readonly CustomerRow[], otherwise: string) {
  const listed = listRows(
    "(?, ?, ?, ?, ?)",
    rows.map(([externalId, { text, by }]) => [
      externalId,
      text.email,
      text.name,
      by,
      externalId.startsWith(guestPrefix) ? 1 : 0,
    ]),
  );
  return tx.runText(
    `
    insert into customers (external_id, email, name, described_by, guest)
    values ${listed.sql}
    ${otherwise}`,
    listed.values,
  );
}
