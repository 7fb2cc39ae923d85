/**
 * The days of a provider's books that were reconciled, and what they come to.
 *
 * @module
 */

import { dayLater } from "../../domain/kpi/day.ts";
import { type BookedLines, kindsBookedAs } from "../../domain/ledger/chart.ts";
import type { MovementKind } from "../../domain/reconciliation/discrepancy.ts";
import {
  type Queryable,
  type Row,
  toInteger,
  toIsoTime,
  toShownSum,
} from "../connection/database.ts";

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

/** Has whoever writes a provider's days do so one after the other; some report of its must be known. */
export async function lockDays(tx: Queryable, provider: string): Promise<void> {
  await tx.query(
    "select id from reconciliations where provider = ? order by id limit 1 for update",
    [provider],
  );
}

/** Covers days of a span anew: those that are not named are covered no more. */
export async function coverDaysAnew(
  tx: Queryable,
  provider: string,
  { from, until }: { from: string; until: string },
  days: readonly CoveredDay[],
): Promise<void> {
  await tx.run("delete from reconciled_days where provider = ? and day >= date(?) and day < ?", [
    provider,
    from,
    until,
  ]);
  await coverDays(tx, provider, days);
}

/** The days of a span on which money moved, as reports tell it: `YYYY-MM-DD`. Each is found by the one before, not by its rows. */
export async function readMovedDays(
  db: Queryable,
  provider: string,
  { from, until }: { from: string; until: string },
): Promise<string[]> {
  const days: string[] = [];
  for (let since = from;;) {
    const [row] = await db.execute(
      `
      select date_format(happened_at, '%Y-%m-%d') as day
      from provider_movements force index (provider_movements_time)
      where provider = ? and happened_at >= ? and happened_at < ?
      order by happened_at limit 1`,
      [provider, since, until],
    );
    if (row === undefined) return days;
    const day = String(row.day);
    days.push(day);
    since = `${dayLater(day, 1)} 00:00:00`;
  }
}

/** The days of a span of which something was told, whether anything is left of it or not: `YYYY-MM-DD`. */
export async function readToldDays(
  db: Queryable,
  provider: string,
  { from, until }: { from: string; until: string },
): Promise<string[]> {
  const rows = await db.query(
    `
    select distinct date_format(day, '%Y-%m-%d') as day
    from provider_days where provider = ? and day >= date(?) and day < ? order by day`,
    [provider, from, until],
  );
  return rows.map(({ day }) => String(day));
}

/** Currencies of a day of which something was told. */
export async function readToldCurrencies(
  tx: Queryable,
  provider: string,
  day: string,
): Promise<string[]> {
  const rows = await tx.query(
    "select currency from provider_days where provider = ? and day = ? order by currency",
    [provider, day],
  );
  return rows.map(({ currency }) => String(currency));
}

/** What a provider keeps: beside its other lines, or by lines of their own, which lower the balance by their gross. */
const feeCents = "fee_cents - case when kind = 'fee' then gross_cents else 0 end";

/** A day's sums of what moved before fees. */
type GrossSum =
  | "charges"
  | "refunds"
  | "chargebacks"
  | "other"
  | "payouts"
  | "reserves"
  | "adjustments";

/** In which of a day's sums each kind of movement stands, so that these come to its net; lines of fees are a sum of their own. */
const sumOf: Readonly<Record<MovementKind, GrossSum | "fees">> = {
  charge: "charges",
  // What went back, and what of it came back.
  refund: "refunds",
  reversal: "refunds",
  mend: "refunds",
  returned: "refunds",
  unreversed: "refunds",
  unmended: "refunds",
  chargeback: "chargebacks",
  won_back: "chargebacks",
  correction: "other",
  other: "other",
  fee: "fees",
  payout: "payouts",
  reserve: "reserves",
  adjustment: "adjustments",
};

/** Names of kinds as SQL has them in a list. */
const listed = (kinds: readonly MovementKind[]) => kinds.map((kind) => `'${kind}'`).join(", ");

