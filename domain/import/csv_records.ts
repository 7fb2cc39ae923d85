/**
 * Finds the records of CSV text that comes in pieces, the lines that they begin on, and wrong quotes.
 *
 * Own code, although csv-parse names the lines of records as well (`info: true`): it takes 5.1 µs a row, where to
 * check one takes 0.18 µs here and to take it apart as well 0.23 (`tools/bench/order_csv_bench.ts`). Every file is
 * read twice, so a million rows would take ten seconds longer, about as long again as it takes to import them. Nothing
 * that breaks the quoting rules of RFC 4180 gets past, so that taking a record apart is simple: see `csv_fields.ts`.
 *
 * @module
 */

import { WorkflowError } from "../errors.ts";

/** Characters that a record may have: a quote that is never closed must not gather the file in memory. */
export const maxRecordCharacters = 262_144;

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
 * The time that it takes grows with the text and not with the number of pieces: of a record that is not complete is
 * kept how far it has come, and no character of it is looked at again.
 *
 * @param onRecord is told every record as soon as it is complete; what it throws is passed on
 */
export function scanRecords(onRecord: OnRecord): RecordScanner {
  let rest = "";
  let progress = beginning();
  let line = 1;

  /** Goes over all complete records; returns where the next one begins. */
  const scan = (text: string, from: number): number => {
    let at = from;
    let quote = text.indexOf('"', at);
    while (at < text.length) {
      if (quote >= 0 && quote < at) quote = text.indexOf('"', at);
      const newline = text.indexOf("\n", at);
      if (newline >= 0 && (quote < 0 || newline < quote)) {
        tell(onRecord, line, text, at, newline + 1, false);
        line++;
        at = newline + 1;
        continue;
      }
      const record = quote < 0 ? undefined : quotedRecord(text, at, quote, line);
      if (record === undefined) return at;
      tell(onRecord, line, text, at, record.end, true);
      line += record.lines;
      at = record.end;
    }
    return at;
  };

  const tellRest = (): void => {
    tell(onRecord, line, rest, 0, rest.length, progress.quoted);
    line += progress.lines + 1;
    rest = "";
    progress = beginning();
  };

  /** Takes what belongs to the record that the text before has left; returns where the next one begins. */
  const complete = (text: string): number => {
    const end = advance(progress, text, 0, line);
    rest += end < 0 ? text : text.slice(0, end);
    if (end < 0) return text.length;
    tellRest();
    return end;
  };

  return {
    push(text) {
      const from = rest === "" ? 0 : complete(text);
      if (rest === "") {
        const end = scan(text, from);
        advance(progress, text, end, line);
        rest = text.slice(end);
      }
      // With room for a line break: what is refused must not depend on where the pieces end.
      if (rest.length > maxRecordCharacters + 2) throw tooLong(line);
    },
    end() {
      if (rest === "") return;
      if (progress.place === "quoted") {
        throw notCsv(line + progress.lines, 'a quote (") is never closed');
      }
      tellRest();
    },
    line: () => line + progress.lines + progress.linesInQuotes,
  };
}

/** Hands on a record that ends with a line break, or with the text; an empty line is none. */
function tell(
  onRecord: OnRecord,
  line: number,
  text: string,
  from: number,
  end: number,
  quoted: boolean,
): void {
  const breakAt = end > from && text.charCodeAt(end - 1) === lineFeed ? end - 1 : end;
  const to = withoutReturn(text, from, breakAt);
  if (to - from > maxRecordCharacters) throw tooLong(line);
  if (to > from) onRecord(text, from, to, line, quoted);
}

/** How far a record has come that is not complete. */
interface Progress {
  /**
   * Where the next character stands: at the beginning of a field, in one without quotes, in one with quotes, behind
   * a quote there that is doubled or closes, or behind the CR after it.
   */
  place: "start" | "plain" | "quoted" | "quote" | "return";
  /** Whether it has any quotes. */
  quoted: boolean;
  /** Line breaks in fields that are closed. */
  lines: number;
  /** Line breaks in the one that is not. */
  linesInQuotes: number;
}

