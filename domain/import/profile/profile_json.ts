/**
 * Profiles as JSON documents: snake_case, as everything that is written down.
 *
 * @module
 */

import type { ImportProfile } from "./profile.ts";

/** Parts whose names are not settings but columns of this product. */
const namedParts = new Set(["columns", "constants"]);

/** A profile as a document, in the order in which its parts are written down. */
export function profileDocument(profile: ImportProfile): Record<string, unknown> {
  return renamed(
    profile,
    (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
  ) as Record<string, unknown>;
}

/** A document with the names that the code has for its parts; nothing else of it is looked at. */
export function withCodeNames(document: unknown): unknown {
  return renamed(
    document,
    (name) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
  );
}

function renamed(value: unknown, rename: (name: string) => string): unknown {
  if (Array.isArray(value)) return value.map((part) => renamed(part, rename));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).filter(([, part]) => part !== undefined).map((
      [name, part],
    ) => [rename(name), namedParts.has(name) ? part : renamed(part, rename)]),
  );
}
