/**
 * What happens to a file on its way from a shop to us: countries, spreadsheets, mail programs and people.
 *
 * @module
 */

import fc from "fast-check";
import {
  type Answers,
  type Habits,
  inMinorUnits,
  type ShopForm,
  type Table,
  textOf,
} from "./forms.ts";
import type { Shop } from "./shop_orders.ts";

/** All that is done to one file. */
export interface Mangling {
  habits: Habits;
  delimiter: "as usual" | "," | ";" | "\t" | "|";
  encoding:
    | "utf-8"
    | "utf-8 with mark"
    | "utf-16le"
    | "utf-16be"
    | "windows-1252"
    | "macintosh"
    | "iso-8859-15";
  lineEnd: "\n" | "\r\n" | "\r" | "mixed";
  quoting: "needed" | "always" | "text";
  /** The order of the columns, by their rank. */
  shuffle: readonly number[];
  isShuffled: boolean;
  /** Of the spare columns some are taken away. */
  drop: readonly boolean[];
  names: "as they are" | "UPPER" | " spaced ";
  titles: 0 | 1 | 2;
  sepLine: boolean;
  trailing: 0 | 1 | 3;
  footer: "none" | "short" | "wide" | "blank" | "count";
  blankRows: boolean;
  /** Amounts are integers of minor units, whoever the shop is. */
  minor: boolean;
  damage: Damage;
}

/** What nobody can read rightly for sure: right or refused is all that is asked for. */
export type Damage =
  | "none"
  | "stray quote"
  | "scientific ids"
  | "lost last bytes"
  | "two decimal signs"
  | "two day orders"
  | "one price of another"
  | "rows apart"
  | "pasted twice"
  | "total of another"
  | "unknown state";

const plainHabits: Habits = {
  decimal: ".",
  grouping: "",
  trimmed: false,
  symbol: "none",
  time: undefined,
};

const habits: fc.Arbitrary<Habits> = fc.oneof(
  { weight: 3, arbitrary: fc.constant(plainHabits) },
  fc.constantFrom<Habits>(
    { decimal: ",", grouping: ".", trimmed: false, symbol: "none", time: "dmy." },
    { decimal: ",", grouping: "", trimmed: false, symbol: "none", time: "dmy." },
    { decimal: ",", grouping: ".", trimmed: true, symbol: "none", time: "dmy/" },
    { decimal: ",", grouping: " ", trimmed: false, symbol: "behind", time: "dmy/" },
    { decimal: ",", grouping: "\u00a0", trimmed: false, symbol: "behind", time: undefined },
    { decimal: ".", grouping: ",", trimmed: false, symbol: "before", time: "mdy/" },
    { decimal: ".", grouping: ",", trimmed: true, symbol: "none", time: "mdy12" },
    { decimal: ".", grouping: "'", trimmed: false, symbol: "none", time: "dmy." },
    { decimal: ".", grouping: "", trimmed: true, symbol: "none", time: undefined },
    { decimal: ".", grouping: ",", trimmed: false, symbol: "name", time: undefined },
  ),
  fc.record({
    decimal: fc.constantFrom("." as const, "," as const),
    grouping: fc.constantFrom("" as const, "." as const, "," as const, " " as const, "'" as const),
    trimmed: fc.boolean(),
    symbol: fc.constantFrom<Habits["symbol"]>("none", "before", "behind", "name"),
    time: fc.constantFrom(
      undefined,
      "dmy." as const,
      "dmy/" as const,
      "mdy/" as const,
      "mdy12" as const,
    ),
  }).filter(({ decimal, grouping }) => decimal !== grouping),
);

const usually = <T>(usual: T, ...others: T[]): fc.Arbitrary<T> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(usual) }, fc.constantFrom(...others));

/** Everything that may be done to a file. */
export const manglings: fc.Arbitrary<Mangling> = fc.record<Mangling>({
  habits,
  delimiter: usually<Mangling["delimiter"]>("as usual", ",", ";", "\t", "|"),
  encoding: usually<Mangling["encoding"]>(
    "utf-8",
    "utf-8 with mark",
    "utf-16le",
    "utf-16be",
    "windows-1252",
    "macintosh",
    "iso-8859-15",
  ),
  lineEnd: usually<Mangling["lineEnd"]>("\n", "\r\n", "\r", "mixed"),
  quoting: usually<Mangling["quoting"]>("needed", "always", "text"),
  shuffle: fc.array(fc.nat(), { minLength: 30, maxLength: 30 }),
  isShuffled: usually(false, true),
  drop: fc.array(usually(false, true), { minLength: 12, maxLength: 12 }),
  names: usually<Mangling["names"]>("as they are", "UPPER", " spaced "),
  titles: usually<Mangling["titles"]>(0, 1, 2),
  sepLine: usually(false, true),
  trailing: usually<Mangling["trailing"]>(0, 1, 3),
  footer: usually<Mangling["footer"]>("none", "short", "wide", "blank", "count"),
  blankRows: usually(false, true),
  minor: usually(false, true),
  damage: fc.oneof(
    { weight: 10, arbitrary: fc.constant<Damage>("none") },
    fc.constantFrom<Damage>(
      "stray quote",
      "scientific ids",
      "lost last bytes",
      "two decimal signs",
      "two day orders",
      "one price of another",
      "rows apart",
      "pasted twice",
      "total of another",
      "unknown state",
    ),
  ),
});

