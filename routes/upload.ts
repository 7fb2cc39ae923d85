/**
 * Files that come as the body of a request, without holding them.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import { fileOfForm, type UploadedFile } from "./multipart.ts";

/** Most bytes of a file, compressed if it is. */
const mostBytes = 2_147_483_648;

/** Longest silence of a sender, in milliseconds. */
const silenceMs = 60_000;

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
 * that ends before it, {@linkcode HTTPException} 408 when the sender falls silent and 413 when it is too large
 */
export async function openUpload(c: Context): Promise<Upload> {
  const type = c.req.header("content-type") ?? "";
  const encoding = c.req.header("content-encoding") ?? "identity";
  if (!/^(gzip|x-gzip|identity)$/i.test(encoding)) {
    throw new HTTPException(415, { message: `The encoding ${encoding} is not known; gzip is` });
  }
  const hash = createHash("sha256");
  const body = ReadableStream.from(watched(c.req.raw.body, (chunk) => hash.update(chunk)));
  const known = () => hash.copy().digest("hex");
  const boundary = /^multipart\/form-data\s*;.*boundary=("([^"]{1,70})"|[^\s;"]{1,70})/i.exec(type);
  if (boundary !== null) {
    // Of a form only the file counts: every sending has another boundary.
    const fileHash = createHash("sha256");
    const { name, source } = await fileOfForm(body, boundary[2] ?? boundary[1]!);
    return {
      name,
      source: ReadableStream.from(watched(source, (chunk) => fileHash.update(chunk))),
      hash: () => fileHash.copy().digest("hex"),
    };
  }
  if (!/^(text\/csv|application\/(csv|gzip|x-gzip))\s*(;|$)/i.test(type)) {
    throw new HTTPException(415, {
      message: "The body must be text/csv, application/gzip or multipart/form-data, not " +
        (type === "" ? "of no content type" : type),
    });
  }
  return { name: "", source: body, hash: known };
}

async function* watched(
  body: ReadableStream<Uint8Array> | null,
  onChunk: (chunk: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  if (body === null) return;
  const reader = body.getReader();
  let size = 0;
  try {
    for (;;) {
      const { value, done } = await inTime(reader.read());
      if (done) return;
      size += value.length;
      if (size > mostBytes) {
        throw new HTTPException(413, { message: `The file must have at most ${mostBytes} bytes` });
      }
      onChunk(value);
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

async function inTime<T>(answer: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new HTTPException(408, { message: "The body has not come in time" })),
      silenceMs,
    );
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
