/**
 * Unpacks a body.
 *
 * @module
 */

import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { HTTPException } from "hono/http-exception";
import { WorkflowError } from "../../../domain/errors.ts";
import { tooLargeText } from "../../middleware/body_pieces.ts";

/** Bytes that are unpacked at once: each piece takes a turn of its own. */
const sliceBytes = 65_536;

/**
 * The bytes that were packed by gzip.
 *
 * @param most bytes that they may be, unpacked; what is beyond is not unpacked
 * @throws {HTTPException} 413 for more
 * @throws {WorkflowError} `bad_request` for what is no gzip, or not all of it
 */
export async function gunzipped(
  packed: Uint8Array,
  most: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const gunzip = createGunzip();
  pipeline(Readable.from(slicesOf(packed)), gunzip, () => {});
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  try {
    for await (const piece of gunzip) {
      size += piece.length;
      if (size > most) throw new HTTPException(413, { message: tooLargeText({ bytes: most }) });
      pieces.push(piece);
    }
  } catch (error) {
    if (error instanceof HTTPException) throw error;
    throw new WorkflowError("bad_request", "The body can't be unpacked: it is not whole gzip");
  } finally {
    gunzip.destroy();
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

function* slicesOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += sliceBytes) {
    yield bytes.subarray(from, from + sliceBytes);
  }
}