/** Adds up the days of a span from all that reports have told of them. */
export async function sumMovements(
  db: Queryable,
  provider: string,
  { from, until }: { from: string; until: string },
): Promise<DaySums[]> {
  const sum = (name: GrossSum) => {
    const kinds = (Object.keys(sumOf) as MovementKind[]).filter((kind) => sumOf[kind] === name);
    return `coalesce(sum(case when kind in (${
      listed(kinds)
    }) then gross_cents end), 0) as ${name}_cents`;
  };
  const waiting = await readWaiting(db, provider);
  // Of millions of rows each is added to the sums of its kind alone; what the kinds are, is asked of these.
  const rows = await db.query(
    `
    select date_format(moved_on, '%Y-%m-%d') as day, currency, sum(movements) as movements,
      sum(converted) as converted,
      ${sum("charges")}, ${sum("refunds")}, ${sum("chargebacks")}, ${sum("other")},
      ${sum("payouts")}, ${sum("reserves")}, ${sum("adjustments")},
      sum(${feeCents}) as fees_cents, sum(net_cents) as net_cents,
      coalesce(sum(case when is_waiting = 1 then ${feeCents} end), 0) as waiting_fees_cents
    from (
      select date(happened_at) as moved_on, currency, kind,
        ${waiting.length === 0 ? "0" : "coalesce(reconciliation_id in (?), 0)"} as is_waiting,
        count(*) as movements, count(customer_cents) as converted, sum(gross_cents) as gross_cents, sum(fee_cents) as fee_cents,
        sum(net_cents) as net_cents
      from provider_movements force index (provider_movements_time)
      where provider = ? and happened_at >= ? and happened_at < ?
      group by 1, 2, 3, 4) moved
    group by moved_on, currency
    order by moved_on, currency`,
    [...waiting.length === 0 ? [] : [waiting], provider, from, until],
  );
  return rows.map((row) => ({
    day: String(row.day),
    currency: String(row.currency),
    ...toSums(row),
    waitingFeesCents: toShownSum(row.waiting_fees_cents),
    converted: toInteger(row.converted),
  }));
}

/** Reports whose fees wait for somebody's approval: what these keep is no fee of ours yet. */
async function readWaiting(db: Queryable, provider: string): Promise<number[]> {
  const rows = await db.query(
    "select id from reconciliations where provider = ? and fees_wait = 1",
    [provider],
  );
  return rows.map(({ id }) => toInteger(id));
}

/** What a report books in a currency; null where it tells of no such lines. */
export interface SumToBook {
  currency: string;
  feesCents: number | null;
  /** What went to the bank, less what came from there. */
  payoutsCents: number | null;
  /** What is held back, less what was given free. */
  reservesCents: number | null;
  /** What was taken off for other reasons, known or not, less what was added. */
  adjustmentsCents: number | null;
}

/** What a report books, by currency. */
export async function sumToBook(db: Queryable, reconciliationId: number): Promise<SumToBook[]> {
  const gone = (source: BookedLines) =>
    `sum(case when kind in (${listed(kindsBookedAs(source))}) then -gross_cents end)`;
  const rows = await db.query(
    `
    select currency, sum(nullif(${feeCents}, 0)) as fees_cents, ${gone("payout")} as payouts_cents,
      ${gone("reserve")} as reserves_cents, ${gone("adjustment")} as adjustments_cents
    from provider_movements force index (provider_movements_report)
    where reconciliation_id = ? group by currency order by currency`,
    [reconciliationId],
  );
  const said = (sum: Row[string] | undefined) => sum == null ? null : toShownSum(sum);
  return rows.map((row) => ({
    currency: String(row.currency),
    feesCents: said(row.fees_cents),
    payoutsCents: said(row.payouts_cents),
    reservesCents: said(row.reserves_cents),
    adjustmentsCents: said(row.adjustments_cents),
  }));
}

/** The first and the last moment that a report told of first; undefined for nothing. */
export async function readToldSpan(
  db: Queryable,
  reconciliationId: number,
): Promise<{ first: string; last: string } | undefined> {
  const [row] = await db.query(
    `
    select min(happened_at) as first, max(happened_at) as last
    from provider_movements force index (provider_movements_report)
    where reconciliation_id = ?`,
    [reconciliationId],
  );
  return row?.first == null ? undefined : { first: String(row.first), last: String(row.last) };
}

/** What a day comes to. Amounts are signed as they changed the balance. */
export interface DaySums {
  day: string;
  currency: string;
  movements: number;
  chargesCents: number;
  refundsCents: number;
  chargebacksCents: number;
  otherCents: number;
  /** What went to the bank, below zero, and what came from there. */
  payoutsCents: number;
  /** What is held back, below zero, and what was given free. */
  reservesCents: number;
  /** What was taken off for other reasons that are known, below zero, and what was added. */
  adjustmentsCents: number;
  feesCents: number;
  netCents: number;
  /** Fees of reports that nobody has approved yet. */
  waitingFeesCents: number;
  /** Movements of which customers paid, or got back, another currency. */
  converted: number;
}

