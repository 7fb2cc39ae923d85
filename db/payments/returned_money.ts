/**
 * Statements on what of payments went back, by chargebacks and otherwise.
 *
 * @module
 */

import type { WentBack } from "../../domain/refund/given_twice.ts";
import { type Queryable, toInteger } from "../connection/database.ts";
import { addUnsealed } from "../verification/seals.ts";
import { lostCents } from "./lost_cents.ts";
import { reopenDismissed } from "./payment_disputes.ts";

/** A payment that chargebacks are of, and what of it went back. */
export interface ReturnedPayment extends WentBack {
  orderId: number;
  paymentId: number;
  /** ISO 4217. */
  currency: string;
  /** The latest that was lost, or else the latest. */
  chargebackId: number;
}

/** What went back of each payment of some orders that chargebacks are of; the orders must be locked. */
export async function readReturned(
  tx: Queryable,
  orderIds: readonly number[],
): Promise<ReturnedPayment[]> {
  if (orderIds.length === 0) return [];
  const rows = await tx.query(
    `
    select payments.id, payments.order_id, payments.amount_cents,
      coalesce(payments.currency, orders.currency) as currency, chargebacks.id as chargeback_id,
      chargebacks.gave_back_cents, ${lostCents} as lost_cents,
      case
        when payments.status in ('REVERSED', 'DISMISSED') then payments.amount_cents
        when payments.surplus = 0 and payments.status = 'SUCCEEDED' then orders.refunded_cents
        else 0 end as back_cents
    from chargebacks force index (chargebacks_order)
    straight_join payments on payments.id = chargebacks.payment_id
    straight_join orders on orders.id = payments.order_id
    where chargebacks.order_id in (?)
    order by payments.id, chargebacks.state = 'lost', chargebacks.id`,
    [[...orderIds]],
  );
  const byPayment = Map.groupBy(rows, ({ id }) => toInteger(id));
  return [...byPayment].map(([paymentId, own]) => {
    const [first] = own as [typeof own[number]];
    const sum = (column: string) => own.reduce((cents, row) => cents + toInteger(row[column]), 0);
    return {
      orderId: toInteger(first.order_id),
      paymentId,
      currency: String(first.currency),
      paidCents: toInteger(first.amount_cents),
      // What a chargeback gave back is lost, and not gone a second time.
      givenBackCents: Math.max(0, toInteger(first.back_cents) - sum("gave_back_cents")),
      lostCents: sum("lost_cents"),
      chargebackId: toInteger(own.at(-1)!.chargeback_id),
    };
  });
}

const lostWords = ": by a chargeback that was lost";

/** What the timeline says of a payment that went back by a chargeback, which reconciling goes by. */
export function lostByChargeback(amount: string): string {
  return `${amount}${lostWords}`;
}

/**
 * Whether a step says what {@linkcode lostByChargeback} does, as SQL.
 *
 * @param detail the column that has the step's detail
 */
export function saysLostByChargeback(detail: string): string {
  return `${detail} like '%${lostWords}'`;
}

/**
 * Notes that money which was to be given back, or was dealt with otherwise, went back by the chargebacks that were lost: so much
 * of it as these took. The order must be locked, and the payment is over in the same transaction.
 */
export async function noteReturned(
  tx: Queryable,
  { id, orderId, amountCents }: { id: number; orderId: number; amountCents: number },
): Promise<void> {
  const rows = await tx.query(
    `
    select chargebacks.id, ${lostCents} as lost_cents
    from chargebacks force index (chargebacks_order)
    straight_join payments on payments.id = chargebacks.payment_id
    straight_join orders on orders.id = payments.order_id
    where chargebacks.order_id = ? and chargebacks.payment_id = ? and chargebacks.state = 'lost'
    order by chargebacks.id`,
    [orderId, id],
  );
  let leftCents = amountCents;
  for (const row of rows) {
    const cents = Math.min(leftCents, toInteger(row.lost_cents));
    leftCents -= cents;
    await tx.run("update chargebacks set gave_back_cents = ? where id = ?", [
      cents,
      toInteger(row.id),
    ]);
  }
}

/** Notes that money went back otherwise than by chargebacks, whatever these took besides; its order must be locked. */
export async function forgetReturned(
  tx: Queryable,
  { id, orderId }: { id: number; orderId: number },
): Promise<void> {
  await tx.run(
    "update chargebacks set gave_back_cents = 0 where order_id = ? and payment_id = ?",
    [orderId, id],
  );
}

/** What is to become of money that went back by chargebacks which have not taken it any more. */
export type Reopened =
  /** It is to be given back as before it was lost. */
  | "given_back"
  /** It was dismissed, and stands among what a person decides about again. */
  | "disputed"
  /** Only what the chargebacks took is owed: what became of the rest stays so, and this is for a person to give back. */
  | "in_part";

/**
 * Has a payment looked after again that went back by chargebacks, where these have not taken it any more: an appeal was won,
 * or the provider corrects an amount. The order must be locked. The sweep publishes the message of one that is to be given back.
 *
 * @returns undefined where nothing is owed of it
 */
export async function reopenReturned(
  tx: Queryable,
  { orderId, paymentId }: { orderId: number; paymentId: number },
): Promise<Reopened | undefined> {
  const [row] = await tx.query(
    `
    select payments.status, payments.amount_cents, sum(${lostCents}) as lost_cents,
      sum(chargebacks.gave_back_cents) as gave_back_cents
    from chargebacks force index (chargebacks_order)
    straight_join payments on payments.id = chargebacks.payment_id
    straight_join orders on orders.id = payments.order_id
    where chargebacks.order_id = ? and payments.id = ? and payments.status in ('REVERSED', 'DISMISSED')
    group by payments.status, payments.amount_cents`,
    [orderId, paymentId],
  );
  if (row === undefined) return undefined;
  const lost = toInteger(row.lost_cents), gaveBack = toInteger(row.gave_back_cents);
  if (lost >= gaveBack) return undefined;
  if (gaveBack < toInteger(row.amount_cents)) return "in_part";
  const wasDismissed = row.status === "DISMISSED";
  // Decided about as a whole it would go back as a whole.
  if (wasDismissed && lost > 0) return "in_part";
  if (wasDismissed) await reopenDismissed(tx, { id: paymentId, orderId });
  else {
    await tx.run("update payments set status = 'REVERSING' where id = ? and status = 'REVERSED'", [
      paymentId,
    ]);
  }
  await addUnsealed(tx, "payment", [paymentId]);
  await forgetReturned(tx, { id: paymentId, orderId });
  return wasDismissed ? "disputed" : "given_back";
}
