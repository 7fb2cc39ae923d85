/**
 * Secrets of endpoints as they are kept: sealed, so that whoever reads the database or its dump can't sign with them.
 *
 * @module
 */

import { createCipheriv, createDecipheriv, hkdfSync } from "node:crypto";

/** What a sealed secret begins with; one that is not sealed begins with `whsec_`. */
export const sealedPrefix = "sealed1:";

const cipher = "aes-256-gcm", nonceBytes = 12, tagBytes = 16;

/** @param key of the settings; long use of it with random nonces is safe for far more secrets than there will be */
function keyOf(key: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", key, "", "secrets of webhook endpoints", 32));
}

/**
 * Seals a secret.
 *
 * @param key of the settings; empty for none, which leaves it as it is
 * @param nonce twelve random bytes, never the same
 */
export function sealSecret(secret: string, key: string, nonce: Uint8Array): string {
  if (key === "") return secret;
  const sealing = createCipheriv(cipher, keyOf(key), nonce);
  const text = sealing.update(secret, "utf8");
  const rest = sealing.final();
  const parts = [nonce, text, rest, sealing.getAuthTag()];
  return sealedPrefix + new Uint8Array(parts.flatMap((part) => [...part])).toBase64();
}

/**
 * Opens a secret that {@linkcode sealSecret} has sealed; one that is not sealed is as it is.
 *
 * @returns undefined where it was sealed by another key, or changed
 */
export function openSecret(kept: string, key: string): string | undefined {
  if (!kept.startsWith(sealedPrefix)) return kept;
  const bytes = Uint8Array.fromBase64(kept.slice(sealedPrefix.length));
  const nonce = bytes.subarray(0, nonceBytes);
  const text = bytes.subarray(nonceBytes, -tagBytes);
  try {
    const opening = createDecipheriv(cipher, keyOf(key), nonce);
    opening.setAuthTag(bytes.subarray(-tagBytes));
    return opening.update(text).toString("utf8") + opening.final("utf8");
  } catch {
    return undefined;
  }
}
