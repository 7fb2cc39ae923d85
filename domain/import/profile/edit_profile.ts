/**
 * Changes a profile as a person does who looks at the columns of a file: what each of them is, and what was in question.
 *
 * @module
 */

import { adjustmentKinds } from "../../order/adjustment.ts";
import { neededColumns, plainName } from "./column_plan.ts";
import { profileColumns } from "./profile.ts";

/** A profile as the JSON document that people keep, see `docs/import-profile.schema.json`. */
export type ProfileDocument = Record<string, unknown>;

/** What a column of a file can be; `nothing` is what no use is made of. */
export interface ColumnMeaning {
  /** As forms send it. */
  value: string;
  /** For people. */
  name: string;
}

const columnNames: Readonly<Record<typeof profileColumns[number], string>> = {
  external_order_id: "Order: id",
  order_placed_at: "Order: placed at",
  currency: "Order: currency",
  customer_id: "Customer: id",
  customer_email: "Customer: e-mail",
  customer_name: "Customer: name",
  product_sku: "Item: SKU",
  product_name: "Item: name",
  price: "Item: price",
  qty: "Item: units",
  order_total: "Order: total, to be checked",
  tax_included: "Order: whether prices contain the tax",
  payment_provider: "Payment: provider",
  payment_reference: "Payment: reference",
  paid_at: "Payment: paid at",
  language: "Order: language",
};

/** Everything that a column can be, in the order of a menu. */
export const columnMeanings: readonly ColumnMeaning[] = [
  { value: "nothing", name: "not used" },
  ...profileColumns.map((value) => ({ value, name: columnNames[value] })),
  { value: "status", name: "Order: status" },
  ...adjustmentKinds.flatMap((kind) => {
    const word = kind.replaceAll("_", " ");
    return [
      { value: `${kind}:order`, name: `Amount: ${word} of the order` },
      { value: `${kind}:line`, name: `Amount: ${word} of the row` },
    ];
  }),
  { value: "tax:included", name: "Amount: tax that prices contain" },
  { value: "ignore", name: "does not matter" },
];

/** What a column can be besides, where it fills several of ours. */
export const furtherMeanings: readonly ColumnMeaning[] = profileColumns.map((value) => ({
  value,
  name: columnNames[value],
}));

/**
 * Everything that a profile makes of a column, as {@linkcode columnMeanings} call it, what it is before all else first;
 * `nothing` alone for a column of which no use is made, `other` for what forms can't say.
 */
export function meaningsOf(document: ProfileDocument, column: string): string[] {
  const name = column.trim().toLowerCase();
  const isIt = (one: unknown): boolean =>
    typeof one === "string" && one.trim().toLowerCase() === name;
  const ours = Object.entries(recordOf(document.columns)).map(([column, theirs]) => ({
    column,
    at: listOf(theirs).findIndex((one) => isIt(one) || listOf(one).some(isIt)),
  })).filter(({ at }) => at >= 0);
  // One that fills in for several is before all else what it says first.
  const meanings = ours.toSorted((a, b) => a.at - b.at).map(({ column }) => column);
  for (const one of listOf(document.adjustments).map(recordOf)) {
    if (!listOf(one.columns).some(isIt)) continue;
    meanings.push(adjustmentMeaning(one));
  }
  const status = recordOf(document.status);
  if (listOf(status.columns).some(isIt)) meanings.push("status");
  if (meanings.length > 0) return [...new Set(meanings)];
  const isLabel = listOf(document.adjustments).some((one) => isIt(recordOf(one).label_column));
  const isFilled = isLabel ||
    [status.paid_filled, status.skip_filled].some((list) => listOf(list).some(isIt));
  if (isFilled) return ["other"];
  return listOf(document.ignore).some(isIt) ? ["ignore"] : ["nothing"];
}

function adjustmentMeaning({ kind, per, included }: Record<string, unknown>): string {
  return kind === "tax" && included === true ? "tax:included" : `${kind}:${per ?? "order"}`;
}

/** The columns of theirs that fill one of ours, those whose texts are put together as one; the first that says something counts. */
export function filledBy(document: ProfileDocument, ours: string): string[][] {
  return listOf(recordOf(document.columns)[ours])
    .map((one) => (Array.isArray(one) ? one : [one]).map(String));
}

