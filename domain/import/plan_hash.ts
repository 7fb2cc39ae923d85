/**
 * What ties an import to the preview that a person has seen: the file's bytes, and how they are read.
 *
 * @module
 */

import { hash } from "node:crypto";

/**
 * The plan of a file: SHA-256 of its bytes and of its complete profile, in hexadecimal. Equal for equal bytes that are
 * read in the same way, however the profile's document is laid out; nothing of the database is part of it.
 *
 * @param bytesSha256 of the file, unpacked
 * @param settings the complete profile; null for a file in this product's own form
 */
export function planHash(bytesSha256: string, settings: object | null): string {
  return hash("sha256", `plan 1\n${bytesSha256}\n${canonicalJson(settings)}`, "hex");
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
