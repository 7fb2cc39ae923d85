/**
 * What of providers' fees and payouts stands in the ledger: rows of no order, by provider, day and currency.
 *
 * @module
 */

import { ledgerAccounts, type LedgerSource, ledgerSources } from "../../domain/ledger/chart.ts";
import { type Queryable, toInteger, toShownSum } from "../connection/database.ts";

/** Payouts of a provider's day that do not stand in the ledger as they are told. */
export interface UnbookedPayouts {
  /** Of the day of this provider and currency. */
  id: number;
  currency: string;
  /** To be booked as paid out; below zero where less was paid out than is booked, or money came back. */
  amountCents: number;
  /** Counts the bookings of the day from 1. */
  booking: number;
}

/**
 * Finds what of a day's payouts is to be booked, and notes it as booked, in the transaction that does so. The provider's days
 * must be locked, and what was told of this one written down. What a report tells that waits for a second person is not booked yet.
 */
export async function takeUnbookedPayouts(
  tx: Queryable,
  provider: string,
  { day, from, until }: { day: string; from: string; until: string },
): Promise<UnbookedPayouts[]> {
  const rows = await tx.query(
    `
    select days.id, days.currency, days.booked_payouts_cents, days.payout_bookings,
      (select coalesce(sum(-moved.gross_cents), 0)
       from provider_movements moved force index (provider_movements_time)
       where moved.provider = days.provider and moved.happened_at >= ? and moved.happened_at < ?
         and moved.kind = 'payout' and moved.currency = days.currency
         and not exists (
           select 1 from reconciliations
           where reconciliations.id = moved.reconciliation_id and reconciliations.fees_wait = 1)) as paid_out_cents
    from provider_days days
    where days.provider = ? and days.day = ?
    for update`,
    [from, until, provider, day],
  );
  const unbooked: UnbookedPayouts[] = [];
  for (const row of rows) {
    // As fees: amounts that no provider pays must not keep the rest of their day from being booked, or taken back.
    const paidOutCents = toShownSum(row.paid_out_cents);
    const amountCents = paidOutCents - toInteger(row.booked_payouts_cents);
    if (amountCents === 0) continue;
    const id = toInteger(row.id);
    const booking = toInteger(row.payout_bookings) + 1;
    await tx.run(
      "update provider_days set booked_payouts_cents = ?, payout_bookings = ? where id = ?",
      [paidOutCents, booking, id],
    );
    unbooked.push({ id, currency: String(row.currency), amountCents, booking });
  }
  return unbooked;
}

/** Fees or payouts of a day that stand otherwise in the ledger than they were booked. */
export interface UnevenDay {
  source: Extract<LedgerSource, "fee" | "payout">;
  /** Of the day; there is none of it where provider and day are null. */
  id: number;
  provider: string | null;
  day: string | null;
  currency: string;
  /** What was booked. */
  dueCents: number;
  /** What stands on the account of the source. */
  foundCents: number;
  /** Whether it was taken from, or given to, any account but `clearing`. */
  isMisplaced: boolean;
}

/** The first days whose fees or payouts stand otherwise in the ledger than they were booked. */
export async function listUnevenDays(db: Queryable, limit: number): Promise<UnevenDay[]> {
  const { fee, payout } = ledgerSources;
  const { fees, bank, clearing } = ledgerAccounts;
  const own = `if(source = ${fee}, ${fees.id}, ${bank.id})`;
  const rows = await db.query(
    `
    select uneven.*, days.provider, date_format(days.day, '%Y-%m-%d') as day
    from (
      select source, source_id, currency, sum(due) as due, sum(found) as found,
        sum(misplaced) > 0 or sum(found) + sum(cleared) <> 0 as is_misplaced
      from (
        select ${fee} as source, id as source_id, currency, booked_fees_cents as due, 0 as found, 0 as cleared,
          0 as misplaced
        from provider_days
        union all
        select ${payout}, id, currency, booked_payouts_cents, 0, 0, 0 from provider_days
        union all
        select source, source_id, currency, 0, if(account = ${own}, amount_cents, 0),
          if(account = ${clearing.id}, amount_cents, 0), account not in (${clearing.id}, ${own})
        from ledger_entries force index (primary)
        where order_id = 0 and source in (${fee}, ${payout})
      ) rows_and_days
      group by source, source_id, currency
      having due <> found or is_misplaced
      order by source, source_id, currency
      limit ?
    ) uneven
    left join provider_days days on days.id = uneven.source_id
    order by uneven.source, uneven.source_id, uneven.currency`,
    [limit],
  );
  return rows.map((row) => ({
    source: toInteger(row.source) === fee ? "fee" : "payout",
    id: toInteger(row.source_id),
    provider: row.provider === null ? null : String(row.provider),
    day: row.day === null ? null : String(row.day),
    currency: String(row.currency),
    dueCents: toShownSum(row.due),
    foundCents: toShownSum(row.found),
    isMisplaced: toInteger(row.is_misplaced) === 1,
  }));
}
