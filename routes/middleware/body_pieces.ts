/**
 * Reads bodies of requests, however small the chunks are that they come in.
 *
 * @module
 */

import { HTTPException } from "hono/http-exception";
import { answerEndsBody, readOut } from "../../runtime/serve.ts";
import { takeTurns } from "../../streams/timing/take_turns.ts";

/** What a body may be. */
export interface BodyLimits {
  bytes: number;
  /** Milliseconds that the sender may be waited for, for each piece or for all of them together. */
  ms: number;
  /** What `ms` is for. */
  each: "piece" | "body";
  /** What whoever sends more bytes can do, as a sentence goes on after a colon. */
  advice?: string;
  /**
   * All pieces are in the same memory, so that each is good until the next one is asked for: else those of a large body
   * pile up as garbage faster than it is taken away.
   */
  lends?: boolean;
}

/** Bytes that are gathered before they are handed on. */
const pieceBytes = 65_536;

/**
 * Chunks of any size that a body may have: a client that writes JSON or CSV token by token stays far below it with
 * all that a request may hold.
 */
const freeChunks = 16_384;

/** Least bytes of further chunks, on average: a row of a CSV has more, a segment of a slow connection hundreds. */
const minChunkBytes = 16;

/** Chunks after which it may be others' turn: what has come already is read without waiting. */
const chunksToLook = 64;

/**
 * Gives a body in pieces of {@linkcode pieceBytes}, the last one shorter. Each has memory of its own unless it is lent,
 * and no more than it needs: a chunk of one byte would keep a whole read buffer of 64 KiB.
 *
 * The body is not read further than whoever asks wants it. Only the time is counted in which the sender is waited
 * for, not that of whoever reads.
 *
 * @throws {HTTPException} 413 for a body that is too large or comes in too many chunks, 408 for one that does not
 * come in time (Deno then keeps the connection until its client or a proxy ends it, but nothing of ours waits for
 * it), 400 for one that ends too early or whose chunks are broken
 */
export async function* bodyPieces(
  body: ReadableStream<Uint8Array> | null,
  limits: BodyLimits,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  if (body === null) return;
  const chunks = chunksOf(body);
  const othersTurn = takeTurns();
  let size = 0, chunkCount = 0;
  let leftMs = limits.ms;
  let piece = new Uint8Array(pieceBytes);
  let filled = 0;
  try {
    for (let isDone = false; !isDone;) {
      const startedAt = performance.now();
      const late = expiry(leftMs, chunks.cancel);
      try {
        for (filled = 0; filled < pieceBytes;) {
          const bytes = await chunks.readInto(piece, filled);
          if (late.passed()) {
            throw new HTTPException(408, { message: "The body has not come in time" });
          }
          isDone = bytes === undefined;
          if (bytes === undefined) break;
          filled += bytes;
          size += bytes;
          check(size, ++chunkCount, limits);
          if (chunkCount % chunksToLook === 0) await othersTurn();
        }
      } finally {
        late.clear();
      }
      if (limits.each === "body") leftMs -= performance.now() - startedAt;
      if (filled === pieceBytes) {
        const whole = piece;
        if (limits.lends !== true) piece = new Uint8Array(pieceBytes);
        yield whole;
      } else if (filled > 0) {
        yield piece.slice(0, filled);
      }
    }
  } finally {
    const isReadOut = readOutInTurns(chunks);
    if (answerEndsBody) await isReadOut;
  }
}

/**
 * Reads what a sender has on its way when its body is refused, and throws it away in turns, before the body is cancelled:
 * Deno 2.9.6 throws what has come of a cancelled body away in one go, which takes the thread 0.37 s for 400 KB of chunks
 * of one byte. It also lets the sender read why it was refused. A body that has ended costs one look.
 */
function readOutInTurns(chunks: Chunks): Promise<void> {
  const othersTurn = takeTurns();
  const scrap = new Uint8Array(pieceBytes);
  let count = 0;
  return readOut(async () => {
    if (++count % chunksToLook === 0) await othersTurn();
    return await chunks.readInto(scrap, 0);
  }, chunks.cancel);
}

/** Says how many bytes a body may have, and what to do with a larger one. */
export function tooLargeText({ bytes, advice }: Pick<BodyLimits, "bytes" | "advice">): string {
  return `The body must have at most ${bytes} bytes${advice === undefined ? "" : `: ${advice}`}`;
}

function check(size: number, chunks: number, limits: BodyLimits): void {
  if (size > limits.bytes) throw new HTTPException(413, { message: tooLargeText(limits) });
  if (chunks > freeChunks && size < (chunks - freeChunks) * minChunkBytes) {
    throw new HTTPException(413, {
      message: `The body comes in more than ${freeChunks} chunks with less than ` +
        `${minChunkBytes} bytes to each further one`,
    });
  }
}

/** Calls `onLate` after some time. One timer for many chunks: one for each would cost more than reading it. */
function expiry(ms: number, onLate: () => void): { passed(): boolean; clear(): void } {
  let isPassed = false;
  const timer = setTimeout(() => {
    isPassed = true;
    onLate();
  }, Math.max(0, ms));
  timer.unref();
  return { passed: () => isPassed, clear: () => clearTimeout(timer) };
}

/** The chunks of a body, copied into pieces one after the other. */
interface Chunks {
  /**
   * Fills some of a piece, from a place in it.
   *
   * @returns how many bytes; undefined at the end of the body
   */
  readInto(piece: Uint8Array, at: number): Promise<number | undefined>;
  /** Ends the reading, also one that waits: it finds the end of the body then. */
  cancel(): void;
}

/**
 * Larger bodies come from the network as a stream of bytes, which can be read into memory that is there: without it,
 * every chunk would be given a buffer of 64 KiB, and wait as garbage with thousands of its kind. It is always offered
 * a whole buffer: Deno 2.9.6 never finds the end of a body that is read into a few bytes.
 */
function chunksOf(body: ReadableStream<Uint8Array>): Chunks {
  let next: () => Promise<Uint8Array | undefined>;
  let reader: ReadableStreamBYOBReader | ReadableStreamDefaultReader<Uint8Array>;
  try {
    const bytes = reader = body.getReader({ mode: "byob" });
    let room = new Uint8Array(pieceBytes);
    next = async () => {
      const { value, done } = await readable(bytes.read(room));
      if (done || value === undefined) return undefined;
      room = new Uint8Array(value.buffer);
      return value;
    };
  } catch {
    const plain = reader = body.getReader();
    next = async () => (await readable(plain.read())).value;
  }
  let rest = new Uint8Array();
  return {
    async readInto(piece, at) {
      if (rest.length === 0) {
        const chunk = await next();
        if (chunk === undefined) return undefined;
        rest = chunk as Uint8Array<ArrayBuffer>;
      }
      const some = rest.subarray(0, piece.length - at);
      piece.set(some, at);
      rest = rest.subarray(some.length);
      return some.length;
    },
    cancel: () => void reader.cancel().catch(() => {}),
  };
}

async function readable<T>(read: Promise<T>): Promise<T> {
  try {
    return await read;
  } catch (cause) {
    throw new HTTPException(400, { message: "The body can't be read to its end", cause });
  }
}