/** What no order can be made without and the profile does not find among these columns, in words. */
export function lackingMeanings(
  document: ProfileDocument,
  header: readonly string[],
): string[] {
  const names = new Set(header.map(plainName));
  const isThere = (one: unknown): boolean =>
    typeof one === "string" ? names.has(plainName(one)) : listOf(one).some(isThere);
  const columns = recordOf(document.columns);
  const constants = recordOf(document.constants);
  return neededColumns
    .filter((ours) => constants[ours] === undefined && !listOf(columns[ours]).some(isThere))
    .map((ours) => columnNames[ours]);
}

/** What a person has chosen. */
export interface ProfileEdit {
  /**
   * By the columns' names in the file's header, see {@linkcode columnMeanings}: what it is before all else, and then what it
   * is besides.
   */
  meanings: ReadonlyMap<string, readonly string[]>;
  /** Of ours that several of theirs fill, the column that counts before the others. */
  firsts: ReadonlyMap<string, string>;
  /** By their paths, such as `money.decimal` or `adjustments.0.taken_off`; empty texts are passed over. */
  settings: ReadonlyMap<string, string>;
  /** What becomes of an order, by the word in its status column: `charge`, `paid`, `free` or `skip`. */
  words: ReadonlyMap<string, string>;
}

const statusOutcomes: readonly string[] = ["charge", "paid", "free", "skip"];

/**
 * The profile with other meanings of columns and other settings; what is not named stays. A column is taken away from
 * where it was and is no more. Where several of theirs fill one of ours, what was chosen anew counts before what the
 * profile had, in the order of the file; what a column is besides counts last.
 */
export function editProfile(
  document: ProfileDocument,
  { meanings, firsts, settings, words }: ProfileEdit,
): ProfileDocument {
  const edited = structuredClone(document);
  // Before the columns: what is in question of an adjustment is told by its place among those that were shown.
  for (const [path, value] of settings) if (value !== "") setAt(edited, path.split("."), value);
  for (const [word, outcome] of words) setWord(edited, word, outcome);
  const fresh: [column: string, meaning: string][] = [];
  for (const [column, [chosen = "other", ...further]] of meanings) {
    if (chosen === "other") continue;
    const isUsed = chosen !== "nothing" && chosen !== "ignore";
    const besides = isUsed ? further.filter((one) => isOurs(one)) : [];
    const wanted = [...new Set([chosen, ...besides])];
    const before = meaningsOf(document, column);
    const isSame = wanted.length === before.length && wanted.every((one) => before.includes(one));
    if (isSame) continue;
    for (const meaning of before) {
      if (!wanted.includes(meaning)) removeColumn(edited, column, meaning);
    }
    for (const [place, meaning] of wanted.entries()) {
      if (before.includes(meaning)) continue;
      if (place === 0 && isOurs(meaning)) fresh.push([column, meaning]);
      else addColumn(edited, column, meaning, meanings);
    }
  }
  for (const [column, meaning] of fresh.toReversed()) addFirst(edited, column, meaning);
  for (const [ours, column] of firsts) setFirst(edited, ours, column);
  if (!settings.get("money.price_per")) forgetUnit(document, edited);
  return edited;
}

/** That another column was the price of a unit says nothing of the one that is the price now. */
function forgetUnit(before: ProfileDocument, edited: ProfileDocument): void {
  const priceOf = ({ columns }: ProfileDocument) => JSON.stringify(recordOf(columns).price);
  const money = recordOf(edited.money);
  if (money.price_per === "unit" && priceOf(before) !== priceOf(edited)) delete money.price_per;
}

function isOurs(meaning: string): boolean {
  return (profileColumns as readonly string[]).includes(meaning);
}

/** Takes a column away from one of its meanings. */
function removeColumn(document: ProfileDocument, column: string, meaning: string): void {
  const name = column.trim().toLowerCase();
  const without = (list: unknown): unknown[] =>
    listOf(list)
      .map((one) => Array.isArray(one) ? without(one) : one)
      .filter((one) =>
        Array.isArray(one) ? one.length > 0 : String(one).trim().toLowerCase() !== name
      );
  if (meaning === "nothing" || meaning === "other") return;
  if (meaning === "ignore") {
    document.ignore = without(document.ignore);
  } else if (meaning === "status") {
    const status = recordOf(document.status);
    status.columns = without(status.columns);
    if (listOf(status.columns).length === 0) delete document.status;
  } else if (isOurs(meaning)) {
    const columns = recordOf(document.columns);
    columns[meaning] = without(columns[meaning]);
    if (listOf(columns[meaning]).length === 0) delete columns[meaning];
    document.columns = columns;
  } else {
    document.adjustments = listOf(document.adjustments).map(recordOf)
      .map((one) =>
        adjustmentMeaning(one) === meaning ? { ...one, columns: without(one.columns) } : one
      )
      .filter(({ columns }) => listOf(columns).length > 0);
  }
}

