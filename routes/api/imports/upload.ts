/**
 * Files that come as the body of a request, without holding them.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import { bodyPieces } from "../../middleware/body_pieces.ts";
import { bodyTimes } from "../../middleware/body_times.ts";
import type { AppDeps } from "../../deps.ts";
import { boundaryOf, fileOfForm, type UploadedFile } from "./multipart.ts";

/** Most bytes of a file, compressed if it is. */
const maxBytes = 2_147_483_648;

/** What a file may be called: which form it really has is found out by its bytes. */
const fileTypes =
  /^(text\/(csv|tab-separated-values)|application\/(csv|gzip|x-gzip|zip|vnd\.openxmlformats-officedocument\.spreadsheetml\.sheet))\s*(;|$)/i;

/** A file, and what its bytes came to. */
export interface Upload extends UploadedFile {
  /** SHA-256 of the bytes so far, in hexadecimal. */
  hash(): string;
}

/**
 * Takes the body of a request as a file: CSV, gzip, or a form with one.
 *
 * @throws {HTTPException} 415 for another content type or encoding
 * @throws {WorkflowError} `bad_request` for a form without a file; reading the file throws the same for a form
 * that ends before it, {@linkcode HTTPException} 408 when the sender is too slow and 413 when it is too large
 */
export async function openUpload(
  c: Context,
  { bodyTimes: { fileMs } = bodyTimes }: Pick<AppDeps, "bodyTimes">,
): Promise<Upload> {
  const type = c.req.header("content-type") ?? "";
  const encoding = c.req.header("content-encoding") ?? "identity";
  if (!/^(gzip|x-gzip|identity)$/i.test(encoding)) {
    throw new HTTPException(415, { message: `The encoding ${encoding} is not known; gzip is` });
  }
  const hash = createHash("sha256");
  const limits = { bytes: maxBytes, ms: fileMs, each: "piece" } as const;
  // A small body of a declared length was read by `limit_body.ts`, which keeps it.
  const sent = c.req.raw.bodyUsed ? new Blob([await c.req.arrayBuffer()]).stream() : c.req.raw.body;
  const body = watched(bodyPieces(sent, limits), (chunk) => hash.update(chunk));
  const known = () => hash.copy().digest("hex");
  const boundary = boundaryOf(type);
  if (boundary !== undefined) {
    // Of a form only the file counts: every sending has another boundary.
    const fileHash = createHash("sha256");
    const { source, ...form } = await fileOfForm(body, boundary);
    return {
      ...form,
      source: watched(source, (chunk) => fileHash.update(chunk)),
      hash: () => fileHash.copy().digest("hex"),
    };
  }
  if (!fileTypes.test(type)) {
    throw new HTTPException(415, {
      message: "The body must be text/csv, application/gzip or multipart/form-data, not " +
        (type === "" ? "of no content type" : type),
    });
  }
  return { name: "", source: body, fields: {}, hash: known };
}

/** The same file, of which every piece is told. */
function watched(
  file: AsyncIterable<Uint8Array>,
  onChunk: (chunk: Uint8Array) => void,
): ReadableStream<Uint8Array> {
  return ReadableStream.from((async function* () {
    for await (const chunk of file) {
      onChunk(chunk);
      yield chunk;
    }
  })());
}
