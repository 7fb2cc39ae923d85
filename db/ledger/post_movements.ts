/**
 * Writes movements of money into the ledger. Nothing ever updates or deletes what stands there.
 *
 * @module
 */

import { ledgerAccounts, ledgerSources } from "../../domain/ledger/chart.ts";
import { isBalanced, type Movement } from "../../domain/ledger/movement.ts";
import type { Queryable } from "../connection/database.ts";

/** A paid order that costs something, all of it a sale. */
export interface PlainSale {
  orderId: number;
  totalCents: number;
  currency: string;
}

/**
 * Books orders, which must be locked, as paid by the payments that were written for them just now: one statement for a
 * batch. The primary key is the once-key.
 *
 * @param now of the settlement, the database's clock, UTC
 * @throws a duplicate key where one of them was booked before: nothing may be committed then
 */
export async function postSales(
  tx: Queryable,
  sales: readonly PlainSale[],
  now: string,
): Promise<void> {
  if (sales.length === 0) return;
  const rows = sales.map(({ orderId, totalCents, currency }) => [orderId, totalCents, currency]);
  await tx.run(
    `
    insert into ledger_entries
      (order_id, source, source_id, step, account, amount_cents, currency, day, booked_at)
    select sale.order_id, ${ledgerSources.payment}, 0, 1, side.account, side.sign * sale.amount_cents,
      sale.currency, date(?), ?
    from json_table(?, '$[*]' columns (
      order_id bigint unsigned path '$[0]',
      amount_cents bigint path '$[1]',
      currency char(3) character set ascii collate ascii_bin path '$[2]')) sale
    cross join (
      select ${ledgerAccounts.clearing.id} as account, 1 as sign
      union all select ${ledgerAccounts.sales.id}, -1) side`,
    [now, now, JSON.stringify(rows)],
  );
}

/**
 * Books movements of any kind: the one way for all but plain sales. What they belong to must be locked, and change in
 * the same transaction. The primary key is the once-key.
 *
 * @param now for those that say no moment of their own: the database's clock, UTC, or null for this very moment
 * @throws {Error} where one of them does not come to nothing
 * @throws a duplicate key where one of them was booked before: nothing may be committed then
 */
export async function postMovements(
  tx: Queryable,
  movements: readonly Movement[],
  now: string | null,
): Promise<void> {
  for (const { orderId, source, sourceId, entries } of movements) {
    if (isBalanced(entries)) continue;
    throw new Error(`${source} ${sourceId} of order ${orderId} does not come to nothing`);
  }
  const rows = movements.flatMap((movement) =>
    movement.entries.map(({ account, amountCents }) => [
      movement.orderId,
      ledgerSources[movement.source],
      movement.sourceId,
      movement.step,
      ledgerAccounts[account].id,
      amountCents,
      movement.currency,
      movement.at ?? now,
    ])
  );
  if (rows.length === 0) return;
  await tx.run(
    `
    insert into ledger_entries
      (order_id, source, source_id, step, account, amount_cents, currency, day, booked_at)
    select given.order_id, given.source, given.source_id, given.step, given.account, given.amount_cents,
      given.currency, date(coalesce(given.booked_at, current_timestamp(6))),
      coalesce(given.booked_at, current_timestamp(6))
    from json_table(?, '$[*]' columns (
      order_id bigint unsigned path '$[0]',
      source int path '$[1]',
      source_id bigint unsigned path '$[2]',
      step int path '$[3]',
      account int path '$[4]',
      amount_cents bigint path '$[5]',
      currency char(3) character set ascii collate ascii_bin path '$[6]',
      booked_at datetime(6) path '$[7]')) given
    order by given.order_id, given.source, given.source_id, given.step, given.account`,
    [JSON.stringify(rows)],
  );
}
