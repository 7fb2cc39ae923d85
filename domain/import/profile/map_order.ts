/**
 * Decides what the rows of one order amount to in a file with a profile.
 *
 * @module
 */

import type { Fault } from "../../errors.ts";
import { isCurrency } from "../../money.ts";
import { orderLimits, type OrderTerms, orderTotalOf } from "../../order/incoming_order.ts";
import { readLanguage } from "../../order/language.ts";
import {
  paymentOf,
  providerOf,
  providerProblem,
  referenceProblem,
} from "../../order/source_payment.ts";
import {
  type ColumnPlaces,
  type CsvRow,
  importColumns,
  isGoodItem,
  type OrderRow,
  readRow,
} from "../csv_rows.ts";
import { booleans, type TermFault } from "../csv_terms.ts";
import {
  type DecideOptions,
  faultsText,
  maxOrderRows,
  type OrderReading,
  type ReadRows,
  rejectedFor,
  rejectedLarge,
  type RejectedRow,
  rowsToATurn,
  settleOrder,
} from "../order_csv.ts";
import { type PlannedColumn, textOf } from "./column_plan.ts";
import { parseMoney, plainCharacters } from "./money_text.ts";
import { readAdjustments } from "./order_amounts.ts";
import {
  nameInFile,
  type OrderMapping,
  ownText,
  saidOf,
  type SaidText,
  valueFault,
} from "./order_mapping.ts";
import { outcomeOf } from "./order_status.ts";
import { type PricedItem, type Reading, readingByTotal } from "./order_readings.ts";
import { ownFields, plannedFault } from "./planned_row.ts";
import { saysNothing } from "./suspicious_column.ts";
import type { ProfileColumn } from "./profile.ts";

/** What the file says that an order comes to, and what it does. */
export interface ComparedTotal {
  /** What the file says, in minor units. */
  namedCents: number;
  /** What the order comes to, in minor units. */
  ownCents: number;
  /** Of both. */
  currency: string;
}

/** An order that its source says is over and done with: it is neither charged nor recorded. */
export interface SkippedOrder {
  /** Apart from what is accepted or rejected. */
  kind: "skipped";
  /** Why, for people. */
  why: string;
}

/** What becomes of an order. */
export type MappedOrder = (OrderReading & { total?: ComparedTotal }) | SkippedOrder;

/** The product's own columns, in which each row is checked by the rules of all files. */
const ownPlaces: ColumnPlaces = {
  ...Object.fromEntries(importColumns.map((column, at) => [column, at])),
  terms: [],
} as unknown as ColumnPlaces;

/** Rows of an order, read so far. */
interface SoFar extends ReadRows {
  items: PricedItem[];
  /** The first good one, and the head that it was read with. */
  before: { fields: readonly string[]; row: OrderRow; head: Head } | undefined;
  /** What rows say of the whole is wrong. */
  faults: TermFault[];
}

/** A row of an order, whose fields are taken out of it once. */
interface ReadingRow extends CsvRow {
  /** What is rejected. */
  source: CsvRow;
}

/**
 * Decides on the rows of one order.
 *
 * A row that can't be read rejects its order whole, whether good rows are to be kept or not. A price of a line that can't be
 * divided by its units makes two items, so that no part of a cent is lost. An order whose total is named comes to that
 * total, within the profile's tolerance, or is rejected.
 *
 * @param rows as `planned_row.ts` makes them, in the order of the file
 */
export function mapOrder(
  mapping: OrderMapping,
  rows: readonly CsvRow[],
  options: DecideOptions,
): MappedOrder {
  const steps = mapOrderStepwise(mapping, rows, options);
  let step = steps.next();
  while (!step.done) step = steps.next();
  return step.value;
}

