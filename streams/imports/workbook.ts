/**
 * Reads an Excel workbook (.xlsx) as records.
 *
 * Its sheet is read piece by piece by saxes and written to a spool as CSV, once: 200,000 rows take a second and
 * 110 MB. read-excel-file 9.3.17 took 600 MB for them and exceljs 4.4.0, which has had no release for long, 450; and
 * both give numbers as floats, so that what is stored of an id is lost.
 *
 * @module
 */

import { SaxesParser, type SaxesTagPlain } from "saxes";
import type { WorkflowError } from "../../domain/errors.ts";
import { isRejectsHeader, maxColumns } from "../../domain/import/csv_columns.ts";
import { maxRecordCharacters, notCsv } from "../../domain/import/csv_records.ts";
import { csvLine } from "../../domain/import/csv_text.ts";
import {
  columnPlace,
  type NumberFormat,
  numberFormat,
  numberText,
} from "../../domain/import/source/workbook_cells.ts";
import type { StoredCells } from "../../domain/import/source_row.ts";
import type { Archive, ArchiveEntry } from "./archive.ts";
import { badFile } from "../../domain/import/source/file_kind.ts";
import { maxBlankRows, tooManyBlankRows } from "../../domain/import/source/row_faults.ts";
import { cutText } from "../../domain/text/cut_text.ts";
import { visibleText } from "../../domain/text/visible_text.ts";
import { type FilledSheet, SheetQuestion } from "./sheet_question.ts";
import { takeTurns } from "../timing/take_turns.ts";
import { ownCopy } from "../../domain/text/own_copy.ts";

/** A row of a sheet that has something. */
export interface WorkbookRow {
  /** From 1, as the spreadsheet shows it. */
  line: number;
  fields: string[];
  /** Why it can't be read for what it is. */
  fault?: string;
}

/** True for an archive that is a workbook. */
export function isWorkbook({ entries }: Archive): boolean {
  return entries.some(({ name }) => name === "xl/workbook.xml");
}

/** Sheets with rows that are told, and characters of the name of each. */
const maxTold = 50, maxName = 60;

const asCsv = "save its sheet of orders as CSV UTF-8 and import that";

/** Bytes of all texts of a workbook: they are in memory while its sheet is read. */
const maxTextBytes = 64 * 1024 * 1024;

/** Bytes that a text takes beside its characters, with its place in the list. */
const bytesOfText = 32;

/** Characters of a text, far more than a cell may have, and bytes between two tags. */
const maxTextLength = 1_048_576;

/** Elements within each other, of which a spreadsheet has a dozen: all that are open are in memory. */
const maxDepth = 100;

/** Formats of cells, and other parts that are kept: a spreadsheet has at most some 65,000 formats. */
const maxParts = 100_000;

/** Characters of the names, addresses and formats of one of its parts: they are in memory as well. */
const maxPartCharacters = 8 * 1024 * 1024;

/** Characters that are parsed at once: each forty may make a row of all columns. */
const pieceCharacters = 4_096;

/** Characters of a part in which nothing is found, such as cells that are formatted and have no value. */
const maxIdle = 256 * 1024 * 1024;

/** Rows to a batch, cells, as one far to the right makes a row of all columns, and characters. */
const batchRows = 500, batchCells = 50_000, batchCharacters = 1_048_576;

/** A sheet of a workbook, ready to be read. */
export interface WorkbookSheet {
  name: string;
  /**
   * Numbers are text as they are stored, days and times as `2026-01-05 10:22:31`; formulas count by their results.
   *
   * @throws {WorkflowError} `invalid` for a workbook that is damaged
   */
  rows(): AsyncGenerator<WorkbookRow[]>;
  /** By its place, what the texts of the cells that were read do not tell of a column. */
  storedCells: ReadonlyMap<number, StoredCells>;
}

/**
 * The sheet that was chosen, or the only one that has rows; of mended rejects that a spreadsheet has saved theirs.
 *
 * @param chosen its name, or its place from 1; undefined where nobody said
 * @throws {SheetQuestion} where several have rows and none was chosen, or a hidden one alone
 * @throws {WorkflowError} `invalid` for a workbook that is damaged, and where there is no such sheet
 */
