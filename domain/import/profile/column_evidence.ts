/**
 * What the values of a file's columns say about how they are to be read, gathered over all of its rows.
 *
 * @module
 */

import {
  certainCurrency,
  type DecimalEvidence,
  decimalEvidence,
  hasFraction,
  hasParts,
  splitMoney,
} from "./money_text.ts";
import type { StoredCells } from "../source_row.ts";
import { type DateOrder, timeEvidence } from "./time_text.ts";
import { ownCopy } from "../../text/own_copy.ts";

/** Values of a kind: how many, and the first different ones. */
export interface Counted {
  /** How many values are so. */
  count: number;
  /** The first different ones. */
  samples: string[];
  /** The line of the first. */
  line: number;
}

/** Values that are repeated. */
const maxSamples = 3;

/** Nothing was counted yet. */
export function noneCounted(): Counted {
  return { count: 0, samples: [], line: 0 };
}

/** Counts a value. */
export function countValue(counted: Counted, text: string, line: number): void {
  if (counted.count++ === 0) counted.line = line;
  if (counted.samples.length < maxSamples && !counted.samples.includes(text)) {
    counted.samples.push(ownCopy(text));
  }
}

/** What the amounts of one or several columns say. */
export interface MoneyEvidence {
  /** Amounts by what they say of the decimal sign. */
  by: Readonly<Record<DecimalEvidence, Counted>>;
  /** Numbers of a workbook with three decimals: what follows their point are no thousands. */
  stored: Counted;
  /** Numbers of a workbook have parts of a unit. */
  storesParts: boolean;
  /** Texts of a workbook that are some thousand or have three decimals, the first one of each column. */
  thousands: Counted;
  /** Amounts that have a part of a unit by these signs. */
  fractions: Record<"." | ",", number>;
  /** Those of them that are not of whole units all the same, as `1200.0` is. */
  parts: Record<"." | ",", number>;
  /** Amounts that are not nothing and have none. */
  wholes: Record<"." | ",", Counted>;
  /** All amounts. */
  count: number;
  /** Amounts with a sign. */
  negative: Counted;
  /** Amounts without one. */
  positive: Counted;
  /** Currencies that stand beside amounts; "" for a sign that may be several. */
  currencies: Map<string, Counted>;
}

/** Nothing was seen yet. */
export function noMoneyEvidence(): MoneyEvidence {
  const by = {
    either: noneCounted(),
    ambiguous: noneCounted(),
    none: noneCounted(),
    ".": noneCounted(),
    ",": noneCounted(),
  };
  return {
    by,
    stored: noneCounted(),
    storesParts: false,
    thousands: noneCounted(),
    fractions: { ".": 0, ",": 0 },
    parts: { ".": 0, ",": 0 },
    wholes: { ".": noneCounted(), ",": noneCounted() },
    count: 0,
    negative: noneCounted(),
    positive: noneCounted(),
    currencies: new Map(),
  };
}

/** What one amount says. */
export interface AmountLook {
  /** By what it says of the decimal sign. */
  kind: DecimalEvidence;
  /** It has a sign, in whatever form. */
  isNegative: boolean;
  /** It is not nothing. */
  isSome: boolean;
  /** It has a part of a unit, and one that is not nothing, by these signs. */
  fraction: Record<"." | ",", boolean>;
  /** What follows a sign is not nothing. */
  parts: Record<"." | ",", boolean>;
  /** That stands beside it; "" for none. */
  currency: string;
}

/** Amounts that are remembered: many are the same, and each is looked at for its column and for all. */
const maxLooks = 4_000;

const looks = new Map<string, AmountLook>();

function lookAt(text: string): AmountLook {
  const plain = plainLook(text);
  if (plain !== undefined) return plain;
  let look = looks.get(text);
  if (look === undefined) {
    look = fullLook(text);
    if (looks.size >= maxLooks) looks.clear();
    looks.set(ownCopy(text), look);
  }
  return look;
}

const noSign = { ".": false, ",": false };

/** What plain amounts say, by whether they are something, and by their sign and whether they have parts. */
const wholeLooks = [false, true].map((isSome): AmountLook => ({
  kind: "either",
  isNegative: false,
  isSome,
  fraction: noSign,
  parts: noSign,
  currency: "",
}));
const partLooks = ([".", ","] as const).map((sign) =>
  [false, true].map((isSome) =>
    [false, true].map((hasParts): AmountLook => ({
      kind: sign,
      isNegative: false,
      isSome,
      fraction: { ...noSign, [sign]: true },
      parts: { ...noSign, [sign]: hasParts },
      currency: "",
    }))
  )
);

