/**
 * An order file of any form as a table: what it is wrapped in, its encoding, its delimiter and its header are found
 * out, and its records are given back with their lines, those that can't be read with the remedy.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { WorkflowError } from "../../domain/errors.ts";
import { isRejectsHeader, maxColumns } from "../../domain/import/csv_columns.ts";
import { notCsv } from "../../domain/import/csv_records.ts";
import { badFile, fileKind } from "../../domain/import/source/file_kind.ts";
import {
  findLayout,
  headerPlace,
  type Layout,
  tolerantFields,
} from "../../domain/import/source/layout.ts";
import {
  maxBlankRows,
  maxFaultyRows,
  mostFaultyRows,
  type RowRules,
  rowsOf,
  soundRow,
  tooManyBlankRows,
} from "../../domain/import/source/row_faults.ts";
import type {
  OpenQuestion,
  SourceForm,
  SourceRecord,
  SourceRow,
  StoredCells,
} from "../../domain/import/source_row.ts";
import { type ArchiveEntry, openArchive } from "./archive.ts";
import { readBytes } from "./csv_source.ts";
import { keepRows, type KeptRows } from "./kept_rows.ts";
import { readRecords } from "./source_records.ts";
import { findEncoding, type FoundEncoding, type LineEnds, plainText } from "./source_text.ts";
import { openSpool, type Spool } from "./spool.ts";
import { cutText } from "../../domain/text/cut_text.ts";
import { takeTurns } from "../timing/take_turns.ts";

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
  /** Of a workbook: what the texts of the cells do not tell of a column, by its place. */
  storedCells: ReadonlyMap<number, StoredCells>;
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

/** A file whose bytes were read already, gzip unpacked. */
export interface SpooledSource {
  spool: Spool;
  /** Of the source, packed ones if it was. */
  bytesRead: number;
}

/** What an archive may unpack to: twice the largest upload. */
const defaultUnpackedBytes = 4 * 1024 * 1024 * 1024;

/**
 * Reads a file to its end and keeps its bytes, on disk where they are many. Its records are made when they are asked
 * for. A piece of the source may be changed once the next one is asked for.
 *
 * @throws {WorkflowError} `invalid` for what is no table, such as a PDF, and for one with more faulty records than
 * 100 and than 1 % of it: with every fault's line, text and remedy, the first twenty by themselves
 * @throws what the source throws
 */
export async function openSourceTable(
  source: ReadableStream<Uint8Array>,
  options: SourceTableOptions = {},
): Promise<SourceTable> {
  const spool = openSpool(options.limits?.spoolBytes);
  let bytesRead = 0;
  try {
    const othersTurn = takeTurns();
    for await (const bytes of readBytes(source, () => 1, (count) => bytesRead += count)) {
      spool.write(bytes, { isLent: true });
      options.onProgress?.({ bytes: bytesRead, unpackedBytes: spool.size(), rows: 0 });
      await othersTurn();
      options.signal?.throwIfAborted();
    }
  } catch (error) {
    spool.close();
    throw error;
  }
  return await tableOf({ spool, bytesRead }, options);
}

/**
 * The same of bytes that were read already. They belong to the table from then on, which closes their spool, and at
 * once where it throws.
 *
 * @throws {WorkflowError} `invalid`, see {@linkcode openSourceTable}
 */
export async function tableOf(
  source: SpooledSource,
  options: SourceTableOptions = {},
): Promise<SourceTable> {
  const { spool } = source;
  const kept = keepRows(options.limits?.spoolBytes);
  let content: Content | undefined;
  try {
    content = await openContent(source, options);
    const checked = await checkRows(content, kept, source, options);
    const { form, notes, questions, storedCells = new Map() } = content;
    const sha256 = await digestOf(spool);
    // From here on only the records are needed.
    content.close();
    spool.close();
    return {
      form,
      header: content.header,
      storedCells,
      notes,
      questions,
      lineEnd: mostFrequent(content.ends),
      totalRows: checked.rows,
      faulty: checked.faulty,
      sha256,
      rows: (signal) => keptRows(kept, signal),
      close: () => kept.close(),
    };
  } catch (error) {
    kept.close();
    content?.close();
    spool.close();
    throw error;
  }
}