function beginning(): Progress {
  return { place: "start", quoted: false, lines: 0, linesInQuotes: 0 };
}

/**
 * Goes on with a record, character by character.
 *
 * @param line that the record begins on
 * @returns where the record ends, behind its line break; -1 if it does not
 * @throws {WorkflowError} `invalid` with the line of a wrong quote
 */
function advance(progress: Progress, text: string, from: number, line: number): number {
  for (let at = from; at < text.length; at++) {
    const character = text.charCodeAt(at);
    switch (progress.place) {
      case "start":
      case "plain":
        if (character === lineFeed) return at + 1;
        if (character === doubleQuote) {
          if (progress.place === "plain") throw notCsv(line + progress.lines, strayQuote);
          progress.place = "quoted";
          progress.quoted = true;
        } else progress.place = character === comma ? "start" : "plain";
        break;
      case "quoted":
        if (character === lineFeed) progress.linesInQuotes++;
        else if (character === doubleQuote) progress.place = "quote";
        break;
      case "quote":
        if (character === doubleQuote) {
          progress.place = "quoted";
          break;
        }
        progress.lines += progress.linesInQuotes;
        progress.linesInQuotes = 0;
        if (character === lineFeed) return at + 1;
        if (character !== comma && character !== carriageReturn) {
          throw notCsv(line + progress.lines, textBehindQuote);
        }
        progress.place = character === comma ? "start" : "return";
        break;
      case "return":
        if (character === lineFeed) return at + 1;
        throw notCsv(line + progress.lines, textBehindQuote);
    }
  }
  return -1;
}

const strayQuote = 'a quote (") inside a field that does not begin with one';
const textBehindQuote = 'text between a closing quote (") and the next comma';

function tooLong(line: number): WorkflowError {
  return notCsv(
    line,
    `the row that begins here is longer than ${maxRecordCharacters} characters; ` +
      "is a quote not closed?",
  );
}

const lineFeed = 10;
const carriageReturn = 13;
const doubleQuote = 34;
const comma = 44;

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
): { end: number; lines: number } | undefined {
  let lines = 0;
  for (let open = quote;;) {
    if (open > at && text.charCodeAt(open - 1) !== comma) throw notCsv(line + lines, strayQuote);
    const close = closingQuote(text, open);
    // A quote at the edge may be the first half of a doubled one, a CR there of a line break.
    if (close < 0 || close + 1 >= text.length) return undefined;
    const after = text.charCodeAt(close + 1);
    if (after === carriageReturn && close + 2 >= text.length) return undefined;
    lines += lineBreaks(text, open, close);
    if (after === lineFeed) return { end: close + 2, lines: lines + 1 };
    if (after === carriageReturn && text.charCodeAt(close + 2) === lineFeed) {
      return { end: close + 3, lines: lines + 1 };
    }
    if (after !== comma) throw notCsv(line + lines, textBehindQuote);
    const newline = text.indexOf("\n", close + 2);
    open = text.indexOf('"', close + 2);
    if (newline >= 0 && (open < 0 || newline < open)) return { end: newline + 1, lines: lines + 1 };
    if (open < 0) return undefined;
  }
}

/** The quote that closes the one at `open`, doubled ones passed over; -1 if there is none. */
function closingQuote(text: string, open: number): number {
  let at = text.indexOf('"', open + 1);
  while (at >= 0 && text.charCodeAt(at + 1) === doubleQuote) at = text.indexOf('"', at + 2);
  return at;
}

function lineBreaks(text: string, from: number, to: number): number {
  let count = 0;
  for (let at = text.indexOf("\n", from); at >= 0 && at < to; at = text.indexOf("\n", at + 1)) {
    count++;
  }
  return count;
}
