/**
 * A file to be imported: checked to its end before anything is made of it, then read once more.
 *
 * @module
 */

import { WorkflowError } from "../../domain/errors.ts";
import { fieldsOf, outlineOf } from "../../domain/import/csv_fields.ts";
import { notCsv, scanRecords } from "../../domain/import/csv_records.ts";
import { type CsvRow, type FileLines, isBlankRow } from "../../domain/import/csv_rows.ts";
import { badFile, fileKind } from "../../domain/import/source/file_kind.ts";
import { readBytes, utf8Decoder } from "./csv_source.ts";
import { nativeForm, type OrderForm } from "./order_form.ts";
import { noOrders, sizeLarge, type TrackedOrders } from "./order_tracker.ts";
import { checkRows } from "./row_check.ts";
import { idIn, orderIdOf, readFields, type RowForm } from "./row_form.ts";
import { gatheredOrders, groupRows, type OrderGroup } from "./order_groups.ts";
import { openRowStore, type RowStoreLimits } from "./row_store.ts";
import type { SpooledSource } from "./source_table.ts";
import { openSpool, type Spool } from "./spool.ts";
import { takeTurns } from "../timing/take_turns.ts";

/** See {@linkcode openImportFile}. */
export interface ImportFile {
  header: readonly string[];
  /** How its rows become orders. */
  form: OrderForm;
  /** Rows, the header and those that are blank not counted. */
  rows: number;
  /** Gives all rows back once, those of an order together; throws the signal's reason when it aborts. */
  groups(signal?: AbortSignal): AsyncGenerator<OrderGroup>;
  /** Frees the disk. */
  close(): void;
}

/** A file that is not in this product's own form: all of its bytes, which belong to whoever opens it. */
export interface OtherForm extends SpooledSource {
  /** Why, with the line. */
  reason: WorkflowError;
}

/** What {@linkcode openImportFile} may be told. */
export interface ReadingOptions {
  /** Is told every piece of the file, unpacked. */
  onPiece?: (bytes: Uint8Array) => void;
  /** Why a file with this header is in another form nevertheless; undefined where it is not. */
  otherBy?: (header: readonly string[]) => string | undefined;
  /** Opens a file in another form, of which nothing was lost; without it such a file is refused. */
  openOther?: (other: OtherForm) => Promise<ImportFile>;
  /** Is told how much was read, piece by piece: bytes of the source, bytes once unpacked, and rows. */
  onProgress: (read: { bytes: number; unpackedBytes: number; rows: number }) => void;
  /** For tests: how much is kept in memory. */
  limits?: ImportFileLimits;
}

/** How much is kept in memory. */
export interface ImportFileLimits {
  /** Bytes of the file beyond which it is kept on disk. */
  spool: number;
  /** Rows of scattered orders. */
  store: RowStoreLimits;
  /** Rows of one order that are put together without the store. */
  orderRows: number;
}

/** Rows of one order that are put together without the store. */
export const defaultOrderRows = 10_000;

/**
 * Reads a file to its end and checks all that makes it a CSV of orders. Its bytes are kept, on disk where
 * they are many, and its rows are made when they are asked for. A piece of the source may be changed once the next one is
 * asked for.
 *
 * In most files the rows of an order stand together, and then an order is complete as soon as the next one
 * begins. Which orders are scattered is known after the check; only their rows are gathered.
 *
 * @throws {WorkflowError} `invalid`, with the line, for a file that is no CSV of orders
 * @throws what the source throws
 */
export async function openImportFile(
  source: ReadableStream<Uint8Array>,
  options: ReadingOptions,
): Promise<ImportFile> {
  const { limits, openOther } = options;
  const spool = openSpool(limits?.spool);
  const tracked = noOrders();
  try {
    const { header, form, rows, lines } = await readWhole(source, spool, tracked, options);
    return {
      header,
      form: nativeForm({ ...form.places, lines }),
      rows,
      groups: (signal) => orderGroups(spool, form, tracked, { limits: limits?.store, signal }),
      close: () => spool.close(),
    };
  } catch (error) {
    if (!(error instanceof NotOwnForm) || openOther === undefined) {
      spool.close();
      throw error instanceof NotOwnForm ? error.reason : error;
    }
    return await openOther({ reason: error.reason, spool, bytesRead: error.bytesRead });
  }
}

/** Thrown for what the own form does not have, once all bytes of the file are kept. */
class NotOwnForm extends Error {
  constructor(readonly reason: WorkflowError, readonly bytesRead: number) {
    super(reason.message);
  }
}