/** The same with breaks, because an order may have very many rows. */
export function* mapOrderStepwise(
  mapping: OrderMapping,
  sources: readonly CsvRow[],
  options: DecideOptions,
): Generator<void, MappedOrder> {
  if (sources.length > maxOrderRows) return rejectedLarge(sources);
  const unreadable = sources.find((row) => plannedFault(row) !== "");
  if (unreadable !== undefined) {
    return { kind: "rejected", rejected: rejectFor(sources, unreadable) };
  }
  const rows = sources.map((source): ReadingRow => ({
    line: source.line,
    fields: ownFields(source),
    source,
  }));
  const outcome = outcomeOf(rows, mapping.plan);
  if (outcome.kind === "skip") return { kind: "skipped", why: outcome.why };
  if (outcome.kind === "unknown") {
    const fault = valueFault(
      outcome.column,
      outcome.word === ""
        ? "is empty, and the profile does not say what becomes of such orders (status.otherwise)"
        : "is a status that the profile does not know",
      outcome.word,
    );
    const reason = faultsText([fault]);
    return { kind: "rejected", rejected: sources.map((row) => rejectedFor(row, reason)) };
  }
  if (outcome.kind === "contradiction") {
    const { column, lines: [first, second] } = outcome;
    const reason = `rows of the order disagree on ${column} (lines ${first} and ${second})`;
    return { kind: "rejected", rejected: sources.map((row) => rejectedFor(row, reason)) };
  }
  const head = readHead(mapping, rows);
  const read = yield* readRows(mapping, rows, head, options);
  const { reading, terms, total } = yield* readTerms(mapping, rows, {
    head,
    read,
    outcome: outcome.kind,
  });
  // What a row that is left out adds to the whole can't be told from the rest.
  const isSumOfRows = mapping.plan.adjustments.some(({ per }) => per === "line");
  const settled = settleOrder(read, {
    terms,
    disagreement: head.disagreement,
    items: reading?.items ?? [],
    keepGoodRows: options.keepGoodRows && !isSumOfRows,
  });
  return total === undefined ? settled : { ...settled, total };
}

/** All rows of an order of which one can't be read. */
function rejectFor(rows: readonly CsvRow[], unreadable: CsvRow): RejectedRow[] {
  const other = `another row of the order is bad (line ${unreadable.line})`;
  return rows.map((row) => rejectedFor(row, plannedFault(row) || other));
}

/** What rows say of their order, and each says the same or nothing. */
interface Head {
  externalOrderId: string;
  currency: string;
  customerId: string;
  email: string;
  name: string;
  placedAt: string | { problem: string; text: string };
  disagreement: string | undefined;
}

/** What each row says of its order. */
const headColumns = [
  "external_order_id",
  "currency",
  "customer_id",
  "customer_email",
  "customer_name",
  "order_placed_at",
] as const;

/** Reads what the rows say of their order, or the one row where each has to say it. */
function readHead(mapping: OrderMapping, rows: readonly CsvRow[]): Head {
  const { columns } = mapping.plan;
  let disagreement: string | undefined;
  const read = (column: typeof headColumns[number]): string => {
    const planned = columns[column];
    const said = saidOf(rows, planned);
    if (said === undefined) return "";
    disagreement ??= disagreementOf(rows, planned, said);
    return said.text;
  };
  // In this order: it is the first disagreement that is told.
  const externalOrderId = read("external_order_id");
  const currency = read("currency");
  const id = read("customer_id");
  const email = read("customer_email");
  const name = read("customer_name");
  const isGuest = mapping.settings.guestIds?.includes(id) === true;
  return {
    externalOrderId: prefixed(mapping, externalOrderId),
    currency,
    customerId: isGuest ? "" : id,
    email,
    name,
    placedAt: earliest(mapping, rows),
    disagreement,
  };
}

/** Whether all rows say the same of their order: then each has the head that was read of all of them. */
function haveOneHead(mapping: OrderMapping, rows: readonly CsvRow[]): boolean {
  for (let at = 1; at < rows.length; at++) {
    if (!saysTheSame(mapping, rows[at]!, rows[0]!)) return false;
  }
  return true;
}

/** Whether a row says of its order what another one says, so that both have the same head. */
function saysTheSame(mapping: OrderMapping, a: CsvRow, b: CsvRow): boolean {
  for (const column of headColumns) {
    for (const place of mapping.plan.columns[column]?.places ?? []) {
      for (const at of place) if (a.fields[at] !== b.fields[at]) return false;
    }
  }
  return true;
}

/** An order's id here: two shops may number their orders alike. */
function prefixed({ settings: { orderIdPrefix = "" } }: OrderMapping, id: string): string {
  return id === "" ? "" : orderIdPrefix + id;
}