/** A file as its shop writes it. */
export const untouched: Mangling = {
  habits: plainHabits,
  delimiter: "as usual",
  encoding: "utf-8",
  lineEnd: "\n",
  quoting: "needed",
  shuffle: [],
  isShuffled: false,
  drop: [],
  names: "as they are",
  titles: 0,
  sepLine: false,
  trailing: 0,
  footer: "none",
  blankRows: false,
  minor: false,
  damage: "none",
};

/** The bytes of a shop's file. */
export function mangledFile(shop: Shop, form: ShopForm, wanted: Mangling): Uint8Array {
  const mangling = withVisibleDamage(wanted, form, shop);
  const table = mangling.minor ? inMinorUnits(form.write(shop)) : form.write(shop);
  const { header, rows } = arranged(table, mangling);
  const texts = damaged(rows, header, mangling);
  const delimiter = mangling.delimiter === "as usual" ? form.delimiter : mangling.delimiter;
  const width = header.length + mangling.trailing;
  const wide = (row: string[]) => [...row, ...Array<string>(width - row.length).fill("")];
  const body = texts.map((row) => wide(row));
  if (mangling.blankRows) body.splice(Math.floor(body.length / 2), 0, wide([]));
  const lines = [
    ...(mangling.sepLine ? [`sep=${delimiter}`] : []),
    ...["Orders of January", "Shop: example"].slice(0, mangling.titles),
    recordText(wide(header), delimiter, mangling.quoting),
    ...body.map((row) => recordText(row, delimiter, mangling.quoting)),
    ...footerOf(mangling, width, body.length, delimiter),
  ];
  const text = lines.map((line, index) => line + lineEndOf(mangling, index)).join("");
  const bytes = encoded(
    mangling.damage === "stray quote" ? withStrayQuote(text) : text,
    mangling.encoding,
  );
  return mangling.damage === "lost last bytes" ? bytes.slice(0, -7) : bytes;
}

/** What the owner of a file would answer to what is asked about it. */
export function answersOf(shop: Shop, { habits, minor, encoding }: Mangling): Answers {
  const order = habits.time === undefined ? "ymd" : habits.time.startsWith("dmy") ? "dmy" : "mdy";
  return new Map([
    ["file.encoding", encoding === "utf-8 with mark" ? "utf-8" : encoding],
    ["money.decimal", habits.decimal],
    ["money.in", minor ? "minor" : "units"],
    ["time.order", order],
    ["time.zone", "UTC"],
    ["fill_down", "none"],
    ["constants.currency", shop.currency],
  ]);
}

/** Where no totals are named, some damage only makes another file of it, which is as good as the first. */
function withVisibleDamage(
  mangling: Mangling,
  form: ShopForm,
  shop: Shop,
): Mangling {
  const { namesTotals, profile } = form;
  const { currency } = shop;
  // Whole amounts under a heading that says cents are cents.
  if (profile === "native" && mangling.habits.trimmed && !mangling.minor) {
    const shown = { ...mangling, habits: { ...mangling.habits, trimmed: false } };
    return withVisibleDamage(shown, form, shop);
  }
  // A thousand and a point with three digits look the same.
  if (mangling.damage === "two decimal signs" && currency === "KWD") {
    return { ...mangling, damage: "none" };
  }
  const isInvisible = ["lost last bytes", "one price of another", "pasted twice"].includes(
    mangling.damage,
  );
  return isInvisible && !namesTotals ? { ...mangling, damage: "none" } : mangling;
}