/** A day on which nothing is left of what was told. */
export function emptyDay(day: string, currency: string): DaySums {
  return {
    day,
    currency,
    movements: 0,
    chargesCents: 0,
    refundsCents: 0,
    chargebacksCents: 0,
    otherCents: 0,
    payoutsCents: 0,
    reservesCents: 0,
    adjustmentsCents: 0,
    feesCents: 0,
    netCents: 0,
    waitingFeesCents: 0,
    converted: 0,
  };
}

function toSums(row: Row) {
  return {
    movements: toInteger(row.movements),
    chargesCents: toShownSum(row.charges_cents),
    refundsCents: toShownSum(row.refunds_cents),
    chargebacksCents: toShownSum(row.chargebacks_cents),
    otherCents: toShownSum(row.other_cents),
    payoutsCents: toShownSum(row.payouts_cents),
    reservesCents: toShownSum(row.reserves_cents),
    adjustmentsCents: toShownSum(row.adjustments_cents),
    feesCents: toShownSum(row.fees_cents),
    netCents: toShownSum(row.net_cents),
  };
}

/** A day whose fees are not in the ledger as they are told. */
export interface UnbookedFees {
  /** Of the day of this provider and currency. */
  id: number;
  currency: string;
  /** To be booked; below zero where more is booked than is told. */
  amountCents: number;
  /** Counts the bookings of the day from 1. */
  booking: number;
}

/**
 * Writes down what a day comes to, in the place of what was told before, and locks it.
 *
 * @returns what of its fees is to be booked in the same transaction; undefined for nothing
 */
export async function writeDay(
  tx: Queryable,
  provider: string,
  sums: DaySums,
): Promise<UnbookedFees | undefined> {
  const { day, currency } = sums;
  const values = [
    sums.movements,
    sums.chargesCents,
    sums.refundsCents,
    sums.chargebacksCents,
    sums.otherCents,
    sums.payoutsCents,
    sums.reservesCents,
    sums.adjustmentsCents,
    sums.feesCents,
    sums.netCents,
  ];
  const read = () =>
    tx.query(
      `
      select id, booked_fees_cents, bookings from provider_days
      where provider = ? and day = ? and currency = ? for update`,
      [provider, day, currency],
    );
  let [row] = await read();
  if (row === undefined) {
    await tx.run(
      `
      insert into provider_days (movements, charges_cents, refunds_cents, chargebacks_cents, other_cents,
        payouts_cents, reserves_cents, adjustments_cents, fees_cents, net_cents, provider, day, currency)
      values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      [...values, provider, day, currency],
    );
    [row] = await read();
  }
  const id = toInteger(row!.id);
  const approvedCents = sums.feesCents - sums.waitingFeesCents;
  const amountCents = approvedCents - toInteger(row!.booked_fees_cents);
  const booking = toInteger(row!.bookings) + (amountCents === 0 ? 0 : 1);
  await tx.run(
    `
    update provider_days
    set movements = ?, charges_cents = ?, refunds_cents = ?, chargebacks_cents = ?, other_cents = ?, payouts_cents = ?,
      reserves_cents = ?, adjustments_cents = ?, fees_cents = ?, net_cents = ?, booked_fees_cents = ?, bookings = ?
    where id = ?`,
    [...values, approvedCents, booking, id],
  );
  return amountCents === 0 ? undefined : { id, currency, amountCents, booking };
}

/** What a provider's day comes to, in minor units of its currency, signed as it changed the balance. */
export interface ProviderDay extends Omit<DaySums, "waitingFeesCents" | "converted"> {
  provider: string;
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
      told.refunds_cents, told.chargebacks_cents, told.other_cents, told.payouts_cents, told.reserves_cents,
      told.adjustments_cents, told.fees_cents, told.net_cents,
      reconciled_days.covered_until,
      (select count(*) from discrepancies
       where discrepancies.unended = 1 and discrepancies.provider = told.provider and discrepancies.day = told.day) as open
    from provider_days told
    left join reconciled_days on reconciled_days.provider = told.provider and reconciled_days.day = told.day
    where told.movements > 0
    order by told.day desc, told.provider, told.currency
    limit ?`,
    [limit],
  );
  return rows.map((row) => ({
    provider: String(row.provider),
    day: String(row.day),
    currency: String(row.currency),
    ...toSums(row),
    coveredUntil: toIsoTime(row.covered_until),
    open: toInteger(row.open),
  }));
}
