/**
 * What ties an import to the preview that a person has seen: the file's bytes, how they are read, and what is made of
 * them.
 *
 * @module
 */

import { hash } from "node:crypto";

/** What makes another import of the same file. */
export interface PlannedOptions {
  /** Bad rows are left out instead of rejecting their orders. */
  keepGoodRows?: boolean;
  /** Items are taken away from known orders. */
  replace?: boolean;
}

/**
 * The plan of a file: SHA-256 of its bytes and of its complete profile, in hexadecimal, and of the options that make
 * other orders of it. Equal for equal bytes that are
 * read in the same way, however the profile's document is laid out; nothing of the database is part of it.
 *
 * @param bytesSha256 of the file, unpacked
 * @param settings the complete profile; null for a file in this product's own form
 */
export function planHash(
  bytesSha256: string,
  settings: object | null,
  { keepGoodRows = false, replace = false }: PlannedOptions = {},
): string {
  const options = `${keepGoodRows ? "\nkeep-good-rows" : ""}${replace ? "\nreplace" : ""}`;
  return hash("sha256", `plan 1\n${bytesSha256}\n${canonicalJson(settings)}${options}`, "hex");
}

/** JSON with the names of every object in their order, and without what is undefined. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(
    value,
    (_, part: unknown) =>
      typeof part === "object" && part !== null && !Array.isArray(part)
        ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => a < b ? -1 : 1))
        : part,
  );
}
