/**
 * By what an erased person is known again, without being named.
 *
 * @module
 */

import { createHmac, hash } from "node:crypto";

/** A key of digests, and by what it is told from others. */
export interface ErasureKey {
  /** 32 bytes, in hexadecimal. */
  key: string;
  /** 8 bytes, in hexadecimal; nothing follows from it. */
  print: string;
}

/**
 * The key of an installation. Ids of customers are short and guessed in minutes, so a mere hash of one would name the person to
 * whoever tries them all: only a keyed one does not. The installation's name is random, which keeps digests of two
 * installations apart and useless by themselves; a secret from the settings keeps the key out of the database and its
 * backups as well.
 *
 * @param installation its name, 64 hexadecimal digits
 * @param secret from the settings; empty for none
 */
export function erasureKeyOf(installation: string, secret: string): ErasureKey {
  const key = createHmac("sha256", installation).update(`erasure\n${secret}`).digest("hex");
  return { key, print: hash("sha256", `print\n${key}`, "hex").slice(0, 16) };
}

/** 32 bytes in hexadecimal by which the id of a customer is known again. */
export function customerDigest({ key }: ErasureKey, externalId: string): string {
  return hmac(key, `customer\n${externalId}`);
}

/**
 * What stands in the place of an order's content hash, which is made of its customer's id beside what else stands in
 * the row: 16 bytes, in hexadecimal.
 */
export function erasedContentHash({ key }: ErasureKey, contentHash: string): string {
  return hmac(key, `content\n${contentHash}`).slice(0, 32);
}

function hmac(key: string, text: string): string {
  return createHmac("sha256", Uint8Array.fromHex(key)).update(text).digest("hex");
}
