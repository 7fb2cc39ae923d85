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
import { WorkflowError } from "../../../domain/errors.ts";
import type { AppDeps } from "../../deps.ts";
import { boundaryOf, fileOfForm, type UploadedFile } from "./multipart.ts";

/**
 * Most bytes of a file, compressed if it is. Of one that comes in chunks, without its length, Deno 2.9.6 keeps up to half in
 * memory until it is answered, read as fast as it may be: 52 MB of 109.
 */
const maxBytes = { declared: 2_147_483_648, undeclared: 268_435_456 };

/** What a file may be called: which form it really has is found out by its bytes. */
const fileTypes =
  /^(text\/(csv|tab-separated-values)|application\/(csv|gzip|x-gzip|zip|vnd\.openxmlformats-officedocument\.spreadsheetml\.sheet))\s*(;|$)/i;

/** See {@linkcode hashedUpload}. */
export interface HashedUpload extends UploadedFile {
  /** SHA-256 of the bytes so far, in hexadecimal. */
  hash(): string;
}

/**
 * Takes the body of a request as a file: CSV, gzip, or a form with one. A piece of it is good until the next one is asked
 * for.
 *
 * @param inQuery names of what the request may say in its address alone: a form that says so is refused
 * @throws {HTTPException} 415 for another content type or encoding
 * @throws {WorkflowError} `bad_request` for a form without a file, or with a field that belongs into the address; reading the
 * file throws the same for a form that ends before it or has such a field behind it, {@linkcode HTTPException} 408 when the
 * sender is too slow and 413 when it is too large
 */
export async function openUpload(
  c: Context,
  { bodyTimes: { fileMs } = bodyTimes }: Pick<AppDeps, "bodyTimes">,
  inQuery: readonly string[] = [],
): Promise<UploadedFile> {
  const type = c.req.header("content-type") ?? "";
  const encoding = c.req.header("content-encoding") ?? "identity";
  if (!/^(gzip|x-gzip|identity)$/i.test(encoding)) {
    throw new HTTPException(415, { message: `The encoding ${encoding} is not known; gzip is` });
  }
  const limits = {
    ...sizeLimit(c.req.raw.headers),
    ms: fileMs,
    each: "piece",
    lends: true,
  } as const;
  // A small body of a declared length was read by `limit_body.ts`, which keeps it.
  const sent = c.req.raw.bodyUsed ? new Blob([await c.req.arrayBuffer()]).stream() : c.req.raw.body;
  const body = ReadableStream.from(bodyPieces(sent, limits));
  const boundary = boundaryOf(type);
  if (boundary !== undefined) return await fileOfForm(body, boundary, refuseOfQuery(inQuery));
  if (!fileTypes.test(type)) {
    throw new HTTPException(415, {
      message: "The body must be text/csv, application/gzip or multipart/form-data, not " +
        (type === "" ? "of no content type" : type),
    });
  }
  return { name: "", source: body, fields: {} };
}

/**
 * Refuses a field of a form that would mean something in the address: passed over, a trial run would be an import, and a
 * report another provider's.
 *
 * @throws {WorkflowError} `bad_request`
 */
function refuseOfQuery(names: readonly string[]): (field: string) => void {
  // `dryRun` and `dry-run` are meant so as well.
  const plain = (name: string) => name.toLowerCase().replaceAll(/[^a-z0-9]/g, "");
  const known = new Map(names.map((name) => [plain(name), name]));
  return (field) => {
    const name = known.get(plain(field));
    if (name === undefined) return;
    const detail = `is not read in a form: say it in the address, ?${name}=…`;
    throw new WorkflowError("bad_request", `The form is not valid: ${name} ${detail}`, [
      { at: name, detail },
    ]);
  };
}

/** How large a file may be that comes with these headers, and what whoever sends a larger one can do. */
export function sizeLimit(headers: Headers): { bytes: number; advice?: string } {
  const isDeclared = headers.has("content-length") && !headers.has("transfer-encoding");
  if (isDeclared) return { bytes: maxBytes.declared };
  const advice = "send it with its length (Content-Length), or packed with gzip";
  return { bytes: maxBytes.undeclared, advice };
}

/** The same upload, by whose bytes it is known again. Of a form only the file counts: every sending has another boundary. */
export function hashedUpload(upload: UploadedFile): HashedUpload {
  const hash = createHash("sha256");
  const source = ReadableStream.from((async function* () {
    for await (const chunk of upload.source) {
      hash.update(chunk);
      yield chunk;
    }
  })());
  return { ...upload, source, hash: () => hash.copy().digest("hex") };
}
