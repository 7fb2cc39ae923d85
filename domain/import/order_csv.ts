/**
 * Decides what the rows of one order in an import file amount to.
 *
 * @module
 */

import { type ColumnPlaces, type CsvRow, type OrderRow, readRow } from "./csv_rows.ts";
import {
  noTerms,
  noteTerms,
  readTerms,
  type SaidTerms,
  takenOff,
  type TermFault,
} from "./csv_terms.ts";
import type { Fault } from "../errors.ts";
import { withoutValues } from "./named_value.ts";
import { repeatedRows, type RowsOfFile } from "./repeated_rows.ts";
import {
  type IncomingItem,
  type IncomingOrder,
  type OrderHead,
  type OrderTerms,
  orderTotalOf,
} from "../order/incoming_order.ts";
import type { OrderStatus } from "../order/order.ts";
import { totalProblem } from "../order/order_total.ts";
import { cutText } from "../text/cut_text.ts";
import { visibleText } from "../text/visible_text.ts";

/** A row that goes to the rejects file. */
export interface RejectedRow extends CsvRow {
  /** For people; what tells cases apart stands in brackets at its end. */
  reason: string;
}

/** What becomes of an order. */
export type OrderReading =
  /** An order, and the bad rows that were left out of it. */
  | { kind: "accepted"; order: IncomingOrder; rejected: RejectedRow[] }
  /** None of its rows is taken; `difference` where its total is not the one that the file names. */
  | { kind: "rejected"; rejected: RejectedRow[]; difference?: TotalDifference };

/** An order whose total is not the one that its file names. */
export interface TotalDifference {
  /** The shop's own. */
  externalOrderId: string;
  /** ISO 4217, upper case. */
  currency: string;
  /** What the order comes to, less what the file says, in minor units. */
  differenceCents: number;
}

/** How orders are decided on. */
export interface DecideOptions {
  /** Leave bad rows out instead of rejecting the order for them. */
  keepGoodRows: boolean;
  /** The latest time that an order can have been placed at. */
  latestPlacedAt: string;
}

/** Rows that one order may have: all of them are in memory at once. */
export const maxOrderRows = 100_000;

/** Characters that all of its rows may have together. */
export const maxOrderCharacters = 33_554_432;

/** Rows of an order that are read before others get their turn: the longest ones take some milliseconds each. */
export const rowsToATurn = 8;

/**
 * Reads the rows of one order, given in the order of the file.
 *
 * @param rows all rows with one order id, or one row that has none
 */
export function decideOrder(
  rows: readonly CsvRow[],
  places: ColumnPlaces,
  options: DecideOptions,
): OrderReading {
  if (rows.length > maxOrderRows) return rejectedLarge(rows);
  const read = readRows(places);
  for (const source of rows) readInto(read, source, places, options);
  return readingOf(read, places, options);
}

/** The same with breaks, because an order may have very many rows. */
export function* decideOrderStepwise(
  rows: readonly CsvRow[],
  places: ColumnPlaces,
  options: DecideOptions,
): Generator<void, OrderReading> {
  if (rows.length > maxOrderRows) return rejectedLarge(rows);
  const read = readRows(places);
  for (const [index, source] of rows.entries()) {
    if ((index + 1) % rowsToATurn === 0) yield;
    readInto(read, source, places, options);
  }
  return readingOf(read, places, options);
}

/** The rows of an order, read. */
export interface ReadRows {
  /** Those of the good ones. */
  sources: CsvRow[];
  /** Rows that were read. */
  good: OrderRow[];
  /** Rows with faults. */
  bad: RejectedRow[];
}

/** The same, of which more may follow. */
interface RowsSoFar extends ReadRows {
  /** The first good one, which most others repeat. */
  before: { fields: readonly string[]; row: OrderRow } | undefined;
  /** What all of them say of the order as a whole; undefined for a file that has no column for it. */
  terms: SaidTerms | undefined;
}

function readRows(places: ColumnPlaces): RowsSoFar {
  const terms = places.terms.length === 0 ? undefined : noTerms(places);
  return { sources: [], good: [], bad: [], before: undefined, terms };
}