async function* keptRows(kept: KeptRows, signal?: AbortSignal): AsyncGenerator<SourceRow[]> {
  const othersTurn = takeTurns();
  for (const rows of kept.blocks()) {
    yield rows;
    await othersTurn();
    signal?.throwIfAborted();
  }
}

/** What a file holds, ready to be read. */
interface Content {
  form: SourceForm;
  header: readonly string[];
  notes: string[];
  questions: OpenQuestion[];
  storedCells?: SourceTable["storedCells"];
  /** Of the last reading. */
  ends: LineEnds;
  rows(signal?: AbortSignal): AsyncGenerator<SourceRow[]>;
  /** Frees what it has beside the source's bytes. */
  close(): void;
}

async function openContent(source: SpooledSource, options: SourceTableOptions): Promise<Content> {
  const { spool, bytesRead } = source;
  const isPacked = bytesRead !== spool.size();
  const kind = fileKind(spool.read(0, 1_024));
  if (kind.kind === "other") throw badFile(kind.problem);
  if (kind.kind === "gzip") throw badFile("is packed with gzip twice: unpack it once");
  if (kind.kind === "text") {
    return await openText(spool, isPacked ? "gzip" : "plain", options);
  }
  return await openZip(spool, options);
}

async function openZip(
  spool: Spool,
  options: SourceTableOptions,
  isWithin = false,
): Promise<Content> {
  const archive = await openArchive(spool, options.limits?.unpackedBytes ?? defaultUnpackedBytes)
    .catch((error) => {
      throw looksLikeWorkbook(spool) ? damagedWorkbook() : error;
    });
  const { isWorkbook } = await import("./workbook.ts");
  if (isWorkbook(archive)) return await openWorkbook(archive, options);
  // An archive may hold itself, and each one within another is kept until the innermost is read.
  if (isWithin) throw badFile("is a zip archive within a zip archive: unpack it once");
  const { entries } = archive;
  if (entries.some(({ name }) => name === "content.xml" || name.endsWith(".iwa"))) {
    throw badFile("is a document of another office program: save it as CSV UTF-8 and import that");
  }
  if (entries.length !== 1) {
    const names = entries.slice(0, 5).map(({ name }) => name).join(", ");
    throw badFile(
      entries.length === 0
        ? "is a zip archive with nothing in it"
        : `is a zip archive of ${entries.length} files (${names}): import one after the other`,
    );
  }
  const inner = await spoolOf(entries[0]!, spool, options);
  try {
    const kind = fileKind(inner.read(0, 1_024));
    if (kind.kind === "other") throw badFile(`${kind.problem} (${entries[0]!.name} in it)`);
    if (kind.kind === "gzip") throw badFile("is a zip archive of a gzip file: unpack it once");
    const content = kind.kind === "zip"
      ? await openZip(inner, options, true)
      : await openText(inner, "zip", options);
    return {
      ...content,
      close() {
        content.close();
        inner.close();
      },
    };
  } catch (error) {
    inner.close();
    throw error;
  }
}

/** A workbook begins with one of its own parts. */
function looksLikeWorkbook(spool: Spool): boolean {
  return /\[Content_Types\]\.xml|xl\/|_rels\//.test(
    new TextDecoder("latin1").decode(spool.read(30, 32)),
  );
}

function damagedWorkbook(): WorkflowError {
  return badFile(
    "is an Excel workbook that is damaged or cut off: open it with a spreadsheet, save it as CSV UTF-8 and import that",
  );
}