export async function openSheet(
  archive: Archive,
  chosen: string | undefined,
  signal?: AbortSignal,
): Promise<WorkbookSheet> {
  const { sheets, epoch } = await readBook(archive, signal);
  const formats = await readFormats(archive, signal);
  const texts = await readTexts(archive, signal);
  const rowsOf = ({ entry }: Sheet, cells = new Map<number, StoredCells>()) =>
    sheetRows(entry, { formats, texts, epoch, cells }, signal);
  const opened = (sheet: Sheet): WorkbookSheet => {
    const storedCells = new Map<number, StoredCells>();
    return { name: sheet.name, rows: () => rowsOf(sheet, storedCells), storedCells };
  };
  const found = chosen === undefined ? undefined : chosenSheet(sheets, chosen);
  if (found !== undefined) return opened(found);
  const filled: FilledSheet[] = [];
  for (const [place, sheet] of sheets.entries()) {
    const { name, isHidden } = sheet;
    const first = await firstRow(rowsOf(sheet));
    if (first !== undefined) filled.push({ name, number: place + 1, isHidden, first });
    if (filled.length === maxTold) break;
  }
  if (chosen !== undefined) return opened(rejectsSheet(sheets, filled) ?? noSheet(sheets, chosen));
  const [only] = filled;
  if (filled.length > 1 || only?.isHidden === true) throw new SheetQuestion(filled);
  return only === undefined
    ? { name: sheets[0]?.name ?? "", rows: async function* () {}, storedCells: new Map() }
    : opened(sheets[only.number - 1]!);
}

function chosenSheet(sheets: readonly Sheet[], chosen: string): Sheet | undefined {
  const wanted = chosen.trim();
  const plain = wanted.toLowerCase();
  return sheets.find(({ name }) => name.trim() === wanted) ??
    sheets.find(({ name }) => name.trim().toLowerCase() === plain) ??
    (/^[1-9]\d{0,5}$/.test(wanted) ? sheets[Number(wanted) - 1] : undefined);
}

/**
 * The sheet with the rejects of an earlier import, where there is one alone: a spreadsheet that saves them as a workbook
 * calls it as it likes, whatever a profile says of the file that they are of.
 */
function rejectsSheet(
  sheets: readonly Sheet[],
  filled: readonly FilledSheet[],
): Sheet | undefined {
  const [only, second] = filled.filter(({ first }) => isRejectsHeader(first));
  return only === undefined || second !== undefined ? undefined : sheets[only.number - 1];
}

function noSheet(sheets: readonly Sheet[], chosen: string): never {
  const names = sheets.slice(0, maxTold).map(({ name }) => visibleText(cutText(name, maxName)))
    .join(", ");
  throw badFile(
    `is an Excel workbook without a sheet ${visibleText(chosen.trim())}; it has ${names}`,
  );
}

async function firstRow(
  rows: AsyncGenerator<WorkbookRow[]>,
): Promise<readonly string[] | undefined> {
  for await (const [first] of rows) return first?.fields;
  return undefined;
}

interface Sheet {
  name: string;
  isHidden: boolean;
  entry: ArchiveEntry;
}

interface Book {
  /** Without those that have charts alone. */
  sheets: Sheet[];
  epoch: 1900 | 1904;
}

