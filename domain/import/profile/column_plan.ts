/**
 * Where the columns of a profile stand in a file.
 *
 * @module
 */

import { visibleText } from "../../text/visible_text.ts";
import { withoutUnseen } from "../unseen.ts";
import type {
  ImportProfile,
  ProfileAdjustment,
  ProfileColumn,
  ProfileStatus,
  SourceColumn,
} from "./profile.ts";

/** The places of one or several columns whose texts are put together. */
export type ColumnPlace = readonly number[];

/** One of ours and where it is found. */
export interface PlannedColumn {
  /** Which of ours it fills. */
  column: ProfileColumn;
  /** The first that says anything counts. */
  places: readonly ColumnPlace[];
  /** Counts where none of them does; undefined for none. */
  constant: string | undefined;
  /** What people know it by: the header's names. */
  name: string;
}

/** An adjustment and where its amounts are found: nowhere in a file without its columns. */
export interface PlannedAdjustment extends ProfileAdjustment {
  /** In the header, counted from 0. */
  places: readonly number[];
  /** Of the words that the customer reads, counted from 0. */
  labelPlace: number | undefined;
  /** What people know it by: the header's names. */
  name: string;
}

/** A status and where its words are found. */
export interface PlannedStatus {
  /** In the header, counted from 0. */
  places: readonly number[];
  /** Places of columns in which anything means that the order was paid. */
  paidFilled: readonly number[];
  /** Places of columns in which anything means that the order is left alone. */
  skipFilled: readonly number[];
  /** What becomes of an order, by its words in lower case. */
  outcomes: ReadonlyMap<string, "charge" | "paid" | "free" | "skip">;
  /** What becomes of orders that say nothing in any of them. */
  otherwise: ProfileStatus["otherwise"];
}

/** Where everything stands in a file. */
export interface ColumnPlan {
  /** As it stands in the file. */
  header: readonly string[];
  /** Those of ours that the file fills. */
  columns: { readonly [Column in ProfileColumn]?: PlannedColumn };
  /** Those of which the file has a column. */
  adjustments: readonly PlannedAdjustment[];
  /** Undefined where nothing says what becomes of orders. */
  status: PlannedStatus | undefined;
  /** Places of columns in which no two rows of an order say the same, see {@linkcode ImportProfile.itemIds}. */
  itemIds: readonly number[];
  /** What each column of the file fills; nothing where it is absent. */
  fills: ReadonlyMap<number, readonly string[]>;
  /** Places of the columns that the profile knows not to matter. */
  ignored: ReadonlySet<number>;
}

/** Columns without which there is no order. */
export const neededColumns: readonly ProfileColumn[] = [
  ...["external_order_id", "order_placed_at", "customer_name"] as const,
  ...["product_sku", "product_name", "price", "qty"] as const,
];

/** A name of a column, however it is written. */
export function plainName(name: string): string {
  return withoutUnseen(name).replaceAll(/[\s\u00a0\ufeff]+/g, " ").trim().toLowerCase();
}

/**
 * Finds a profile's columns in a header, in any order and case.
 *
 * @returns the plan, or every reason why the file is none of this profile
 */
