/**
 * Reads the lines of a provider's report.
 *
 * @module
 */

import { plainName } from "../import/profile/column_plan.ts";
import { type MoneyForm, parseMoney } from "../import/profile/money_text.ts";
import { type TimeReader, timeReader } from "../import/profile/time_text.ts";
import { isCurrency } from "../money.ts";
import { mayBeKey } from "../payment/payment_key.ts";
import { isOfNoOrder, type LineKind, type ProviderLine } from "./provider_line.ts";
import {
  constantColumns,
  type DirectedColumn,
  directedColumns,
  neededColumns,
  type ReportColumn,
  reportColumns,
  type ReportProfile,
  type SignedColumn,
  type SplitColumn,
  splitColumns,
} from "./report_profile.ts";

/** Longest names that are kept: of ours, of charges, and of orders. */
const maxEntry = 128, maxReference = 64;

/** Largest amount that is taken: more than an order can be of, and the sums of a line are exact. */
const maxAmount = 2 ** 51;

/** Reads one line; undefined for a row that its profile passes over. */
export type LineReader = (
  fields: readonly string[],
  line: number,
) => ProviderLine | { problem: string } | undefined;

/**
 * Makes a reader of a report's lines.
 *
 * @param header the names of the report's columns
 * @returns what is wrong with the header, where it lacks a column that the profile names, or has it twice
 */
export function lineReader(
  profile: ReportProfile,
  header: readonly string[],
): LineReader | { problem: string } {
  const places = placesOf(profile, header);
  const problem = headerProblem(profile, header, places);
  if (problem !== undefined) return { problem };
  const reading: Reading = {
    places,
    signs: signsOf(profile, header),
    constants: {
      category: constantOf(profile, "category"),
      currency: constantOf(profile, "currency"),
    },
    kinds: kindsOf(profile),
    money: { in: profile.money?.in ?? "units", decimal: profile.money?.decimal ?? "." },
    feeSign: profile.money?.fees === "signed" && profile.directions?.fee === undefined ? -1 : 1,
    time: timeReader({ zone: "UTC", ...profile.time }),
    skips: wordsAt(header, profile.skip ?? [], ({ words }) => words),
    directions: Object.fromEntries(directedColumns.flatMap((column) => {
      const direction = profile.directions?.[column];
      if (direction === undefined) return [];
      return [[column, wordsAt(header, [direction], ({ down }) => down)[0]]];
    })),
  };
  return (fields, line) =>
    reading.skips.some((skip) => saysOne(skip, fields))
      ? undefined
      : readLine(reading, fields, line);
}

/** Where a column stands in a line, and some words of it. */
type WordsAt = readonly [place: number, words: ReadonlySet<string>];

function wordsAt<Named extends { column: string }>(
  header: readonly string[],
  all: readonly Named[],
  wordsOf: (named: Named) => readonly string[],
): WordsAt[] {
  const names = header.map(plainName);
  return all.map((named) => [
    names.indexOf(plainName(named.column)),
    new Set(wordsOf(named).map(plainName)),
  ]);
}

function saysOne([place, words]: WordsAt, fields: readonly string[]): boolean {
  return words.has(plainName(fields[place]?.trim() ?? ""));
}

/**
 * Why a header is none of this profile. A name of which the header has nothing is a typing error, and reading on would say
 * that there are no fees, no net or no orders.
 */
