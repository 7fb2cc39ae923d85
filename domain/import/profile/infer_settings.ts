/**
 * Settles what a profile leaves open from all values of a file, and asks for what they do not tell: nothing is guessed.
 *
 * @module
 */

import { currencyDigits, isCurrency, plainAmount } from "../../money.ts";
import { visibleText } from "../../text/visible_text.ts";
import type { OpenQuestion } from "../source_row.ts";
import type { Counted, MoneyEvidence } from "./column_evidence.ts";
import type { ColumnPlan } from "./column_plan.ts";
import type { FileEvidence } from "./file_evidence.ts";
import { type MoneyForm, parseMoney, plainAmountText } from "./money_text.ts";
import type { ImportProfile, ProfileAdjustment } from "./profile.ts";
import { type DateOrder, timeReader } from "./time_text.ts";
import { totalOf } from "./total_names.ts";
import { plural } from "../../text/plural.ts";

/** What was found out about a file. */
export interface InferredSettings {
  /** The profile with all that is settled. */
  settings: ImportProfile;
  /** What only the file's owner can know. */
  questions: OpenQuestion[];
  /** What was found out, for people. */
  notes: string[];
}

interface Findings {
  questions: OpenQuestion[];
  notes: string[];
}

/** Settles a profile by the values of a whole file. */
export function inferSettings(
  profile: ImportProfile,
  plan: ColumnPlan,
  evidence: FileEvidence,
): InferredSettings {
  const found: Findings = { questions: [], notes: [] };
  const decimal = settleDecimal(profile, evidence, found);
  const unit = settleUnit(profile, plan, evidence, { ...found, decimal });
  const pricePer = settlePricePer(profile, plan, evidence, { ...found, decimal });
  const currency = settleCurrency(plan, evidence.money, found);
  const order = settleDateOrder(profile, evidence, found);
  const zone = settleZone(profile, evidence, order, found);
  const fillDown = settleFillDown(profile, evidence, found);
  const adjustments = profile.adjustments?.map((one, at) =>
    settleSign(one, at, evidence.adjustments, found)
  );
  askStatus(plan, evidence, found);
  const settings: ImportProfile = {
    ...profile,
    ...(currency === undefined ? {} : { constants: { ...profile.constants, currency } }),
    ...(fillDown === undefined ? {} : { fillDown }),
    money: {
      tolerance: 0,
      ...profile.money,
      ...(pricePer === undefined ? {} : { pricePer }),
      ...(decimal === undefined ? {} : { decimal }),
      ...(unit === undefined ? {} : { in: unit }),
    },
    time: {
      ...profile.time,
      ...(order === undefined ? {} : { order }),
      ...(zone === undefined ? {} : { zone }),
    },
    ...(adjustments === undefined ? {} : { adjustments }),
  };
  return { settings, ...found };
}

