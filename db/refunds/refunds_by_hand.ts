/**
 * Statements on money that a person has to give back: refunds, and payments of orders that came to nothing.
 *
 * @module
 */

import { maxCounted } from "../../domain/bounded_count.ts";
import { handStates, type HandVerdict } from "../../domain/refund/by_hand.ts";
import { type Queryable, type Row, toInteger, toIsoTime } from "../connection/database.ts";
import { type MoneySum, toMoneySum } from "../payments/money_sums.ts";
import { gaveBackInPart, lostOf } from "../payments/lost_cents.ts";

const stateNumber = (state: typeof handStates[number]) => handStates.indexOf(state) + 1;

/**
 * Has a person give `REQUESTED` refunds back, whose orders must be locked; those that wait for one already stay as they
 * are.
 *
 * @param refunds with the provider that has the money
 */
export async function leaveRefundsToPerson(
  tx: Queryable,
  refunds: readonly { id: number; provider: string }[],
): Promise<void> {
  if (refunds.length === 0) return;
  const rows = JSON.stringify(refunds.map(({ id, provider }) => [id, provider]));
  await tx.run(
    `
    insert into refunds_by_hand (order_id, refund_id, provider, amount_cents, currency)
    select refunds.order_id, refunds.id, waiting.provider, refunds.amount_cents, orders.currency
    from ${waitingTable}
    straight_join refunds force index (primary) on refunds.id = waiting.id
    straight_join orders on orders.id = refunds.order_id
    where refunds.status = 'REQUESTED' and refunds.by_hand = 0`,
    [rows],
  );
  await tx.run(
    `
    update ${waitingTable}
    straight_join refunds force index (primary) on refunds.id = waiting.id
    set refunds.by_hand = ${stateNumber("waiting")}
    where refunds.status = 'REQUESTED' and refunds.by_hand = 0`,
    [rows],
  );
}

const waitingTable = `json_table(?, '$[*]' columns (
      id bigint unsigned path '$[0]',
      provider varchar(32) character set ascii path '$[1]')) waiting`;

/**
 * Writes down what a person said of a refund by hand, whose order must be locked, and takes it off the list. It stays
 * `REQUESTED` until its message books it.
 *
 * @param failureReason why it is refused; null where it was given back
 * @throws {Error} where it does not wait for a person any more
 */
export async function endRefundByHand(
  tx: Queryable,
  refundId: number,
  verdict: HandVerdict,
  failureReason: string | null,
): Promise<void> {
  const { affectedRows } = await tx.run(
    `
    update refunds
    set by_hand = ?, failure_reason = ?
    where id = ? and status = 'REQUESTED' and by_hand = ${stateNumber("waiting")}`,
    [stateNumber(verdict), failureReason, refundId],
  );
  if (affectedRows !== 1) throw new Error(`refund ${refundId} does not wait for a person`);
  await tx.run("delete from refunds_by_hand where refund_id = ?", [refundId]);
}

/**
 * Has no person give `REQUESTED` refunds back any more that wait for one, or that one has refused; their orders must be
 * locked. Their provider has given them back after all.
 */
export async function takeRefundsFromPerson(
  tx: Queryable,
  refundIds: readonly number[],
): Promise<void> {
  if (refundIds.length === 0) return;
  await tx.runText("delete from refunds_by_hand where refund_id in (?)", [[...refundIds]]);
  await tx.runText(
    "update refunds set by_hand = 0, failure_reason = null where id in (?) and status = 'REQUESTED'",
    [[...refundIds]],
  );
}

/**
 * Has a person give a `REVERSING` payment back, whose order must be locked, or what of one chargebacks gave back and are lost no more.
 *
 * @returns false where one has to already
 */
export async function leavePaymentToPerson(tx: Queryable, paymentId: number): Promise<boolean> {
  const { affectedRows } = await tx.run(
    `
    insert into refunds_by_hand (order_id, payment_id, provider, amount_cents, currency)
    select payments.order_id, payments.id, payments.provider, payments.amount_cents,
      coalesce(payments.currency, orders.currency)
    from payments
    straight_join orders on orders.id = payments.order_id
    where payments.id = ? and (payments.status = 'REVERSING' or ${gaveBackInPart})
      and not exists (select 1 from refunds_by_hand where payment_id = ?)`,
    [paymentId, paymentId],
  );
  return affectedRows === 1;
}

/** Takes a payment off the list. @returns false where it was not on it */
export async function endPaymentByHand(tx: Queryable, paymentId: number): Promise<boolean> {
  const { affectedRows } = await tx.run("delete from refunds_by_hand where payment_id = ?", [
    paymentId,
  ]);
  return affectedRows === 1;
}

/** More payments of one order than ever wait for a person. */
const maxPayments = 100;

