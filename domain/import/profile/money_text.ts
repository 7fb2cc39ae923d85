/**
 * Amounts as shops and spreadsheets write them.
 *
 * @module
 */

import { currencyDigits, isCurrency } from "../../money.ts";
import { ownCopy } from "../../text/own_copy.ts";

/** What stands between whole units and their parts. */
export type DecimalSign = "." | ",";

/** An amount taken apart. */
export interface MoneyText {
  /** Written with a minus, before or behind, or in brackets. */
  isNegative: boolean;
  /** Digits with their marks: `1.234,56`. */
  number: string;
  /** The sign or code of a currency that stands beside it, such as `€`, `US $` or `EUR`; "" for none. */
  currency: string;
}

const plainForm = /^-?\d+(?:[.,]\d+)?$/;
// No part of it can take what the next one could: it stays linear.
const fullForm =
  /^([-−+(]?)([^\d.,()+−-]*)(?:([-−+])\s*)?([.,]?\d+(?:[.,'’ \u00a0\u2009\u202f]\d+)*)([^\d.,()+−-]*)([-−)]?)$/;
// Words that end in a point: of any other, such as R.50, the point may be the decimal sign.
const pointed = /(?<!\p{L})(rs|rp|kr|s?fr|руб)\./iu;
// Of any other word the point may end it, as in `Q.150`, or be the decimal sign, as in `Q .15`.
const wordBeforePoint = /\p{L}$/u;
// Accountants put a number alone in brackets: `€ (5.40)`.
const inBrackets = /^([^\d.,()+−-]*)\(([^()]*)\)([^\d.,()+−-]*)$/;

/**
 * An amount as it is written with plain characters: those of full width mean the same, and so do entities of web pages.
 */
export function plainCharacters(text: string): string {
  // deno-lint-ignore no-control-regex
  if (!/[^\x00-\x7f]|&/.test(text)) return text;
  return text
    .replaceAll(/[\uff01-\uff5e]/g, (wide) => String.fromCharCode(wide.charCodeAt(0) - 0xfee0))
    .replaceAll("\u3000", " ").replaceAll("￥", "¥").replaceAll("￦", "₩")
    .replaceAll(/&(?:#\d{2,5}|[a-z]{2,6});/g, (entity) => entities.get(entity) ?? entity);
}

/** Of currencies and blanks, as shop systems write them. */
const entities: ReadonlyMap<string, string> = new Map([
  ["&euro;", "€"],
  ["&#8364;", "€"],
  ["&pound;", "£"],
  ["&#163;", "£"],
  ["&yen;", "¥"],
  ["&#165;", "¥"],
  ["&#36;", "$"],
  ["&nbsp;", "\u00a0"],
  ["&#160;", "\u00a0"],
  ["&#8239;", "\u202f"],
]);

/** A dash in the place of decimals, as in Switzerland, Germany and the Netherlands: `12.-`, `12.–`, `12,—`, `12,--`. */
const dashForDecimals = /(\d[.,])(?:--?|[‐‑‒–—―−])(?![\d.,‐‑‒–—―−-])/u;

/** An amount with plain characters and with zeros in the place of a dash: of whole units. */
export function plainAmountText(text: string): string {
  const plain = plainCharacters(text);
  return plain.replace(dashForDecimals, "$100");
}

/** Takes an amount apart; undefined for what is none. */
export function splitMoney(text: string): MoneyText | undefined {
  if (plainForm.test(text)) {
    const isNegative = text.startsWith("-");
    return { isNegative, number: isNegative ? text.slice(1) : text, currency: "" };
  }
  if (text.length > maxLength) return undefined;
  const plain = plainAmountText(text).replace(pointed, "$1").replace(inBrackets, "($1$2$3)");
  const match = fullForm.exec(plain);
  if (match === null) return undefined;
  const [, open = "", left = "", sign = "", number = "", right = "", end = ""] = match;
  if (/^[.,]/.test(number) && wordBeforePoint.test(left)) return undefined;
  const [before, behind] = [left.trim(), right.trim()];
  if ((open === "(") !== (end === ")")) return undefined;
  const signs = [open, sign, end].filter((one) => one !== "" && one !== ")");
  if (signs.length > 1 || (before !== "" && behind !== "" && before !== behind)) return undefined;
  return {
    isNegative: signs.length === 1 && signs[0] !== "+",
    number,
    currency: before || behind,
  };
}

/** Characters of an amount. */
const maxLength = 48;

// India groups by two digits above the first thousand: 1,00,000.00.
const forms: Readonly<Record<DecimalSign, RegExp>> = {
  ".":
    /^(\d+|[1-9]\d{0,2}(?:([,'’ \u00a0\u2009\u202f])\d{3})(?:\2\d{3})*|[1-9]\d?(?:,\d{2})+,\d{3})?(?:\.(\d+))?$/,
  ",": /^(\d+|[1-9]\d{0,2}(?:([.'’ \u00a0\u2009\u202f])\d{3})(?:\2\d{3})*)?(?:,(\d+))?$/,
};

/** Whole units and their parts as digits, by one sign; undefined where the number can't be read so. */
function partsOf(
  number: string,
  decimal: DecimalSign,
): [whole: string, fraction: string] | undefined {
  return plainParts(number, decimal) ?? partsOfAny(number, decimal);
}

/** Digits with at most one decimal sign within, as most amounts are: in a fraction of the time. */
function plainParts(
  number: string,
  decimal: DecimalSign,
): [whole: string, fraction: string] | undefined {
  const sign = decimal.charCodeAt(0);
  let signAt = -1;
  for (let at = 0; at < number.length; at++) {
    const code = number.charCodeAt(at);
    if (code >= 48 && code <= 57) continue;
    if (code !== sign || signAt >= 0 || at === 0 || at === number.length - 1) return undefined;
    signAt = at;
  }
  if (number === "") return undefined;
  return signAt < 0 ? [number, ""] : [number.slice(0, signAt), number.slice(signAt + 1)];
}

function partsOfAny(
  number: string,
  decimal: DecimalSign,
): [whole: string, fraction: string] | undefined {
  const match = forms[decimal].exec(number);
  if (match === null) return undefined;
  return [(match[1] ?? "").replace(/\D/g, ""), match[3] ?? ""];
}

/** What an amount says about the sign that its column uses. */
export type DecimalEvidence =
  /** It means the same by both. */
  | "either"
  /** It can be read by this one only. */
  | DecimalSign
  /** It can be read by both, and means different things. */
  | "ambiguous"
  /** It is no amount. */
  | "none";

/** Tells what an amount, trimmed and not empty, says about the decimal sign. */
export function decimalEvidence(text: string): DecimalEvidence {
  const money = splitMoney(text);
  if (money === undefined) return "none";
  if (/^\d+$/.test(money.number)) return "either";
  const byPoint = partsOf(money.number, ".");
  const byComma = partsOf(money.number, ",");
  if (byPoint === undefined) return byComma === undefined ? "none" : ",";
  if (byComma === undefined) return ".";
  return byPoint[0] === byComma[0] && byPoint[1] === byComma[1] ? "either" : "ambiguous";
}

/** True for an amount that is written with parts of a unit, be they nothing. */
export function hasFraction(text: string, decimal: DecimalSign): boolean {
  const money = splitMoney(text);
  return money !== undefined && (partsOf(money.number, decimal)?.[1] ?? "") !== "";
}

/** True for an amount that is not of whole units, however it is written. */
export function hasParts(text: string, decimal: DecimalSign): boolean {
  const money = splitMoney(text);
  return money !== undefined && /[1-9]/.test(partsOf(money.number, decimal)?.[1] ?? "");
}

/** How the amounts of a file are written. */
export interface MoneyForm {
  /** `by_decimals`: in units, as the decimals of other amounts of the file show. */
  in: "units" | "minor" | "by_decimals";
  /** What stands before parts of a unit. */
  decimal: DecimalSign;
}

/**
 * The minor units of an amount; nothing is ever rounded.
 *
 * @param text trimmed and not empty
 * @returns an integer, negative for what is taken off; or what is wrong, with what would be right
 */
export function parseMoney(
  text: string,
  form: MoneyForm,
  currency: string,
): number | { problem: string } {
  return plainMoney(text, form, currency) ?? anyMoney(text, form, currency);
}

/** Digits of an amount that are exact as a number, whatever stands between them. */
const maxPlainDigits = 15;

/**
 * Where the digits of an amount begin, behind a minus and what may be the name of a currency: letters, its sign, blanks.
 * Nothing else that stands there is passed over, as it may change what the digits mean.
 */
export function digitsStart(text: string): number {
  let at = text.charCodeAt(0) === 45 ? 1 : 0;
  while (at < text.length && isOfCurrency(text.charCodeAt(at))) at++;
  return at;
}

/** Where they end, before what may be the name of a currency. */
export function digitsEnd(text: string, start: number): number {
  let at = text.length;
  while (at > start && isOfCurrency(text.charCodeAt(at - 1))) at--;
  return at;
}

function isOfCurrency(code: number): boolean {
  if (code < 128) {
    return code === 32 || code === 36 || code >= 65 && code <= 90 || code >= 97 && code <= 122;
  }
  // No-break blank, signs, accented letters of Europe, signs of currencies.
  return code === 0xa0 || code >= 0xa2 && code <= 0xa5 || code >= 0xc0 && code <= 0x17f ||
    code >= 0x20a0 && code <= 0x20bf;
}

/** The sign or code that stands beside the digits; "" for none, undefined where two differ. */
export function currencyBeside(text: string, start: number, end: number): string | undefined {
  const from = text.charCodeAt(0) === 45 ? 1 : 0;
  const before = start === from ? "" : text.slice(from, start).trim();
  const behind = end === text.length ? "" : text.slice(end).trim();
  return before === "" || behind === "" || before === behind ? before || behind : undefined;
}

/**
 * The minor units of digits with at most one decimal sign within, and maybe a minus in front and the name of the currency
 * beside them, as most amounts are: in a fraction of the time.
 *
 * @returns undefined for all others, and for what may have a fault: see {@linkcode anyMoney}
 */
export function plainMoney(
  text: string,
  { in: unit, decimal }: MoneyForm,
  currency: string,
): number | undefined {
  const sign = decimal.charCodeAt(0);
  const { length } = text;
  const start = digitsStart(text), end = digitsEnd(text, start);
  if (start === end || end - start > maxPlainDigits) return undefined;
  let minor = 0, signAt = -1;
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code >= 48 && code <= 57) minor = minor * 10 + code - 48;
    else if (code !== sign || signAt >= 0 || at === start) return undefined;
    else signAt = at;
  }
  const isNegative = text.charCodeAt(0) === 45;
  if (end - start !== (isNegative ? length - 1 : length)) {
    if (length > maxLength || !isBeside(text, start, end, currency)) return undefined;
  }
  const decimals = signAt < 0 ? 0 : end - 1 - signAt;
  if (signAt >= 0 && (decimals === 0 || unit === "minor")) return undefined;
  if (unit !== "minor") {
    const digits = currencyDigits(currency);
    // Databases write 4.9000.
    for (let more = decimals; more > digits; more--) {
      if (minor % 10 !== 0) return undefined;
      minor /= 10;
    }
    // One without decimals may be thousands.
    if (decimals === 0 && unit === "by_decimals" && digits === 3) return undefined;
    for (let more = decimals; more < digits; more++) minor *= 10;
  }
  if (minor > Number.MAX_SAFE_INTEGER) return undefined;
  return isNegative && minor !== 0 ? -minor : minor;
}

let lastBeside = "", lastCurrency = "";

/** Whether what stands beside the digits can mean a currency, or is blank: mostly it is what it was before. */
function isBeside(text: string, start: number, end: number, currency: string): boolean {
  const sign = currencyBeside(text, start, end);
  if (sign === undefined) return false;
  if (sign === "" || sign === lastBeside && currency === lastCurrency) return true;
  if (!means(sign, currency)) return false;
  lastBeside = ownCopy(sign);
  lastCurrency = ownCopy(currency);
  return true;
}

/** The minor units of an amount in any form; see {@linkcode parseMoney}. */
export function anyMoney(
  text: string,
  { in: unit, decimal }: MoneyForm,
  currency: string,
): number | { problem: string } {
  const money = splitMoney(text);
  if (money === undefined) return { problem: noAmount(text) };
  if (/^[%٪‰]$/.test(money.currency)) return { problem: percentage };
  if (money.currency !== "" && !means(money.currency, currency)) {
    return { problem: `must be in ${currency}` };
  }
  if (unit === "minor" && dashForDecimals.test(text)) return { problem: "must be in minor units" };
  const parts = partsOf(money.number, decimal);
  if (parts === undefined) return { problem: `must be an amount with the decimal sign ${decimal}` };
  const [whole, fraction] = parts;
  const digits = unit === "minor" ? 0 : currencyDigits(currency);
  if (/[1-9]/.test(fraction.slice(digits))) {
    const most = unit === "minor"
      ? "must be whole minor units"
      : `must have ${digits} decimals at most`;
    return { problem: most };
  }
  if (unit === "by_decimals" && mayBeThousands(whole, fraction, digits)) {
    const meant = `${whole}${decimal}${"0".repeat(digits)}`;
    return {
      problem: `must have ${digits} decimals like others of the file, ${meant} if it is meant`,
    };
  }
  const minor = Number(whole + fraction.slice(0, digits).padEnd(digits, "0"));
  if (!Number.isSafeInteger(minor)) return { problem: "is too large" };
  return money.isNegative && minor !== 0 ? -minor : minor;
}

/** Why a text is no amount, with the remedy. */
function noAmount(text: string): string {
  if (/^[^\d]*\d[\d.,]*\s*[%٪‰]/.test(text)) return percentage;
  const hasOtherDigits = text.replaceAll(/[0-9\uff10-\uff19]/g, "").search(/\p{Nd}/u) >= 0;
  return hasOtherDigits ? "must be an amount in the digits 0 to 9" : "must be an amount";
}

const percentage = "is a percentage, and must be an amount";

/**
 * Where amounts have three decimals, some spreadsheets take 2.490 for two thousand: an amount without decimals beside
 * others with them may be one of these.
 */
function mayBeThousands(whole: string, fraction: string, digits: number): boolean {
  return digits === 3 && fraction === "" && /[1-9]/.test(whole);
}

/** The currency that a sign or code certainly means; undefined where it may be several, or none. */
export function certainCurrency(sign: string): string | undefined {
  const code = sign.toUpperCase();
  if (isCurrency(code)) return code;
  return certain.get(sign.replaceAll(/\s/g, "").toUpperCase());
}

/** Signs of one currency alone, as shops write them. */
const certain: ReadonlyMap<string, string> = new Map([
  ["€", "EUR"],
  ["£", "GBP"],
  ["US$", "USD"],
  ["C$", "CAD"],
  ["CA$", "CAD"],
  ["AU$", "AUD"],
  ["A$", "AUD"],
  ["NZ$", "NZD"],
  ["HK$", "HKD"],
  ["MX$", "MXN"],
  ["R$", "BRL"],
  ["ZŁ", "PLN"],
  ["₹", "INR"],
  ["₩", "KRW"],
]);

/** Words of several currencies, or of one that is called otherwise elsewhere. */
const shared: ReadonlyMap<string, readonly string[]> = new Map([
  ["RS", ["INR", "PKR", "LKR", "NPR", "MUR", "SCR"]],
  ["KR", ["SEK", "NOK", "DKK", "ISK"]],
  ["FR", ["CHF"]],
  ["SFR", ["CHF"]],
  ["TL", ["TRY"]],
  ["РУБ", ["RUB"]],
  ["円", ["JPY"]],
  ["元", ["CNY", "TWD"]],
  ["원", ["KRW"]],
]);

const narrowSigns = new Map<string, string>();

/** Whether a sign or code beside an amount can mean a currency. */
function means(sign: string, currency: string): boolean {
  const known = certainCurrency(sign);
  if (known !== undefined) return known === currency;
  if (!isCurrency(currency)) return false;
  if (shared.get(sign.toUpperCase())?.includes(currency) === true) return true;
  let narrow = narrowSigns.get(currency);
  if (narrow === undefined) {
    const format = new Intl.NumberFormat("en", {
      style: "currency",
      currency,
      currencyDisplay: "narrowSymbol",
    });
    narrow = format.formatToParts(0).find(({ type }) => type === "currency")!.value;
    narrowSigns.set(currency, narrow);
  }
  return narrow === sign;
}
