/**
 * Erased people, as intake knows them again.
 *
 * @module
 */

import { type ErasedCustomer, erasedPrefix } from "../../domain/customer/erased_customer.ts";
import {
  customerDigest,
  type ErasureKey,
  erasureKeyOf,
} from "../../domain/customer/erasure_key.ts";
import { type Queryable, toInteger } from "../connection/database.ts";
import { readInstallation } from "../payments/installation.ts";

/**
 * The number of the latest erasure that is committed, 0 for none: as long as it stays, what is known of customers stays true.
 * For a statement.
 */
export const latestErasure = "(select coalesce(max(erasures.id), 0) from erasures)";

/** Whether a row of `customers` is that of somebody who was erased. For a statement. */
export const isErasedCustomer =
  `left(customers.external_id, ${erasedPrefix.length}) = '${erasedPrefix}'`;

/** Reads {@linkcode latestErasure} by itself. */
export async function readLatestErasure(db: Queryable): Promise<number> {
  const [row] = await db.execute(`select ${latestErasure} as latest`);
  return toInteger(row!.latest);
}

/** Thrown where people were erased by another key than the settings make: nobody would know them again. */
export class OtherErasureSecret extends Error {}

/**
 * The key by which people are erased and known again.
 *
 * @param secret from the settings; empty for none
 * @throws {OtherErasureSecret} where somebody was erased by another key: their names could come back with the next file
 */
export async function readErasureKey(db: Queryable, secret: string): Promise<ErasureKey> {
  const { name } = await readInstallation(db);
  const key = erasureKeyOf(name, secret);
  const foreign = await countForeignKeys(db, key);
  if (foreign > 0) {
    throw new OtherErasureSecret(
      `${foreign} ids of people whose data were erased were written with another ERASURE_SECRET: with this one ` +
        "nobody would know them again. Set the one that they were erased with",
    );
  }
  return key;
}

/** Keys of erased people that another secret has made. */
export async function countForeignKeys(db: Queryable, { print }: ErasureKey): Promise<number> {
  const [row] = await db.execute(
    `
    select count(*) as n
    from erased_keys force index (erased_keys_print)
    where key_print < unhex(?) or key_print > unhex(?)`,
    [print, print],
  );
  return toInteger(row!.n);
}

/** Which of some customers were erased, by the ids that the shop has for them, or that guests have. */
export async function readErased(
  db: Queryable,
  externalIds: readonly string[],
  key: ErasureKey,
): Promise<Map<string, ErasedCustomer>> {
  if (externalIds.length === 0) return new Map();
  const idOf = new Map(externalIds.map((id) => [customerDigest(key, id), id]));
  const rows = await db.execute(
    `
    select lower(hex(erased_keys.digest)) as digest, erased_keys.customer_id, erased_keys.erased_at
    from json_table(?, '$[*]' columns (
      digest char(64) character set ascii path '$')) j
    straight_join erased_keys on erased_keys.digest = unhex(j.digest)`,
    [JSON.stringify([...idOf.keys()])],
  );
  return new Map(rows.map((row) => [
    idOf.get(String(row.digest))!,
    { id: toInteger(row.customer_id), erasedAt: String(row.erased_at) },
  ]));
}

/** Database ids of the customers that were erased after a certain erasure. */
export async function readErasedSince(db: Queryable, erasure: number): Promise<Set<number>> {
  const rows = await db.execute(
    "select distinct customer_id from erased_keys where erasure_id > ?",
    [erasure],
  );
  return new Set(rows.map((row) => toInteger(row.customer_id)));
}

/** Writes the keys of a person, in the transaction that takes their names away. */
export async function writeErasedKeys(
  tx: Queryable,
  erasureId: number,
  keys: readonly { externalId: string; customerId: number }[],
  key: ErasureKey,
): Promise<void> {
  await tx.run(
    `
    insert into erased_keys (digest, erasure_id, customer_id, key_print)
    select unhex(j.digest), ?, j.customer_id, unhex(?)
    from json_table(?, '$[*]' columns (
      digest char(64) character set ascii path '$[0]',
      customer_id bigint unsigned path '$[1]')) j
    on duplicate key update erasure_id = values(erasure_id), customer_id = values(customer_id),
      key_print = values(key_print), erased_at = current_timestamp(6)`,
    [
      erasureId,
      key.print,
      JSON.stringify(keys.map(({ externalId, customerId }) => [
        customerDigest(key, externalId),
        customerId,
      ])),
    ],
  );
}

/** Those of some orders whose customers were erased. Who locks the orders first sees what lasts. */
export async function readErasedOrders(
  db: Queryable,
  orderIds: readonly number[],
): Promise<Set<number>> {
  if (orderIds.length === 0 || await readLatestErasure(db) === 0) return new Set();
  const rows = await db.query(
    `
    select orders.id
    from orders
    straight_join customers on customers.id = orders.customer_id
    where orders.id in (?) and ${isErasedCustomer}`,
    [[...orderIds]],
  );
  return new Set(rows.map((row) => toInteger(row.id)));
}
