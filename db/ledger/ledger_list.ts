/**
 * Reading the ledger: rows page by page, and the trial balance.
 *
 * @module
 */

import {
  accountNamed,
  type LedgerAccount,
  ledgerAccounts,
  sourceNamed,
} from "../../domain/ledger/chart.ts";
import type { LedgerPlace } from "../../domain/ledger/ledger_cursor.ts";
import {
  type Queryable,
  type Row,
  toBigInteger,
  toInteger,
  toIsoTime,
} from "../connection/database.ts";
import { readLedgerMarks } from "./ledger_marks.ts";

/** A row of the ledger. */
export interface LedgerEntry {
  /** 0 for what belongs to no order. */
  orderId: number;
  source: string;
  /** Of a payment its surplus (0 for the one that settles the order), of all else its id. */
  sourceId: number;
  step: number;
  account: string;
  /** A debit above zero, a credit below. */
  amountCents: number;
  currency: string;
  /** `YYYY-MM-DD`, UTC: on which it is booked. */
  day: string;
  /** When it happened or, where its day was closed by then, was booked: ISO 8601 UTC. */
  bookedAt: string;
}

/** Which rows. */
export interface LedgerFilter {
  day?: string;
  account?: LedgerAccount;
  orderId?: number;
}

/** A page of rows. */
export interface LedgerPage {
  entries: LedgerEntry[];
  /** Where the next page begins; null after the last. */
  next: LedgerPlace | null;
}

/**
 * Rows by day, account and order, the latest day first; those of one order in the order in which they were booked. Those of an
 * account alone are read day by day, of the days that have any.
 *
 * @param after where the page before ended
 */
export async function listLedger(
  db: Queryable,
  { day, account, orderId }: LedgerFilter,
  { after, limit }: { after: LedgerPlace | null; limit: number },
): Promise<LedgerPage> {
  const conditions: string[] = ["true"];
  const values: (string | number | string[])[] = [];
  const given: [string, string | number | undefined][] = [
    ["day = ?", day],
    ["account = ?", account && ledgerAccounts[account].id],
    ["order_id = ?", orderId],
  ];
  for (const [sql, value] of given) {
    if (value === undefined) continue;
    conditions.push(sql);
    values.push(value);
  }
  const order = orderId === undefined ? byDay : byOrder;
  if (account !== undefined && day === undefined && orderId === undefined) {
    const days = await daysOfAccount(db, ledgerAccounts[account].id, { upTo: after?.[0], limit });
    if (days.length === 0) return { entries: [], next: null };
    conditions.push("day in (?)");
    values.push(days);
  }
  if (after !== null) {
    const behind = behindPlace(order, after);
    conditions.push(behind.sql);
    values.push(...behind.values);
  }
  const rows = await db.query(
    `
    select * from ledger_entries force index (${order.index})
    where ${conditions.join(" and ")}
    order by ${order.columns.map((column) => `${column} ${order.way}`).join(", ")}
    limit ?`,
    [...values, limit + 1],
  );
  const page = rows.slice(0, limit);
  return {
    entries: page.map(toEntry),
    next: rows.length > limit ? placeOf(page.at(-1)!) : null,
  };
}

/**
 * The latest days on which an account has rows, as many as a page can need, and all days that are not sealed: an account alone is no
 * index of so long a table, but what sealed days come to is told by account.
 */
async function daysOfAccount(
  db: Queryable,
  account: number,
  { upTo = "9999-12-31", limit }: { upTo: string | undefined; limit: number },
): Promise<string[]> {
  const sealedDay = (await readLedgerMarks(db)).sealedDay ?? "1000-01-01";
  const unsealed = await db.query(
    `
    select distinct day from ledger_entries force index (ledger_entries_day)
    where day > ? and day <= ?`,
    [sealedDay, upTo],
  );
  const sealed = await db.query(
    `
    select distinct day from ledger_days
    where account = ? and day <= ? and day <= ?
    order by day desc
    limit ?`,
    [account, sealedDay, upTo, limit + 1],
  );
  return [...unsealed, ...sealed].map((row) => String(row.day));
}