export function planColumns(
  profile: ImportProfile,
  header: readonly string[],
): ColumnPlan | string[] {
  const names = header.map(plainName);
  const problems: string[] = [];
  const fills = new Map<number, string[]>();
  const find = (name: string, fill?: string): number | undefined => {
    const plain = plainName(name);
    const at = names.indexOf(plain);
    if (at < 0) return undefined;
    if (fill !== undefined) {
      if (names.lastIndexOf(plain) !== at) {
        problems.push(`the column ${shown(name)} stands there twice: rename one of them`);
      }
      fills.set(at, [...fills.get(at) ?? [], fill]);
    }
    return at;
  };
  const findAll = (wanted: readonly string[] = [], fill?: string) =>
    wanted.map((name) => find(name, fill)).filter((at) => at !== undefined);

  const columns: { [Column in ProfileColumn]?: PlannedColumn } = {};
  for (const [key, wanted] of Object.entries(profile.columns)) {
    const column = key as ProfileColumn;
    const places = wanted.map((one) => findAll(namesOf(one), column))
      .filter((place) => place.length > 0);
    if (places.length === 0) continue;
    const name = places.flat().map((at) => visibleText(header[at]!.trim())).join(" / ");
    columns[column] = { column, places, constant: profile.constants?.[column], name };
  }
  for (const [key, constant] of Object.entries(profile.constants ?? {})) {
    const column = key as ProfileColumn;
    columns[column] ??= { column, places: [], constant, name: column };
  }
  for (const column of neededColumns) {
    if (columns[column] !== undefined) continue;
    const wanted = profile.columns[column] ?? [];
    problems.push(missing(column, wanted));
  }
  const adjustments = (profile.adjustments ?? []).map((one): PlannedAdjustment => {
    const places = findAll(one.columns, one.kind);
    const labelPlace = one.labelColumn === undefined ? undefined : find(one.labelColumn, "label");
    const name = places.map((at) => visibleText(header[at]!.trim())).join(" + ");
    return { ...one, places, labelPlace, name };
  });
  let status = profile.status === undefined ? undefined : planStatus(profile.status, findAll);
  const wanted = [...profile.status?.columns ?? [], ...profile.status?.paidFilled ?? []];
  if (status !== undefined && lacks(status, wanted)) {
    if (status.otherwise !== "charge") {
      problems.push(`the status column ${wanted.map(shown).join(" or ")} is missing`);
    } else if (status.skipFilled.length === 0) status = undefined;
  }
  const itemIds = findAll(profile.itemIds, "item_id");
  if (problems.length > 0) return [...new Set(problems)];
  const ignoredNames = new Set(profile.ignore?.map(plainName));
  // All that are called so: nothing is read of them.
  const ignored = new Set(names.flatMap((name, at) => ignoredNames.has(name) ? [at] : []));
  return { header, columns, adjustments, status, itemIds, fills, ignored };
}

function planStatus(
  status: ProfileStatus,
  findAll: (names: readonly string[] | undefined, fill: string) => number[],
): PlannedStatus {
  const outcomes = new Map<string, "charge" | "paid" | "free" | "skip">();
  for (const outcome of ["charge", "paid", "free", "skip"] as const) {
    for (const word of status[outcome] ?? []) outcomes.set(word.trim().toLowerCase(), outcome);
  }
  return {
    places: findAll(status.columns, "status"),
    paidFilled: findAll(status.paidFilled, "status"),
    skipFilled: findAll(status.skipFilled, "status"),
    outcomes,
    otherwise: status.otherwise,
  };
}

/** A profile whose status is in no column would take all orders alike, whatever became of them. */
function lacks(
  { places, paidFilled, skipFilled }: PlannedStatus,
  wanted: readonly string[],
): boolean {
  const found = places.length + paidFilled.length;
  return found === 0 && (wanted.length > 0 || skipFilled.length === 0);
}

function namesOf(column: SourceColumn): readonly string[] {
  return typeof column === "string" ? [column] : column;
}

function missing(column: ProfileColumn, wanted: readonly SourceColumn[]): string {
  if (wanted.length === 0) return `nothing is said of ${column}`;
  const names = wanted.map((one) => shown(namesOf(one).join(" + ")));
  return names.length === 1
    ? `the column ${names[0]} is missing (${column})`
    : `one of the columns ${names.join(", ")} is missing (${column})`;
}

function shown(name: string): string {
  return visibleText(JSON.stringify(name));
}

/** What the fields of a row say in a column, trimmed; "" for nothing. */
export function textAt(fields: readonly string[], places: readonly ColumnPlace[]): string {
  for (let at = 0; at < places.length; at++) {
    const text = textOf(fields, places[at]!);
    if (text !== "") return text;
  }
  return "";
}

/** The same as `trim()`, which takes several times as long to find that there is nothing to be cut. */
export function trimmed(text: string): string {
  const { length } = text;
  if (length === 0) return text;
  const first = text.charCodeAt(0), last = text.charCodeAt(length - 1);
  return first > 32 && first < 127 && last > 32 && last < 127 ? text : text.trim();
}

/** What the fields of a row say in one place, trimmed; "" for nothing. */
export function textOf(fields: readonly string[], place: ColumnPlace): string {
  let text = trimmed(fields[place[0]!] ?? "");
  for (let index = 1; index < place.length; index++) {
    const more = trimmed(fields[place[index]!] ?? "");
    if (more !== "") text = text === "" ? more : `${text} ${more}`;
  }
  return text;
}
