/**
 * Statements on payments that went back whole, and whose providers took that back later.
 *
 * @module
 */

import { readEverywhere } from "../archive/archived_tables.ts";
import { type Queryable, toInteger } from "../connection/database.ts";
import { leavePaymentToPerson } from "../refunds/refunds_by_hand.ts";
import { addUnsealed } from "../verification/seals.ts";
import { type RecordedPayment, toPayment } from "./payments.ts";
import { lostCents } from "./lost_cents.ts";

/** A payment as far as it matters whether its money is back with its provider. */
export interface ReversalState extends RecordedPayment {
  /** ISO 4217. */
  currency: string;
  /** What chargebacks that were lost have taken of it, in minor units. */
  lostCents: number;
  /** What of its giving back was one of these. */
  gaveBackCents: number;
}

/** A payment whose order is locked; undefined where there is none. */
export async function readReversalState(
  tx: Queryable,
  paymentId: number,
): Promise<ReversalState | undefined> {
  const [row] = await tx.query(
    `
    select payments.id, payments.order_id, payments.provider, payments.provider_ref, payments.amount_cents,
      coalesce(payments.currency, orders.currency) as currency, payments.status, payments.surplus, payments.paid_at
    from payments
    straight_join orders on orders.id = payments.order_id
    where payments.id = ?`,
    [paymentId],
  );
  if (row === undefined) return undefined;
  const [gone] = await tx.query(
    `
    select coalesce(sum(${lostCents}), 0) as lost_cents,
      coalesce(sum(chargebacks.gave_back_cents), 0) as gave_back_cents
    from chargebacks force index (chargebacks_order)
    straight_join payments on payments.id = chargebacks.payment_id
    straight_join orders on orders.id = payments.order_id
    where chargebacks.order_id = ? and payments.id = ?`,
    [toInteger(row.order_id), paymentId],
  );
  return {
    ...toPayment(row),
    currency: String(row.currency),
    lostCents: toInteger(gone!.lost_cents),
    gaveBackCents: toInteger(gone!.gave_back_cents),
  };
}

/**
 * `REVERSED` → `REVERSING`, of a payment whose order must be locked, for a person to give back: its provider would say of the
 * same key what it said before.
 *
 * @throws {Error} where it is not `REVERSED` any more: nothing may be committed then
 */
export async function reopenReversal(tx: Queryable, paymentId: number): Promise<void> {
  const { affectedRows } = await tx.run(
    "update payments set status = 'REVERSING' where id = ? and status = 'REVERSED'",
    [paymentId],
  );
  if (affectedRows !== 1) throw new Error(`payment ${paymentId} is not REVERSED any more`);
  await addUnsealed(tx, "payment", [paymentId]);
  await leavePaymentToPerson(tx, paymentId);
}

/** How a step names a payment, and what stands before anything else that it says. */
const byName = " by ", beforeNote = ": ";

/**
 * What the timeline says of one that was taken back, which is the once-key: it is told once of each charge. It holds nothing that
 * is erased with a person.
 */
export function reversalReturnedDetail(
  amount: string,
  { provider, providerRef }: Pick<RecordedPayment, "provider" | "providerRef">,
): string {
  return `${amount}${byName}${providerRef}${beforeNote}taken back by ${provider}`;
}

/**
 * What the timeline says of a payment that a person gave back: which one it was, where it is not the one that its order is
 * settled by, and what somebody typed behind it, which goes where the person is erased.
 */
export function returnedByHandDetail(
  amount: string,
  { surplus, providerRef }: Pick<RecordedPayment, "surplus" | "providerRef">,
  note: string | null,
): string {
  const money = surplus === 0 ? amount : `${amount}${byName}${providerRef}`;
  return note === null ? money : `${money}${beforeNote}${note}`;
}

/** {@linkcode returnedByHandDetail} without what somebody typed, as SQL; null where it names no payment. */
export const returnedByHandErased =
  `if(detail regexp '^[0-9.]+ [A-Z]{3}${byName}', substring_index(detail, '${beforeNote}', 1), null)`;

/** Whether a step about money of an order names the payment that is called so. */
export function isOfName(detail: string, providerRef: string): boolean {
  const at = detail.indexOf(byName);
  const notAt = detail.indexOf(beforeNote);
  if (at < 0 || (notAt >= 0 && notAt < at)) return false;
  const named = detail.slice(at + byName.length);
  return named === providerRef || named.startsWith(`${providerRef}${beforeNote}`);
}

/**
 * {@linkcode isOfName} as SQL, to the byte: of `x_10` nothing is said of `x_1`, and what somebody typed names no payment.
 *
 * @param detail the column that has the step's detail
 * @param ref the one that has the provider's name of the payment
 */
export function namesPayment(detail: string, ref: string): string {
  const at = `locate('${byName}', ${detail})`;
  const notAt = `locate('${beforeNote}', ${detail})`;
  const named = `substring(${detail}, ${at} + ${byName.length})`;
  const isSame = (one: string, other: string) =>
    `cast(${one} as binary) = cast(${other} as binary)`;
  const begins = `left(${named}, char_length(${ref}) + ${beforeNote.length})`;
  return `(${at} > 0 and (${notAt} = 0 or ${notAt} > ${at})
    and (${isSame(named, ref)} or ${isSame(begins, `concat(${ref}, '${beforeNote}')`)}))`;
}

/**
 * Whether a person gave a payment back, by the timeline of its order, which must be locked. A step that names no other payment is of
 * the one that the order is settled by, as all are that a version before wrote.
 */
export async function wasReturnedByHand(
  tx: Queryable,
  { orderId, surplus, providerRef }: Pick<RecordedPayment, "orderId" | "surplus" | "providerRef">,
): Promise<boolean> {
  const steps = await tx.query(
    `
    select detail
    from order_events force index (order_events_order)
    where order_id = ? and event = 'payment_returned'`,
    [orderId],
  );
  const details = steps.map(({ detail }) => String(detail ?? ""));
  if (details.length === 0) return false;
  if (surplus !== 0) return details.some((detail) => isOfName(detail, providerRef));
  const others = await tx.query(
    "select provider_ref from payments where order_id = ? and surplus > 0",
    [orderId],
  );
  return details.some((detail) =>
    !others.some((other) => isOfName(detail, String(other.provider_ref)))
  );
}

/** Those of some payments, by id, whose providers took back that they went back; of archived orders, too. */
export async function readReturnedReversals(
  db: Queryable,
  payments: readonly { id: number; orderId: number; ref: string }[],
): Promise<Set<number>> {
  if (payments.length === 0) return new Set();
  const rows = await readEverywhere(
    db,
    `
    select order_id, detail
    from order_events force index (order_events_order)
    where order_id in (?) and event = 'payment_reversal_returned'`,
    [[...new Set(payments.map(({ orderId }) => orderId))]],
  );
  const told = rows.map((row) => ({
    orderId: toInteger(row.order_id),
    detail: String(row.detail ?? ""),
  }));
  return new Set(
    payments.filter(({ orderId, ref }) =>
      told.some((one) => one.orderId === orderId && isOfName(one.detail, ref))
    ).map(({ id }) => id),
  );
}