/** Why rows can't be one order, where they say different things in a column. */
function disagreementOf(
  rows: readonly CsvRow[],
  planned: PlannedColumn | undefined,
  said: SaidText | undefined,
): string | undefined {
  if (said?.place === undefined || rows.length === 1) return undefined;
  for (const { line, fields } of rows) {
    const text = textOf(fields, said.place);
    if (text === "" || text === said.text) continue;
    return `rows of the order disagree on ${planned!.name} (lines ${said.line} and ${line})`;
  }
}

/** When the order was placed: the first of what its rows say, as all files have it. */
function earliest(mapping: OrderMapping, rows: readonly CsvRow[]): Head["placedAt"] {
  const column = mapping.plan.columns.order_placed_at;
  let first: string | undefined;
  let before = "";
  for (const row of rows) {
    const text = ownText(row.fields, column);
    if (text === "" || text === before) continue;
    before = text;
    const time = mapping.readTime(text);
    if (typeof time !== "string") return { problem: time.problem, text };
    if (first === undefined || time < first) first = time;
  }
  return first ?? "";
}

function* readRows(
  mapping: OrderMapping,
  rows: readonly ReadingRow[],
  head: Head,
  { latestPlacedAt }: DecideOptions,
): Generator<void, SoFar> {
  const read: SoFar = { sources: [], good: [], bad: [], items: [], before: undefined, faults: [] };
  const isOneHead = mapping.fillsDown || haveOneHead(mapping, rows);
  let rowHead = head;
  let last: ReadingRow | undefined;
  for (let index = 0; index < rows.length; index++) {
    const row = rows[index]!;
    if ((index + 1) % rowsToATurn === 0) yield;
    if (mapping.settings.rowsWithoutItem === "allowed" && !hasItem(mapping, row)) continue;
    if (!isOneHead && (last === undefined || !saysTheSame(mapping, row, last))) {
      rowHead = readHead(mapping, [row]);
    }
    last = row;
    readItemRow(mapping, row, { read, head: rowHead, latestPlacedAt });
  }
  if (read.good.length + read.bad.length === 0) {
    const reason = "the order has no row with an item";
    for (const { source } of rows) read.bad.push(rejectedFor(source, reason));
  }
  return read;
}

function hasItem({ plan: { columns } }: OrderMapping, { fields }: CsvRow): boolean {
  return ownText(fields, columns.product_sku) !== "" ||
    ownText(fields, columns.product_name) !== "" || ownText(fields, columns.price) !== "";
}

/** Reads one row by the rules of all files, in the product's own columns. */
function readItemRow(
  mapping: OrderMapping,
  { fields: own, source }: ReadingRow,
  { read, head, latestPlacedAt }: { read: SoFar; head: Head; latestPlacedAt: string },
): void {
  const { columns } = mapping.plan;
  const currency = head.currency.toUpperCase();
  const sku = ownText(own, columns.product_sku);
  const productName = ownText(own, columns.product_name);
  const qty = wholeNumber(ownText(own, columns.qty), mapping.money.decimal);
  const priceText = ownText(own, columns.price);
  const price = readPrice(mapping, priceText, currency);
  const problem = typeof price === "object" ? price.problem : undefined;
  const cents = typeof price === "number" ? price : 0;
  const units = digits.test(qty) ? Number(qty) : NaN;
  const unitPriceCents = largestUnitPrice(mapping, cents, units);
  // Most rows say nothing new of their order, and have no fault.
  if (read.before?.head === head && problem === undefined && price !== undefined) {
    const { sumWords } = mapping.settings;
    const item: PricedItem = { sku, name: productName, unitPriceCents, qty: units, cents };
    if (isGoodItem(item, sumWords)) {
      read.sources.push(source);
      read.good.push({ head: read.before.row.head, item });
      read.items.push(item);
      return;
    }
  }
  const faults: Fault[] = [];
  const nameOf = (column: ProfileColumn) => nameInFile(mapping.plan, column);
  if (typeof head.placedAt !== "string") {
    const { problem, text } = head.placedAt;
    faults.push(valueFault(nameOf("order_placed_at"), problem, text));
  }
  if (problem !== undefined) faults.push(valueFault(nameOf("price"), problem, priceText));
  const fields = [
    head.externalOrderId,
    typeof head.placedAt === "string" ? head.placedAt : valid.time,
    isCurrency(currency) ? currency : head.currency,
    head.customerId,
    head.email,
    head.name,
    sku,
    productName,
    priceText === "" ? "" : String(unitPriceCents),
    qty,
  ];
  const checked = readRow(
    fields,
    ownPlaces,
    latestPlacedAt,
    read.before,
    mapping.settings.sumWords,
  );
  if (Array.isArray(checked)) {
    faults.push(...checked.map(({ at, detail }) => ({ at: nameOf(at as ProfileColumn), detail })));
  }
  if (Array.isArray(checked) || faults.length > 0) {
    read.bad.push(rejectedFor(source, faultsText(faults)));
    return;
  }
  read.before ??= { fields, row: checked, head };
  read.sources.push(source);
  read.good.push(checked);
  read.items.push({ ...checked.item, cents });
}