async function readBook(archive: Archive, signal?: AbortSignal): Promise<Book> {
  const targets = new Map<string, string>();
  const keep = partKeeper();
  await readXml(partOf(archive, "xl/_rels/workbook.xml.rels"), {
    found: () => targets.size,
    onOpen({ name, attributes: { Id, Target } }) {
      if (localName(name) !== "Relationship") return;
      targets.set(keep(Id), keep(Target));
      refuseMany(targets.size);
    },
  }, signal);
  const book: Book = { sheets: [], epoch: 1900 };
  const paths = new Set<string>();
  await readXml(partOf(archive, "xl/workbook.xml"), {
    found: () => paths.size,
    onOpen({ name, attributes }) {
      if (localName(name) === "workbookPr") {
        if (/^(?:1|true)$/.test(attributes.date1904 ?? "")) book.epoch = 1904;
      }
      if (localName(name) !== "sheet") return;
      const id = Object.entries(attributes).find(([key]) => /(?:^|:)id$/.test(key))?.[1] ?? "";
      const target = targets.get(id) ?? "";
      const path = target.startsWith("/") ? target.slice(1) : `xl/${target}`;
      // Charts have a sheet of their own without rows.
      if (!/worksheets\//.test(path)) return;
      // A small workbook could have one large sheet read again and again.
      if (paths.has(path)) throw badFile(`is an Excel workbook that names a sheet twice: ${asCsv}`);
      paths.add(path);
      const isHidden = /hidden/i.test(attributes.state ?? "");
      book.sheets.push({ name: keep(attributes.name), isHidden, entry: partOf(archive, path) });
    },
  }, signal);
  return book;
}

async function readFormats(archive: Archive, signal?: AbortSignal): Promise<NumberFormat[]> {
  const codes = new Map<number, string>();
  const formats: NumberFormat[] = [];
  const keep = partKeeper();
  let isCells = false;
  const entry = archive.entries.find(({ name }) => name === "xl/styles.xml");
  if (entry === undefined) return formats;
  await readXml(entry, {
    found: () => codes.size + formats.length,
    onOpen({ name, attributes }) {
      const own = localName(name);
      if (own === "numFmt") codes.set(Number(attributes.numFmtId), keep(attributes.formatCode));
      else if (own === "cellXfs") isCells = true;
      else if (own === "xf" && isCells) {
        const id = Number(attributes.numFmtId ?? 0);
        formats.push(numberFormat(id, codes.get(id)));
      }
      refuseMany(codes.size + formats.length);
    },
    onClose(name) {
      if (name === "cellXfs") isCells = false;
    },
  }, signal);
  return formats;
}

/** The texts that cells name by their numbers. */
async function readTexts(archive: Archive, signal?: AbortSignal): Promise<string[]> {
  const texts: string[] = [];
  const entry = archive.entries.find(({ name }) => name === "xl/sharedStrings.xml");
  if (entry === undefined) return texts;
  let text = "", bytes = 0, isText = false, isPhonetic = false;
  await readXml(entry, {
    found: () => texts.length,
    onOpen({ name }) {
      const own = localName(name);
      if (own === "si") text = "";
      else if (own === "t") isText = !isPhonetic;
      else if (own === "rPh") isPhonetic = true;
    },
    onText(some) {
      if (isText) text = longer(text, some);
    },
    onClose(name) {
      if (name === "t") isText = false;
      else if (name === "rPh") isPhonetic = false;
      else if (name === "si") {
        texts.push(ownCopy(text));
        bytes += bytesOfText + memoryBytes(text);
        if (bytes > maxTextBytes) {
          throw badFile(`is an Excel workbook with too much text to be read at once: ${asCsv}`);
        }
      }
    },
  }, signal);
  return texts;
}

/** Bytes that the characters of a text take in memory: one each, or two where one of them is beyond Latin-1. */
function memoryBytes(text: string): number {
  // deno-lint-ignore no-control-regex
  return /[^\x00-\xff]/.test(text) ? 2 * text.length : text.length;
}

interface SheetContext {
  formats: readonly NumberFormat[];
  texts: readonly string[];
  epoch: 1900 | 1904;
  cells: Map<number, StoredCells>;
}

/** A cell while it is read. */
interface Cell {
  place: number;
  type: string;
  style: number;
  value: string;
  hasFormula: boolean;
}

async function* sheetRows(
  entry: ArchiveEntry,
  context: SheetContext,
  signal: AbortSignal | undefined,
): AsyncGenerator<WorkbookRow[]> {
  let rows: WorkbookRow[] = [];
  let cells = 0, characters = 0, charactersOfRow = 0;
  let blankRows = 0, lastLine = 1;
  let row: WorkbookRow = { line: 0, fields: [] };
  let cell: Cell | undefined;
  let isValue = false, isPhonetic = false;
  let found = 0;
  const handlers: XmlHandlers = {
    found: () => found,
    onOpen({ name, attributes }) {
      switch (localName(name)) {
        case "row":
          row = { line: Number(attributes.r ?? row.line + 1), fields: [] };
          charactersOfRow = 0;
          break;
        case "c":
          cell = cellOf(attributes, row.fields.length);
          break;
        case "f":
          if (cell !== undefined) cell.hasFormula = true;
          break;
        case "rPh":
          isPhonetic = true;
          break;
        case "v":
        case "t":
          isValue = cell !== undefined && !isPhonetic;
      }
    },
    onText(text) {
      if (isValue) cell!.value = longer(cell!.value, text);
    },
    onClose(name) {
      if (name === "v" || name === "t") isValue = false;
      else if (name === "rPh") isPhonetic = false;
      else if (name === "c" && cell !== undefined) {
        charactersOfRow += addCell(row, cell, context);
        if (charactersOfRow > maxRecordCharacters) throw tooLongRow(row);
        cell = undefined;
      } else if (name === "row" && row.fields.length > 0) {
        rows.push(row);
        cells += row.fields.length;
        characters += charactersOfRow;
        blankRows = 0;
        lastLine = row.line;
        found++;
      } else if (name === "row" && ++blankRows > maxBlankRows) {
        throw notCsv(lastLine, tooManyBlankRows);
      }
    },
  };
  const othersTurn = takeTurns();
  for await (const _ of xmlSteps(entry, handlers)) {
    signal?.throwIfAborted();
    if (rows.length >= batchRows || cells >= batchCells || characters >= batchCharacters) {
      yield rows;
      rows = [];
      cells = characters = 0;
    }
    await othersTurn();
  }
  if (rows.length > 0) yield rows;
}

function cellOf(attributes: Record<string, string>, next: number): Cell {
  const place = attributes.r === undefined ? next : columnPlace(attributes.r);
  if (place === undefined || place >= maxColumns) {
    throw badFile(`is an Excel workbook with a cell that can't be (${attributes.r})`);
  }
  return {
    place,
    type: attributes.t ?? "n",
    style: Number(attributes.s ?? 0),
    value: "",
    hasFormula: false,
  };
}

/**
 * Puts a cell into its row; an empty one is left out.
 *
 * @returns its characters
 */
function addCell(row: WorkbookRow, cell: Cell, context: SheetContext): number {
  const { formats, texts, epoch, cells } = context;
  const { place, type, style, value, hasFormula } = cell;
  const where = `column ${place + 1}`;
  let text: string | undefined = value;
  if (value === "") {
    if (hasFormula && type !== "str") {
      row.fault =
        `has a formula without a result in ${where}; open the workbook with a spreadsheet and save it`;
    }
  } else if (type === "s") text = texts[Number(value)];
  else if (type === "b") text = value === "1" ? "TRUE" : "FALSE";
  else if (type === "e") {
    row.fault = `has an error of a formula in ${where}, ${value}; mend the formula`;
  } else if (type === "n") {
    text = numberText(value, formats[style] ?? { kind: "number" }, epoch);
  } else if (type === "d") text = value.replace("T", " ");
  if (text === undefined) {
    row.fault = `has a number or a time in ${where} that can't be read; write it as text`;
    text = value;
  }
  if (text === "") return 0;
  noteCell(cells, { place, text, line: row.line }, type === "n");
  // Before it is changed: a text of the workbook may be named by every cell.
  if (text.length > maxRecordCharacters) throw tooLongRow(row);
  while (row.fields.length < place) row.fields.push("");
  // Spreadsheets write some characters by their numbers.
  row.fields[place] = text.replace(
    /_x([0-9A-F]{4})_/g,
    (_, code) => String.fromCharCode(parseInt(code, 16)),
  ).replaceAll("\r\n", "\n");
  return text.length;
}

const fractionForm = /^-?\d{1,3}\.\d{3}$/;
const thousandForm = /^\D{0,6}[1-9]\d{0,2}[.,]\d{3}\D{0,6}$/;

/** Notes of a column what the text of a cell alone does not tell later on. */
function noteCell(
  cells: Map<number, StoredCells>,
  { place, text, line }: { place: number; text: string; line: number },
  isNumber: boolean,
): void {
  if (isNumber ? !text.includes(".") : !thousandForm.test(text)) return;
  let stored = cells.get(place);
  if (stored === undefined) cells.set(place, stored = { hasParts: false });
  if (!isNumber) stored.thousand ??= { text: ownCopy(text), line };
  else {
    stored.hasParts = true;
    if (fractionForm.test(text)) stored.fraction ??= { text, line };
  }
}

/** What is read of a row later on, as a record of a CSV. */
function tooLongRow({ line }: WorkbookRow): WorkflowError {
  return notCsv(
    line,
    `the row that begins here is longer than ${maxRecordCharacters} characters`,
  );
}

/** Copies what is kept of a part: a tag may have a megabyte, and a small archive thousands of them. */
function partKeeper(): (text: string | undefined) => string {
  let characters = 0;
  return (text = "") => {
    characters += text.length;
    if (characters > maxPartCharacters) {
      throw badFile(
        `is an Excel workbook with more than ${maxPartCharacters} characters of names or formats: ${asCsv}`,
      );
    }
    return ownCopy(text);
  };
}

/** Told what stands in a part of a workbook; the names of elements are without their prefix where they end. */
interface XmlHandlers {
  onOpen(tag: SaxesTagPlain): void;
  /** How much was found so far; where it stays the same, there is nothing to be found. */
  found(): number;
  onText?(text: string): void;
  onClose?(name: string): void;
}

async function readXml(
  entry: ArchiveEntry,
  handlers: XmlHandlers,
  signal?: AbortSignal,
): Promise<void> {
  const othersTurn = takeTurns();
  for await (const _ of xmlSteps(entry, handlers)) {
    await othersTurn();
    signal?.throwIfAborted();
  }
}

/** @throws {WorkflowError} `invalid` for a text that no spreadsheet writes */
function longer(text: string, more: string): string {
  if (text.length + more.length > maxTextLength) throw tooLong();
  return text + more;
}

function tooEmpty({ name }: ArchiveEntry): WorkflowError {
  return badFile(
    `is an Excel workbook with more than ${maxIdle} characters of nothing in ${name}: delete its empty rows, or ${asCsv}`,
  );
}

function tooLong(): WorkflowError {
  return badFile(`is an Excel workbook with a text of more than ${maxTextLength} characters`);
}

/** @throws {WorkflowError} `invalid` for more than a spreadsheet writes */
function refuseMany(parts: number): void {
  if (parts > maxParts) {
    throw badFile(`is an Excel workbook with more than ${maxParts} sheets or formats: ${asCsv}`);
  }
}

/** Reads on whenever it is asked. */
async function* xmlSteps(entry: ArchiveEntry, handlers: XmlHandlers): AsyncGenerator<void> {
  const parser = new SaxesParser();
  parser.on("error", (error) => {
    throw badFile(`is an Excel workbook that is damaged (${entry.name}: ${error.message})`);
  });
  // The parser holds what stands between two tags, and every tag until it is closed.
  let held = 0, heldOfOpen = 0;
  const open: number[] = [];
  parser.on("opentag", (tag) => {
    open.push(held);
    heldOfOpen += held;
    held = 0;
    if (open.length > maxDepth || heldOfOpen > maxTextLength) {
      throw badFile(`is an Excel workbook whose elements are nested too deeply: ${asCsv}`);
    }
    handlers.onOpen(tag as SaxesTagPlain);
  });
  parser.on("closetag", ({ name }) => {
    heldOfOpen -= open.pop()!;
    held = 0;
    handlers.onClose?.(localName(name));
  });
  parser.on("text", (text) => handlers.onText?.(text));
  parser.on("cdata", (text) => handlers.onText?.(text));
  const decoder = new TextDecoder();
  let found = 0, idle = 0;
  for await (const bytes of entry.bytes()) {
    const text = decoder.decode(bytes, { stream: true });
    for (let at = 0; at < text.length; at += pieceCharacters) {
      const piece = text.slice(at, at + pieceCharacters);
      if (handlers.found() !== found) {
        found = handlers.found();
        idle = 0;
      } else if ((idle += piece.length) > maxIdle) throw tooEmpty(entry);
      held += piece.length;
      parser.write(piece);
      if (held > maxTextLength) throw tooLong();
      yield;
    }
  }
  parser.write(decoder.decode());
  parser.close();
  yield;
}

function partOf(archive: Archive, path: string): ArchiveEntry {
  const entry = archive.entries.find(({ name }) => name === path);
  if (entry === undefined) throw badFile(`is an Excel workbook that is damaged (it lacks ${path})`);
  return entry;
}

function localName(name: string): string {
  return name.slice(name.indexOf(":") + 1);
}

/** A row as a line of CSV: where it stood and its fault come first, see {@linkcode workbookRecord}. */
export function workbookLine({ line, fault, fields }: WorkbookRow): string {
  return csvLine([line, fault ?? "", ...fields]);
}

/** A row from the fields of its line. */
export function workbookRecord(fields: readonly string[]): WorkbookRow {
  const [line, fault, ...own] = fields;
  return { line: Number(line), fields: own, ...(fault ? { fault } : {}) };
}