function readInto(
  read: RowsSoFar,
  source: CsvRow,
  places: ColumnPlaces,
  { latestPlacedAt }: DecideOptions,
): void {
  const { fields } = source;
  if (read.terms !== undefined) noteTerms(read.terms, source.line, fields, places);
  const row = readRow(fields, places, latestPlacedAt, read.before);
  if (Array.isArray(row)) {
    read.bad.push(rejectedFor(source, faultsText(row)));
    return;
  }
  read.before ??= { fields, row };
  read.sources.push(source);
  read.good.push(row);
}

function readingOf(
  read: RowsSoFar,
  places: ColumnPlaces,
  { keepGoodRows }: DecideOptions,
): OrderReading {
  const id = read.before?.row.head.externalOrderId ?? "";
  const terms = read.terms === undefined ? undefined : readTerms(read.terms, places, id);
  const disagreement = read.terms?.disagreement;
  return settleOrder(read, { terms, disagreement, keepGoodRows, file: places });
}

/**
 * Decides on an order whose rows were read.
 *
 * @param said.terms what its rows say of it as a whole, or the faults of that; undefined for a file that says nothing
 * @param said.disagreement why its rows can't be one order, if what they say as a whole shows that
 * @param said.items its items, where they are others than those of its good rows
 * @param said.file what is known of the file that its rows are of
 * @param said.repeated whether rows may be copies of each other; see `repeated_rows.ts`
 */
export function settleOrder(
  read: ReadRows,
  said: {
    terms: OrderTerms | TermFault[] | undefined;
    disagreement?: string | undefined;
    items?: IncomingItem[];
    keepGoodRows: boolean;
    file?: RowsOfFile;
    repeated?: "refused" | "items";
  },
): OrderReading {
  const { sources, good, bad } = read;
  const { terms, keepGoodRows } = said;
  if (Array.isArray(terms)) return { kind: "rejected", rejected: rejectTerms(read, terms) };
  if (good.length === 0) return { kind: "rejected", rejected: bad };
  let reason = bad.length > 0 && !keepGoodRows
    ? `another row of the order is bad (line ${bad[0]!.line})`
    : disagreement(good, sources) ?? said.disagreement;
  let difference: TotalDifference | undefined;
  if (reason === undefined) {
    const order = orderOf(good, said.items, terms);
    const problem = totalProblem(order, "file");
    if (problem === undefined) {
      // A total that agrees says that all of them are meant.
      const isMeant = order.totalCents !== undefined || said.repeated === "items";
      reason = isMeant ? undefined : repeatedRows(read, said.file);
      if (reason === undefined) return { kind: "accepted", order, rejected: bad };
    } else {
      reason = `${problem.summary} (${problem.sum})`;
      if (problem.of === "total") difference = differenceOf(order);
    }
  }
  const why = reason;
  const rejected = byLine([...bad, ...sources.map((source) => rejectedFor(source, why))]);
  return { kind: "rejected", rejected, ...(difference === undefined ? {} : { difference }) };
}

function differenceOf(order: IncomingOrder): TotalDifference {
  const { externalOrderId, currency, totalCents = 0 } = order;
  return { externalOrderId, currency, differenceCents: orderTotalOf(order) - totalCents };
}

/**
 * Rejects all rows of an order for what one of them says of the whole: without it the order would be another one,
 * so no row can be left out for it.
 */
function rejectTerms({ sources, bad }: ReadRows, faults: readonly TermFault[]): RejectedRow[] {
  const ofLine = Map.groupBy(faults, ({ line }) => line);
  const other = `another row of the order is bad (line ${faults[0]!.line})`;
  const rejected = [
    ...bad.map((row): RejectedRow => {
      const own = ofLine.get(row.line);
      return own === undefined ? row : { ...row, reason: `${row.reason}; ${faultsText(own)}` };
    }),
    ...sources.map((source) => {
      const own = ofLine.get(source.line);
      return rejectedFor(source, own === undefined ? other : faultsText(own));
    }),
  ];
  return byLine(rejected);
}

