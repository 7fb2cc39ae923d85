/**
 * Digests of pieces of the ledger.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { SealedEntry } from "../../db/ledger/ledger_seals.ts";

/** What stands for the digest before the first piece. */
export const noDigest: Uint8Array = new Uint8Array(32);

/** The digest of a piece: over the digest before it, and all of its rows. */
export function digestOf(before: Uint8Array, entries: readonly SealedEntry[]): Uint8Array {
  const hash = createHash("sha256").update(before);
  return hash.update(entries.map(({ text }) => text).join("\n")).digest();
}

/** Checksums by order, which only say where a piece differs: the digest shows that it does. */
export function checksumsOf(entries: readonly SealedEntry[]): Map<number, number> {
  const texts = new Map<number, string>();
  for (const { orderId, text } of entries) {
    texts.set(orderId, `${texts.get(orderId) ?? ""}${text}\n`);
  }
  return new Map(
    [...texts].map(([orderId, text]) => [
      orderId,
      createHash("sha256").update(text).digest().readUInt32BE(0),
    ]),
  );
}
