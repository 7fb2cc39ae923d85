/**
 * What mending gives back directly at a provider: refunds that are of no row of `refunds`, and known by the keys of discrepancies.
 *
 * @module
 */

import { storedTime } from "../../domain/database_time.ts";
import { isMendKey } from "../../domain/payment/payment_key.ts";
import { directlyBack, type DiscrepancyState } from "../../domain/reconciliation/discrepancy.ts";
import { type Queryable, toInteger } from "../connection/database.ts";
import { type DiscrepancyRow, shown, toDiscrepancy } from "./discrepancies.ts";

/**
 * Notes how much the refund that mends it is of, before it is asked for: what was noted first stays.
 *
 * @param of.approvedAt when the action was approved by which it is asked for
 * @param cents nothing is noted where it is not above zero
 * @returns what is noted; undefined where nothing is, or the action was dropped or ended, or approved anew, meanwhile: nothing is to
 * be asked for then
 */
export async function noteMendCents(
  db: Queryable,
  { id, approvedAt }: Pick<DiscrepancyRow, "id" | "approvedAt">,
  cents: number,
): Promise<number | undefined> {
  const approved = [id, storedTime(approvedAt)];
  if (cents > 0) {
    await db.run(
      `
      insert into discrepancy_mends (discrepancy_id, amount_cents)
      select id, ? from discrepancies
      where id = ? and state = 'OPEN' and approved_at = ?
        and not exists (select 1 from discrepancy_mends where discrepancy_id = discrepancies.id)
      for update`,
      [cents, ...approved],
    );
  }
  const [row] = await db.execute(
    `
    select discrepancy_mends.amount_cents
    from discrepancies
    straight_join discrepancy_mends on discrepancy_mends.discrepancy_id = discrepancies.id
    where discrepancies.id = ? and discrepancies.state = 'OPEN' and discrepancies.approved_at = ?`,
    approved,
  );
  return row === undefined ? undefined : toInteger(row.amount_cents);
}

/**
 * Has a discrepancy be known as mended by the refund of an earlier key, which its provider made after all; nothing where something else
 * was approved meanwhile, or where the key is that of another one.
 */
export async function takeMendKey(
  db: Queryable,
  { id, approvedAt }: Pick<DiscrepancyRow, "id" | "approvedAt">,
  key: string,
): Promise<void> {
  await db.run(
    `
    update discrepancies
    set mend_key = ?
    where id = ? and state = 'OPEN' and approved_at = ?
      and not exists (select 1 from (select 1 from discrepancies where mend_key = ?) taken)`,
    [key, id, storedTime(approvedAt), key],
  );
}

/** What reports tell that went back of a discrepancy's charge, and that is on record for nothing. */
export async function sumToldBack(
  db: Queryable,
  { provider, chargeRef, theirCurrency }: Pick<
    DiscrepancyRow,
    "provider" | "chargeRef" | "theirCurrency"
  >,
): Promise<number> {
  const [row] = await db.query(
    `
    select coalesce(sum(their_cents), 0) as cents
    from discrepancies
    where unended = 1 and provider = ? and charge_ref = ? and kind = 'refund_without_refund'
      and their_currency = ?`,
    [provider, chargeRef, theirCurrency],
  );
  return toInteger(row!.cents);
}

/** What mending gave back of a discrepancy's charge directly, or is about to, by the discrepancies that it mends. */
export async function readMendsOf(
  db: Queryable,
  { provider, chargeRef }: Pick<DiscrepancyRow, "provider" | "chargeRef">,
): Promise<{ id: number; cents: number }[]> {
  const rows = await db.query(
    `
    select discrepancies.id, discrepancy_mends.amount_cents
    from discrepancy_mends
    straight_join discrepancies on discrepancies.id = discrepancy_mends.discrepancy_id
    where discrepancies.provider = ? and discrepancies.charge_ref = ?`,
    [provider, chargeRef],
  );
  return rows.map((row) => ({ id: toInteger(row.id), cents: toInteger(row.amount_cents) }));
}

/** Notes beside a mended discrepancy what became of the refund that mended it. */
export async function noteReturn(tx: Queryable, id: number, what: string): Promise<void> {
  await tx.run(
    `
    update discrepancies
    set answer = left(case when answer is null then ? else concat(answer, '; ', ?) end, 255)
    where id = ? and state = 'MENDED'`,
    [what, what, id],
  );
}

/** A refund that was made directly at the provider, by the discrepancy that it mends. */
export interface DirectRefund {
  /** Database id of the discrepancy. */
  id: number;
  orderId: number | null;
  chargeRef: string;
  /** What it is of, in minor units of `currency`. */
  cents: number;
  currency: string;
  /** Of the discrepancy. */
  state: DiscrepancyState;
}

/** Discrepancies of a provider by the keys of the refunds that mend them. */
export async function readMended(
  db: Queryable,
  provider: string,
  keys: readonly string[],
): Promise<Map<string, DirectRefund>> {
  const possible = keys.filter(isMendKey);
  if (possible.length === 0) return new Map();
  const rows = await db.query(`select ${shown} from discrepancies where mend_key in (?)`, [
    possible,
  ]);
  const mended = rows.map(toDiscrepancy).filter((row) => row.provider === provider);
  return new Map(mended.map((row) => [row.mendKey!, {
    id: row.id,
    orderId: row.orderId,
    chargeRef: row.chargeRef!,
    cents: row.mendCents ?? directlyBack(row) ?? 0,
    currency: row.theirCurrency!,
    state: row.state,
  }]));
}

/** The discrepancy that is mended by a refund of such a key; undefined where none is. */
export async function readMendedBy(
  db: Queryable,
  key: string,
): Promise<DiscrepancyRow | undefined> {
  const [row] = await db.query(`select ${shown} from discrepancies where mend_key = ?`, [key]);
  return row === undefined ? undefined : toDiscrepancy(row);
}