/** An order all of whose rows were gathered, and are more than {@linkcode maxOrderRows}. */
export function rejectedLarge(
  rows: readonly CsvRow[],
): { kind: "rejected"; rejected: RejectedRow[] } {
  return { kind: "rejected", rejected: rejectLargeOrder(rows, rows[maxOrderRows]!.line) };
}

/**
 * Rejects rows of an order that has more than {@linkcode maxOrderRows}, or {@linkcode maxOrderCharacters}. A file may have
 * nothing else, so their fields are made only where somebody asks for them, as a rejects file does.
 *
 * @param line of the first row that is too much
 */
export function rejectLargeOrder(rows: readonly CsvRow[], line: number): RejectedRow[] {
  const reason = `an order may have at most ${maxOrderRows} rows and ${maxOrderCharacters} ` +
    `characters, and this one has more from line ${line}`;
  return rows.map((row) => new LargeOrderRow(row, reason));
}

/**
 * Rejects the rows of an order that the database has with other content. One that could still be changed is
 * rejected because the file would take items away from it. So is one, known or not, that was paid by a payment of
 * another order.
 *
 * @param known its status; `foreign` for an order of another, of which nothing is told; `paymentOf` is the order that
 * the payment belongs to, which is told to who sees what others have brought; `ofAnother` that it is of another
 * customer; `refusal` says why it could not be edited
 * @param leftOut further rows of the order: what it lacks for want of them, the file does not mean to take away
 */
export function rejectConflict(
  rows: readonly CsvRow[],
  { status, foreign, paymentOf, ofAnother = false, refusal, seesOthers = true }: {
    status: OrderStatus;
    foreign: boolean;
    ofAnother?: boolean;
    paymentOf?: string;
    seesOthers?: boolean;
    refusal?: string;
  },
  leftOut: readonly RejectedRow[],
): RejectedRow[] {
  const reason = paymentOf !== undefined
    ? "the payment that the order names belongs to another order" +
      (seesOthers ? ` (${visibleText(cutText(paymentOf, 64))})` : "")
    : foreign
    ? "the order is known with other content and was brought by somebody else, so changing it needs " +
      "the scope cancel"
    : refusal !== undefined
    ? `the order is known with other content and can't be changed (${
      refusal.replaceAll(/[()]/g, "")
    })`
    : ofAnother
    ? "the id is known, of an order of another customer: two shops may number their orders alike, then set " +
      "order_id_prefix in the profile of one" +
      (status === "PENDING" || status === "RESERVED"
        ? "; where it is the same order, --replace (replace=true over HTTP) changes it"
        : "")
    : status !== "PENDING"
    ? `the order is known with other content and is already ${status}${
      status === "RESERVED" ? ", which only --replace (replace=true over HTTP) changes" : ""
    }`
    : leftOut.length > 0
    ? "the order is known with items that are missing or other here, maybe because another row of the order " +
      `was left out (line ${leftOut[0]!.line})`
    : "the order is known with items that are missing or other here and only --replace " +
      "(replace=true over HTTP) takes them away";
  return rows.map((row) => rejectedFor(row, reason));
}

/** Rejects the rows of an order that its source says is over, and that would be charged here all the same. */
export function rejectOpen(
  rows: readonly CsvRow[],
  { why, status }: { why: string; status: OrderStatus },
): RejectedRow[] {
  const said = why.replaceAll(/[()]/g, "");
  const reason =
    `the order is not to be charged by its source (${said}) and is still ${status} here: cancel it here`;
  return rows.map((row) => rejectedFor(row, reason));
}

/**
 * Rejects the rows of an order that names products that there are not, where orders must not create them.
 *
 * @param skus of these products
 */
export function rejectUnknownSkus(
  rows: readonly CsvRow[],
  { skuOf, skuColumn }: { skuOf: (row: CsvRow) => string; skuColumn: string },
  skus: readonly string[],
): RejectedRow[] {
  const unknown = new Set(skus);
  const first = rows.find((row) => unknown.has(skuOf(row)))!;
  return rows.map((row) =>
    rejectedFor(
      row,
      unknown.has(skuOf(row))
        ? `${skuColumn}: there is no such product and orders may not create one: add it first, or correct the SKU ` +
          `(${JSON.stringify(skuOf(row))})`
        : `another row of the order names a product that there is not (line ${first.line})`,
    )
  );
}