/** What an archive has as a spool of its own. */
async function spoolOf(
  entry: ArchiveEntry,
  { size }: Spool,
  { limits, onProgress, signal }: SourceTableOptions,
): Promise<Spool> {
  const inner = openSpool(limits?.spoolBytes);
  const othersTurn = takeTurns();
  try {
    for await (const bytes of entry.bytes()) {
      inner.write(bytes);
      onProgress?.({ bytes: size(), unpackedBytes: inner.size(), rows: 0 });
      await othersTurn();
      signal?.throwIfAborted();
    }
    return inner;
  } catch (error) {
    inner.close();
    throw error;
  }
}

/** Characters of a sheet's name that are told. */
const maxSheetName = 60;

/** Characters of a file's beginning by which it is told how it is laid out. */
const layoutCharacters = 262_144;

async function openText(
  spool: Spool,
  container: SourceForm["container"],
  { form: told = {}, signal }: SourceTableOptions,
): Promise<Content> {
  const found = await findEncoding(spool, told.encoding, signal);
  const lines = (await beginningOf(spool, found)).split("\n");
  if (lines.every((line) => line.trim() === "")) throw notCsv(1, "the header is missing");
  if (lines.some((line) => line.includes("\0"))) {
    throw badFile("is no text: export the orders as CSV UTF-8");
  }
  const rejects = rejectsLayout(lines, told);
  if (told.sheet !== undefined && rejects === undefined) {
    throw badFile(
      `is no workbook: it has no sheet ${told.sheet}; leave out --sheet, over HTTP sheet, in a profile file.sheet`,
    );
  }
  const layout = rejects ?? findLayout(lines, told);
  if (layout === undefined) throw notCsv(1, noTable);
  const { delimiter, headerLine } = layout;
  const ends = noLineEnds();
  const form = { container, encoding: found.encoding, delimiter, headerLine };
  const read = (width: () => number, signal?: AbortSignal) => {
    const skipLines = headerLine - 1;
    return readRecords(plainText(spool, found, ends, signal), { delimiter, skipLines, width });
  };
  const header = await readHeader(read(() => 0));
  const rules = { header, delimiter, isDamaged: found.isDamaged, mayBeShort: false };
  const notes = [found.note, ...notesOf(form, layout.hasSeparatorLine)];
  return {
    form,
    header,
    notes,
    questions: found.question === undefined ? [] : [found.question],
    ends,
    rows(signal) {
      Object.assign(ends, noLineEnds());
      return tableRows(read(() => header.length, signal), rules);
    },
    close() {},
  };
}

/** Rejects are a table of their own: their header stands above, whichever sheet or line that of their file was on. */
function rejectsLayout(
  lines: readonly string[],
  { delimiter, headerLine, sheet }: SourceTableOptions["form"] & object,
): Layout | undefined {
  if (headerLine === undefined && sheet === undefined) return undefined;
  const layout = findLayout(lines, { delimiter });
  if (layout === undefined) return undefined;
  const line = lines[layout.headerLine - 1] ?? "";
  return isRejectsHeader(headerOf(tolerantFields(line, layout.delimiter), layout.headerLine))
    ? layout
    : undefined;
}

const noTable =
  "is no header: a table needs a line with the names of its columns, separated by commas, semicolons, " +
  "tabs or vertical bars";

async function beginningOf(spool: Spool, found: FoundEncoding): Promise<string> {
  let text = "";
  for await (const piece of plainText(spool, found, noLineEnds(), undefined)) {
    text += piece;
    if (text.length >= layoutCharacters) {
      return text.slice(0, text.lastIndexOf("\n") + 1 || undefined);
    }
  }
  return text;
}

function notesOf(
  { container, delimiter, headerLine }: SourceForm,
  hasSeparatorLine: boolean,
): string[] {
  const names = { ",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar" };
  const titles = headerLine - 1 - (hasSeparatorLine ? 1 : 0);
  return [
    ...(container === "plain" ? [] : [`packed: ${container}`]),
    `delimiter: ${names[delimiter]}${hasSeparatorLine ? ", as its first line says (sep=)" : ""}`,
    ...(titles > 0 ? [`header: line ${headerLine}; what is above it is left out`] : []),
  ];
}