/** What a person has chosen comes before what the profile had. */
function addFirst(document: ProfileDocument, column: string, ours: string): void {
  const columns = recordOf(document.columns);
  document.columns = { ...columns, [ours]: [column.trim(), ...listOf(columns[ours])] };
}

/** Puts the one of several that has a column before the others. */
function setFirst(document: ProfileDocument, ours: string, column: string): void {
  const name = column.trim().toLowerCase();
  const columns = recordOf(document.columns);
  const all = listOf(columns[ours]);
  const isIt = (one: unknown): boolean => String(one).trim().toLowerCase() === name;
  const at = all.findIndex((one) => isIt(one) || listOf(one).some(isIt));
  if (at <= 0) return;
  columns[ours] = [all[at], ...all.slice(0, at), ...all.slice(at + 1)];
}

function addColumn(
  document: ProfileDocument,
  column: string,
  meaning: string,
  header: ReadonlyMap<string, unknown>,
): void {
  const name = column.trim();
  if (meaning === "nothing") return;
  if (meaning === "ignore") {
    document.ignore = [...listOf(document.ignore), name];
  } else if (meaning === "status") {
    const status = recordOf(document.status);
    document.status = { ...status, columns: [...listOf(status.columns), name] };
  } else if (meaning.includes(":")) {
    const [kind, per] = meaning.split(":");
    const adjustment = per === "included"
      ? { kind, columns: [name], per: "order", included: true }
      : { kind, columns: [name], per };
    const all = listOf(document.adjustments).map(recordOf);
    // The shop has renamed it: what else the profile says of the amount stays.
    const lost = all.find((one) => adjustmentMeaning(one) === meaning && isLost(one, header));
    if (lost === undefined) document.adjustments = [...all, adjustment];
    else {
      lost.columns = [...listOf(lost.columns), name];
      document.adjustments = all;
    }
  } else {
    const columns = recordOf(document.columns);
    document.columns = { ...columns, [meaning]: [...listOf(columns[meaning]), name] };
  }
}

/** Whether a file has none of the columns of an adjustment. */
function isLost(
  { columns }: Record<string, unknown>,
  header: ReadonlyMap<string, unknown>,
): boolean {
  const names = new Set([...header.keys()].map(plainName));
  return !listOf(columns).some((one) => names.has(plainName(String(one))));
}

/** Settings that are numbers. */
const numbers: ReadonlySet<string> = new Set(["header_line", "tolerance"]);

/** Sets what stands at a path of a document, and makes the parts above it; of a list only what is there. */
export function setAt(document: ProfileDocument, path: readonly string[], value: unknown): void {
  const last = path.at(-1)!;
  const at = path.slice(0, -1).reduce<ProfileDocument>((part, name) => {
    // Of a list only what is there can be changed.
    if (Array.isArray(part)) return recordOf(part[Number(name)]);
    // What every object inherits is no part of a document.
    const own = Object.hasOwn(part, name) ? part[name] : undefined;
    if (!Array.isArray(own)) part[name] = recordOf(own);
    return part[name] as ProfileDocument;
  }, document);
  at[last] = numbers.has(last) ? Number(value) : value;
}

/** Says what becomes of orders with a word, and of no other. */
function setWord(document: ProfileDocument, word: string, outcome: string): void {
  if (!statusOutcomes.includes(outcome)) return;
  const status = recordOf(document.status);
  const plain = word.trim().toLowerCase();
  for (const other of statusOutcomes) {
    if (status[other] === undefined) continue;
    status[other] = listOf(status[other]).filter((one) =>
      String(one).trim().toLowerCase() !== plain
    );
  }
  document.status = { ...status, [outcome]: [...listOf(status[outcome]), word.trim()] };
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? value as Record<string, unknown>
    : {};
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
