/**
 * What of the money that providers settle in another currency than customers paid in stands in the ledger: by provider, day and pair of
 * currencies.
 *
 * @module
 */

import { type Queryable, type Row, toInteger, toShownSum } from "../connection/database.ts";

/** What of a day and a pair of currencies does not stand in the ledger as it is told. */
export interface UnbookedConversion {
  /** Of the provider's day and pair of currencies. */
  id: number;
  /** To be booked from `clearing`, in the currency that customers paid in; below zero where more went back than came. */
  customer: { currency: string; amountCents: number };
  /** To be booked to `clearing`, in the currency of the balance. */
  settled: { currency: string; amountCents: number };
  /** Bookings of this pair before, of which each currency has its own. */
  bookings: number;
}

/** The first moment of a provider's day and the first behind it, UTC. */
interface Span {
  day: string;
  from: string;
  until: string;
}

/**
 * Finds what of a day's conversions is to be booked, and notes it as booked, in the transaction that does so. The provider's days must
 * be locked. What a report tells that waits for a second person is not booked yet.
 *
 * @param isTold false where it is known that nothing of the day was converted: what was booked of it goes back
 */
export async function takeUnbookedConversions(
  tx: Queryable,
  provider: string,
  { isTold, ...span }: Span & { isTold: boolean },
): Promise<UnbookedConversion[]> {
  const told = isTold ? await sumConversions(tx, provider, span) : new Map<string, Pair>();
  const booked = await lockConversions(tx, provider, span.day);
  const unbooked: UnbookedConversion[] = [];
  for (const name of new Set([...booked.keys(), ...told.keys()])) {
    const { customerCents = 0, settledCents = 0 } = told.get(name) ?? {};
    const before = booked.get(name);
    const customer = customerCents - (before?.customerCents ?? 0);
    const settled = settledCents - (before?.settledCents ?? 0);
    if (customer === 0 && settled === 0) continue;
    const [customerCurrency, settledCurrency] = name.split(" ") as [string, string];
    const bookings = before?.bookings ?? 0;
    const id = before?.id ??
      await insertConversion(tx, { provider, day: span.day, customerCurrency, settledCurrency });
    await tx.run(
      `
      update provider_conversions
      set booked_customer_cents = ?, booked_settled_cents = ?, bookings = ?
      where id = ?`,
      [
        customerCents,
        settledCents,
        bookings + [customer, settled].filter((cents) => cents !== 0).length,
        id,
      ],
    );
    unbooked.push({
      id,
      customer: { currency: customerCurrency, amountCents: customer },
      settled: { currency: settledCurrency, amountCents: settled },
      bookings,
    });
  }
  return unbooked;
}

/** What of two currencies was converted: signed as it changed the balance. */
interface Pair {
  customerCents: number;
  settledCents: number;
}

const nameOf = (row: Row) => `${row.customer_currency} ${row.settled_currency}`;

/** By `USD EUR`: what customers paid in, and what it was settled in. */
async function sumConversions(
  tx: Queryable,
  provider: string,
  { from, until }: Span,
): Promise<Map<string, Pair>> {
  const rows = await tx.query(
    `
    select customer_currency, currency as settled_currency, sum(customer_cents) as customer_cents,
      sum(gross_cents) as settled_cents
    from provider_movements moved force index (provider_movements_time)
    where provider = ? and happened_at >= ? and happened_at < ? and customer_cents is not null
      and not exists (
        select 1 from reconciliations
        where reconciliations.id = moved.reconciliation_id and reconciliations.fees_wait = 1)
    group by customer_currency, currency
    order by customer_currency, currency`,
    [provider, from, until],
  );
  // As fees: amounts that no provider pays must not keep the rest of their day from being booked, or taken back.
  return new Map(rows.map((row) => [nameOf(row), {
    customerCents: toShownSum(row.customer_cents),
    settledCents: toShownSum(row.settled_cents),
  }]));
}

async function lockConversions(
  tx: Queryable,
  provider: string,
  day: string,
): Promise<Map<string, Pair & { id: number; bookings: number }>> {
  const rows = await tx.query(
    `
    select id, customer_currency, settled_currency, booked_customer_cents, booked_settled_cents, bookings
    from provider_conversions
    where provider = ? and day = ?
    order by id for update`,
    [provider, day],
  );
  return new Map(rows.map((row) => [nameOf(row), {
    id: toInteger(row.id),
    customerCents: toInteger(row.booked_customer_cents),
    settledCents: toInteger(row.booked_settled_cents),
    bookings: toInteger(row.bookings),
  }]));
}

async function insertConversion(
  tx: Queryable,
  { provider, day, customerCurrency, settledCurrency }: {
    provider: string;
    day: string;
    customerCurrency: string;
    settledCurrency: string;
  },
): Promise<number> {
  const key = [provider, day, customerCurrency, settledCurrency];
  await tx.run(
    "insert into provider_conversions (provider, day, customer_currency, settled_currency) values (?, ?, ?, ?)",
    key,
  );
  const [row] = await tx.query(
    `
    select id from provider_conversions
    where provider = ? and day = ? and customer_currency = ? and settled_currency = ? for update`,
    key,
  );
  return toInteger(row!.id);
}

/** What a report books on the account of conversions, by currency: what customers paid above zero, what was settled for it below. */
export async function sumConversionsToBook(
  db: Queryable,
  reconciliationId: number,
): Promise<{ currency: string; amountCents: number }[]> {
  const rows = await db.query(
    `
    select currency, sum(cents) as cents
    from (
      select customer_currency as currency, customer_cents as cents
      from provider_movements force index (provider_movements_report)
      where reconciliation_id = ? and customer_cents is not null
      union all
      select currency, -gross_cents
      from provider_movements force index (provider_movements_report)
      where reconciliation_id = ? and customer_cents is not null
    ) sides
    group by currency
    order by currency`,
    [reconciliationId, reconciliationId],
  );
  return rows.map((row) => ({
    currency: String(row.currency),
    amountCents: toShownSum(row.cents),
  }));
}