/** The first record, without empty names at its end. */
async function readHeader(records: AsyncGenerator<SourceRecord[]>): Promise<string[]> {
  for await (const [first] of records) {
    if (first === undefined) continue;
    if (first.problem !== undefined) throw notCsv(first.line, `the header has ${first.problem}`);
    return headerOf(first.fields, first.line);
  }
  throw notCsv(1, "the header is missing");
}

function headerOf(fields: readonly string[], line: number): string[] {
  const header = fields.map((name) => name.replace(/^\ufeff+/, "").trim());
  while (header.at(-1) === "") header.pop();
  if (header.length > maxColumns) {
    throw notCsv(line, `has ${header.length} columns; there may be at most ${maxColumns}`);
  }
  if (header.length === 0) throw notCsv(line, "the header is missing");
  return header;
}

/** All records behind the header. */
async function* tableRows(
  records: AsyncGenerator<SourceRecord[]>,
  rules: RowRules,
): AsyncGenerator<SourceRow[]> {
  let isHeader = true;
  let blankRows = 0, lastLine = 1;
  for await (const some of records) {
    const rows: SourceRow[] = [];
    for (const record of some) {
      if (isHeader) {
        isHeader = false;
        continue;
      }
      const sound = soundRow(record, rules);
      const before = rows.length;
      if (sound !== undefined) rows.push(sound);
      else for (const row of rowsOf(record, rules)) rows.push(row);
      if (rows.length > before) {
        blankRows = 0;
        lastLine = record.line;
      } else if (++blankRows > maxBlankRows) throw notCsv(lastLine, tooManyBlankRows);
    }
    if (rows.length > 0) yield rows;
  }
}

/** Writes the rows of a workbook to a spool as CSV, from which they are read as those of any other file. */
async function openWorkbook(
  archive: Awaited<ReturnType<typeof openArchive>>,
  { form: told = {}, limits, signal }: SourceTableOptions,
): Promise<Content> {
  const { openSheet, workbookLine, workbookRecord } = await import("./workbook.ts");
  const spool = openSpool(limits?.spoolBytes);
  const maxBytes = limits?.unpackedBytes ?? defaultUnpackedBytes;
  const encoder = new TextEncoder();
  const first: { line: number; fields: string[] }[] = [];
  try {
    const sheet = await openSheet(archive, told.sheet, signal);
    for await (const rows of sheet.rows()) {
      if (first.length < 100) first.push(...rows);
      spool.write(encoder.encode(rows.map(workbookLine).join("")));
      if (spool.size() > maxBytes) {
        throw badFile("is an Excel workbook that is too large: save it as CSV UTF-8");
      }
      signal?.throwIfAborted();
    }
    const found = headerPlace(
      first.map(({ fields }) => fields),
      Math.max(0, ...first.map(({ fields }) => fields.length)),
    );
    const isFound = told.headerLine === undefined || isRejectsHeader(first[found]?.fields ?? []);
    const place = isFound ? found : first.findIndex(({ line }) => line === told.headerLine);
    if (place < 0) throw notCsv(1, noTable);
    const { line, fields } = first[place]!;
    const header = headerOf(fields, line);
    const form = {
      container: "xlsx",
      encoding: "utf-8",
      delimiter: ",",
      headerLine: line,
      sheet: sheet.name,
    } as const;
    const rules = { header, delimiter: ",", isDamaged: false, mayBeShort: true };
    const ends = noLineEnds();
    const skipLines = linesOf(first.slice(0, place).map(workbookLine));
    const rows = async function* (signal?: AbortSignal): AsyncGenerator<SourceRow[]> {
      const pieces = plainText(spool, { encoding: "utf-8" }, ends, signal);
      const records = readRecords(pieces, {
        delimiter: ",",
        skipLines,
        width: () => header.length,
      });
      yield* tableRows(workbookRecords(records, workbookRecord), rules);
    };
    const notes = [
      `packed: an Excel workbook, sheet ${cutText(sheet.name, maxSheetName)}`,
      ...notesOf(form, false).slice(2),
    ];
    const close = () => spool.close();
    const { storedCells } = sheet;
    return { form, header, notes, questions: [], storedCells, ends, rows, close };
  } catch (error) {
    spool.close();
    throw error;
  }
}