/**
 * What digits say, with one sign and any digits but three behind it or with none: most amounts are so, few of them twice,
 * and to take each apart in all ways is most of what a look at a file takes.
 *
 * @returns undefined for all others, see {@linkcode fullLook}
 */
export function plainLook(text: string): AmountLook | undefined {
  const { length } = text;
  let isSome = false, hasParts = false;
  let signAt = -1;
  for (let at = 0; at < length; at++) {
    const code = text.charCodeAt(at);
    if (code === 46 || code === 44) {
      if (signAt >= 0 || at === 0) return undefined;
      signAt = at;
    } else if (code < 48 || code > 57) return undefined;
    else if (code !== 48) {
      isSome = true;
      if (signAt >= 0) hasParts = true;
    }
  }
  if (signAt < 0) return length === 0 ? undefined : wholeLooks[Number(isSome)];
  const decimals = length - 1 - signAt;
  // Three may be thousands.
  if (decimals === 0 || decimals === 3) return undefined;
  const ofSign = partLooks[text.charCodeAt(signAt) === 46 ? 0 : 1]!;
  return ofSign[Number(isSome)]![Number(hasParts)];
}

/** The same of any amount. */
export function fullLook(text: string): AmountLook {
  const kind = decimalEvidence(text);
  const { isNegative = false, number = "", currency = "" } = splitMoney(text) ?? {};
  return {
    kind,
    isNegative,
    isSome: /[1-9]/.test(number),
    fraction: { ".": hasFraction(text, "."), ",": hasFraction(text, ",") },
    parts: { ".": hasParts(text, "."), ",": hasParts(text, ",") },
    currency,
  };
}

/**
 * Takes what a workbook's cells are in a column of amounts: the point of a number is a decimal sign, whatever texts say,
 * and says nothing of theirs.
 */
export function noteStored(
  evidence: MoneyEvidence,
  { hasParts, fraction, thousand }: StoredCells,
): void {
  if (hasParts) evidence.storesParts = true;
  if (fraction !== undefined) {
    countValue(evidence.stored, fraction.text, fraction.line);
    countValue(evidence.by["."], fraction.text, fraction.line);
  }
  if (thousand !== undefined) countValue(evidence.thousands, thousand.text, thousand.line);
}

const decimalSigns = [".", ","] as const;

/** Takes an amount, trimmed and not empty, for a column and for all of them. */
export function noteMoney(evidences: readonly MoneyEvidence[], text: string, line: number): void {
  const look = lookAt(text);
  for (let at = 0; at < evidences.length; at++) noteLook(evidences[at]!, look, text, line);
}

function noteLook(evidence: MoneyEvidence, look: AmountLook, text: string, line: number): void {
  const { kind, isNegative, isSome, fraction, parts, currency } = look;
  countValue(evidence.by[kind], text, line);
  if (kind === "none") return;
  evidence.count++;
  if (isSome) countValue(isNegative ? evidence.negative : evidence.positive, text, line);
  for (const sign of decimalSigns) {
    if (kind !== "either" && fraction[sign]) {
      evidence.fractions[sign]++;
      if (parts[sign]) evidence.parts[sign]++;
    } else if (isSome) countValue(evidence.wholes[sign], text, line);
  }
  if (currency === "") return;
  const code = certainCurrency(currency) ?? "";
  let counted = evidence.currencies.get(code);
  if (counted === undefined) evidence.currencies.set(code, counted = noneCounted());
  countValue(counted, text, line);
}

/** What the times of a file say. */
export interface TimesEvidence {
  /** Orders by which every date is one. */
  orders: Set<DateOrder>;
  /** Dates that are other ones by another order. */
  differing: Counted;
  /** Times that name no zone. */
  withoutZone: Counted;
}

/** Nothing was seen yet. */
export function noTimesEvidence(): TimesEvidence {
  return {
    orders: new Set(["ymd", "dmy", "mdy"]),
    differing: noneCounted(),
    withoutZone: noneCounted(),
  };
}

/** Takes a time, trimmed and not empty; what is none is a fault of its row. */
export function noteTime(evidence: TimesEvidence, text: string, line: number): void {
  const said = timeEvidence(text);
  if (said === undefined || said.orders.length === 0) return;
  for (const order of evidence.orders) {
    if (!said.orders.includes(order)) evidence.orders.delete(order);
  }
  if (said.differs) countValue(evidence.differing, text, line);
  if (said.needsZone) countValue(evidence.withoutZone, text, line);
}