/** Reads the file to its end, keeps its bytes, and notes in `tracked` the orders that have to be gathered. */
async function readWhole(
  source: ReadableStream<Uint8Array>,
  spool: Spool,
  tracked: TrackedOrders,
  options: ReadingOptions,
): Promise<{ header: readonly string[]; form: RowForm; rows: number; lines: FileLines }> {
  const checked = checkRows(tracked, options.limits?.orderRows ?? defaultOrderRows);
  const scanner = scanRecords(checked.onRecord);
  const decoder = utf8Decoder(scanner.line);
  let bytesRead = 0, unpackedBytes = 0;
  const othersTurn = takeTurns();
  let otherBy: WorkflowError | undefined;
  const inOwnForm = (work: () => void) => {
    if (otherBy !== undefined) return;
    try {
      work();
    } catch (error) {
      if (!(error instanceof WorkflowError)) throw error;
      if (options.openOther === undefined) throw error;
      // Nobody has to send the rest of what is no table at all.
      const kind = fileKind(spool.read(0, 1_024));
      if (kind.kind === "other") throw badFile(kind.problem);
      otherBy = error;
    }
  };
  const tell = () => options.onProgress({ bytes: bytesRead, unpackedBytes, rows: checked.rows() });
  let isHeaderChecked = false;
  const take = (bytes: Uint8Array) => {
    scanner.push(decoder.decode(bytes));
    const header = isHeaderChecked ? undefined : checked.file()?.header;
    if (header === undefined) return;
    isHeaderChecked = true;
    const why = options.otherBy?.(header);
    if (why !== undefined) throw notCsv(1, why);
  };
  for await (const bytes of readBytes(source, scanner.line, (count) => bytesRead += count)) {
    unpackedBytes += bytes.length;
    spool.write(bytes, { isLent: true });
    options.onPiece?.(bytes);
    inOwnForm(() => take(bytes));
    tell();
    // A packed file may hold much more than was sent, and is unpacked as fast as it is read.
    await othersTurn();
  }
  inOwnForm(() => {
    decoder.end();
    scanner.end();
    if (checked.file() === undefined) throw notCsv(1, "the header is missing");
  });
  if (otherBy !== undefined) throw new NotOwnForm(otherBy, bytesRead);
  tell();
  return { ...checked.file()!, rows: checked.rows(), lines: checked.lines() };
}

/** Goes over all records once more where an order is known to be too large, for the line from which it is. */
async function findLargeOrders(
  spool: Spool,
  form: RowForm,
  tracked: TrackedOrders,
  signal: AbortSignal | undefined,
): Promise<void> {
  const size = sizeLarge(tracked);
  if (size === undefined) return;
  const idPlace = form.places.external_order_id;
  const scanner = scanRecords((text, from, to, line, quoted) => {
    const id = idIn(outlineOf(text, from, to, quoted, idPlace).field, form);
    size(id, to - from, line);
  });
  const decoder = utf8Decoder(scanner.line);
  const othersTurn = takeTurns();
  for (const bytes of spool.pieces({ keep: true })) {
    scanner.push(decoder.decode(bytes));
    await othersTurn();
    signal?.throwIfAborted();
  }
  scanner.end();
}

async function* orderGroups(
  spool: Spool,
  form: RowForm,
  tracked: TrackedOrders,
  { limits, signal }: { limits: RowStoreLimits | undefined; signal: AbortSignal | undefined },
): AsyncGenerator<OrderGroup> {
  const { places } = form;
  await findLargeOrders(spool, form, tracked, signal);
  const store = openRowStore((row) => orderIdOf(row, places), limits);
  const grouping = groupRows(tracked);
  let isHeader = true;
  const scanner = scanRecords((text, from, to, line, quoted) => {
    if (isHeader) {
      isHeader = false;
      return;
    }
    const id = idIn(outlineOf(text, from, to, quoted, places.external_order_id).field, form);
    if (id === "" && isBlankRow(fieldsOf(text, from, to, quoted))) return;
    if (grouping.next(id)) {
      store.add({ line, fields: readFields(text, from, to, quoted, form) });
    } else if (form.isRejects) {
      grouping.keep({ line, fields: readFields(text, from, to, quoted, form) });
    } else {
      grouping.keep(new TextRow(line, text.slice(from, to), quoted));
    }
  });

  try {
    const decoder = utf8Decoder(scanner.line);
    const othersTurn = takeTurns();
    for (const bytes of spool.pieces()) {
      scanner.push(decoder.decode(bytes));
      yield* grouping.complete();
      // All of it is work for this thread alone: others get their turn, too.
      await othersTurn();
      signal?.throwIfAborted();
    }
    scanner.end();
    yield* grouping.end();
    yield* gatheredOrders(store, (row) => orderIdOf(row, places), signal);
  } finally {
    store.close();
  }
}

/**
 * A row that stays one text until its fields are asked for, and afterwards: rows live as long as their
 * batch, and ten strings to each of them were half of what the garbage collector had to carry.
 */
class TextRow implements CsvRow {
  readonly line: number;
  readonly #text: string;
  readonly #quoted: boolean;

  constructor(line: number, text: string, quoted: boolean) {
    this.line = line;
    this.#text = text;
    this.#quoted = quoted;
  }

  /** Made anew each time. */
  get fields(): readonly string[] {
    return fieldsOf(this.#text, 0, this.#text.length, this.#quoted);
  }
}
