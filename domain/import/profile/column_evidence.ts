/**
 * What the values of a file's columns say about how they are to be read, gathered over all of its rows.
 *
 * @module
 */

import {
  certainCurrency,
  currencyBeside,
  type DecimalEvidence,
  decimalEvidence,
  digitsEnd,
  digitsStart,
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
  /** The one that it certainly means; "" for none, and for a sign that may be several. */
  code: string;
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

/** What plain amounts say beside one currency: by their sign, whether they have parts, are something, and are below zero. */
interface PlainLooks {
  currency: string;
  /** At {@linkcode placeOf}. */
  looks: AmountLook[];
}

function placeOf(kind: 0 | 1 | 2, isNegative: boolean, isSome: boolean, hasParts: boolean): number {
  return kind * 8 + Number(isNegative) * 4 + Number(isSome) * 2 + Number(hasParts);
}

function plainLooks(currency: string): PlainLooks {
  const own = ownCopy(currency);
  const looks: AmountLook[] = [];
  for (const kind of [0, 1, 2] as const) {
    const sign = kind === 0 ? undefined : signsOfParts[kind - 1]!;
    for (const isNegative of [false, true]) {
      for (const isSome of [false, true]) {
        for (const hasParts of [false, true]) {
          looks[placeOf(kind, isNegative, isSome, hasParts)] = {
            kind: sign ?? "either",
            isNegative,
            isSome,
            fraction: sign === undefined ? noSign : { ...noSign, [sign]: true },
            parts: sign === undefined ? noSign : { ...noSign, [sign]: hasParts },
            currency: own,
            code: codeOf(own),
          };
        }
      }
    }
  }
  return { currency: own, looks };
}

const signsOfParts = [".", ","] as const;

/** The code of the currency that a sign means; "" for one that may be several, and for none. */
function codeOf(sign: string): string {
  return sign === "" ? "" : certainCurrency(sign) ?? "";
}

const withoutCurrency = plainLooks("");

/** Of the currency that stood beside an amount last: mostly it is the same on all rows. */
let withCurrency = withoutCurrency;

/** Characters from which on an amount is none, see `splitMoney`. */
const maxPlainLength = 48;

/**
 * What digits say, with one sign and any digits but three behind it or with none, and maybe a minus in front and a
 * currency beside them: most amounts are so, few of them twice, and to take each apart in all ways is most of what a look
 * at a file takes.
 *
 * @returns undefined for all others, see {@linkcode fullLook}
 */
export function plainLook(text: string): AmountLook | undefined {
  const start = digitsStart(text), end = digitsEnd(text, start);
  if (start === end) return undefined;
  const isNegative = text.charCodeAt(0) === 45;
  let isSome = false, hasParts = false;
  let signAt = -1;
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code === 46 || code === 44) {
      if (signAt >= 0 || at === start) return undefined;
      signAt = at;
    } else if (code < 48 || code > 57) return undefined;
    else if (code !== 48) {
      isSome = true;
      if (signAt >= 0) hasParts = true;
    }
  }
  const decimals = signAt < 0 ? 1 : end - 1 - signAt;
  // Three may be thousands.
  if (decimals === 0 || decimals === 3) return undefined;
  const kind = signAt < 0 ? 0 : text.charCodeAt(signAt) === 46 ? 1 : 2;
  let { looks } = withoutCurrency;
  if (end - start !== (isNegative ? text.length - 1 : text.length)) {
    const currency = currencyBeside(text, start, end);
    if (currency === undefined || text.length > maxPlainLength) return undefined;
    if (withCurrency.currency !== currency) withCurrency = plainLooks(currency);
    looks = withCurrency.looks;
  }
  return looks[placeOf(kind, isNegative, isSome, hasParts && kind !== 0)];
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
    code: codeOf(currency),
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
  const { kind, isNegative, isSome, fraction, parts, currency, code } = look;
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