/** One file has one decimal sign: a column that has both is no column that can be read. */
function settleDecimal(
  { money = {} }: ImportProfile,
  evidence: FileEvidence,
  { questions, notes }: Findings,
): "." | "," | undefined {
  const { by, stored, storesParts, thousands } = evidence.money;
  const { ".": point, ",": comma } = by;
  // Numbers of a workbook say nothing of how its texts are written.
  const isMixed = storesParts && thousands.count > 0 && comma.count === 0;
  const ambiguous = isMixed ? thousands : by.ambiguous;
  if (money.decimal === "," && stored.count > 0) {
    questions.push({
      setting: "money.decimal",
      question: `the profile says , and the workbook has numbers such as ${samples(stored)} ` +
        `(line ${stored.line}), which have a decimal point: write amounts as numbers throughout`,
      candidates: [{ value: ".", meaning: "amounts that are texts with , are rejected" }],
    });
    return undefined;
  }
  if (money.decimal !== undefined) {
    const [own, other] = money.decimal === "." ? [point, comma] : [comma, point];
    if (other.count === 0 || own.count > 0) return money.decimal;
    // All of its thousands may be decimals then.
    const sign = money.decimal === "." ? "," : ".";
    questions.push({
      setting: "money.decimal",
      question: `the profile says ${money.decimal}, and all amounts that tell are written with ` +
        `${sign}, such as ${samples(other)} (line ${other.line})`,
      candidates: [{
        value: sign,
        meaning: `${other.samples[0]} is ${plainly(other.samples[0]!, sign)}`,
      }],
    });
    return undefined;
  }
  if (point.count > 0 && comma.count > 0) {
    questions.push({
      setting: "money.decimal",
      question:
        `amounts are written with both decimal signs: ${samples(point)} (line ${point.line}) ` +
        `and ${samples(comma)} (line ${comma.line})`,
      candidates: [
        { value: ".", meaning: `${comma.count} amounts such as ${samples(comma)} are rejected` },
        { value: ",", meaning: `${point.count} amounts such as ${samples(point)} are rejected` },
      ],
    });
    return undefined;
  }
  if (!isMixed && (point.count > 0 || comma.count > 0)) {
    const [sign, counted] = point.count > 0 ? ["." as const, point] : ["," as const, comma];
    notes.push(
      `decimal sign: ${sign} (by ${counted.count} ${plural(counted.count, "amount")} such as ${
        samples(counted)
      })`,
    );
    return sign;
  }
  return ambiguous.count === 0 ? "." : settleAmbiguous(ambiguous, evidence, { questions, notes });
}

/** Of amounts that can all be read in two ways. */
function settleAmbiguous(
  ambiguous: Counted,
  evidence: FileEvidence,
  { questions, notes }: Findings,
): "." | "," | undefined {
  const only = signWithoutParts(evidence);
  if (only !== undefined) {
    notes.push(
      `decimal sign: ${only} (amounts such as ${
        samples(ambiguous)
      } are of a currency without parts)`,
    );
    return only;
  }
  const sample = ambiguous.samples[0]!;
  questions.push({
    setting: "money.decimal",
    question: `${
      samples(ambiguous)
    } can be read in two ways, and no amount of the file tells which`,
    candidates: (["." as const, ","] as const).map((value) => ({
      value,
      meaning: `${sample} is ${plainly(sample, value)}`,
    })),
  });
}

/** The sign by which amounts such as `1,200` are whole, where their currency has no parts: as 1.2 yen they can't be meant. */
function signWithoutParts(
  { money: { currencies: beside, parts }, currencies }: FileEvidence,
): "." | "," | undefined {
  const codes = currencies.size > 0 ? [...currencies] : [...beside.keys()];
  if (codes.length === 0 || !codes.every(hasNoParts)) return undefined;
  if (parts["."] === 0 && parts[","] > 0) return ".";
  if (parts[","] === 0 && parts["."] > 0) return ",";
}

/** An amount without thousands, as a program would write it. */
function plainly(text: string, decimal: "." | ","): string {
  const digits = plainAmountText(text).replace(/[^\d.,]/g, "");
  return digits.replaceAll(decimal === "." ? "," : ".", "").replace(",", ".");
}