function noLineEnds(): LineEnds {
  return { "\n": 0, "\r\n": 0, "\r": 0 };
}

function linesOf(texts: readonly string[]): number {
  return texts.join("").split("\n").length - 1;
}

async function* workbookRecords(
  records: AsyncGenerator<SourceRecord[]>,
  recordOf: (fields: readonly string[]) => { line: number; fields: string[]; fault?: string },
): AsyncGenerator<SourceRecord[]> {
  for await (const some of records) {
    yield some.map(({ fields }) => {
      const { line, fields: own, fault } = recordOf(fields);
      return { line, fields: own, problem: fault };
    });
  }
}

/** Faults that are told one by one. */
const toldFaults = 20;

/** Rows that are looked at before others may have their turn: a profile may name each column again and again. */
const rowsLookedAt = 16;

/** Goes over all rows once, and keeps them. */
async function checkRows(
  content: Content,
  kept: KeptRows,
  { bytesRead, spool }: SpooledSource,
  { look, onProgress, signal }: SourceTableOptions,
): Promise<{ rows: number; faulty: number }> {
  const looked = look?.(content.header, content.form);
  const told: { at: string; detail: string }[] = [];
  const othersTurn = takeTurns();
  let rows = 0, faulty = 0;
  for await (const some of content.rows(signal)) {
    rows += some.length;
    for (const { line, fault } of some) {
      if (fault === undefined) continue;
      if (++faulty <= toldFaults) told.push({ at: `line ${line}`, detail: fault });
    }
    if (faulty > mostFaultyRows) break;
    kept.add(some, content.form.delimiter);
    for (let at = 0; looked !== undefined && at < some.length; at += rowsLookedAt) {
      looked(some.length <= rowsLookedAt ? some : some.slice(at, at + rowsLookedAt));
      const turn = othersTurn();
      if (turn !== undefined) await turn;
    }
    onProgress?.({ bytes: bytesRead, unpackedBytes: spool.size(), rows });
  }
  if (faulty > maxFaultyRows(rows)) {
    const more = faulty - told.length;
    throw new WorkflowError(
      "invalid",
      `${faulty} of ${faulty > mostFaultyRows ? "the first " : ""}${rows} rows can't be read; ${
        told[0]!.at
      }: ${told[0]!.detail}`,
      more === 0 ? told : [...told, { at: "file", detail: `${more} more rows can't be read` }],
    );
  }
  if (content.ends["\r"] > 0) {
    content.notes.push(
      `line ends: ${content.ends["\n"] + content.ends["\r\n"] > 0 ? "mixed" : "CR"}`,
    );
  }
  if (faulty > 0) content.notes.push(`${faulty} of ${rows} rows can't be read and are rejected`);
  return { rows, faulty };
}

function mostFrequent(ends: LineEnds): SourceTable["lineEnd"] {
  if (ends["\r\n"] > ends["\n"] && ends["\r\n"] >= ends["\r"]) return "\r\n";
  return ends["\r"] > ends["\n"] ? "\r" : "\n";
}

async function digestOf(spool: Spool): Promise<string> {
  const hash = createHash("sha256");
  const othersTurn = takeTurns();
  for (const piece of spool.pieces({ keep: true })) {
    hash.update(piece);
    await othersTurn();
  }
  return hash.digest("hex");
}
