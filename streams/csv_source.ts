/**
 * Reads a CSV file, compressed or not, as records with the lines they begin on.
 *
 * @module
 */

import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { CsvParseStream } from "@std/csv/parse-stream";
import { type LineTracker, notCsv, trackLines } from "../domain/csv_lines.ts";
import type { CsvRow } from "../domain/csv_rows.ts";
import { messageOf } from "../domain/errors.ts";

/** Records that are handed out together. */
const rowsPerPage = 512;

/**
 * Reads records in pages; the first is the header. A byte order mark, CRLF and empty lines are taken care
 * of. Memory holds a page and a few pieces of the file.
 *
 * @param source the file; gzip is told by its first bytes
 * @param onBytes is told how many bytes of the source were read, piece by piece
 * @throws {WorkflowError} `invalid`, with the line, for what is not gzip, UTF-8 or CSV although it should be
 * @throws what the source throws
 */
export async function* readCsv(
  source: ReadableStream<Uint8Array>,
  onBytes: (bytes: number) => void = () => {},
): AsyncGenerator<CsvRow[]> {
  const lines = trackLines();
  const text = completeRecords(decodeUtf8(unzipped(counted(source, onBytes), lines)), lines);
  const records = ReadableStream.from(text).pipeThrough(new CsvParseStream()).getReader();
  let page: CsvRow[] = [];
  try {
    for (;;) {
      const { value, done } = await records.read();
      if (done) break;
      page.push({ line: lines.nextStart(), fields: value });
      if (page.length === rowsPerPage) {
        yield page;
        page = [];
      }
    }
  } catch (error) {
    if (error instanceof SyntaxError) throw notCsv(lines.nextStart(), messageOf(error));
    throw error;
  } finally {
    await records.cancel().catch(() => {});
  }
  if (page.length > 0) yield page;
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
  lines: LineTracker,
): AsyncGenerator<Uint8Array> {
  const start: Uint8Array[] = [];
  let length = 0;
  while (length < 2) {
    const { value, done } = await chunks.next();
    if (done) break;
    start.push(value);
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
  pipeline(Readable.from(all), gunzip, () => {});
  try {
    for await (const chunk of gunzip) yield chunk;
  } catch (error) {
    if (!/^Z_/.test((error as { code?: string }).code ?? "")) throw error;
    throw notCsv(lines.line, `the gzip data is damaged or cut off (${messageOf(error)})`);
  }
}

/** Text of bytes that must be UTF-8; a byte order mark at the beginning is dropped. */
async function* decodeUtf8(chunks: AsyncGenerator<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let line = 1;
  for await (const chunk of chunks) {
    let text: string;
    try {
      text = decoder.decode(chunk, { stream: true });
    } catch {
      const badLine = line + lineOfBadByte(chunk);
      const isUtf16 = line === 1 && (chunk[0] === 0xff || chunk[0] === 0xfe);
      throw notCsv(badLine, `is not UTF-8${isUtf16 ? "; it looks like UTF-16" : ""}`);
    }
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) line++;
    if (text !== "") yield text;
  }
  try {
    decoder.decode();
  } catch {
    throw notCsv(line, "is not UTF-8: the file ends within a character");
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

async function* completeRecords(
  pieces: AsyncGenerator<string>,
  lines: LineTracker,
): AsyncGenerator<string> {
  for await (const piece of pieces) {
    const text = lines.push(piece);
    if (text !== "") yield text;
  }
  const rest = lines.end();
  if (rest !== "") yield rest;
}