/** Every column has to show that it is in units: prices in cents beside a total in euros would be booked a hundredfold. */
function settleUnit(
  { money = {} }: ImportProfile,
  plan: ColumnPlan,
  { prices, totals, adjustments, currencies }: FileEvidence,
  { questions, notes, decimal }: Findings & { decimal: "." | "," | undefined },
): MoneyForm["in"] | undefined {
  if (money.in === "units" || money.in === "minor") return money.in;
  // What the decimal sign is decides whether there are decimals at all.
  if (decimal === undefined) return undefined;
  const columns = [prices, totals, ...adjustments];
  const wholes = columns.map((one) => one.wholes[decimal].count);
  const fractions = columns.map((one) => one.fractions[decimal]);
  const sum = (counts: readonly number[]) => counts.reduce((all, one) => all + one, 0);
  const saysMinor = /cents?\b|minor/i.test(plan.columns.price?.name.replaceAll("_", " ") ?? "");
  if (sum(fractions) === 0 && (saysMinor || sum(wholes) === 0)) {
    return saysMinor ? "minor" : "units";
  }
  const isShown = money.in === "by_decimals" ? sum(fractions) > 0 || sum(wholes) === 0 : saysMinor
    // Programs write whole numbers as 1200.0 where a column has gaps: that says nothing of the unit.
    ? sum(wholes) === 0 && columns.some((one) => one.parts[decimal] > 0)
    : columns.every((_, at) => wholes[at] === 0 || fractions[at]! > 0);
  if (isShown) {
    notes.push(
      `amounts are in units of the currency (${sum(fractions)} ${
        plural(sum(fractions), "has", "have")
      } decimals)`,
    );
    return "by_decimals";
  }
  // A yen has no parts: both are the same.
  if (currencies.size > 0 && [...currencies].every(hasNoParts)) return "units";
  const whole = columns.find((_, at) => wholes[at]! > 0 && (saysMinor || fractions[at] === 0))
    ?.wholes[decimal] ?? columns.find((one) => one.by[decimal].count > 0)!.by[decimal];
  const { samples: [sample = ""] } = whole;
  const currency = [...currencies].find((one) => isCurrency(one)) ?? "EUR";
  questions.push({
    setting: "money.in",
    question: `whole amounts such as ${samples(whole)} (line ${whole.line}) are units of the ` +
      "currency or minor units" +
      (sum(fractions) > 0 && sum(wholes) > 0
        ? `, and ${sum(fractions)} ${plural(sum(fractions), "amount has", "amounts have")} decimals`
        : ""),
    candidates: (["units", "minor"] as const).map((value) => ({
      value,
      meaning: `${sample} is ${amountIn(sample, { in: value, decimal }, currency)} ${currency}`,
    })),
  });
}

type PricePer = NonNullable<ImportProfile["money"]>["pricePer"];

/** A line's total that is taken for the price of a unit is booked as many times as there are units. */
function settlePricePer(
  { money = {} }: ImportProfile,
  { columns }: ColumnPlan,
  { lineTotals: { several, columns: beside } }: FileEvidence,
  { questions, decimal }: Findings & { decimal: "." | "," | undefined },
): PricePer | undefined {
  if (money.pricePer !== undefined) return money.pricePer;
  if (several === undefined) return "unit";
  // How amounts read decides whether they contradict each other.
  if (decimal === undefined) return undefined;
  const name = columns.price?.name ?? "";
  const isTotal = columns.price?.places.length !== 0 &&
    name.split(" / ").some((one) => totalOf(one) !== undefined);
  const contradicted = beside.find(({ contradicting }) => contradicting[decimal].count > 0);
  if (!isTotal && contradicted === undefined) return "unit";
  const { line, qty, price } = several;
  const counted = contradicted?.contradicting[decimal];
  questions.push({
    setting: "money.price_per",
    question: isTotal
      ? `${visibleText(name)} looks like the total of a line, and line ${line} has ${qty} units ` +
        `with ${visibleText(price)}`
      : `${visibleText(contradicted!.name)} looks like the total of a line, and in ${
        rowsThat(counted!.count, "are", "is")
      } not ${visibleText(name)} × units: ${samples(counted!)} (line ${counted!.line})`,
    candidates: [
      {
        value: "unit",
        meaning: `${visibleText(price)} is the price of one: ${qty} × it is booked`,
      },
      {
        value: "line",
        meaning: `${visibleText(price)} is the price of all ${qty}: it is booked once`,
      },
      ...(columns.order_total === undefined
        ? []
        : [{ value: "by_total", meaning: "whichever comes to the order's own total" }]),
    ],
  });
}

function hasNoParts(currency: string): boolean {
  return isCurrency(currency) && currencyDigits(currency) === 0;
}

function amountIn(text: string, form: MoneyForm, currency: string): string {
  const minor = parseMoney(text, form, currency);
  return typeof minor !== "number" ? text : plainAmount(minor, currency);
}

