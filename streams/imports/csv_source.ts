/**
 * Reads a file, compressed or not, as text.
 *
 * @module
 */

import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { notCsv } from "../../domain/import/csv_records.ts";
import { messageOf } from "../../domain/errors.ts";
import { utf8Text } from "./utf8_text.ts";

/** Bytes that are worked on at once, so that whoever hands in a file as one piece holds up nobody. */
const maxPieceBytes = 65_536;

/** Packed bytes that are unpacked at once: to four megabytes at the most. */
const packedBytes = 4_096;

/** Smaller chunks are put together first: what is done for each piece costs more than reading it. */
const minPieceBytes = 8_192;

/** A piece of a file. */
export interface TextPiece {
  /** Not compressed; part of a character may be at its edges. */
  bytes: Uint8Array;
  /** What they say, complete characters only. */
  text: string;
}

/**
 * Reads a file as text, piece by piece. A byte order mark is left out.
 *
 * @param source the file; gzip is told by its first bytes
 * @param line the line that the text has come to, for messages; all pieces before count
 * @param onBytes is told how many bytes of the source were read, piece by piece
 * @throws {WorkflowError} `invalid`, with the line, for what is not gzip or UTF-8 although it should be
 * @throws what the source throws
 */
export async function* readText(
  source: ReadableStream<Uint8Array>,
  line: () => number,
  onBytes: (bytes: number) => void,
): AsyncGenerator<TextPiece> {
  const decoder = utf8Decoder(line);
  for await (const bytes of readBytes(source, line, onBytes)) {
    yield { bytes, text: decoder.decode(bytes) };
  }
  decoder.end();
}

/**
 * Reads the bytes of a file, unpacked where it is gzip, in pieces that are good until the next one is asked for.
 *
 * @param source the file; gzip is told by its first bytes. Of its chunks, too, each is looked at only until the next one
 * @param line the line that the text has come to, for messages
 * @param onBytes is told how many bytes of the source were read, piece by piece
 * @throws {WorkflowError} `invalid`, with the line, for damaged gzip
 * @throws what the source throws
 */
export async function* readBytes(
  source: ReadableStream<Uint8Array>,
  line: () => number,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of gathered(unzipped(counted(source, onBytes), line))) {
    for (let at = 0; at < chunk.length; at += maxPieceBytes) {
      yield chunk.subarray(at, at + maxPieceBytes);
    }
  }
}

/** Bytes that say text in UTF-8, and nothing else. */
export interface Utf8Decoder {
  /**
   * Complete characters only; a byte order mark is left out.
   *
   * @throws {WorkflowError} `invalid`, with the line of the first byte that is wrong
   */
  decode(bytes: Uint8Array): string;
  /** @throws {WorkflowError} `invalid` where the last character is not complete */
  end(): void;
}

/** @param line the line that the text has come to, for messages */
export function utf8Decoder(line: () => number): Utf8Decoder {
  const text = utf8Text({ fatal: true });
  let isStart = true;
  return {
    decode(bytes) {
      try {
        const decoded = text.decode(bytes);
        if (!isStart || decoded === "") return decoded;
        isStart = false;
        return decoded.startsWith("\ufeff") ? decoded.slice(1) : decoded;
      } catch {
        const badLine = line() + lineOfBadByte(bytes);
        const isUtf16 = badLine === 1 && (bytes[0] === 0xff || bytes[0] === 0xfe);
        throw notCsv(badLine, `is not UTF-8${isUtf16 ? "; it looks like UTF-16" : ""}`);
      }
    },
    end() {
      try {
        text.end();
      } catch {
        throw notCsv(line(), "is not UTF-8: the file ends within a character");
      }
    },
  };
}

/** The same bytes without very small chunks, which would cost more than they hold. */
async function* gathered(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let room: Uint8Array<ArrayBuffer> | undefined;
  let filled = 0;
  for await (const chunk of chunks) {
    if (filled === 0 && chunk.length >= minPieceBytes) {
      yield chunk;
      continue;
    }
    for (let at = 0; at < chunk.length;) {
      room ??= new Uint8Array(maxPieceBytes);
      const some = chunk.subarray(at, at + maxPieceBytes - filled);
      room.set(some, filled);
      at += some.length;
      filled += some.length;
      if (filled < maxPieceBytes) continue;
      yield room;
      filled = 0;
    }
  }
  if (filled > 0) yield room!.slice(0, filled);
}

async function* counted(source: ReadableStream<Uint8Array>, onBytes: (bytes: number) => void) {
  for await (const chunk of source) {
    onBytes(chunk.length);
    yield chunk;
  }
}

/** Gzip has a beginning that no text has. Several compressed parts one after the other are one file. */
async function* unzipped(
  chunks: AsyncGenerator<Uint8Array>,
  line: () => number,
): AsyncGenerator<Uint8Array> {
  const start: Uint8Array[] = [];
  let length = 0;
  while (length < 2) {
    const { value, done } = await chunks.next();
    if (done) break;
    // The next one may come in the same memory.
    start.push(new Uint8Array(value));
    length += value.length;
  }
  const [first, second] = start.flatMap((chunk) => [...chunk.subarray(0, 2)]);
  const all = (async function* () {
    try {
      yield* start;
      yield* chunks;
    } finally {
      await chunks.return(undefined);
    }
  })();
  if (first !== 0x1f || second !== 0x8b) {
    yield* all;
    return;
  }
  const gunzip = createGunzip();
  pipeline(Readable.from(inSlices(all)), gunzip, () => {});
  try {
    for await (const chunk of gunzip) yield chunk;
  } catch (error) {
    if (!/^Z_/.test((error as { code?: string }).code ?? "")) throw error;
    throw notCsv(line(), `the gzip data is damaged or cut off (${messageOf(error)})`);
  }
}

/**
 * What is handed in at once is unpacked at once, to a thousand times as much where somebody means harm. Of own memory: it
 * is read ahead, and the chunk may be changed then.
 */
async function* inSlices(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += packedBytes) {
      yield new Uint8Array(chunk.subarray(at, at + packedBytes));
    }
  }
}

/** Line breaks in front of the first byte that is wrong. */
function lineOfBadByte(chunk: Uint8Array): number {
  // The chunk may begin with the rest of a character; what is wrong with that is on its first line.
  let from = 0;
  while (from < 3 && (chunk[from]! & 0xc0) === 0x80) from++;
  for (let line = 0;; line++) {
    const newline = chunk.indexOf(10, from);
    const end = newline < 0 ? chunk.length : newline + 1;
    try {
      new TextDecoder("utf-8", { fatal: true })
        .decode(chunk.subarray(from, end), { stream: newline < 0 });
    } catch {
      return line;
    }
    if (newline < 0) return 0;
    from = end;
  }
}