function headerProblem(
  profile: ReportProfile,
  header: readonly string[],
  places: Reading["places"],
): string | undefined {
  const needed = neededColumns.filter((column) =>
    places[column].length === 0 && constantOf(profile, column) === "" &&
    !(column === "gross" && places.net.length > 0)
  );
  const lacks = needed.map((column) => namesFor(profile, column) ?? column);
  const told: ReportColumn[] = [...needed];
  if (places.entry.length + places.charge.length === 0) {
    lacks.push("an id of the line or charge");
    told.push("entry", "charge");
  } else if (
    tellsOfOrders(profile) && namingCharges.every((column) => places[column].length === 0)
  ) {
    lacks.push(namesFor(profile, "charge") ?? "an id of the charge");
    told.push(...namingCharges);
  }
  const names = header.map(plainName);
  const wanted = new Set(
    reportColumns.filter((column) => !told.includes(column)).flatMap((column) =>
      (profile.columns[column] ?? []).flatMap(columnNames)
    ),
  );
  for (const { column } of profile.skip ?? []) wanted.add(column);
  for (const column of directedColumns) {
    const direction = profile.directions?.[column];
    if (direction !== undefined) wanted.add(direction.column);
  }
  const optional = new Set((profile.optional ?? []).map(plainName));
  lacks.push(
    ...[...wanted].filter((name) =>
      !optional.has(plainName(name)) && !names.includes(plainName(name))
    ),
  );
  if (lacks.length > 0) return `lacks ${lacks.join(", ")}`;
  const twice = [...wanted].find((name) =>
    names.indexOf(plainName(name)) !== names.lastIndexOf(plainName(name))
  );
  return twice === undefined ? undefined : `has ${twice} twice: rename one of them`;
}

/** Whether a report has lines of orders; one of payouts alone has none, and says nothing of what is missing in it. */
export function tellsOfOrders({ categories }: ReportProfile): boolean {
  return Object.entries(categories).some(([kind, words = []]) =>
    !isOfNoOrder(kind) && words.length > 0
  );
}

/** By which charges are found: without any of them all money of a report would be of no order. */
const namingCharges = ["charge", "charge_key", "reference"] as const;

function namesFor({ columns }: ReportProfile, column: ReportColumn): string | undefined {
  return columns[column]?.map((named) => columnNames(named).join(" and ")).join(" or ");
}

type NamedColumn = string | readonly string[] | SignedColumn;

/** Names in the header, of which all have to be there. */
function columnNames(named: NamedColumn): readonly string[] {
  return typeof named === "string" ? [named] : "column" in named ? [named.column] : named;
}

/** What a line has that says nothing else; "" for nothing. */
function constantOf({ constants }: ReportProfile, column: ReportColumn): string {
  return constantColumns.some((one) => one === column)
    ? constants?.[column as typeof constantColumns[number]] ?? ""
    : "";
}

/** Where a column stands in a line, or several that are one together. */
type Place = readonly [number, ...number[]];

/** What a reader goes by. */
interface Reading {
  places: Readonly<Record<ReportColumn, readonly Place[]>>;
  /** What lines have that say nothing else; "" for nothing. */
  constants: Readonly<Record<typeof constantColumns[number], string>>;
  /** What columns of amounts count as that have a sign of their own: 1 or -1, by place in the line. */
  signs: Readonly<Partial<Record<SplitColumn, ReadonlyMap<number, number>>>>;
  kinds: ReadonlyMap<string, LineKind>;
  money: MoneyForm;
  /** What makes a fee of the report what the provider keeps. */
  feeSign: 1 | -1;
  time: TimeReader;
  /** Rows that are passed over. */
  skips: readonly WordsAt[];
  /** What says of an amount that it lowers the balance. */
  directions: Readonly<Partial<Record<DirectedColumn, WordsAt>>>;
}

function placesOf(
  { columns }: ReportProfile,
  header: readonly string[],
): Record<ReportColumn, Place[]> {
  const names = header.map(plainName);
  const placeOf = (named: NamedColumn) =>
    columnNames(named).map((name) => names.indexOf(plainName(name)));
  return Object.fromEntries(reportColumns.map((column) => [
    column,
    (columns[column] ?? []).map(placeOf).filter((place) => place.every((at) => at >= 0)),
  ])) as unknown as Record<ReportColumn, Place[]>;
}

