/**
 * Comparing two accounts of the same orders by the sums of neighbours: what belongs to each of ten million orders is looked
 * up one by one only where the sums of 256 of them differ.
 *
 * @module
 */

import { archivedForm, hasArchived } from "../archive/archived_tables.ts";
import { type Queryable, toInteger } from "../connection/database.ts";
import { findRowRange, type RowRange, type RowTable } from "./row_range.ts";
import { andWithin, type Range, type Scope } from "./scope.ts";

/** Orders whose sums are compared together, as a power of two. */
const bucketBits = 8;

/** Scopes of one comparison: what lies beyond is looked at as one range. */
const maxScopes = 500;

/**
 * Sums from here on are not trusted: engines add floating-point numbers in half the time of their decimals, and these are
 * exact as long as no sum on the way is larger than 2^53.
 */
const largestExact = 2 ** 51;

/** One account: what it has of each order, as summands of the columns that are compared. */
export interface Account<Column extends string> {
  /** The order's id. */
  id: string;
  /** Tables and joins. */
  from: string;
  /** A hint behind a single table, for reading all of it in its own order. */
  whole?: string;
  /** The first table of `from`, where the rows of a range of orders can be read in their own order as well. */
  rows?: RowTable;
  where?: string;
  /** What is added; an account that is to be met by another one subtracts. None for a column of others. */
  sums: Partial<Record<Column, string>>;
  /** Some are below zero and some above, so sums on the way may be larger than what they end as. */
  isMixed?: boolean;
}

/** The place of an order among its neighbours. Weighted by it, two wrong summands don't hide each other. */
export function placeOf(id: string): string {
  return `(${id} & ${2 ** bucketBits - 1})`;
}

/** A summand by the place of its order. */
export function placed(id: string, summand: string): string {
  return `(${summand} + 0e0) * ${placeOf(id)}`;
}

/** A number that stands for a text: another text has another one, but for one of four thousand million. */
export function numberOf(text: string): string {
  return `crc32(${text})`;
}

/**
 * Where accounts differ.
 *
 * @param scope of the orders that are compared
 * @param accounts also read from the tables of archived orders, where there are any
 * @param checks the columns of each check, all of which must come to zero
 * @returns for each check the scopes of the orders to be looked at one by one
 */
export async function findUneven<Check extends string, Column extends string>(
  tx: Queryable,
  scope: Range | null,
  accounts: readonly Account<Column>[],
  checks: Readonly<Record<Check, readonly Column[]>>,
): Promise<Record<Check, Scope[]>> {
  const columns = (Object.values(checks) as (readonly Column[])[]).flat();
  const live: string[] = [];
  for (const account of accounts) {
    const range = account.rows && await findRowRange(tx, account.rows, scope);
    live.push(sumsOf(account, scope, columns, range ?? null));
  }
  // Archived rows have ids of their own ranges.
  const archived = await hasArchived(tx)
    ? accounts.map((account) => archivedForm(sumsOf(account, scope, columns)))
    : [];
  const parts = new Set([...live, ...archived]);
  const names = Object.keys(checks) as Check[];
  const differs = (check: Check) =>
    checks[check].map((column) =>
      `sum(part.${column}) <> 0 or max(abs(part.${column})) >= ${largestExact}`
    ).join(" or ");
  const rows = await tx.query(`
    select part.bucket, ${names.map((name) => `${differs(name)} as ${name}`).join(", ")}
    from (${[...parts].join(" union all ")}) part
    group by part.bucket
    having ${names.join(" or ")}
    order by part.bucket`);
  const scopes = {} as Record<Check, Scope[]>;
  for (const name of names) {
    scopes[name] = scopesOf(
      rows.flatMap((row) => toInteger(row[name]) === 1 ? [toInteger(row.bucket)] : []),
      scope,
    );
  }
  return scopes;
}

function sumsOf<Column extends string>(
  { id, from, whole = "", where = "true", sums, isMixed }: Account<Column>,
  scope: Range | null,
  columns: readonly Column[],
  range: RowRange | null = null,
): string {
  const sum = (column: Column) => {
    const summand = sums[column];
    if (summand === undefined) return "0";
    return isMixed ? `sum(${summand})` : `sum(${summand} + 0e0)`;
  };
  return `
      select ${id} >> ${bucketBits} as bucket, ${
    columns.map((column) => `${sum(column)} as ${column}`).join(", ")
  }
      from ${range === null ? `${from} ${scope === null ? whole : ""}` : withHint(from, range.hint)}
      where ${where}${andWithin(id, scope)}${range === null ? "" : ` and ${range.condition}`}
      group by bucket`;
}

/** A hint behind the first table. */
function withHint(from: string, hint: string): string {
  return from.replace(/^\w+/, (table) => `${table} ${hint}`);
}

/** Scopes of buckets in the order of their numbers, within another one; those that touch are one. */
function scopesOf(buckets: readonly number[], within: Range | null): Scope[] {
  const scopes: Range[] = [];
  for (const bucket of buckets) {
    const after = bucket * 2 ** bucketBits - 1;
    const last = scopes.at(-1);
    if (last?.upTo === after) last.upTo += 2 ** bucketBits;
    else if (scopes.length < maxScopes) scopes.push({ after, upTo: after + 2 ** bucketBits });
    else {
      scopes.push({ after });
      break;
    }
  }
  if (within === null) return scopes;
  return scopes.map(({ after, upTo = Infinity }) => ({
    after: Math.max(after, within.after),
    upTo: Math.min(upTo, within.upTo ?? Number.MAX_SAFE_INTEGER),
  }));
}
