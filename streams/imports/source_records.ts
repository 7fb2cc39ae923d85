/**
 * Takes text apart into records by csv-parse, and goes on behind one with a wrong quote: the line that it begins on
 * is lost, and nothing else.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { CsvError, parse } from "csv-parse/sync";
import { maxRecordCharacters, notCsv } from "../../domain/import/csv_records.ts";
import { fieldsOfBadLine } from "../../domain/import/source/layout.ts";
import type { SourceRecord } from "../../domain/import/source_row.ts";
import { takeTurns } from "../timing/take_turns.ts";

/** How records are read. */
export interface RecordForm {
  delimiter: string;
  /** Lines to leave out at the beginning. */
  skipLines: number;
  /** Is asked for a bad line how many fields it should have. */
  width: () => number;
}

/** Bytes that are taken apart at once: with few records in hand, most are gone before the garbage collector comes. */
const blockBytes = 65_536;

/**
 * @param pieces UTF-8 whose line breaks are LF alone
 * @returns records, block by block; lines without any character are none
 * @throws {WorkflowError} `invalid`, with the line, for one that never ends
 */
export async function* readRecords(
  pieces: AsyncIterable<Buffer>,
  form: RecordForm,
): AsyncGenerator<SourceRecord[]> {
  const reader = recordReader(form);
  let waiting: Buffer[] = [];
  let length = 0;
  for await (const piece of pieces) {
    waiting.push(piece);
    length += piece.length;
    if (length < blockBytes) continue;
    yield* turnByTurn(reader.take(Buffer.concat(waiting), false));
    waiting = [];
    length = 0;
  }
  yield* turnByTurn(reader.take(Buffer.concat(waiting), true));
}

/** A line with a wrong quote takes a tenth of a millisecond, and a block may hold nothing else. */
async function* turnByTurn(steps: Generator<SourceRecord[]>): AsyncGenerator<SourceRecord[]> {
  const othersTurn = takeTurns();
  let records: SourceRecord[] = [];
  for (const some of steps) {
    if (records.length === 0) records = some;
    else for (const record of some) records.push(record);
    const turn = othersTurn();
    if (turn === undefined) continue;
    await turn;
    if (records.length > 0) yield records;
    records = [];
  }
  if (records.length > 0) yield records;
}

/** Takes block after block. */
function recordReader(form: RecordForm) {
  let rest: Buffer = Buffer.alloc(0);
  let line = 1;
  let toSkip = form.skipLines;

  const skip = (): void => {
    while (toSkip > 0) {
      const end = rest.indexOf(lineFeed);
      if (end < 0) return;
      rest = rest.subarray(end + 1);
      line++;
      toSkip--;
    }
  };

  /** Takes what is complete; returns whether there may be more once a bad line is passed over. */
  const takeSome = (records: SourceRecord[], isLast: boolean): boolean => {
    const end = isLast ? rest.length : rest.lastIndexOf(lineFeed) + 1;
    const block = rest.subarray(0, end);
    const { found, error } = parseBlock(block, form.delimiter);
    let at = 0;
    for (const { fields, end } of found) {
      const start = behindLineBreaks(block, at);
      line += start - at;
      records.push(recordOf(block, start, end, fields, line));
      line += lineBreaks(block, start, end);
      at = end;
    }
    const start = behindLineBreaks(block, at);
    line += start - at;
    rest = rest.subarray(start);
    if (error === undefined || rest.length === 0) return false;
    const isOpen = error.code === "CSV_QUOTE_NOT_CLOSED";
    if (isOpen && !isLast && rest.length <= maxRecordCharacters) return false;
    const lineEnd = rest.indexOf(lineFeed);
    const text = rest.toString("utf8", 0, lineEnd < 0 ? rest.length : lineEnd);
    records.push(recordOfBadLine(text, line, error.code, form));
    line++;
    rest = rest.subarray(lineEnd < 0 ? rest.length : lineEnd + 1);
    return rest.length > 0;
  };

  return {
    *take(bytes: Buffer, isLast: boolean): Generator<SourceRecord[]> {
      rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
      skip();
      if (toSkip > 0) return;
      for (let goesOn = true; goesOn;) {
        const records: SourceRecord[] = [];
        goesOn = takeSome(records, isLast);
        yield records;
      }
      if (rest.length > maxRecordCharacters && rest.indexOf(lineFeed) < 0) {
        throw notCsv(line, `the row that begins here is longer than ${maxRecordCharacters} bytes`);
      }
    },
  };
}

/** Fields between tabs are mostly not quoted at all: where none begins with a quote, quotes are text. */
function recordOfBadLine(
  text: string,
  line: number,
  code: string,
  { delimiter, width }: RecordForm,
): SourceRecord {
  const plain = text.split(delimiter);
  if (delimiter === "\t" && (plain.length === width() || width() === 0)) {
    if (!plain.some((field) => field.startsWith('"'))) return { line, fields: plain };
  }
  const problem = problems[code] ?? problems.CSV_INVALID_CLOSING_QUOTE!;
  return { line, fields: fieldsOfBadLine(text, delimiter, width()), text, problem };
}

const problems: Readonly<Record<string, string>> = {
  INVALID_OPENING_QUOTE:
    'a quotation mark (") inside a field: write it twice and the field in quotation marks',
  CSV_INVALID_CLOSING_QUOTE:
    'a quotation mark (") inside a field, or one that is missing: write it twice where it belongs to the text',
  CSV_QUOTE_NOT_CLOSED: 'a quotation mark (") that is never closed: remove it, or write it twice',
  CSV_MAX_RECORD_SIZE: 'a quotation mark (") that is not closed: remove it, or write it twice',
};

/** All records of a block up to the first that is wrong or not complete. */
function parseBlock(
  block: Buffer,
  delimiter: string,
): { found: { fields: string[]; end: number }[]; error?: CsvError } {
  const found: { fields: string[]; end: number }[] = [];
  try {
    parse(block, {
      delimiter,
      record_delimiter: "\n",
      relax_column_count: true,
      skip_empty_lines: true,
      max_record_size: maxRecordCharacters,
      on_record(fields: string[], { bytes }: { bytes: number }) {
        found.push({ fields, end: bytes });
        return null;
      },
    });
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    return { found, error };
  }
  return { found };
}

function recordOf(
  block: Buffer,
  start: number,
  end: number,
  fields: string[],
  line: number,
): SourceRecord {
  const lineEnd = block.indexOf(lineFeed, start);
  if (lineEnd < 0 || lineEnd >= end - 1) return { line, fields };
  const last = block[end - 1] === lineFeed ? end - 1 : end;
  return { line, fields, text: block.toString("utf8", start, last) };
}

const lineFeed = 10;

function behindLineBreaks(block: Buffer, from: number): number {
  let at = from;
  while (block[at] === lineFeed) at++;
  return at;
}

function lineBreaks(block: Buffer, from: number, to: number): number {
  let count = 0;
  for (let at = block.indexOf(lineFeed, from); at >= 0 && at < to;) {
    count++;
    at = block.indexOf(lineFeed, at + 1);
  }
  return count;
}