/** Nothing for a report without such columns: most have none, and are read by their first amount. */
function signsOf({ columns }: ReportProfile, header: readonly string[]): Reading["signs"] {
  const names = header.map(plainName);
  const signs: Partial<Record<SplitColumn, ReadonlyMap<number, number>>> = {};
  for (const column of splitColumns) {
    const named = columns[column] ?? [];
    if (named.every((one) => typeof one === "string")) continue;
    signs[column] = new Map(
      named.map((one) => [
        names.indexOf(plainName(columnNames(one)[0]!)),
        typeof one !== "string" && one.sign === "-" ? -1 : 1,
      ]),
    );
  }
  return signs;
}

function kindsOf({ categories }: ReportProfile): Map<string, LineKind> {
  return new Map(
    Object.entries(categories).flatMap(([kind, words]) =>
      (words ?? []).map((word) => [plainName(word), kind as LineKind] as const)
    ),
  );
}

function readLine(
  reading: Reading,
  fields: readonly string[],
  line: number,
): ProviderLine | { problem: string } {
  const { places, constants, kinds, feeSign, time } = reading;
  const text = (column: ReportColumn): string => {
    for (const place of places[column]) {
      const said = textAt(fields, place);
      if (said !== "") return said;
    }
    return "";
  };
  const settledCurrency = (text("currency") || constants.currency).toUpperCase();
  if (!isCurrency(settledCurrency)) return { problem: "currency must be one of ISO 4217" };
  const currency = text("amount_currency").toUpperCase() || settledCurrency;
  const written = text("at");
  // A reader of times knows of none that are empty.
  const at = written === "" ? { problem: "must be a date and time" } : time(written);
  const amounts = amountsOf(reading, fields, { text, settledCurrency, currency });
  const problem = problemOf("at", at) ?? problemOf("gross", amounts.gross) ??
    problemOf("fee", amounts.fee) ?? problemOf("net", amounts.net) ??
    problemOf("amount", amounts.amount);
  if (problem !== undefined) return { problem };
  const { gross: toldGross, fee: toldFee, net, amount } = amounts as Record<
    string,
    number | undefined
  >;
  const fee = toldFee === 0 ? 0 : toldFee! * feeSign;
  // Some reports tell what comes out and what was kept, and no gross in the currency of both.
  const gross = toldGross ?? (net == null ? undefined : net + fee);
  if (gross === undefined) return { problem: "gross must be an amount" };
  if (amount !== undefined && !isCurrency(currency)) {
    return { problem: "amount_currency must be one of ISO 4217" };
  }
  const category = text("category") || constants.category;
  // Most are written as plainly as the profile's words are compared.
  const kind = kinds.get(category) ?? kinds.get(plainName(category)) ?? "other";
  if ((kind === "charge" && gross < 0) || (kind === "refund" && gross > 0)) {
    return {
      problem:
        `is a ${kind} whose gross ${
          gross < 0 ? "lowers" : "raises"
        } the balance: amounts have to be ` +
        "signed, and what is of no customer has to be taken out or called otherwise",
    };
  }
  const names = namesOf(kind, text, places.charge.map((place) => textAt(fields, place)));
  if ("problem" in names) return names;
  return {
    kind,
    line,
    ...names,
    amountCents: Math.abs(amount ?? gross),
    currency: amount === undefined ? settledCurrency : currency,
    grossCents: gross,
    feeCents: fee,
    netCents: net ?? null,
    settledCurrency,
    at: at as string,
  };
}

/** Why something of a line can't be taken. */
function problemOf(
  name: string,
  value: string | number | { problem: string } | null | undefined,
): string | undefined {
  if (typeof value === "object" && value !== null) return `${name} ${value.problem}`;
  return typeof value === "number" && Math.abs(value) > maxAmount
    ? `${name} is too large`
    : undefined;
}

