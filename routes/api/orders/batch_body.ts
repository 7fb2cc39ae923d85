/**
 * Many orders as the body of one request: where each of them stands in its bytes.
 *
 * @module
 */

import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import { WorkflowError } from "../../../domain/errors.ts";
import { cutText } from "../../../domain/text/cut_text.ts";
import { gunzipped } from "./gunzipped.ts";

/** What one request may have: bytes as they come and unpacked, orders, and bytes of one order. */
export const batchLimits = { bytes: 8_388_608, lines: 10_000, lineBytes: 1_048_576 } as const;

/** How the orders are written, and so the answers. */
export type BatchForm = "ndjson" | "json";

/** One order of a request: a line, or an element of an array. */
export interface BatchLine {
  /** Of NDJSON the number of the line; of an array the place; both from 1. */
  number: number;
  /** Where it stands in the bytes. */
  from: number;
  /** The first byte that is not of it. */
  to: number;
}

/** The orders of a request, not yet read. */
export interface BatchBody {
  form: BatchForm;
  bytes: Uint8Array<ArrayBuffer>;
  lines: readonly BatchLine[];
}

/** True for a request that brings many orders. */
export function bringsBatch(c: Context): boolean {
  return c.req.method === "POST" && /^\/orders\/batch\/?$/.test(c.req.path);
}

/**
 * Reads where the orders of a request stand. Nothing is known of an order yet but that its bytes are there.
 *
 * @throws {HTTPException} 415 for another content type or encoding, 413 for too many orders or bytes
 * @throws {WorkflowError} `bad_request` for a body without orders, or one that is no array where it says so
 */
export async function readBatchBody(c: Context): Promise<BatchBody> {
  const form = formOf(c.req.header("content-type"));
  const encoding = c.req.header("content-encoding") ?? "identity";
  if (!/^(gzip|x-gzip|identity)$/i.test(encoding)) {
    throw new HTTPException(415, {
      message: `The encoding ${cutText(encoding, 64)} is not known; gzip is`,
    });
  }
  const sent = new Uint8Array(await c.req.arrayBuffer());
  const bytes = /^identity$/i.test(encoding) ? sent : await gunzipped(sent, batchLimits.bytes);
  const lines: BatchLine[] = [];
  for (const line of form === "ndjson" ? linesOf(bytes) : elementsOf(bytes)) {
    if (lines.push(line) > batchLimits.lines) {
      throw new HTTPException(413, {
        message: `A batch has at most ${batchLimits.lines} orders: send more of them in parts`,
      });
    }
  }
  if (lines.length === 0) throw new WorkflowError("bad_request", "The body holds no order");
  return { form, bytes, lines };
}

function formOf(type: string | undefined): BatchForm {
  if (/^application\/(x-)?ndjson\s*(;|$)/i.test(type ?? "")) return "ndjson";
  if (/^application\/([\w.-]+\+)?json\s*(;|$)/i.test(type ?? "")) return "json";
  throw new HTTPException(415, {
    message: "The body must be application/x-ndjson or application/json, not " +
      (type === undefined ? "of no content type" : cutText(type, 64)),
  });
}

const newline = 0x0a, comma = 0x2c, quote = 0x22, backslash = 0x5c;
const opening = [0x5b, 0x7b], closing = [0x5d, 0x7d];
const [bracket] = opening, [endBracket] = closing;

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0d || byte === newline;
}

/** The lines that are not blank. */
function* linesOf(bytes: Uint8Array): Generator<BatchLine> {
  for (let from = 0, number = 1; from < bytes.length; number++) {
    const end = bytes.indexOf(newline, from);
    const to = end < 0 ? bytes.length : end;
    let first = from;
    while (first < to && isBlank(bytes[first])) first++;
    if (first < to) yield { number, from, to };
    from = to + 1;
  }
}

/**
 * The elements of an array, cut where a comma stands outside of all strings and brackets. Each may still be no JSON; that
 * is then a fault of its own.
 */
function* elementsOf(bytes: Uint8Array): Generator<BatchLine> {
  let at = 0;
  const skipBlank = () => {
    while (isBlank(bytes[at])) at++;
  };
  // A byte order mark.
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) at = 3;
  skipBlank();
  if (bytes[at] !== bracket) throw notAnArray("it does not begin with [");
  at++;
  skipBlank();
  for (let number = 1, isLast = bytes[at] === endBracket; !isLast; number++) {
    skipBlank();
    const from = at;
    at = endOfElement(bytes, at);
    if (at >= bytes.length) throw notAnArray("it does not end with ]");
    if (at === from) throw notAnArray(`there is nothing where its order ${number} should be`);
    yield { number, from, to: at };
    isLast = bytes[at] === endBracket;
    if (!isLast) at++;
  }
  at++;
  skipBlank();
  if (at < bytes.length) throw notAnArray("something follows its end");
}

/** Where an element ends: at a comma or the end of the array, or of the bytes. */
function endOfElement(bytes: Uint8Array, from: number): number {
  let depth = 0;
  let inText = false;
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (inText) {
      if (byte === backslash) at++;
      else if (byte === quote) inText = false;
    } else if (byte === quote) inText = true;
    else if (byte === opening[0] || byte === opening[1]) depth++;
    else if (depth > 0 && (byte === closing[0] || byte === closing[1])) depth--;
    else if (depth === 0 && (byte === comma || byte === endBracket)) return at;
  }
  return bytes.length;
}

function notAnArray(why: string): WorkflowError {
  return new WorkflowError("bad_request", `The body is not a JSON array: ${why}`);
}

const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * An order of a request as JSON says it.
 *
 * @throws {HTTPException} 413 for one that is too large
 * @throws {WorkflowError} `bad_request` for one that is no JSON in UTF-8
 */
export function readLine(bytes: Uint8Array, { from, to }: BatchLine): unknown {
  if (to - from > batchLimits.lineBytes) {
    throw new HTTPException(413, {
      message: `An order must have at most ${batchLimits.lineBytes} bytes`,
    });
  }
  let text: string;
  try {
    text = decoder.decode(bytes.subarray(from, to));
  } catch {
    throw new WorkflowError("bad_request", "The order is not UTF-8");
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new WorkflowError("bad_request", "The order is malformed JSON");
  }
}
