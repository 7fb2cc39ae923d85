/**
 * Finds the lines that CSV records begin on, and wrong quotes, in text that comes in pieces.
 *
 * A CSV parser does not tell where a record came from, and a record with a line break in quotes takes
 * several lines; so the text goes through here on its way to the parser. Nothing that breaks the quoting
 * rules of RFC 4180 gets past.
 *
 * @module
 */

import { WorkflowError } from "./errors.ts";

/** Characters that a record may have: a quote that is never closed must not gather the file in memory. */
export const mostRecordCharacters = 1_048_576;

/** See {@linkcode trackLines}. */
export interface LineTracker {
  /**
   * Takes the next piece of text.
   *
   * @returns the text of all records that are complete now
   * @throws {WorkflowError} `invalid` with the line of a wrong quote or an endless record
   */
  push(text: string): string;
  /**
   * Ends the text.
   *
   * @returns the text of a last record without a line break
   * @throws {WorkflowError} `invalid` with the line of a quote that is never closed
   */
  end(): string;
  /** The line of the next record, in order; to be called once for every record that the parser gives. */
  nextStart(): number;
  /** The first line that is not complete yet. */
  readonly line: number;
}

/** An error that says what is wrong on a line of the file. */
export function notCsv(line: number, detail: string): WorkflowError {
  return new WorkflowError("invalid", `line ${line}: ${detail}`, [{ at: `line ${line}`, detail }]);
}

/** Starts at line 1. Empty lines count as lines but are no records. */
export function trackLines(): LineTracker {
  let rest = "";
  let line = 1;
  let starts: number[] = [];
  let taken = 0;

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
        const isBlank = newline === at || (newline === at + 1 && text[at] === "\r");
        if (!isBlank) starts.push(line);
        line++;
        at = newline + 1;
        continue;
      }
      const record = quotedRecord(text, at, quote, line, atEnd);
      if (record === undefined) return at;
      starts.push(line);
      line += record.lines;
      at = record.end;
    }
    return Math.min(at, text.length);
  };

  return {
    push(piece) {
      const text = rest + piece;
      const end = scan(text, false);
      rest = text.slice(end);
      if (rest.length > mostRecordCharacters) {
        throw notCsv(
          line,
          `the row that begins here is longer than ${mostRecordCharacters} characters; ` +
            "is a quote not closed?",
        );
      }
      return text.slice(0, end);
    },
    end() {
      const text = rest;
      rest = "";
      scan(text, true);
      return text;
    },
    nextStart() {
      const start = starts[taken++] ?? line;
      if (taken === starts.length) {
        starts = [];
        taken = 0;
      }
      return start;
    },
    get line() {
      return line;
    },
  };
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
