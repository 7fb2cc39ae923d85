/**
 * Days of the ledger that are sealed, held against the sums that were written with their seals.
 *
 * @module
 */

import { accountNamed } from "../../domain/ledger/chart.ts";
import { type Queryable, type Row, toBigInteger, toInteger } from "../connection/database.ts";

/**
 * What days come to by account and currency (`3 EUR`), each day by its weight: rows that went from one to another don't cancel
 * each other out.
 */
export type DaySums = Map<string, { rows: bigint; cents: bigint }>;

/** A number of a day, small enough for sums of its products to be exact; days before September 1998 are below zero. */
export const dayWeight = "(to_days(day) - 730000)";

/** Adds to the sums of an account and currency. */
export function addDays(
  sums: DaySums,
  { account, currency }: Row,
  { rows, cents }: { rows: bigint; cents: bigint },
): void {
  const name = `${toInteger(account!)} ${String(currency)}`;
  const known = sums.get(name) ?? { rows: 0n, cents: 0n };
  sums.set(name, { rows: known.rows + rows, cents: known.cents + cents });
}

/** What the days up to one came to when they were sealed. */
export async function sumSealedDays(db: Queryable, upToDay: string): Promise<DaySums> {
  const rows = await db.query(
    `
    select account, currency, sum(cast(sealed_rows as signed) * ${dayWeight}) as n,
      sum((debit_cents - credit_cents) * ${dayWeight}) as cents
    from ledger_days
    where day <= ?
    group by account, currency`,
    [upToDay],
  );
  const sums: DaySums = new Map();
  for (const row of rows) {
    addDays(sums, row, { rows: toBigInteger(row.n!), cents: toBigInteger(row.cents!) });
  }
  return sums;
}

/** Whether both say the same. */
export function areEven(found: DaySums, sealed: DaySums): boolean {
  return [...new Set([...found.keys(), ...sealed.keys()])].every((name) => {
    const [left, right] = [found.get(name), sealed.get(name)];
    return (left?.rows ?? 0n) === (right?.rows ?? 0n) &&
      (left?.cents ?? 0n) === (right?.cents ?? 0n);
  });
}

/** A day whose rows are not what they were when it was sealed. */
export interface UnevenLedgerDay {
  /** `YYYY-MM-DD`, UTC. */
  day: string;
  account: string;
  currency: string;
  sealed: { rows: bigint; debitCents: bigint; creditCents: bigint };
  found: { rows: bigint; debitCents: bigint; creditCents: bigint };
}

/** Days up to one that differ from their sums, the first ones. It reads the whole ledger by day. */
export async function listUnevenLedgerDays(
  db: Queryable,
  upToDay: string,
  limit: number,
): Promise<UnevenLedgerDay[]> {
  const rows = await db.query(
    `
    select day, account, currency, sum(sealed_rows) as sealed_rows, sum(sealed_debit) as sealed_debit,
      sum(sealed_credit) as sealed_credit, sum(n) as n, sum(debit) as debit, sum(credit) as credit
    from (
      select day, account, currency, sealed_rows, debit_cents as sealed_debit, credit_cents as sealed_credit,
        0 as n, 0 as debit, 0 as credit
      from ledger_days
      where day <= ?
      union all
      select day, account, currency, 0, 0, 0, count(*), sum(if(amount_cents > 0, amount_cents, 0)),
        sum(if(amount_cents < 0, -amount_cents, 0))
      from ledger_entries
      where day <= ?
      group by day, account, currency
    ) sums
    group by day, account, currency
    having sum(sealed_rows) <> sum(n) or sum(sealed_debit) <> sum(debit) or sum(sealed_credit) <> sum(credit)
    order by day, account, currency
    limit ?`,
    [upToDay, upToDay, limit],
  );
  return rows.map((row) => ({
    day: String(row.day),
    account: accountNamed(toInteger(row.account)),
    currency: String(row.currency),
    sealed: {
      rows: toBigInteger(row.sealed_rows!),
      debitCents: toBigInteger(row.sealed_debit!),
      creditCents: toBigInteger(row.sealed_credit!),
    },
    found: {
      rows: toBigInteger(row.n!),
      debitCents: toBigInteger(row.debit!),
      creditCents: toBigInteger(row.credit!),
    },
  }));
}