/** What a line says of money, before anything is refused. */
function amountsOf(
  reading: Reading,
  fields: readonly string[],
  { text, settledCurrency, currency }: {
    text: (column: ReportColumn) => string;
    settledCurrency: string;
    currency: string;
  },
) {
  const cents = (column: ReportColumn, of = settledCurrency) => {
    const said = text(column);
    return said === "" ? undefined : parseMoney(said, reading.money, of);
  };
  const split = (column: SplitColumn, of = settledCurrency) =>
    reading.signs[column] === undefined
      ? cents(column, of)
      : splitAmount(reading, fields, column, of);
  const directed = (column: DirectedColumn, amount: ReturnType<typeof cents>, down: 1 | -1) => {
    const direction = reading.directions[column];
    // Minus zero is none.
    return direction === undefined || typeof amount !== "number" || amount === 0
      ? amount
      : amount * (saysOne(direction, fields) ? down : -down);
  };
  return {
    gross: directed("gross", split("gross"), -1),
    fee: directed("fee", addedUp(reading, fields, "fee", settledCurrency), 1) ?? 0,
    net: split("net") ?? null,
    amount: split("amount", currency),
  };
}

/** What stands in columns that are one together, with a blank between them. */
function textAt(fields: readonly string[], place: Place): string {
  if (place.length === 1) return fields[place[0]]?.trim() ?? "";
  return place.map((at) => fields[at]?.trim() ?? "").filter((said) => said !== "").join(" ");
}

/** The first amount that is said, of columns that are one together their sum. */
function addedUp(
  { places, money }: Reading,
  fields: readonly string[],
  column: "fee",
  currency: string,
): ReturnType<typeof parseMoney> | undefined {
  for (const place of places[column]) {
    let sum: number | undefined;
    for (const at of place) {
      const said = fields[at]?.trim() ?? "";
      if (said === "") continue;
      const amount = parseMoney(said, money, currency);
      if (typeof amount !== "number") return amount;
      sum = (sum ?? 0) + amount;
    }
    if (sum !== undefined) return sum;
  }
  return undefined;
}

/** What stands in the first of several columns, as its sign has it; zeros give way to what others say. */
function splitAmount(
  { places, signs, money }: Reading,
  fields: readonly string[],
  column: SplitColumn,
  currency: string,
): ReturnType<typeof parseMoney> | undefined {
  let nothing: 0 | undefined;
  for (const [place] of places[column]) {
    const said = fields[place]?.trim() ?? "";
    if (said === "") continue;
    const amount = parseMoney(said, money, currency);
    if (typeof amount !== "number") return amount;
    if (amount !== 0) return amount * (signs[column]?.get(place) ?? 1);
    nothing = 0;
  }
  return nothing;
}

/** What a line calls itself and what it is of. Texts that can be nobody's key or order are none. */
function namesOf(
  kind: LineKind,
  text: (column: ReportColumn) => string,
  charges: readonly string[],
):
  | Pick<ProviderLine, "entry" | "chargeRefs" | "refundRef" | "key" | "reference">
  | { problem: string } {
  const entry = text("entry");
  const chargeRefs = charges.filter((ref) => ref !== "");
  const refund = kind === "charge" || isOfNoOrder(kind) ? "" : text("refund");
  for (const name of [entry, refund, ...chargeRefs]) {
    if (name.length > maxEntry) return { problem: `an id has more than ${maxEntry} characters` };
  }
  if (entry + refund + chargeRefs.join("") === "") return { problem: "has no id" };
  if (entry === "" && isOfNoOrder(kind) && kind !== "other") {
    return {
      problem: `is a ${kind} without an id of its own (entry): several of a charge would be one`,
    };
  }
  const key = text(kind === "charge" ? "charge_key" : "refund_key");
  const reference = text("reference");
  return {
    entry: entry || null,
    chargeRefs,
    refundRef: refund || null,
    key: mayBeKey(key) ? key : null,
    reference: reference.length <= maxReference ? reference || null : null,
  };
}