/** The payments of an order that wait for a person to give them back, the longest first. */
export async function readPaymentsByHand(tx: Queryable, orderId: number): Promise<number[]> {
  const rows = await tx.query(
    `
    select payment_id
    from refunds_by_hand force index (refunds_by_hand_order)
    where order_id = ? and payment_id is not null
    order by id
    limit ?`,
    [orderId, maxPayments],
  );
  return rows.map((row) => toInteger(row.payment_id));
}

/** Money that waits for a person. */
export interface MoneyByHand {
  id: number;
  orderId: number;
  externalOrderId: string;
  recipientName: string;
  /** Null where it is a payment. */
  refundId: number | null;
  /** Null where it is a refund. */
  paymentId: number | null;
  /** Who has the money. */
  provider: string;
  /** The provider's own name for the payment. */
  providerRef: string;
  amountCents: number;
  currency: string;
  /** Since when it waits, ISO 8601 UTC. */
  createdAt: string;
}

const lostOfListed = lostOf({
  cents: "listed.amount_cents",
  currency: "coalesce(listed.currency, orders.currency)",
});

/** What of a listed payment is to be given back: not what the customer's bank has taken. */
const owedCents = `
      case when listed.id is null then refunds_by_hand.amount_cents else (
        select if(listed.status in ('REVERSED', 'DISMISSED'), coalesce(sum(chargebacks.gave_back_cents), 0), listed.amount_cents)
          - coalesce(sum(${lostOfListed}), 0)
        from chargebacks force index (chargebacks_order)
        where chargebacks.order_id = listed.order_id and chargebacks.payment_id = listed.id) end`;

/**
 * What waits for a person, the longest first.
 *
 * @param filter.orderId of this order alone
 * @param filter.refundId this refund alone
 */
export async function listMoneyByHand(
  db: Queryable,
  { orderId, refundId, limit }: { orderId?: number; refundId?: number; limit: number },
): Promise<MoneyByHand[]> {
  const given = ([
    ["refunds_by_hand.order_id = ?", orderId],
    ["refunds_by_hand.refund_id = ?", refundId],
  ] satisfies [string, number | undefined][]).filter(([, value]) => value !== undefined);
  const rows = await db.query(
    `
    select refunds_by_hand.id, refunds_by_hand.order_id, refunds_by_hand.refund_id, refunds_by_hand.payment_id,
      refunds_by_hand.provider, ${owedCents} as amount_cents, refunds_by_hand.currency,
      refunds_by_hand.created_at, orders.external_order_id,
      coalesce(listed.provider_ref, payments.provider_ref) as provider_ref,
      coalesce(orders.recipient_name, customers.first_name) as recipient_name
    from refunds_by_hand
    straight_join orders on orders.id = refunds_by_hand.order_id
    straight_join customers on customers.id = orders.customer_id
    left join payments listed on listed.id = refunds_by_hand.payment_id
    left join payments on payments.order_id = refunds_by_hand.order_id and payments.surplus = 0
    where true ${given.map(([sql]) => `and ${sql}`).join(" ")}
    order by refunds_by_hand.id
    limit ?`,
    [...given.map(([, value]) => value!), limit],
  );
  return rows.map(toMoneyByHand);
}

function toMoneyByHand(row: Row): MoneyByHand {
  return {
    id: toInteger(row.id),
    orderId: toInteger(row.order_id),
    externalOrderId: String(row.external_order_id),
    recipientName: String(row.recipient_name),
    refundId: row.refund_id === null ? null : toInteger(row.refund_id),
    paymentId: row.payment_id === null ? null : toInteger(row.payment_id),
    provider: String(row.provider),
    providerRef: String(row.provider_ref),
    amountCents: toInteger(row.amount_cents),
    currency: String(row.currency),
    createdAt: toIsoTime(row.created_at)!,
  };
}

/** How much waits for a person, refunds and payments, by currency; of so many as are counted. */
export async function sumMoneyByHand(db: Queryable): Promise<MoneySum[]> {
  const rows = await db.query(
    `
    select currency, count(*) as n, sum(amount_cents) as cents
    from (
      select refunds_by_hand.currency, ${owedCents} as amount_cents
      from refunds_by_hand
      straight_join orders on orders.id = refunds_by_hand.order_id
      left join payments listed on listed.id = refunds_by_hand.payment_id
      order by refunds_by_hand.id
      limit ?) waiting
    group by currency
    order by currency`,
    [maxCounted],
  );
  return rows.map(toMoneySum);
}

/**
 * Says of a `REQUESTED` refund that its provider has given it back already, whose order must be locked: its message books
 * it, and nobody is asked for it.
 */
export async function markGivenBack(tx: Queryable, refundId: number): Promise<void> {
  const { affectedRows } = await tx.run(
    `update refunds set by_hand = ${
      stateNumber("given_back")
    } where id = ? and status = 'REQUESTED' and by_hand = 0`,
    [refundId],
  );
  if (affectedRows !== 1) throw new Error(`refund ${refundId} is not to be given back any more`);
}
