/**
 * Takes text apart into records by csv-parse, and goes on behind one with a wrong quote: the line that it begins on
 * is lost, and nothing else. Lines without a quotation mark, as most are, need no library to be taken apart.
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

/** Characters that are taken apart at once: with few records in hand, most are gone before the garbage collector comes. */
const blockCharacters = 65_536;

/**
 * @param pieces text whose line breaks are LF alone
 * @returns records, block by block; lines without any character are none
 * @throws {WorkflowError} `invalid`, with the line, for one that never ends
 */
export async function* readRecords(
  pieces: AsyncIterable<string>,
  form: RecordForm,
): AsyncGenerator<SourceRecord[]> {
  const reader = recordReader(form);
  let waiting: string[] = [];
  let length = 0;
  for await (const piece of pieces) {
    waiting.push(piece);
    length += piece.length;
    if (length < blockCharacters) continue;
    yield* turnByTurn(reader.take(waiting.join(""), false));
    waiting = [];
    length = 0;
  }
  yield* turnByTurn(reader.take(waiting.join(""), true));
}

/** Records that are given at once: of lines of a character each a block holds 32,000, and whoever takes them works on. */
const recordsAtOnce = 1_024;

/** A line with a wrong quote takes a tenth of a millisecond, and a block may hold nothing else. */
async function* turnByTurn(steps: Generator<SourceRecord[]>): AsyncGenerator<SourceRecord[]> {
  const othersTurn = takeTurns();
  let records: SourceRecord[] = [];
  for (const some of steps) {
    if (records.length === 0) records = some;
    else for (const record of some) records.push(record);
    const turn = othersTurn();
    if (turn === undefined && records.length < recordsAtOnce) continue;
    if (turn !== undefined) await turn;
    yield* someOf(records);
    records = [];
  }
  yield* someOf(records);
}

function* someOf(records: SourceRecord[]): Generator<SourceRecord[]> {
  if (records.length <= recordsAtOnce) {
    if (records.length > 0) yield records;
    return;
  }
  for (let at = 0; at < records.length; at += recordsAtOnce) {
    yield records.slice(at, at + recordsAtOnce);
  }
}

/** Takes block after block. */
function recordReader(form: RecordForm) {
  let rest = "";
  let line = 1;
  let toSkip = form.skipLines;

  const skip = (): void => {
    let from = 0;
    while (toSkip > 0) {
      const end = rest.indexOf("\n", from);
      if (end < 0) break;
      from = end + 1;
      line++;
      toSkip--;
    }
    if (from > 0) rest = rest.slice(from);
  };

  return {
    *take(text: string, isLast: boolean): Generator<SourceRecord[]> {
      rest = rest === "" ? text : rest + text;
      skip();
      if (toSkip > 0) return;
      const sound = soundRecords(rest, line, form.delimiter, isLast);
      if (sound !== undefined) {
        line = sound.line;
        rest = rest.slice(sound.end);
        yield sound.records;
      } else {
        const block = { bytes: Buffer.from(rest), line, atOnce: bytesAtOnce };
        for (let goesOn = true; goesOn;) {
          const records: SourceRecord[] = [];
          goesOn = takeSome(block, records, form, isLast);
          yield records;
        }
        rest = block.bytes.toString();
        line = block.line;
      }
      if (rest.length > maxRecordCharacters && !rest.includes("\n")) {
        throw notCsv(
          line,
          `the row that begins here is longer than ${maxRecordCharacters} characters`,
        );
      }
    },
  };
}

/** Records in which nothing is wrong, and where the rest of their text begins. */
interface SoundRecords {
  records: SourceRecord[];
  /** Characters of them. */
  end: number;
  /** Of the file, that the rest begins on. */
  line: number;
}

/** Records of which each has that many bytes at the most, however its characters are written: the library counts them. */
const surelyShort = Math.floor(maxRecordCharacters / 3);

/**
 * Takes apart text in which nothing is wrong. A line without a quotation mark is its fields; the others are given to the
 * library, all at once. A record has as many quotation marks that open as that close, or else the library finds it wrong:
 * that is how its end is known before.
 *
 * @returns undefined where something may be wrong
 */
