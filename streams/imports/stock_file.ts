/**
 * Reads a stock file: whole, because every row of it is checked before a unit is changed.
 *
 * @module
 */

import { createHash } from "node:crypto";
import {
  placeStockColumns,
  readStockRow,
  repeatedSkus,
  type StockMode,
  stockModes,
  type StockPlaces,
  type StockRow,
} from "../../domain/catalog/stock_csv.ts";
import { WorkflowError } from "../../domain/errors.ts";
import { isRejectsHeader } from "../../domain/import/csv_columns.ts";
import { fieldsOf } from "../../domain/import/csv_fields.ts";
import { notCsv, scanRecords } from "../../domain/import/csv_records.ts";
import { type CsvRow, isBlankRow } from "../../domain/import/csv_rows.ts";
import type { RejectedRow } from "../../domain/import/order_csv.ts";
import { rearmed } from "../../domain/import/spreadsheet_text.ts";
import { takeTurns } from "../timing/take_turns.ts";
import { readText } from "./csv_source.ts";
import { ownCopy } from "../../domain/text/own_copy.ts";

/** A row of a file without a fault, with its fields as they came. */
export interface StockLine extends CsvRow, StockRow {}

/** See {@linkcode readStockFile}. */
export interface StockFile {
  header: readonly string[];
  /** What the quantities mean. */
  mode: StockMode;
  /** Rows, the header and those that are blank not counted. */
  rowCount: number;
  /** Those without a fault, in the order of the file. */
  rows: StockLine[];
  /** The others, with every fault. */
  rejected: RejectedRow[];
  /** SHA-256 over its text, unpacked, in hexadecimal. */
  digest: string;
}

/** Most of a file, all of which is in memory. */
export interface StockFileLimits {
  /** Bytes, once it is unpacked. */
  bytes: number;
  rows: number;
  /** Of all rows together: an empty one takes a byte of the file, and eight of memory. */
  fields: number;
}

/** Of a file that somebody types a command for: some hundred megabytes of memory. */
export const stockFileLimits: StockFileLimits = {
  bytes: 67_108_864,
  rows: 500_000,
  fields: 10_000_000,
};

/**
 * Reads a file to its end, plain or gzip, and checks every row.
 *
 * @param options.name of the file, for messages
 * @throws {WorkflowError} `invalid`, with the line, for a file that is no CSV with the columns of a stock file, or is
 * beyond the limits
 * @throws what the source throws
 */
export async function readStockFile(
  source: ReadableStream<Uint8Array>,
  { name, limits = stockFileLimits }: { name: string; limits?: StockFileLimits },
): Promise<StockFile> {
  try {
    return await readWhole(source, limits);
  } catch (error) {
    if (!(error instanceof WorkflowError)) throw error;
    throw new WorkflowError(error.code, `Cannot apply ${name}: ${error.message}`, error.faults);
  }
}

async function readWhole(
  source: ReadableStream<Uint8Array>,
  limits: StockFileLimits,
): Promise<StockFile> {
  const records = recordsOf(limits);
  const scanner = scanRecords(records.onRecord);
  const hash = createHash("sha256");
  const othersTurn = takeTurns();
  let read = 0;
  for await (const { bytes, text } of readText(source, scanner.line, () => {})) {
    read += bytes.length;
    if (read > limits.bytes) throw tooMuch(`${limits.bytes} bytes`);
    hash.update(bytes);
    scanner.push(text);
    await othersTurn();
  }
  scanner.end();
  const { header, places, rows, rejected, count } = records.end();
  return {
    header,
    mode: places.mode,
    rowCount: count,
    ...withoutRepeated(rows, rejected, places),
    digest: hash.digest("hex"),
  };
}

/** Takes the records of a file, the first of which is its header. */
function recordsOf(limits: StockFileLimits) {
  let head: { header: string[]; places: StockPlaces; isRejects: boolean } | undefined;
  const rows: StockLine[] = [];
  const rejected: RejectedRow[] = [];
  let count = 0;
  return {
    onRecord(text: string, from: number, to: number, line: number, quoted: boolean) {
      const raw = ownCopy(fieldsOf(text, from, to, quoted));
      if (head === undefined) {
        const places = placeStockColumns(raw);
        if (typeof places === "string") throw notCsv(line, places);
        head = { header: raw, places, isRejects: isRejectsHeader(raw) };
        return;
      }
      if (isBlankRow(raw)) return;
      if (raw.length !== head.header.length) {
        const fields = raw.length === 1 ? "field" : "fields";
        throw notCsv(line, `has ${raw.length} ${fields}, but the header has ${head.header.length}`);
      }
      if (++count > limits.rows) throw tooMuch(`${limits.rows} rows`);
      if (count * raw.length > limits.fields) throw tooMuch(`${limits.fields} fields`);
      const fields = head.isRejects ? raw.map(rearmed) : raw;
      const row = readStockRow(fields, head.places);
      if (Array.isArray(row)) {
        const reason = row.map(({ at, detail }) => `${at}: ${detail}`).join("; ");
        rejected.push({ line, fields, reason });
      } else rows.push({ line, fields, ...row });
    },
    end() {
      if (head === undefined) throw notCsv(1, "the header is missing");
      return { ...head, rows, rejected, count };
    },
  };
}

/** Rejects every row of a SKU that is to be set more than once. */
function withoutRepeated(
  rows: StockLine[],
  rejected: RejectedRow[],
  { mode }: StockPlaces,
): Pick<StockFile, "rows" | "rejected"> {
  if (mode === "add") return { rows, rejected };
  const repeated = repeatedSkus(rows);
  const twice = rows.filter(({ sku }) => repeated.has(sku)).map(({ line, fields, sku }) => ({
    line,
    fields,
    reason: `sku: ${JSON.stringify(sku)} can be set once only; leave the row with the right ${
      stockModes[mode]
    } (lines ${repeated.get(sku)!.slice(0, maxLines).join(", ")})`,
  }));
  return {
    rows: rows.filter(({ sku }) => !repeated.has(sku)),
    rejected: [...rejected, ...twice],
  };
}

/** Lines that a reason names. */
const maxLines = 10;

function tooMuch(limit: string): WorkflowError {
  return new WorkflowError("invalid", `the file has more than ${limit}: send it in parts`);
}