/** The columns as somebody has arranged them. */
function arranged(table: Table, { habits, shuffle, isShuffled, drop, names }: Mangling) {
  let places = table.header.map((_, place) => place);
  const dropped = table.spare.filter((_, index) => drop[index]);
  places = places.filter((place) => !dropped.includes(table.header[place]!));
  if (isShuffled) places.sort((a, b) => shuffle[a]! - shuffle[b]!);
  const nameOf = (name: string) =>
    names === "UPPER" ? name.toUpperCase() : names === " spaced " ? ` ${name} ` : name;
  return {
    header: places.map((place) => nameOf(table.header[place]!)),
    rows: table.rows.map((row) => places.map((place) => row[place]!)),
    habits,
  };
}

function damaged(rows: Table["rows"], header: string[], { habits, damage }: Mangling): string[][] {
  const other: Habits = damage === "two decimal signs"
    ? { ...habits, decimal: habits.decimal === "." ? "," : ".", grouping: "" }
    : { ...habits, time: habits.time === "mdy/" ? "dmy/" : "mdy/" };
  const half = Math.ceil(rows.length / 2);
  const mixed = damage === "two decimal signs" || damage === "two day orders";
  const texts = rows.map((row, line) =>
    row.map((cell) => textOf(cell, mixed && line >= half ? other : habits))
  );
  const last = texts.at(-1)!;
  const column = (pattern: RegExp) => header.findIndex((name) => pattern.test(name.trim()));
  switch (damage) {
    case "scientific ids": {
      const at = column(/^(name|order.?id|external_order_id)$/i);
      if (at >= 0) last[at] = "1.23457E+12";
      break;
    }
    case "one price of another": {
      const at = column(/^(lineitem price|unit_price_cents)$/i);
      if (at >= 0) last[at] = `${last[at]}9`;
      break;
    }
    case "total of another": {
      const at = column(/total/i);
      const row = texts.find((one) => /\d/.test(one[at] ?? ""));
      if (row !== undefined) row[at] = `9${row[at]!.replace(/^\D+/, "")}`;
      break;
    }
    case "unknown state": {
      const at = column(/status/i);
      if (at >= 0 && texts[0]![at] !== "") texts[0]![at] = "on the way";
      break;
    }
    case "rows apart":
      texts.push(texts.shift()!);
      break;
    case "pasted twice":
      texts.push([...last]);
      break;
  }
  return texts;
}

function recordText(row: string[], delimiter: string, quoting: Mangling["quoting"]): string {
  return row.map((field) => {
    const needed = /["\r\n]/.test(field) || field.includes(delimiter);
    const wanted = quoting === "always" || (quoting === "text" && /[a-z]/i.test(field));
    return needed || wanted ? `"${field.replaceAll('"', '""')}"` : field;
  }).join(delimiter);
}

function footerOf({ footer }: Mangling, width: number, rows: number, delimiter: string): string[] {
  switch (footer) {
    case "short":
      return [`Total${delimiter}${rows}`];
    case "wide":
      return [["Sum", ...Array<string>(width - 2).fill(""), "99"].join(delimiter)];
    case "blank":
      return ["", delimiter.repeat(width - 1)];
    case "count":
      return [`${rows} rows`];
    case "none":
      return [];
  }
}

function lineEndOf({ lineEnd }: Mangling, index: number): string {
  return lineEnd === "mixed" ? (index % 3 === 0 ? "\r\n" : "\n") : lineEnd;
}

/** An inch mark where nobody has doubled it: in the last third of the text, after a letter. */
function withStrayQuote(text: string): string {
  const from = Math.floor(text.length * 2 / 3);
  const at = text.slice(from).search(/[A-Za-z]/);
  return at < 0 ? text : `${text.slice(0, from + at + 1)}"${text.slice(from + at + 1)}`;
}

function encoded(text: string, encoding: Mangling["encoding"]): Uint8Array {
  switch (encoding) {
    case "utf-8":
      return new TextEncoder().encode(text);
    case "utf-8 with mark":
      return new TextEncoder().encode(`\ufeff${text}`);
    case "utf-16le":
      return sixteen(`\ufeff${text}`, true);
    case "utf-16be":
      return sixteen(`\ufeff${text}`, false);
    default:
      return inCodePage(text, encoding);
  }
}

function sixteen(text: string, little: boolean): Uint8Array {
  const view = new DataView(new ArrayBuffer(2 * text.length));
  for (let at = 0; at < text.length; at++) view.setUint16(2 * at, text.charCodeAt(at), little);
  return new Uint8Array(view.buffer);
}

/** What a code page has no place for becomes a question mark, as programs do it. */
function inCodePage(text: string, label: string): Uint8Array {
  const all = new TextDecoder(label).decode(Uint8Array.from({ length: 256 }, (_, byte) => byte));
  const byteOf = new Map([...all].map((character, byte) => [character, byte]));
  return Uint8Array.from([...text].map((character) => byteOf.get(character) ?? 63));
}
