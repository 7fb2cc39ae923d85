/**
 * Statements on charges that an edit has superseded: their orders cost another amount since, and whatever comes of them
 * goes back.
 *
 * @module
 */

import { type Queryable, toInteger } from "../connection/database.ts";

/** A charge that was asked for, or may have been, before its order was edited. */
export interface SupersededCharge {
  id: number;
  orderId: number;
  /** Of the order when the charge was its own. */
  revision: number;
  /** Under which the provider knows it, if it does. */
  chargeKey: string;
  /** What was to be paid, in minor units of `currency`. */
  amountCents: number;
  /** ISO 4217, upper case. */
  currency: string;
  /** What the provider said of it; null before. */
  outcome: "declined" | "succeeded" | null;
}

/** The superseded charges of orders, each order's from the first to the last. Orders without any are absent. */
export async function readSupersededCharges(
  db: Queryable,
  orderIds: readonly number[],
): Promise<Map<number, SupersededCharge[]>> {
  if (orderIds.length === 0) return new Map();
  const rows = await db.query(
    `
    select id, order_id, revision, charge_key, amount_cents, currency, outcome
    from superseded_charges
    where order_id in (?)
    order by order_id, revision`,
    [[...orderIds]],
  );
  return Map.groupBy(
    rows.map((row): SupersededCharge => ({
      id: toInteger(row.id),
      orderId: toInteger(row.order_id),
      revision: toInteger(row.revision),
      chargeKey: String(row.charge_key),
      amountCents: toInteger(row.amount_cents),
      currency: String(row.currency),
      outcome: row.outcome as SupersededCharge["outcome"],
    })),
    ({ orderId }) => orderId,
  );
}

/** Notes that an order's charge is superseded. The order must be locked, and change in the same transaction. */
export async function insertSupersededCharge(
  tx: Queryable,
  charge: Omit<SupersededCharge, "id" | "outcome">,
): Promise<void> {
  const { orderId, revision, chargeKey, amountCents, currency } = charge;
  await tx.run(
    `
    insert into superseded_charges (order_id, revision, charge_key, amount_cents, currency)
    values (?, ?, ?, ?, ?)`,
    [orderId, revision, chargeKey, amountCents, currency],
  );
}

/** Notes what the provider said of a superseded charge, whose order must be locked. Money overrules a refusal. */
export async function noteSupersededOutcome(
  tx: Queryable,
  id: number,
  outcome: "declined" | "succeeded",
): Promise<void> {
  await tx.run(
    `
    update superseded_charges
    set outcome = ?
    where id = ? and coalesce(outcome, 'declined') = 'declined'`,
    [outcome, id],
  );
}