/**
 * All rows of an order of which some were left out: corrected, the file must have the order whole, or the rest
 * of it would be missing.
 *
 * @param rows those that were taken
 * @param leftOut the others, which are all there is to be corrected
 */
export function rejectWhole(
  rows: readonly CsvRow[],
  leftOut: readonly RejectedRow[],
): RejectedRow[] {
  if (leftOut.length === 0) return [];
  const reason = `taken although another row of the order was left out (line ${leftOut[0]!.line})`;
  return rows.map((row) => rejectedFor(row, reason));
}

/** The reasons of a row's faults as one text: `column: problem; column: problem`. */
export function faultsText(faults: readonly Fault[]): string {
  return faults.map(({ at, detail }) => `${at}: ${detail}`).join("; ");
}

/** The reason without what tells its cases apart, to count reasons by. */
export function kindOfReason(reason: string): string {
  const kind = withoutValues(reason.replace(/ \([^()]*\)$/, ""));
  return kind.split("; ").map(withoutAmount).join("; ");
}

/** What ends a fault that begins with an amount, such as `qty: 12.50: write 1250, minor units`, and what it is about. */
const meantAmounts = [[", minor units", "minor units"], [takenOff, "what is taken off"]] as const;

function withoutAmount(fault: string): string {
  const meant = meantAmounts.find(([end]) => fault.endsWith(end));
  return meant === undefined ? fault : `${fault.slice(0, fault.indexOf(": "))}: write ${meant[1]}`;
}

/** A row that is not taken, with the reason. */
export function rejectedFor({ line, fields }: CsvRow, reason: string): RejectedRow {
  return { line, fields, reason };
}

/** A row whose fields are those of another one, each time that they are asked for. */
class LargeOrderRow implements RejectedRow {
  readonly line: number;
  readonly reason: string;
  readonly #row: CsvRow;

  constructor(row: CsvRow, reason: string) {
    this.line = row.line;
    this.reason = reason;
    this.#row = row;
  }

  get fields(): readonly string[] {
    return this.#row.fields;
  }
}

function byLine(rows: RejectedRow[]): RejectedRow[] {
  return rows.sort((a, b) => a.line - b.line);
}

/** Why the rows can't be one order, if they can't. */
function disagreement(
  rows: readonly OrderRow[],
  sources: readonly CsvRow[],
): string | undefined {
  const first = rows[0]!.head;
  for (let index = 0; index < rows.length; index++) {
    const { head } = rows[index]!;
    if (head === first) continue;
    if (head.currency === first.currency && sameCustomer(head.customer, first.customer)) continue;
    const columns = [
      ...(head.currency === first.currency ? [] : ["currency"]),
      ...(sameId(head.customer, first.customer) ? [] : ["customer_id"]),
      ...(head.customer.email === first.customer.email ? [] : ["customer_email"]),
      ...(head.customer.name === first.customer.name ? [] : ["customer_name"]),
    ];
    const names = columns.join(" and ");
    const lines = `lines ${sources[0]!.line} and ${sources[index]!.line}`;
    return `rows of the order disagree on ${names} (${lines})`;
  }
}

function sameCustomer(a: OrderHead["customer"], b: OrderHead["customer"]): boolean {
  return a.externalId === b.externalId && a.email === b.email && a.name === b.name;
}

/** Guests have no id in a file: two of them differ by their addresses. */
function sameId(a: OrderHead["customer"], b: OrderHead["customer"]): boolean {
  return a.externalId === b.externalId || (a.guest === true && b.guest === true);
}

function orderOf(
  rows: readonly OrderRow[],
  items: IncomingItem[] | undefined,
  terms: OrderTerms | undefined,
): IncomingOrder {
  const first = rows[0]!.head;
  let { placedAt } = first;
  for (const { head } of rows) if (head.placedAt < placedAt) placedAt = head.placedAt;
  const order: IncomingOrder = { ...first, placedAt, items: items ?? rows.map(({ item }) => item) };
  return terms === undefined ? order : Object.assign(order, terms);
}
