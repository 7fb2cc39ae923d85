/**
 * Which of several providers an order's money is asked of.
 *
 * @module
 */

import { type Queryable, toInteger } from "../connection/database.ts";

/** The providers that were noted, by order id. */
export async function readOrderProviders(
  db: Queryable,
  orderIds: readonly number[],
): Promise<Map<number, string>> {
  if (orderIds.length === 0) return new Map();
  const rows = await db.query(
    "select order_id, provider from order_providers where order_id in (?)",
    [[...orderIds]],
  );
  return new Map(rows.map((row) => [toInteger(row.order_id), String(row.provider)]));
}

/** Notes providers, each before its first request. What was noted before stays, whoever notes another at the same moment. */
export async function noteOrderProviders(
  db: Queryable,
  chosen: readonly { orderId: number; provider: string }[],
): Promise<void> {
  if (chosen.length === 0) return;
  const rows = chosen.toSorted((a, b) => a.orderId - b.orderId)
    .map(({ orderId, provider }) => [orderId, provider]);
  await db.run(
    `
    insert into order_providers (order_id, provider)
    select chosen.order_id, chosen.provider
    from json_table(?, '$[*]' columns (
      order_id bigint unsigned path '$[0]',
      provider varchar(32) character set ascii path '$[1]')) chosen
    on duplicate key update order_id = chosen.order_id`,
    [JSON.stringify(rows)],
  );
}

/** The providers that were asked for money under keys, by key, as far as they have their keys noted. */
export async function readProvidersOfKeys(
  db: Queryable,
  providers: readonly string[],
  keys: readonly string[],
): Promise<Map<string, string>> {
  if (keys.length === 0) return new Map();
  const rows = await db.query(
    "select provider, charge_key from charge_keys where provider in (?) and charge_key in (?)",
    [[...providers], [...keys]],
  );
  return new Map(rows.map((row) => [String(row.charge_key), String(row.provider)]));
}
