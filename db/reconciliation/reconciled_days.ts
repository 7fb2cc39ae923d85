/**
 * The days of a provider's books that were reconciled, and what they come to.
 *
 * @module
 */

import { type Queryable, toInteger, toIsoTime } from "../connection/database.ts";

/** A day of a provider that reports cover; times are UTC. */
export interface CoveredDay {
  /** `YYYY-MM-DD`. */
  day: string;
  from: string;
  until: string;
}

/** Notes that days are covered, from and until when; what was covered before stays so. */
export async function coverDays(
  tx: Queryable,
  provider: string,
  days: readonly CoveredDay[],
): Promise<void> {
  if (days.length === 0) return;
  await tx.run(
    `
    insert into reconciled_days (provider, day, covered_from, covered_until)
    select ?, line.day, line.covered_from, line.covered_until
    from json_table(?, '$[*]' columns (
      day date path '$[0]', covered_from datetime(6) path '$[1]', covered_until datetime(6) path '$[2]')) line
    on duplicate key update
      covered_from = least(reconciled_days.covered_from, line.covered_from),
      covered_until = greatest(reconciled_days.covered_until, line.covered_until)`,
    [provider, JSON.stringify(days.map(({ day, from, until }) => [day, from, until]))],
  );
}

/** The days of a provider that reports cover, the oldest first. */
export async function readCoveredDays(db: Queryable, provider: string): Promise<CoveredDay[]> {
  const rows = await db.query(
    `
    select date_format(day, '%Y-%m-%d') as day, covered_from, covered_until
    from reconciled_days where provider = ? order by day`,
    [provider],
  );
  return rows.map((row) => ({
    day: String(row.day),
    from: String(row.covered_from),
    until: String(row.covered_until),
  }));
}

/** How many days are reconciled, of all providers. */
export async function countReconciledDays(db: Queryable): Promise<number> {
  const [row] = await db.query("select count(*) as n from reconciled_days");
  return toInteger(row!.n);
}

/** Adds up days anew from all that reports have told of them. */
export async function sumDays(
  tx: Queryable,
  provider: string,
  { from, until }: { from: string; until: string },
): Promise<void> {
  const sum = (kinds: string, column: string) =>
    `coalesce(sum(case when kind in (${kinds}) then ${column} end), 0)`;
  await tx.runText(
    `
    insert into provider_days (provider, day, currency, movements, charges_cents, refunds_cents, chargebacks_cents,
      other_cents, fees_cents, net_cents)
    select * from (
      select ? as provider, date(happened_at) as day, currency, count(*) as movements,
        ${sum("'charge'", "gross_cents")} as charges_cents,
        ${sum("'refund', 'reversal', 'mend'", "gross_cents")} as refunds_cents,
        ${sum("'chargeback'", "gross_cents")} as chargebacks_cents,
        ${sum("'correction', 'other'", "gross_cents")} as other_cents,
        sum(fee_cents) as fees_cents, sum(net_cents) as net_cents
      from provider_movements force index (provider_movements_time)
      where provider = ? and happened_at >= ? and happened_at < ?
      group by date(happened_at), currency) told
    on duplicate key update movements = told.movements, charges_cents = told.charges_cents,
      refunds_cents = told.refunds_cents, chargebacks_cents = told.chargebacks_cents, other_cents = told.other_cents,
      fees_cents = told.fees_cents, net_cents = told.net_cents`,
    [provider, provider, from, until],
  );
}

/** What a provider's day comes to, in minor units of its currency, signed as it changed the balance. */
export interface ProviderDay {
  provider: string;
  day: string;
  currency: string;
  movements: number;
  chargesCents: number;
  refundsCents: number;
  chargebacksCents: number;
  otherCents: number;
  feesCents: number;
  netCents: number;
  /** ISO 8601; null where no report covers the day. */
  coveredUntil: string | null;
  /** Discrepancies of the day that are open, in all currencies. */
  open: number;
}

/** The latest days, the newest first. */
export async function listProviderDays(db: Queryable, limit: number): Promise<ProviderDay[]> {
  const rows = await db.query(
    `
    select told.provider, date_format(told.day, '%Y-%m-%d') as day, told.currency, told.movements, told.charges_cents,
      told.refunds_cents, told.chargebacks_cents, told.other_cents, told.fees_cents, told.net_cents,
      reconciled_days.covered_until,
      (select count(*) from discrepancies
       where discrepancies.unended = 1 and discrepancies.provider = told.provider and discrepancies.day = told.day) as open
    from provider_days told
    left join reconciled_days on reconciled_days.provider = told.provider and reconciled_days.day = told.day
    order by told.day desc, told.provider, told.currency
    limit ?`,
    [limit],
  );
  return rows.map((row) => ({
    provider: String(row.provider),
    day: String(row.day),
    currency: String(row.currency),
    movements: toInteger(row.movements),
    chargesCents: toInteger(row.charges_cents),
    refundsCents: toInteger(row.refunds_cents),
    chargebacksCents: toInteger(row.chargebacks_cents),
    otherCents: toInteger(row.other_cents),
    feesCents: toInteger(row.fees_cents),
    netCents: toInteger(row.net_cents),
    coveredUntil: toIsoTime(row.covered_until),
    open: toInteger(row.open),
  }));
}