/** @returns the currency of all amounts, where no column and no constant says it */
function settleCurrency(
  { columns }: ColumnPlan,
  { currencies }: MoneyEvidence,
  { questions, notes }: Findings,
): string | undefined {
  if (columns.currency !== undefined) return undefined;
  const [first, second] = [...currencies.keys()];
  if (first !== undefined && first !== "" && second === undefined) {
    notes.push(`currency: ${first} (by amounts such as ${samples(currencies.get(first)!)})`);
    return first;
  }
  questions.push({
    setting: "constants.currency",
    question: first === undefined
      ? "no column says in which currency the amounts are"
      : `the currency is not certain from amounts such as ${
        [...currencies.values()].map(samples).join(", ")
      }`,
    candidates: ["EUR", "USD", "GBP"].map((value) => ({
      value,
      meaning: `all amounts are ${value}`,
    })),
  });
}

function settleDateOrder(
  { time = {} }: ImportProfile,
  { times: { orders, differing } }: FileEvidence,
  { questions, notes }: Findings,
): DateOrder | undefined {
  if (time.order !== undefined) return time.order;
  if (differing.count === 0 && orders.size > 0) return [...orders][0];
  const [only, second] = [...orders];
  if (only !== undefined && second === undefined) {
    notes.push(`dates are ${orderNames[only]} (such as ${samples(differing)})`);
    return only;
  }
  const sample = differing.samples[0] ?? "01/05/2026";
  const possible = orders.size === 0 ? (["dmy", "mdy"] as const) : [...orders];
  questions.push({
    setting: "time.order",
    question: orders.size === 0
      ? "dates have their day and month in both orders"
      : `${samples(differing)} can be read in two ways, and no date of the file tells which`,
    candidates: possible.map((value) => ({
      value,
      meaning: `${sample} is ${dayOf(sample, value)}`,
    })),
  });
}

const orderNames: Readonly<Record<DateOrder, string>> = {
  ymd: "year, month, day",
  dmy: "day, month, year",
  mdy: "month, day, year",
};

function dayOf(text: string, order: DateOrder): string {
  const time = timeReader({ order, zone: "UTC" })(text);
  return typeof time === "string" ? time.slice(0, 10) : "no date";
}

function settleZone(
  { time = {} }: ImportProfile,
  { times: { withoutZone } }: FileEvidence,
  order: DateOrder | undefined,
  { questions }: Findings,
): string | undefined {
  if (time.zone !== undefined || withoutZone.count === 0) return time.zone;
  const sample = withoutZone.samples[0]!;
  questions.push({
    setting: "time.zone",
    question:
      `${withoutZone.count} ${plural(withoutZone.count, "time")} such as ${samples(withoutZone)} ${
        plural(withoutZone.count, "names", "name")
      } no time zone: the shop's own, ` +
      "as the IANA database calls it",
    candidates: ["UTC", "Europe/Berlin", "America/New_York"].map((value) => ({
      value,
      meaning: `${sample} is ${timeIn(sample, order, value)} UTC`,
    })),
  });
}

/** What a time is in UTC; without its day where it is not known which of its numbers that is. */
function timeIn(text: string, order: DateOrder | undefined, zone: string): string {
  for (const one of order === undefined ? ["dmy", "mdy", "ymd"] as const : [order]) {
    const read = timeReader({ order: one, zone })(text);
    if (typeof read === "string") return read.slice(order === undefined ? 11 : 0, 19);
  }
  return "?";
}

