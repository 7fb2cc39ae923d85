/**
 * `CsvParseStream` with the interface of `@std/csv/parse-stream`, over csv-parse.
 *
 * @module
 */

import { type CsvError, type Options, Parser } from "csv-parse";

/** Options of {@linkcode CsvParseStream}. */
export interface CsvParseStreamOptions {
  /** Stands between fields; a comma by default. */
  separator?: string;
  /** Lines that begin with it are skipped. */
  comment?: string;
  /** Drop white space in front of a field. */
  trimLeadingSpace?: boolean;
  /** Take a quote where none belongs for a character. */
  lazyQuotes?: boolean;
  /**
   * Fields that each record must have; 0: as many as the first one has; negative or not given: any
   * number. Another number is a SyntaxError.
   */
  fieldsPerRecord?: number;
  /** Take the first record for the names of the fields, or skip it if `columns` has them. */
  skipFirstRow?: boolean;
  /** The names of the fields. */
  columns?: readonly string[];
}

/** What a stream with options of type `T` yields. */
export type RowType<T> = T extends { columns: readonly (infer C extends string)[] }
  ? string extends C ? Record<string, string | undefined> : Record<C, string>
  : T extends { skipFirstRow: true } ? Record<string, string | undefined>
  : T extends undefined | { columns?: undefined; skipFirstRow?: false | undefined } ? string[]
  : Record<string, string | undefined> | string[];

/**
 * Turns CSV text into records: arrays of fields, or objects where the fields have names. Empty lines are
 * skipped; a line break inside quotes is always `\n`.
 *
 * The stream errors with a SyntaxError at the first wrong quote, after all records before it.
 */
export class CsvParseStream<const T extends CsvParseStreamOptions | undefined = undefined>
  implements TransformStream<string, RowType<T>> {
  /** Records. */
  readonly readable: ReadableStream<RowType<T>>;
  /** Text in pieces of any size. */
  readonly writable: WritableStream<string>;

  constructor(options?: T) {
    const text = new TransformStream<string, string>();
    const reader = text.readable.getReader();
    const { separator = ",", ...rest } = options ?? {} as CsvParseStreamOptions;
    const read = csvReader({ ...rest, separator });
    let failure: unknown;
    let failed = false;
    this.writable = text.writable;
    this.readable = new ReadableStream<RowType<T>>({
      async pull(controller) {
        // A stream that errors forgets what is queued: the error waits until its queue is empty.
        if (failed) throw failure;
        for (;;) {
          const { value, done } = await reader.read();
          const records: unknown[] = [];
          try {
            await read(value, (record) => records.push(record));
          } catch (error) {
            failure = error;
            failed = true;
          }
          for (const record of records) controller.enqueue(record as RowType<T>);
          if (failed && records.length === 0) throw failure;
          if (done && !failed) return controller.close();
          if (records.length > 0) return;
        }
      },
      cancel: (reason) => reader.cancel(reason),
    });
  }
}

/** A function that is given text, and at the end undefined, and hands out the records in it. */
function csvReader(options: CsvParseStreamOptions & { separator: string }) {
  const parser = new Parser({
    delimiter: options.separator,
    record_delimiter: "\n",
    comment: options.comment ?? null,
    comment_no_infix: true,
    ltrim: options.trimLeadingSpace ?? false,
    relax_quotes: options.lazyQuotes ?? false,
    relax_column_count: true,
    skip_empty_lines: true,
    // All records of a piece are taken before the next is given.
    readableHighWaterMark: Number.MAX_SAFE_INTEGER,
  } as Options);
  const broken = new Promise<never>((_, reject) => parser.once("error", reject));
  broken.catch(() => {});
  let fields = options.fieldsPerRecord ?? -1;
  let names = options.columns;
  let first = true;
  let count = 0;
  let carriage = "";

  const take = (record: string[], emit: (record: unknown) => void) => {
    count++;
    if (first) {
      first = false;
      if (options.skipFirstRow) {
        names ??= record;
        return;
      }
      if (fields === 0) fields = record.length;
    }
    if (fields > 0 && record.length !== fields) {
      throw new SyntaxError(
        `Syntax error on line ${count}: expected ${fields} fields but got ${record.length}`,
      );
    }
    if (names === undefined) return emit(record);
    if (record.length !== names.length) {
      throw new Error(
        `Syntax error on line ${count}: The record has ${record.length} fields, but the header has ${names.length} fields`,
      );
    }
    emit(Object.fromEntries(names.map((name, index) => [name, record[index]])));
  };

  return async (text: string | undefined, emit: (record: unknown) => void): Promise<void> => {
    // A carriage return in front of a line feed, or at the very end, belongs to the line break.
    let piece = carriage + (text ?? "");
    carriage = text !== undefined && piece.endsWith("\r") ? "\r" : "";
    piece = piece.slice(0, piece.length - carriage.length).replaceAll("\r\n", "\n");
    if (text === undefined) piece = piece.replace(/\r$/, "");
    let failure: unknown;
    try {
      const written = new Promise<void>((resolve) => {
        if (text === undefined) parser.end(piece, () => resolve());
        else if (piece === "") resolve();
        else parser.write(piece, () => resolve());
      });
      await Promise.race([written, broken]);
    } catch (error) {
      failure = syntaxError(error as CsvError);
    }
    for (let record; (record = parser.read()) !== null;) take(record, emit);
    if (failure !== undefined) throw failure;
  };
}

function syntaxError(error: CsvError): SyntaxError {
  const problem = error.code === "INVALID_OPENING_QUOTE"
    ? 'bare " in non-quoted field'
    : 'extraneous or missing " in quoted-field';
  return new SyntaxError(`parse error on line ${Number(error.lines)}: ${problem}`);
}
