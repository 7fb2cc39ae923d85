/**
 * Finds texts that name a person, and takes the name out.
 *
 * @module
 */

import { erasedText } from "./erased_customer.ts";

/** What a person is named by. */
export interface PersonalTexts {
  /** The shop's own ids, and those of guests. */
  ids: readonly string[];
  /** Addresses. */
  emails: readonly string[];
  /** Names of the person, and of whom their orders were for. */
  names: readonly string[];
}

/** See {@linkcode personFinder}. */
export interface PersonFinder {
  /** True where a text names the person, whatever else it says. */
  isNamedIn(text: string): boolean;
  /** The same of the fields of a row, by the names of their columns: a number is an id in a column of customers alone. */
  isNamedInRow(columns: readonly string[], fields: readonly string[]): boolean;
  /** A value of JSON that names the person, with every text that does so replaced. Keys are left alone. */
  without(value: unknown): unknown;
  /**
   * What a statement may look for: whatever names the person has one of these in it, as it is, as CSV doubles its quotes
   * or as JSON escapes it.
   */
  needles: readonly string[];
}

/** Columns that say who bought, by their names. */
const customerColumn = /customer|client|kund|buyer|user/i;

/**
 * Makes the finder of a person. Addresses, names of several words and ids that are no numbers are found within any text,
 * in upper or lower case. A number and a name of one word are met too often: one is taken for the person in a column of
 * customers, the other beside something else that names them.
 */
export function personFinder({ ids, emails, names }: PersonalTexts): PersonFinder {
  const lower = (texts: readonly string[]) => texts.map((text) => text.toLowerCase());
  const fullNames = names.filter((name) => /\S\s+\S/.test(name));
  const within = lower([...emails, ...fullNames]);
  const wordIds = ids.filter((id) => !/^\d+$/.test(id));
  const patterns = wordIds.map(standingAlone);
  const allIds = new Set(ids);
  const whole = new Set(lower([...ids, ...emails, ...names]));
  const isNamedIn = (text: string) => {
    const said = text.toLowerCase();
    return within.some((word) => said.includes(word)) || patterns.some((one) => one.test(text));
  };
  const without = (value: unknown): unknown => {
    if (typeof value === "string") {
      return whole.has(value.trim().toLowerCase()) || isNamedIn(value) ? erasedText : value;
    }
    if (Array.isArray(value)) return value.map(without);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, without(part)]));
  };
  return {
    isNamedIn,
    isNamedInRow: (columns, fields) =>
      fields.some((field, at) =>
        isNamedIn(field) || (isCustomerColumn(columns[at]) && allIds.has(field.trim()))
      ),
    without,
    needles: [...new Set([...ids, ...emails, ...fullNames].flatMap(writtenForms))],
  };
}

/** True for a column that says who bought. */
export function isCustomerColumn(name: string | undefined): boolean {
  return name !== undefined && customerColumn.test(name);
}

/** A text as files and answers may hold it. */
function writtenForms(text: string): string[] {
  return [text, text.replaceAll('"', '""'), JSON.stringify(text).slice(1, -1)];
}

/** Matches a text that no letter and no digit continues. */
function standingAlone(text: string): RegExp {
  const escaped = text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  return new RegExp(`(?<![\\p{L}\\p{N}])${escaped}(?![\\p{L}\\p{N}])`, "iu");
}
