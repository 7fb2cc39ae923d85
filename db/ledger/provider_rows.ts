/**
 * What of providers' fees, payouts, reserves and adjustments stands in the ledger: rows of no order, by provider, day and currency.
 *
 * @module
 */

import {
  type BookedLines,
  kindsBookedAs,
  ledgerAccounts,
  ledgerSources,
  providerAccounts,
  sourceNamed,
  type SourceOfNoOrder,
  sourcesOfNoOrder,
} from "../../domain/ledger/chart.ts";
import { type Queryable, toInteger, toShownSum } from "../connection/database.ts";

/** Of each the columns that say what of it is booked, and by how many bookings. */
const lines: Readonly<Record<BookedLines, { booked: string; bookings: string }>> = {
  payout: { booked: "booked_payouts_cents", bookings: "payout_bookings" },
  reserve: { booked: "booked_reserves_cents", bookings: "reserve_bookings" },
  adjustment: { booked: "booked_adjustments_cents", bookings: "adjustment_bookings" },
};

/** All of them. */
export const bookedLines = Object.keys(lines) as BookedLines[];

/** What of lines of a provider's day does not stand in the ledger as it is told. */
export interface UnbookedLines {
  /** Of the day of this provider and currency. */
  id: number;
  currency: string;
  /** To be booked as gone from the balance; below zero where less went than is booked, or money came back. */
  amountCents: number;
  /** Counts the bookings of the day from 1. */
  booking: number;
}

/**
 * Finds what of a day's payouts, reserves or adjustments is to be booked, and notes it as booked, in the transaction that does so.
 * The provider's days must be locked, and what was told of this one written down. What a report tells that waits for a second
 * person is not booked yet.
 */
export async function takeUnbookedLines(
  tx: Queryable,
  provider: string,
  source: BookedLines,
  { day, from, until }: { day: string; from: string; until: string },
): Promise<UnbookedLines[]> {
  const { booked, bookings } = lines[source];
  const rows = await tx.query(
    `
    select days.id, days.currency, days.${booked} as booked_cents, days.${bookings} as bookings,
      (select coalesce(sum(-moved.gross_cents), 0)
       from provider_movements moved force index (provider_movements_time)
       where moved.provider = days.provider and moved.happened_at >= ? and moved.happened_at < ?
         and moved.kind in (?) and moved.currency = days.currency
         and not exists (
           select 1 from reconciliations
           where reconciliations.id = moved.reconciliation_id and reconciliations.fees_wait = 1)) as gone_cents
    from provider_days days
    where days.provider = ? and days.day = ?
    for update`,
    [from, until, [...kindsBookedAs(source)], provider, day],
  );
  const unbooked: UnbookedLines[] = [];
  for (const row of rows) {
    // As fees: amounts that no provider pays must not keep the rest of their day from being booked, or taken back.
    const goneCents = toShownSum(row.gone_cents);
    const amountCents = goneCents - toInteger(row.booked_cents);
    if (amountCents === 0) continue;
    const id = toInteger(row.id);
    const booking = toInteger(row.bookings) + 1;
    await tx.run(
      `update provider_days set ${booked} = ?, ${bookings} = ? where id = ?`,
      [goneCents, booking, id],
    );
    unbooked.push({ id, currency: String(row.currency), amountCents, booking });
  }
  return unbooked;
}

/** Fees, payouts and the like of a day that stand otherwise in the ledger than they were booked. */
export interface UnevenDay {
  source: SourceOfNoOrder;
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

/**
 * The first days whose fees, payouts and the like stand otherwise in the ledger than they were booked. A conversion stands in both of its
 * currencies: what customers paid above zero, and what it was settled for below.
 */
export async function listUnevenDays(db: Queryable, limit: number): Promise<UnevenDay[]> {
  const { clearing } = ledgerAccounts;
  const { conversion } = ledgerSources;
  const own = `case source ${
    sourcesOfNoOrder.map((source) =>
      `when ${ledgerSources[source]} then ${ledgerAccounts[providerAccounts[source].account].id}`
    ).join(" ")
  } end`;
  const due = (["fee", ...bookedLines] as const).map((source) => `
        select ${ledgerSources[source]} as source, id as source_id, currency, ${
    source === "fee" ? "booked_fees_cents" : lines[source].booked
  } as due, 0 as found, 0 as cleared, 0 as misplaced
        from provider_days`).concat(
    ["customer_currency, booked_customer_cents", "settled_currency, -booked_settled_cents"].map(
      (side) => `
        select ${conversion}, id, ${side}, 0, 0, 0
        from provider_conversions`,
    ),
  );
  const rows = await db.query(
    `
    select uneven.*, coalesce(days.provider, pairs.provider) as provider,
      date_format(coalesce(days.day, pairs.day), '%Y-%m-%d') as day
    from (
      select source, source_id, currency, sum(due) as due, sum(found) as found,
        sum(misplaced) > 0 or sum(found) + sum(cleared) <> 0 as is_misplaced
      from (
        ${due.join(" union all ")}
        union all
        select source, source_id, currency, 0, if(account = ${own}, amount_cents, 0),
          if(account = ${clearing.id}, amount_cents, 0), account not in (${clearing.id}, ${own})
        from ledger_entries force index (primary)
        where order_id = 0 and source in (${
      sourcesOfNoOrder.map((source) => ledgerSources[source]).join(", ")
    })
      ) rows_and_days
      group by source, source_id, currency
      having due <> found or is_misplaced
      order by source, source_id, currency
      limit ?
    ) uneven
    left join provider_days days on days.id = uneven.source_id and uneven.source <> ${conversion}
    left join provider_conversions pairs on pairs.id = uneven.source_id and uneven.source = ${conversion}
    order by uneven.source, uneven.source_id, uneven.currency`,
    [limit],
  );
  return rows.map((row) => ({
    source: sourceNamed(toInteger(row.source)) as SourceOfNoOrder,
    id: toInteger(row.source_id),
    provider: row.provider === null ? null : String(row.provider),
    day: row.day === null ? null : String(row.day),
    currency: String(row.currency),
    dueCents: toShownSum(row.due),
    foundCents: toShownSum(row.found),
    isMisplaced: toInteger(row.is_misplaced) === 1,
  }));
}