/** What a row says that its item costs, in minor units; undefined where it says nothing. */
function readPrice(
  { money }: OrderMapping,
  text: string,
  currency: string,
): number | { problem: string } | undefined {
  if (text === "" || !isCurrency(currency)) return undefined;
  const price = parseMoney(text, money, currency);
  return typeof price === "number" && price < 0 ? { problem: "must not be below zero" } : price;
}

/** Stands in for what has a fault already, so that it is not named twice. */
const valid = { time: "2000-01-01 00:00:00" };

/** The highest price that a unit can have by any reading, to be held against the bound. */
function largestUnitPrice({ settings }: OrderMapping, cents: number, qty: number): number {
  const isLine = settings.money?.pricePer === "line" || settings.money?.pricePer === "by_total";
  return isLine && qty >= 1 ? Math.ceil(cents / qty) : cents;
}

const digits = /^\d+$/;

/** `2` for `2.0000`, as databases write numbers; all else as it is. */
function wholeNumber(text: string, decimal: "." | ","): string {
  if (digits.test(text)) return text;
  const plain = plainCharacters(text);
  if (digits.test(plain)) return plain;
  const [whole, fraction] = plain.split(decimal) as [string, string?];
  const isWhole = fraction !== undefined && /^\d+$/.test(whole) && /^0+$/.test(fraction) &&
    fraction.length !== 3;
  return isWhole ? whole : text;
}

/** What an order says as a whole, read in the way that comes to its own total. */
function* readTerms(
  mapping: OrderMapping,
  rows: readonly CsvRow[],
  { head, read, outcome }: { head: Head; read: SoFar; outcome: "charge" | "paid" | "free" },
): Generator<
  void,
  { reading: Reading | undefined; terms: OrderTerms | TermFault[]; total?: ComparedTotal }
> {
  const { columns } = mapping.plan;
  const { faults } = read;
  const currency = head.currency.toUpperCase();
  if (!isCurrency(currency)) return { reading: undefined, terms: {} };
  const taxIncluded = readIncluded(mapping, rows, faults);
  const adjustments = yield* readAdjustments(mapping, { rows, currency, taxIncluded, faults });
  const named = readTotal(mapping, rows, currency, faults);
  const payment = readPayment(mapping, rows, outcome, faults);
  const said = saidOf(rows, columns.language);
  const language = said === undefined ? undefined : readLanguage(said.text);
  if (language !== undefined && "problem" in language) {
    faults.push({
      line: said!.line,
      ...valueFault(columns.language!.name, language.problem, said!.text),
    });
  }
  if (faults.length > 0) return { reading: undefined, terms: faults };
  const reading = readingByTotal(read.items, adjustments, named, mapping.settings.money);
  if ("problem" in reading) {
    const at = columns.order_total?.name ?? "order_total";
    return { reading: undefined, terms: [{ line: rows[0]!.line, at, detail: reading.problem }] };
  }
  const ownCents = orderTotalOf(reading);
  const isWithin = named !== undefined &&
    Math.abs(ownCents - named) <= (mapping.settings.money?.tolerance ?? 0);
  const terms: OrderTerms = {
    ...(reading.adjustments.length === 0 ? {} : { adjustments: reading.adjustments }),
    ...(named === undefined ? {} : { totalCents: isWithin ? ownCents : named }),
    ...(payment === undefined ? {} : { payment }),
    ...(language !== undefined && "language" in language ? language : {}),
  };
  const isWhole = read.bad.length === 0 && read.good.length > 0;
  return named === undefined || !isWhole
    ? { reading, terms }
    : { reading, terms, total: { namedCents: named, ownCents, currency } };
}

