/**
 * Long texts packed for keeping: by gzip, in base64.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { gunzipSync, gzipSync } from "node:zlib";

/** What every packed text begins with: the first bytes of gzip. */
export const packedPrefix = "H4sI";

/** Packs a text. */
export function packText(text: string): string {
  return gzipSync(text, { level: 1 }).toString("base64");
}

/** Unpacks a text, be it packed as a whole or in pieces. */
export function unpackText(packed: string): string {
  return gunzipSync(Buffer.from(packed, "base64")).toString();
}
