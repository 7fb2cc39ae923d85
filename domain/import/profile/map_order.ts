/**
 * Decides what the rows of one order amount to in a file with a profile.
 *
 * @module
 */

import type { Fault } from "../../errors.ts";
import { isCurrency } from "../../money.ts";
import { visibleText } from "../../text/visible_text.ts";
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
import { type PlannedColumn, textOf, trimmed } from "./column_plan.ts";
import { parseMoney, plainCharacters } from "./money_text.ts";
import {
  type AmountContext,
  type ReadAdjustment,
  readAdjustments,
  readAdjustmentsStepwise,
} from "./order_amounts.ts";
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

/** An order that is being read. */
interface OpenOrder {
  mapping: OrderMapping;
  options: DecideOptions;
  rows: readonly ReadingRow[];
  outcome: "charge" | "paid" | "free";
  /** What its rows say of it. */
  head: Head;
  /** It is what each row says of it, or counts for all of them. */
  isOneHead: boolean;
  /** The row that was read last, and what that says of the order. */
  last: ReadingRow | undefined;
  lastHead: Head;
  read: SoFar;
}

/**
 * Decides on the rows of one order.
 *
 * A row that can't be read rejects its order whole, whether good rows are to be kept or not. A price of a line that can't be
 * divided by its units makes two items, so that no part of a cent is lost. An order whose total is named comes to that
 * total, within the profile's tolerance, or is rejected.
 *
 * @param sources as `planned_row.ts` makes them, in the order of the file
 */
export function mapOrder(
  mapping: OrderMapping,
  sources: readonly CsvRow[],
  options: DecideOptions,
): MappedOrder {
  const order = openOrder(mapping, sources, options);
  if ("kind" in order) return order;
  readRows(order, 0, sources.length);
  endRows(order);
  const amounts = amountsOf(order);
  const adjustments = amounts === undefined ? [] : readAdjustments(mapping, amounts);
  return closeOrder(order, amounts, adjustments);
}

/** The same with breaks, because an order may have very many rows. */
export function* mapOrderStepwise(
  mapping: OrderMapping,
  sources: readonly CsvRow[],
  options: DecideOptions,
): Generator<void, MappedOrder> {
  const order = openOrder(mapping, sources, options);
  if ("kind" in order) return order;
  for (let at = 0; at < sources.length; at += rowsToATurn) {
    readRows(order, at, Math.min(sources.length, at + rowsToATurn));
    yield;
  }
  endRows(order);
  const amounts = amountsOf(order);
  const adjustments = amounts === undefined ? [] : yield* readAdjustmentsStepwise(mapping, amounts);
  return closeOrder(order, amounts, adjustments);
}

/**
 * Why an order's rows are not all items of its own: one stands there twice, or is a sum that has no number. Their amounts
 * would be booked once more. Rows without an item may go on about one.
 */
function foreignItem(mapping: OrderMapping, rows: readonly CsvRow[]): string | undefined {
  const { header, itemIds } = mapping.plan;
  if (rows.length === 1) return undefined;
  for (let index = 0; index < itemIds.length; index++) {
    const at = itemIds[index]!;
    if (rows.length <= fewRows && areAllOther(rows, at)) continue;
    const name = visibleText(header[at]!.trim());
    const lines = new Map<string, number>();
    let without: number | undefined;
    for (let place = 0; place < rows.length; place++) {
      const row = rows[place]!;
      const id = trimmed(row.fields[at] ?? "");
      if (!hasItem(mapping, row)) continue;
      const first = lines.get(id);
      if (id === "") without ??= row.line;
      else if (first === undefined) lines.set(id, row.line);
      else {
        return `an item of the order stands there twice by ${name} (lines ${first} and ${row.line}): ` +
          "remove one of the rows";
      }
    }
    if (without !== undefined && lines.size > 0) {
      return `a row of the order has an item without ${name} (line ${without}): remove it if it is a sum`;
    }
  }
}

/** Rows that are compared with each other one by one. */
const fewRows = 16;

/** Whether each row says something in a column, and no two the same, as in nearly all orders. */
function areAllOther(rows: readonly CsvRow[], at: number): boolean {
  for (let place = 0; place < rows.length; place++) {
    const id = trimmed(rows[place]!.fields[at] ?? "");
    if (id === "") return false;
    for (let before = 0; before < place; before++) {
      if (trimmed(rows[before]!.fields[at] ?? "") === id) return false;
    }
  }
  return true;
}