function soundRecords(
  text: string,
  firstLine: number,
  delimiter: string,
  isLast: boolean,
): SoundRecords | undefined {
  const records: SourceRecord[] = [];
  const quoted: SourceRecord[] = [];
  const texts: string[] = [];
  let line = firstLine, at = 0;
  let quote = placeOf(text, '"', 0);
  while (at < text.length) {
    let end = placeOf(text, "\n", at), lines = 1;
    const isQuoted = quote < end;
    for (let isOpen = false; quote < end || isOpen;) {
      if (quote < end) {
        isOpen = !isOpen;
        quote = placeOf(text, '"', quote + 1);
      } else if (end === text.length) return isLast ? undefined : rest();
      else {
        end = placeOf(text, "\n", end + 1);
        lines++;
      }
    }
    if (end === text.length && !isLast) break;
    if (end - at > surelyShort) return undefined;
    const own = text.slice(at, end);
    if (isQuoted) {
      const record = new ReadRecord(line, []);
      if (lines > 1) record.text = own;
      records.push(record);
      quoted.push(record);
      texts.push(own);
    } else if (own !== "") records.push(plainRecord(line, own, delimiter));
    line += lines;
    at = end + 1;
  }
  return rest();

  function rest(): SoundRecords | undefined {
    if (text.length - at > surelyShort) return undefined;
    const isSound = quoted.length === 0 || fillQuoted(quoted, texts, delimiter);
    return isSound ? { records, end: Math.min(at, text.length), line } : undefined;
  }
}

/**
 * A record. Of a class of its own, because V8 takes an object that is written down as such for one that lasts, once some
 * were met that outlived a few others: each of the millions that follow then lies among what lasts, and holds its fields
 * there, until all of that is looked through.
 */
class ReadRecord implements SourceRecord {
  readonly line: number;
  fields: string[];
  declare plain?: string;
  declare text?: string;

  constructor(line: number, fields: string[]) {
    this.line = line;
    this.fields = fields;
  }
}

/** A line without a quotation mark. */
function plainRecord(line: number, text: string, delimiter: string): ReadRecord {
  const record = new ReadRecord(line, text.split(delimiter));
  record.plain = text;
  return record;
}

/** Where a character stands next; behind the text where it does not. */
function placeOf(text: string, character: string, from: number): number {
  const at = text.indexOf(character, from);
  return at < 0 ? text.length : at;
}

/** Gives records their fields; returns whether all is right with their texts. */
function fillQuoted(
  records: readonly SourceRecord[],
  texts: readonly string[],
  delimiter: string,
): boolean {
  const { found, error } = parseBlock(Buffer.from(texts.join("\n") + "\n"), delimiter);
  if (error !== undefined || found.length !== records.length) return false;
  for (let at = 0; at < records.length; at++) records[at]!.fields = found[at]!.fields;
  return true;
}

/** Bytes that the library is given at once, where no record is longer: 8,000 of lines of a character each. */
const bytesAtOnce = 16_384;

/** What is left of text in which something is wrong. */
interface WrongBlock {
  bytes: Buffer;
  /** Of the file, that they begin on. */
  line: number;
  /** Bytes to take at once. */
  atOnce: number;
}

/** Takes what is complete of the next bytes; returns whether there may be more. */
function takeSome(
  of: WrongBlock,
  records: SourceRecord[],
  form: RecordForm,
  isLast: boolean,
): boolean {
  const whole = isLast ? of.bytes.length : of.bytes.lastIndexOf(lineFeed) + 1;
  const end = of.atOnce < whole ? of.bytes.lastIndexOf(lineFeed, of.atOnce - 1) + 1 : whole;
  const isPart = end < whole;
  const block = of.bytes.subarray(0, end);
  const { found, error } = parseBlock(block, form.delimiter);
  let at = 0;
  for (const { fields, end } of found) {
    const start = behindLineBreaks(block, at);
    of.line += start - at;
    records.push(recordOf(block, start, end, fields, of.line));
    of.line += lineBreaks(block, start, end);
    at = end;
  }
  const start = behindLineBreaks(block, at);
  of.line += start - at;
  of.bytes = of.bytes.subarray(start);
  const isOpen = error?.code === "CSV_QUOTE_NOT_CLOSED";
  // The record that begins here may be longer: twice as much costs no more than what was taken in vain.
  of.atOnce = isPart && start === 0 && (end === 0 || isOpen) ? 2 * of.atOnce : bytesAtOnce;
  if (of.bytes.length === 0) return false;
  if (error === undefined || isPart && isOpen) return isPart;
  if (isOpen && !isLast && of.bytes.length <= maxRecordCharacters) return false;
  const lineEnd = of.bytes.indexOf(lineFeed);
  const text = of.bytes.toString("utf8", 0, lineEnd < 0 ? of.bytes.length : lineEnd);
  records.push(recordOfBadLine(text, of.line, error.code, form));
  of.line++;
  of.bytes = of.bytes.subarray(lineEnd < 0 ? of.bytes.length : lineEnd + 1);
  return of.bytes.length > 0;
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
  const record = new ReadRecord(line, fields);
  if (lineEnd < 0 || lineEnd >= end - 1) return record;
  const last = block[end - 1] === lineFeed ? end - 1 : end;
  record.text = block.toString("utf8", start, last);
  return record;
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
