/**
 * What chargebacks that were lost have taken of payments, as SQL.
 *
 * @module
 */

/**
 * What a chargeback has taken of what was paid, in minor units of its currency: as much as was paid at most, and all of it where it
 * is told in another currency.
 *
 * @param paid columns that say how much was paid, and in which currency
 */
export function lostOf(paid: { cents: string; currency: string }): string {
  return `case
    when chargebacks.state <> 'lost' then 0
    when chargebacks.currency = ${paid.currency} then least(chargebacks.amount_cents, ${paid.cents})
    else ${paid.cents} end`;
}

/** The same of a payment, beside `payments` and `orders`. */
export const lostCents = lostOf({
  cents: "payments.amount_cents",
  currency: "coalesce(payments.currency, orders.currency)",
});

/**
 * Condition on `payments`: it is over, and chargebacks gave back a part of it where a person gave back the rest, or of one that a
 * person dismissed anything.
 */
export const gaveBackInPart = `(payments.status in ('REVERSED', 'DISMISSED') and (
        select coalesce(sum(chargebacks.gave_back_cents), 0)
        from chargebacks
        where chargebacks.order_id = payments.order_id and chargebacks.payment_id = payments.id
      ) between 1 and payments.amount_cents - if(payments.status = 'REVERSED', 1, 0))`;