function readIncluded(
  mapping: OrderMapping,
  rows: readonly CsvRow[],
  faults: TermFault[],
): boolean | undefined {
  const column = mapping.plan.columns.tax_included;
  const said = saidOf(rows, column);
  if (said === undefined) return undefined;
  const included = booleans.get(said.text.toLowerCase());
  if (included === undefined) {
    const fault = valueFault(column!.name, "must be true or false", said.text);
    faults.push({ line: said.line, ...fault });
  }
  return included;
}

/** What the file says that the order comes to; undefined where it says nothing. */
function readTotal(
  { plan, money }: OrderMapping,
  rows: readonly CsvRow[],
  currency: string,
  faults: TermFault[],
): number | undefined {
  const column = plan.columns.order_total;
  const said = saidOf(rows, column);
  if (said === undefined) return undefined;
  let named: number | undefined;
  for (const row of rows) {
    const text = ownText(row.fields, column);
    if (text === "") continue;
    const cents = parseMoney(text, money, currency);
    const problem = typeof cents !== "number"
      ? cents.problem
      : cents < 0 || cents > orderLimits.totalCents
      ? "can't be the total of an order"
      : named !== undefined && named !== cents
      ? `is another one than on line ${said.line}`
      : undefined;
    if (problem !== undefined) {
      faults.push({ line: row.line, ...valueFault(column!.name, problem, text) });
    } else named = cents as number;
  }
  return named;
}

/** What only an order has that was paid at its source: charged here, it would be paid twice. */
const ofPayments = ["payment_reference", "paid_at"] as const;

function addPaidFaults(mapping: OrderMapping, rows: readonly CsvRow[], faults: TermFault[]): void {
  for (const column of ofPayments) {
    const planned = mapping.plan.columns[column];
    const said = saidOf(rows, planned);
    if (said?.place === undefined || saysNothing(said.text)) continue;
    const problem =
      "is of a payment, and the order would be charged: have a status say that it is paid " +
      "(payment_status, in a profile status), or leave this out";
    faults.push({ line: said.line, ...valueFault(planned!.name, problem, said.text) });
  }
}

/** The payment that was made at the source, if one was. */
function readPayment(
  mapping: OrderMapping,
  rows: readonly CsvRow[],
  outcome: "charge" | "paid" | "free",
  faults: TermFault[],
): OrderTerms["payment"] {
  if (outcome === "charge") {
    addPaidFaults(mapping, rows, faults);
    return undefined;
  }
  if (outcome === "free") return { status: "none" };
  const { columns } = mapping.plan;
  const text = (
    column: PlannedColumn | undefined,
    problemOf: (text: string) => string | undefined,
  ) => {
    const said = saidOf(rows, column);
    const problem = said === undefined ? undefined : problemOf(said.text);
    if (problem === undefined) return said?.text;
    faults.push({ line: said!.line, ...valueFault(column!.name, problem, said!.text) });
  };
  const reference = text(columns.payment_reference, referenceProblem);
  const provider = text(columns.payment_provider, providerProblem);
  const moment = text(columns.paid_at, (moment) => {
    const time = mapping.readTime(moment);
    return typeof time === "string" ? undefined : time.problem;
  });
  const payment = paymentOf({
    status: "paid",
    // Who took the money can give it back only by the payment's id: without one it is whoever sold.
    provider: provider === undefined || reference === undefined ? undefined : providerOf(provider),
    reference,
    paidAt: moment === undefined ? undefined : mapping.readTime(moment) as string,
  }, prefixed(mapping, saidOf(rows, columns.external_order_id)?.text ?? ""));
  return Array.isArray(payment) || payment.status === "due" ? undefined : payment;
}
