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

/** What a profile makes of a column, as {@linkcode columnMeanings} call it; `other` for what forms can't say. */
export function meaningOf(document: ProfileDocument, column: string): string {
  const name = column.trim().toLowerCase();
  const isIt = (one: unknown): boolean =>
    typeof one === "string" && one.trim().toLowerCase() === name;
  const ours = Object.entries(recordOf(document.columns)).map(([column, theirs]) => ({
    column,
    at: listOf(theirs).findIndex((one) => isIt(one) || listOf(one).some(isIt)),
  })).filter(({ at }) => at >= 0);
  // One that fills in for several is what it says first.
  if (ours.length > 0) return ours.toSorted((a, b) => a.at - b.at)[0]!.column;
  for (const one of listOf(document.adjustments).map(recordOf)) {
    if (!listOf(one.columns).some(isIt)) continue;
    const isPlainTax = one.kind === "tax" && one.included === true;
    return isPlainTax ? "tax:included" : `${one.kind}:${one.per ?? "order"}`;
  }
  const status = recordOf(document.status);
  if (listOf(status.columns).some(isIt)) return "status";
  const isLabel = listOf(document.adjustments).some((one) => isIt(recordOf(one).label_column));
  const isFilled = isLabel ||
    [status.paid_filled, status.skip_filled].some((list) => listOf(list).some(isIt));
  if (isFilled) return "other";
  return listOf(document.ignore).some(isIt) ? "ignore" : "nothing";
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
  /** By the columns' names in the file's header, see {@linkcode columnMeanings}. */
  meanings: ReadonlyMap<string, string>;
  /** By their paths, such as `money.decimal` or `adjustments.0.taken_off`; empty texts are passed over. */
  settings: ReadonlyMap<string, string>;
  /** What becomes of an order, by the word in its status column: `charge`, `paid`, `free` or `skip`. */
  words: ReadonlyMap<string, string>;
}

const statusOutcomes: readonly string[] = ["charge", "paid", "free", "skip"];

/**
 * The profile with other meanings of columns and other settings; what is not named stays. A column has one meaning: it
 * is taken away from where it was.
 */
export function editProfile(
  document: ProfileDocument,
  { meanings, settings, words }: ProfileEdit,
): ProfileDocument {
  const edited = structuredClone(document);
  // Before the columns: what is in question of an adjustment is told by its place among those that were shown.
  for (const [path, value] of settings) if (value !== "") setAt(edited, path.split("."), value);
  for (const [word, outcome] of words) setWord(edited, word, outcome);
  for (const [column, meaning] of meanings) {
    if (meaning === "other" || meaningOf(edited, column) === meaning) continue;
    removeColumn(edited, column);
    addColumn(edited, column, meaning);
  }
  return edited;
}

function removeColumn(document: ProfileDocument, column: string): void {
  const name = column.trim().toLowerCase();
  const without = (list: unknown): unknown[] =>
    listOf(list)
      .map((one) => Array.isArray(one) ? without(one) : one)
      .filter((one) =>
        Array.isArray(one) ? one.length > 0 : String(one).trim().toLowerCase() !== name
      );
  const columns = recordOf(document.columns);
  for (const ours of Object.keys(columns)) {
    columns[ours] = without(columns[ours]);
    if (listOf(columns[ours]).length === 0) delete columns[ours];
  }
  document.columns = columns;
  if (document.adjustments !== undefined) {
    document.adjustments = listOf(document.adjustments)
      .map((one) => ({ ...recordOf(one), columns: without(recordOf(one).columns) }))
      .filter(({ columns }) => columns.length > 0);
  }
  if (document.status !== undefined) {
    const status = recordOf(document.status);
    status.columns = without(status.columns);
    if (listOf(status.columns).length === 0) delete document.status;
  }
  if (document.ignore !== undefined) document.ignore = without(document.ignore);
}

function addColumn(document: ProfileDocument, column: string, meaning: string): void {
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
    document.adjustments = [...listOf(document.adjustments), adjustment];
  } else {
    const columns = recordOf(document.columns);
    // What a person has chosen comes before what the profile had.
    document.columns = { ...columns, [meaning]: [name, ...listOf(columns[meaning])] };
  }
}

/** Settings that are numbers. */
const numbers: ReadonlySet<string> = new Set(["header_line", "tolerance"]);

function setAt(document: ProfileDocument, path: readonly string[], value: string): void {
  const last = path.at(-1)!;
  const at = path.slice(0, -1).reduce<ProfileDocument>((part, name) => {
    // Of a list only what is there can be changed.
    if (Array.isArray(part)) return recordOf(part[Number(name)]);
    if (!Array.isArray(part[name])) part[name] = recordOf(part[name]);
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