/** Asked for even where the file goes without: rows without an id would be lost. */
function settleFillDown(
  { fillDown }: ImportProfile,
  { withoutId, blankHeads, blankInTwo, repeated }: FileEvidence,
  { questions }: Findings,
): "order" | "none" | undefined {
  if (fillDown !== undefined) return fillDown;
  const isHabit = blankInTwo > 0 || (blankHeads.count > 0 && blankHeads.count === repeated);
  if (withoutId.count === 0 && !isHabit) return "none";
  const what = withoutId.count > 0
    ? `${rowsThat(withoutId.count, "have", "has")} an item and no order id (line ${withoutId.line})`
    : `${
      rowsThat(blankHeads.count, "repeat", "repeats")
    } an order's id without other columns of the order ` +
      `(line ${blankHeads.line})`;
  questions.push({
    setting: "fill_down",
    question: `${what}: do they belong to the order above`,
    candidates: [
      { value: "order", meaning: "they continue the order above and mean the same" },
      { value: "none", meaning: "they are faults: their orders are rejected" },
    ],
  });
}

function rowsThat(count: number, many: string, one: string): string {
  return count === 1 ? `1 row ${one}` : `${count} rows ${many}`;
}

function settleSign(
  one: ProfileAdjustment,
  at: number,
  evidence: readonly MoneyEvidence[],
  { questions }: Findings,
): ProfileAdjustment {
  if (one.takenOff !== undefined || one.kind !== "discount") return one;
  const { negative, positive } = evidence[at]!;
  if (negative.count === 0) return { ...one, takenOff: "positive" };
  if (positive.count === 0) return { ...one, takenOff: "negative" };
  questions.push({
    setting: `adjustments.${at}.taken_off`,
    question: `what is taken off is written with a sign and without: ${samples(negative)} ` +
      `(line ${negative.line}) and ${samples(positive)} (line ${positive.line})`,
    candidates: [
      { value: "positive", meaning: `orders with ${samples(negative)} are rejected` },
      { value: "negative", meaning: `orders with ${samples(positive)} are rejected` },
    ],
  });
  return one;
}

/** Words that are named in a question. */
const maxWords = 20;

/** An order that was paid, refunded or cancelled must not be charged because nobody read the column that says so. */
function askStatus(
  plan: ColumnPlan,
  { unknownWords, statusColumns }: FileEvidence,
  { questions }: Findings,
): void {
  const candidates = [
    { value: "charge", meaning: "the order is charged here" },
    { value: "paid", meaning: "it was paid there: recorded, never charged" },
    { value: "skip", meaning: "it is left alone" },
  ];
  if (unknownWords.size > 0) {
    const words = [...unknownWords].slice(0, maxWords)
      .map(([word, { count, line }]) =>
        `${visibleText(JSON.stringify(word))} (${count} ${
          count === 1 ? "row" : "rows"
        }, line ${line})`
      );
    const more = unknownWords.size > maxWords ? `, and ${unknownWords.size - maxWords} more` : "";
    questions.push({
      setting: "status",
      question: `the profile does not know what becomes of orders whose status is ${
        words.join(", ")
      }${more}`,
      candidates,
      words: [...unknownWords].map(([word, { count, line }]) => ({ word, rows: count, line })),
    });
  }
  if (statusColumns.size === 0) return;
  const names = [...statusColumns].map(([name, counted]) =>
    `${name === "" ? "a column without a name" : visibleText(name)} (${samples(counted)})`
  );
  const named = [...statusColumns.keys()].filter((name) => name !== "");
  const list = visibleText(JSON.stringify(named));
  const how = plan.status === undefined
    ? `say so as "status": {"columns": ${list}, "charge": [], "paid": [], "skip": []} with the words of each ("skip_filled" for a column ` +
      "in which anything at all means so)"
    : `add them to the profile's status, with their words`;
  const remedy = [
    ...(named.length === statusColumns.size
      ? []
      : ["give each column a name in the file's header"]),
    ...(named.length === 0 ? [] : [`${how}, or pass over them by "ignore": ${list}`]),
  ].join("; ");
  questions.push({
    setting: "status.columns",
    question: `nothing says what becomes of orders by ${
      names.join(", ")
    }: ${remedy}; what may become of an order`,
    candidates,
  });
}

function samples({ samples }: Counted): string {
  return samples.map((one) => visibleText(one)).join(", ");
}