/** An order of rows that an index has. */
interface RowOrder {
  index: string;
  columns: readonly string[];
  way: "asc" | "desc";
}

const placeColumns = ["day", "account", "order_id", "source", "source_id", "step"];
const byDay: RowOrder = { index: "ledger_entries_day", columns: placeColumns, way: "desc" };
const byOrder: RowOrder = {
  index: "primary",
  columns: ["order_id", "source", "source_id", "step", "account"],
  way: "asc",
};

/** A condition that is true of rows behind a place, of a kind that both engines read an index by. */
function behindPlace(
  { columns, way }: RowOrder,
  place: LedgerPlace,
): { sql: string; values: (string | number)[] } {
  const beyond = way === "asc" ? ">" : "<";
  const key = columns.map((column) => place[placeColumns.indexOf(column)]!);
  const parts = columns.map((column, at) => ({
    sql: [...columns.slice(0, at).map((before) => `${before} = ?`), `${column} ${beyond} ?`],
    values: key.slice(0, at + 1),
  }));
  return {
    sql: `${columns[0]} ${beyond}= ? and (${
      parts.map(({ sql }) => `(${sql.join(" and ")})`).join(" or ")
    })`,
    values: [key[0]!, ...parts.flatMap(({ values }) => values)],
  };
}

function placeOf(row: Row): LedgerPlace {
  return [
    String(row.day),
    toInteger(row.account),
    toInteger(row.order_id),
    toInteger(row.source),
    toInteger(row.source_id),
    toInteger(row.step),
  ];
}

function toEntry(row: Row): LedgerEntry {
  return {
    orderId: toInteger(row.order_id),
    source: sourceNamed(toInteger(row.source)),
    sourceId: toInteger(row.source_id),
    step: toInteger(row.step),
    account: accountNamed(toInteger(row.account)),
    amountCents: toInteger(row.amount_cents),
    currency: String(row.currency),
    day: String(row.day),
    bookedAt: toIsoTime(row.booked_at)!,
  };
}

/** What an account comes to in one currency. */
export interface AccountBalance {
  account: string;
  currency: string;
  debitCents: bigint;
  /** Above zero. */
  creditCents: bigint;
  /** Debits less credits. */
  balanceCents: bigint;
  rows: number;
}

const balanceColumns = `account, currency, count(*) as n,
      sum(if(amount_cents > 0, amount_cents, 0)) as debit,
      sum(if(amount_cents < 0, -amount_cents, 0)) as credit`;

/**
 * The trial balance, by currency and account: of days that are sealed by their sums, which were written with the seals; of
 * later ones by their rows.
 *
 * @param day of this day alone, `YYYY-MM-DD`
 */
export async function readTrialBalance(db: Queryable, day?: string): Promise<AccountBalance[]> {
  const { sealedDay } = await readLedgerMarks(db);
  const upTo = sealedDay ?? "1000-01-01";
  const rows = await db.query(
    `
    select account, currency, sum(n) as n, sum(debit) as debit, sum(credit) as credit
    from (
      select account, currency, sealed_rows as n, debit_cents as debit, credit_cents as credit
      from ledger_days where day <= ? ${day === undefined ? "" : "and day = ?"}
      union all
      select ${balanceColumns}
      from ledger_entries force index (ledger_entries_day)
      where day > ? ${day === undefined ? "" : "and day = ?"}
      group by account, currency
    ) sums
    group by currency, account
    order by currency, account`,
    day === undefined ? [upTo, upTo] : [upTo, day, upTo, day],
  );
  return rows.map(toBalance);
}

function toBalance(row: Row): AccountBalance {
  const debitCents = toBigInteger(row.debit);
  const creditCents = toBigInteger(row.credit);
  return {
    account: accountNamed(toInteger(row.account)),
    currency: String(row.currency),
    debitCents,
    creditCents,
    balanceCents: debitCents - creditCents,
    rows: toInteger(row.n),
  };
}
