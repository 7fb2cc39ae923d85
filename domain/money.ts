/**
 * Currencies and their amounts.
 *
 * Every amount of the product is an integer in the minor unit of its currency, whatever a field is called: cents of
 * euros, whole yen, a thousandth of a Kuwaiti dinar. This is the only place that knows how many of them make a unit.
 *
 * @module
 */

/** The registered currencies, as `Intl` knows them. */
const registered = new Set(Intl.supportedValuesOf("currency"));

/** Digits of most currencies, and of a code that is not registered: the database of an earlier version may have such orders. */
const usualDigits = 2;

/**
 * Those of ISO 4217 that have others. `Intl` does not tell: V8 gives those that are in use (Serbian dinars, Iraqi dinars and a
 * dozen more have none), and JavaScriptCore those of the register, so what one process wrote another would charge a hundredfold.
 */
const otherDigits: ReadonlyMap<string, number> = new Map(
  ([
    [0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"],
    [3, "BHD IQD JOD KWD LYD OMR TND"],
    [4, "CLF UYW"],
  ] as const).flatMap(([digits, codes]) =>
    codes.split(" ").map((code): [string, number] => [code, digits])
  ),
);

/** Why a text can't be a currency, where it can't. */
export const currencyProblem = "must be a currency of ISO 4217 such as EUR";

/** True for the code of a registered currency in upper case. */
export function isCurrency(code: string): boolean {
  return registered.has(code);
}

const formats = new Map<string, Intl.NumberFormat>();

/** Kept for registered currencies alone, so that foreign text can't fill the memory. */
function formatOf(currency: string): Intl.NumberFormat | undefined {
  if (!registered.has(currency)) return undefined;
  let format = formats.get(currency);
  if (format === undefined) {
    const digits = currencyDigits(currency);
    format = new Intl.NumberFormat("en", {
      style: "currency",
      currency,
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
    });
    formats.set(currency, format);
  }
  return format;
}

/** How many digits stand after the point by ISO 4217: 2 for EUR and RSD, none for JPY, 3 for KWD. */
export function currencyDigits(currency: string): number {
  return otherDigits.get(currency) ?? usualDigits;
}

/** `€12,345.60`, `¥1,235`, `KWD 1.500`; exact, however large the amount is. */
export function formatMoney(minor: number | bigint, currency: string): string {
  const plain = plainAmount(minor, currency);
  // As text, because a number would lose digits; its type does not know that the text is one.
  return formatOf(currency)?.format(plain as Intl.StringNumericLiteral) ??
    `${currency}\u00a0${grouped(plain)}`;
}

/** `1234.50`, as a form field or a file takes it. */
export function plainAmount(minor: number | bigint, currency: string): string {
  // A key of Redis that somebody has written into; a page must show it all the same.
  if (typeof minor === "number" && !Number.isInteger(minor)) return String(minor);
  const digits = currencyDigits(currency);
  const value = BigInt(minor);
  const text = String(value < 0n ? -value : value).padStart(digits + 1, "0");
  const sign = value < 0n ? "-" : "";
  return digits === 0 ? sign + text : `${sign}${text.slice(0, -digits)}.${text.slice(-digits)}`;
}

/** `1,234.50`: an amount whose currency stands beside it. */
export function groupedAmount(minor: number | bigint, currency: string): string {
  return grouped(plainAmount(minor, currency));
}

/** `1,234.50 EUR`, as the log, the timeline and errors write it. */
export function namedAmount(minor: number | bigint, currency: string): string {
  return `${groupedAmount(minor, currency)} ${currency}`;
}

/**
 * The minor units of an amount that a person typed: `12`, `12.5`, `1,234.50`, and `12,50` where two digits after the
 * comma can be nothing but decimals.
 *
 * @returns undefined for anything that is no amount, has more digits than the currency, or may mean another
 * amount to whoever writes decimals with a comma: `0,250`, and `1,250` of a currency with three decimals
 */
export function parseAmount(text: string, currency: string): number | undefined {
  const digits = currencyDigits(currency);
  const written = text.trim();
  const typed = digits === 2 && /^\d{1,12},\d{2}$/.test(written)
    ? written.replace(",", ".")
    : written;
  if (typed.includes(",") && !/^[1-9]\d{0,2}(?:,\d{3}){1,4}(?:\.\d{1,4})?$/.test(typed)) {
    return undefined;
  }
  if (digits === 3 && /^\d+,\d{3}$/.test(typed)) return undefined;
  const plain = typed.replaceAll(",", "");
  const match = /^(\d{1,12})(?:\.(\d{1,4}))?$/.exec(plain);
  if (match === null) return undefined;
  const fraction = match[2] ?? "";
  if (fraction.length > digits) return undefined;
  return Number(match[1] + fraction.padEnd(digits, "0"));
}

/**
 * The minor units of an amount that stands in units where minor ones are expected: 1250 for `12.50` euros.
 *
 * @returns undefined for what is no such amount, or may be another one to whoever writes thousands with that mark
 */
export function minorUnitsMeant(text: string, currency: string): number | undefined {
  if (text.length > maxAmountLength || !isCurrency(currency)) return undefined;
  const digits = currencyDigits(currency);
  // A dash stands for no cents: 12.- and 12,– are twelve.
  const plain = text.replace(/^-/, "").replace(/^(\d+)[.,](?:--?|[–—])$/, "$1.00");
  const amount = digits === 0
    ? plain.replace(/\.0{1,2}$/, "")
    : digits === 2 && /^\d+,\d\d$/.test(plain)
    ? plain.replace(",", ".")
    : plain;
  const wasMended = amount !== plain;
  const minor = wasMended || plain.includes(".") ? parseAmount(amount, currency) : undefined;
  return minor === undefined || minor === 0 || !text.startsWith("-") ? minor : -minor;
}

/** Characters of an amount that {@linkcode minorUnitsMeant} looks at. */
const maxAmountLength = 24;

/** A sum for those who can't show more digits: a number where it is exact, else its digits as text. */
export function exactAmount(minor: bigint): number | string {
  const number = Number(minor);
  return Number.isSafeInteger(number) ? number : String(minor);
}

function grouped(plain: string): string {
  const [whole, fraction] = plain.split(".") as [string, string?];
  const sign = whole.startsWith("-") ? "-" : "";
  const digits = whole.slice(sign.length);
  const parts = [digits.slice(0, digits.length % 3)].filter((part) => part !== "");
  for (let at = digits.length % 3; at < digits.length; at += 3) {
    parts.push(digits.slice(at, at + 3));
  }
  const thousands = sign + parts.join(",");
  return fraction === undefined ? thousands : `${thousands}.${fraction}`;
}
