/**
 * Finds the records of CSV text that comes in pieces, the lines that they begin on, and wrong quotes.
 *
 * Own code, because no library for CSV names the line of a record or of a fault, and because a file is read
 * twice, first only to be checked: nothing may be made of its fields then. Nothing that breaks the quoting
 * rules of RFC 4180 gets past, so that taking a record apart is simple: see `csv_fields.ts`.
 *
 * @module
 */

import { WorkflowError } from "./errors.ts";

/** Characters that a record may have: a quote that is never closed must not gather the file in memory. */
export const mostRecordCharacters = 1_048_576;

/**
 * Is told a record: it is `text` from `from` to `to`, without its line break, begins on `line`, and has
 * quotes or none.
 */
export type OnRecord = (
  text: string,
  from: number,
  to: number,
  line: number,
  quoted: boolean,
) => void;

/** See {@linkcode scanRecords}. */
export interface RecordScanner {
  /**
   * Takes the next piece of text.
   *
   * @throws {WorkflowError} `invalid` with the line of a wrong quote or an endless record
   */
  push(text: string): void;
  /**
   * Ends the text: a last record may have no line break.
   *
   * @throws {WorkflowError} `invalid` with the line of a quote that is never closed
   */
  end(): void;
  /** The line that the text has come to, from 1. */
  line(): number;
}

/** An error that says what is wrong on a line of the file. */
export function notCsv(line: number, detail: string): WorkflowError {
  return new WorkflowError("invalid", `line ${line}: ${detail}`, [{ at: `line ${line}`, detail }]);
}

/**
 * Starts at line 1. Empty lines count as lines but are no records. Lines end in LF or CRLF.
 *
 * @param onRecord is told every record as soon as it is complete; what it throws is passed on
 */
export function scanRecords(onRecord: OnRecord): RecordScanner {
  let rest = "";
  let line = 1;

  /** Goes over all complete records; returns where the next one begins. */
  const scan = (text: string, atEnd: boolean): number => {
    let at = 0;
    let quote = text.indexOf('"');
    while (at < text.length) {
      if (quote >= 0 && quote < at) quote = text.indexOf('"', at);
      let newline = text.indexOf("\n", at);
      if (quote < 0 || (newline >= 0 && newline < quote)) {
        if (newline < 0) {
          if (!atEnd) return at;
          newline = text.length;
        }
        const to = withoutReturn(text, at, newline);
        if (to - at > mostRecordCharacters) throw tooLong(line);
        if (to > at) onRecord(text, at, to, line, false);
        line++;
        at = newline + 1;
        continue;
      }
      const record = quotedRecord(text, at, quote, line, atEnd);
      if (record === undefined) return at;
      const { end } = record;
      const breakAt = text.charCodeAt(end - 1) === lineFeed ? end - 1 : end;
      const to = withoutReturn(text, at, breakAt);
      if (to - at > mostRecordCharacters) throw tooLong(line);
      onRecord(text, at, to, line, true);
      line += record.lines;
      at = end;
    }
    return Math.min(at, text.length);
  };

  return {
    push(piece) {
      const text = rest + piece;
      const end = scan(text, false);
      rest = text.slice(end);
      // With room for a line break: what is refused must not depend on where the pieces end.
      if (rest.length > mostRecordCharacters + 2) throw tooLong(line);
    },
    end() {
      const text = rest;
      rest = "";
      scan(text, true);
    },
    line: () => line + lineBreaks(rest, 0, rest.length),
  };
}

function tooLong(line: number): WorkflowError {
  return notCsv(
    line,
    `the row that begins here is longer than ${mostRecordCharacters} characters; ` +
      "is a quote not closed?",
  );
}

const lineFeed = 10;
const carriageReturn = 13;

function withoutReturn(text: string, from: number, to: number): number {
  return to > from && text.charCodeAt(to - 1) === carriageReturn ? to - 1 : to;
}

/**
 * Goes over one record that has quotes.
 *
 * @param at where it begins, on `line`
 * @param quote its first quote
 * @returns where the next record begins and how many lines this one took; undefined if more text is needed
 */
function quotedRecord(
  text: string,
  at: number,
  quote: number,
  line: number,
  atEnd: boolean,
): { end: number; lines: number } | undefined {
  let lines = 0;
  for (let open = quote;;) {
    if (open > at && text[open - 1] !== ",") {
      throw notCsv(line + lines, 'a quote (") inside a field that does not begin with one');
    }
    const close = closingQuote(text, open);
    if (close < 0) {
      if (atEnd) throw notCsv(line + lines, 'a quote (") is never closed');
      return undefined;
    }
    const after = text[close + 1];
    const isCrLf = after === "\r" && text[close + 2] === "\n";
    // A quote at the edge may be the first half of a doubled one, a CR there of a line break.
    const needed = after === "\r" ? close + 2 : close + 1;
    if (needed >= text.length && !atEnd) return undefined;
    lines += lineBreaks(text, open, close);
    if (needed >= text.length) return { end: text.length, lines: lines + 1 };
    if (after === "\n") return { end: close + 2, lines: lines + 1 };
    if (isCrLf) return { end: close + 3, lines: lines + 1 };
    if (after !== ",") {
      throw notCsv(line + lines, 'text between a closing quote (") and the next comma');
    }
    const newline = text.indexOf("\n", close + 2);
    open = text.indexOf('"', close + 2);
    if (open < 0 || (newline >= 0 && newline < open)) {
      if (newline >= 0) return { end: newline + 1, lines: lines + 1 };
      return atEnd ? { end: text.length, lines: lines + 1 } : undefined;
    }
  }
}

/** The quote that closes the one at `open`, doubled ones passed over; -1 if there is none. */
function closingQuote(text: string, open: number): number {
  let at = text.indexOf('"', open + 1);
  while (at >= 0 && text[at + 1] === '"') at = text.indexOf('"', at + 2);
  return at;
}

function lineBreaks(text: string, from: number, to: number): number {
  let count = 0;
  for (let at = text.indexOf("\n", from); at >= 0 && at < to; at = text.indexOf("\n", at + 1)) {
    count++;
  }
  return count;
}
