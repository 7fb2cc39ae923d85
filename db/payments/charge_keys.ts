/**
 * Which order a charge's key is about, for answers that name nothing but the key.
 *
 * @module
 */

import {
  chargeKeyOf,
  furtherKeyOf,
  mayBeKey,
  orderOfOldKey,
} from "../../domain/payment/payment_key.ts";
import { type Queryable, toInteger } from "../connection/database.ts";
import { readInstallation } from "./installation.ts";
import { type ChargeFacts, readCharges } from "../orders/orders.ts";
import { readAcceptedDifferences } from "./payment_disputes.ts";

/**
 * Notes keys before the provider is asked: its answer may come before the call returns. A key that was noted for a
 * row which is lost by now is then about the new one.
 */
export async function noteChargeKeys(
  db: Queryable,
  provider: string,
  keys: readonly { key: string; orderId: number }[],
): Promise<void> {
  if (keys.length === 0) return;
  const rows = keys.toSorted((a, b) => a.key < b.key ? -1 : 1)
    .map(({ key, orderId }) => [key, orderId]);
  await db.run(
    `
    insert into charge_keys (provider, charge_key, order_id)
    select ?, asked.charge_key, asked.order_id
    from json_table(?, '$[*]' columns (
      charge_key varchar(64) character set ascii path '$[0]',
      order_id bigint unsigned path '$[1]')) asked
    on duplicate key update order_id = asked.order_id`,
    [provider, JSON.stringify(rows)],
  );
}

/**
 * The order that a charge's key is about: only one whose own key it is, or was before an edit, so what is left over
 * from rows that were lost is about nothing. Under a further key that an older process may have used it has to be the order's money too,
 * because the charge may be that of a lost row with the same id.
 *
 * @param taken what the charge took
 */
export async function readOrderOfChargeKey(
  db: Queryable,
  provider: string,
  key: string,
  taken: { amountCents: number; currency: string },
): Promise<ChargeFacts | undefined> {
  if (!mayBeKey(key)) return undefined;
  const rows = await db.query(
    "select order_id from charge_keys where provider = ? and charge_key = ?",
    [provider, key],
  );
  const orderId = rows[0] === undefined ? orderOfOldKey(key) : toInteger(rows[0].order_id);
  if (orderId === undefined) return undefined;
  const order = (await readCharges(db, [orderId])).get(orderId);
  if (order === undefined) return undefined;
  const [own, further] = (await readChargeKeys(db, [order])).get(orderId)!;
  if (order.superseded.some(({ chargeKey }) => chargeKey === key)) return order;
  const fits = taken.amountCents === order.totalCents && taken.currency === order.currency;
  return key === own || (key === further && fits) ? order : undefined;
}

/**
 * The keys under which orders were charged, or will be, by order id: its own, and where an older process may have
 * charged it too, that one's.
 */
export async function readChargeKeys(
  db: Queryable,
  orders: readonly ChargeFacts[],
): Promise<Map<number, [own: string, further?: string]>> {
  const installation = await readInstallation(db);
  // Accepting another amount changed the total, and not what was asked for.
  const accepted = await readAcceptedDifferences(db, orders.map(({ id }) => id));
  return new Map(orders.map((order) => {
    const totalCents = order.totalCents - (accepted.get(order.id) ?? 0);
    const own = chargeKeyOf(installation, { ...order, totalCents });
    const further = furtherKeyOf(installation, order);
    return [order.id, further === undefined ? [own] : [own, further]];
  }));
}