/** Begins to read an order; it may be decided already. */
function openOrder(
  mapping: OrderMapping,
  sources: readonly CsvRow[],
  options: DecideOptions,
): OpenOrder | MappedOrder {
  if (sources.length > maxOrderRows) return rejectedLarge(sources);
  const rows: ReadingRow[] = [];
  for (let at = 0; at < sources.length; at++) {
    const source = sources[at]!;
    if (plannedFault(source) !== "") {
      return { kind: "rejected", rejected: rejectFor(sources, source) };
    }
    rows.push({ line: source.line, fields: ownFields(source), source });
  }
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
  const foreign = foreignItem(mapping, rows);
  if (foreign !== undefined) {
    return { kind: "rejected", rejected: sources.map((row) => rejectedFor(row, foreign)) };
  }
  const isOneHead = haveOneHead(mapping, rows);
  // What all rows say alike is read of the first of them.
  const head = readHead(mapping, isOneHead ? [rows[0]!] : rows);
  return {
    mapping,
    options,
    rows,
    outcome: outcome.kind,
    head,
    isOneHead: isOneHead || mapping.fillsDown,
    last: undefined,
    lastHead: head,
    read: { sources: [], good: [], bad: [], items: [], before: undefined, faults: [] },
  };
}

/** Decides on an order all of whose rows and amounts were read. */
function closeOrder(
  order: OpenOrder,
  amounts: AmountContext | undefined,
  adjustments: readonly ReadAdjustment[],
): MappedOrder {
  const { mapping, options, head, read } = order;
  const { reading, terms, total } = amounts === undefined
    ? noTerms
    : readTerms(order, amounts, adjustments);
  // What a row that is left out adds to the whole can't be told from the rest.
  const isSumOfRows = mapping.plan.adjustments.some(({ per }) => per === "line");
  const settled: MappedOrder = settleOrder(read, {
    terms,
    disagreement: head.disagreement,
    items: reading?.items ?? [],
    keepGoodRows: options.keepGoodRows && !isSumOfRows,
    file: mapping.file,
    repeated: mapping.settings.repeatedRows,
  });
  if (total !== undefined) settled.total = total;
  return settled;
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

/** Reads what the rows say of their order, or the one row where each has to say it. */
function readHead(mapping: OrderMapping, rows: readonly CsvRow[]): Head {
  const { columns } = mapping.plan;
  const head: Head = {
    externalOrderId: "",
    currency: "",
    customerId: "",
    email: "",
    name: "",
    placedAt: "",
    disagreement: undefined,
  };
  // In this order: it is the first disagreement that is told.
  head.externalOrderId = prefixed(mapping, readShared(head, rows, columns.external_order_id));
  head.currency = readShared(head, rows, columns.currency);
  const id = readShared(head, rows, columns.customer_id);
  head.customerId = mapping.settings.guestIds?.includes(id) === true ? "" : id;
  head.email = readShared(head, rows, columns.customer_email);
  head.name = readShared(head, rows, columns.customer_name);
  head.placedAt = earliest(mapping, rows);
  return head;
}

/** What all rows that say anything in a column must say alike; "" for nothing. */
function readShared(
  head: Head,
  rows: readonly CsvRow[],
  column: PlannedColumn | undefined,
): string {
  const said = saidOf(rows, column);
  if (said === undefined) return "";
  head.disagreement ??= disagreementOf(rows, column, said);
  return said.text;
}

/** Whether all rows say the same of their order: then each has the head that was read of all of them. */
function haveOneHead(mapping: OrderMapping, rows: readonly CsvRow[]): boolean {
  for (let at = 1; at < rows.length; at++) {
    if (!saysTheSame(mapping, rows[at]!, rows[0]!)) return false;
  }
  return true;
}

/** Whether a row says of its order what another one says, so that both have the same head. */
function saysTheSame({ headPlaces }: OrderMapping, a: CsvRow, b: CsvRow): boolean {
  for (let index = 0; index < headPlaces.length; index++) {
    const at = headPlaces[index]!;
    if (a.fields[at] !== b.fields[at]) return false;
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
  for (let at = 0; at < rows.length; at++) {
    const { line, fields } = rows[at]!;
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
  for (let at = 0; at < rows.length; at++) {
    const text = ownText(rows[at]!.fields, column);
    if (text === "" || text === before) continue;
    before = text;
    const time = mapping.readTime(text);
    if (typeof time !== "string") return { problem: time.problem, text };
    if (first === undefined || time < first) first = time;
  }
  return first ?? "";
}

/** Reads some of an order's rows. */
function readRows(order: OpenOrder, from: number, to: number): void {
  const { mapping, rows } = order;
  const isWithoutItem = mapping.settings.rowsWithoutItem === "allowed";
  for (let index = from; index < to; index++) {
    const row = rows[index]!;
    if (isWithoutItem && !hasItem(mapping, row)) continue;
    if (!order.isOneHead && (order.last === undefined || !saysTheSame(mapping, row, order.last))) {
      order.lastHead = readHead(mapping, [row]);
    }
    order.last = row;
    readItemRow(order, row);
  }
}

/** All rows were read. */
function endRows({ rows, read }: OpenOrder): void {
  if (read.good.length + read.bad.length > 0) return;
  const reason = "the order has no row with an item";
  for (const { source } of rows) read.bad.push(rejectedFor(source, reason));
}

function hasItem({ plan: { columns } }: OrderMapping, { fields }: CsvRow): boolean {
  return ownText(fields, columns.product_sku) !== "" ||
    ownText(fields, columns.product_name) !== "" || ownText(fields, columns.price) !== "";
}

/** Reads one row by the rules of all files, in the product's own columns. */
function readItemRow(
  { mapping, options: { latestPlacedAt }, read, lastHead: head }: OpenOrder,
  { fields: own, source }: ReadingRow,
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

/** Where the amounts of an order are read from; undefined where nothing is known to be one, for want of a currency. */
function amountsOf({ mapping, rows, head, read }: OpenOrder): AmountContext | undefined {
  const currency = head.currency.toUpperCase();
  if (!isCurrency(currency)) return undefined;
  const taxIncluded = readIncluded(mapping, rows, read.faults);
  return { rows, currency, taxIncluded, faults: read.faults };
}

/** What is said of an order as a whole. */
interface SaidOfWhole {
  reading: Reading | undefined;
  terms: OrderTerms | TermFault[];
  total?: ComparedTotal;
}

const noTerms: SaidOfWhole = { reading: undefined, terms: {} };

/** What an order says as a whole, read in the way that comes to its own total. */
function readTerms(
  { mapping, rows, outcome, read }: OpenOrder,
  { currency, faults }: AmountContext,
  adjustments: readonly ReadAdjustment[],
): SaidOfWhole {
  const { columns } = mapping.plan;
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
  const terms: OrderTerms = {};
  if (reading.adjustments.length > 0) terms.adjustments = reading.adjustments;
  if (payment !== undefined) terms.payment = payment;
  if (language !== undefined && "language" in language) Object.assign(terms, language);
  if (named === undefined) return { reading, terms };
  const ownCents = orderTotalOf(reading);
  const isWithin = Math.abs(ownCents - named) <= (mapping.settings.money?.tolerance ?? 0);
  terms.totalCents = isWithin ? ownCents : named;
  const isWhole = read.bad.length === 0 && read.good.length > 0;
  return isWhole
    ? { reading, terms, total: { namedCents: named, ownCents, currency } }
    : { reading, terms };
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
  let before = "";
  for (let at = 0; at < rows.length; at++) {
    const row = rows[at]!;
    const text = ownText(row.fields, column);
    if (text === "" || text === before) continue;
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
    } else {
      named = cents as number;
      before = text;
    }
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
  const text = (column: PlannedColumn, problemOf: (text: string) => string | undefined) => {
    const said = saidOf(rows, column);
    const problem = said === undefined ? undefined : problemOf(said.text);
    if (problem === undefined) return said?.text;
    faults.push({ line: said!.line, ...valueFault(column.name, problem, said!.text) });
  };
  const reference = columns.payment_reference && text(columns.payment_reference, referenceProblem);
  const provider = columns.payment_provider && text(columns.payment_provider, providerProblem);
  const moment = columns.paid_at && text(columns.paid_at, (moment) => {
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
