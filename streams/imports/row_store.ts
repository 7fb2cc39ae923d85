/**
 * Keeps the rows of a file until all of them were seen, and gives them back with the rows of an order
 * together.
 *
 * @module
 */

import type { CsvRow } from "../../domain/import/csv_rows.ts";
import { maxOrderCharacters, maxOrderRows } from "../../domain/import/order_csv.ts";
import { type Extent, openTemporaryFile, type TemporaryFile } from "./temporary_file.ts";
import { textHash } from "./text_hash.ts";
import { ownCopy } from "../../domain/text/own_copy.ts";

/** Rows of whole orders, or a part of an order that has too many. */
export interface RowGroup {
  rows: CsvRow[];
  /**
   * The rows are of orders with more than {@linkcode maxOrderRows} rows or so many characters, and not all: for each
   * order the line that is the first too much.
   */
  oversized?: ReadonlyMap<string, number>;
}

/** See {@linkcode openRowStore}. */
export interface RowStore {
  /** Takes a row. */
  add(row: CsvRow): void;
  /**
   * Gives all rows back; nothing can be added any more. Null is no group: there was much to do, and others may have
   * their turn.
   */
  groups(): Generator<RowGroup | null>;
  /** Frees the disk. */
  close(): void;
}

/** How much a store keeps in memory, in bytes; rows are taken to need what {@linkcode sizeOf} says. */
export interface RowStoreLimits {
  /** Rows beyond it go to disk. */
  file: number;
  /** A part on disk beyond it is split again. */
  partition: number;
  /** Characters of a part that are written at once. */
  block: number;
}

/**
 * A small file is faster from memory, but what lives long there costs the garbage collector more than
 * writing and reading it back.
 */
const defaultLimits: RowStoreLimits = {
  file: 24 * 1024 * 1024,
  partition: 8 * 1024 * 1024,
  block: 32 * 1024,
};

/** Parts that rows are split into, by a hash of the order's id: a file of 2 GB is split once. */
const partitionCount = 256;

/** How often a part that does not fit into memory is split again. */
const maxSplits = 3;

/** Rows that go to disk for each one that is added, once there are too many: soon none is left in memory. */
const rowsAtATime = 4;

/** Rows that are written, and blocks that are read, before others get their turn. */
const rowsToATurn = 2_000;
const blocksToATurn = 16;

interface Partition {
  extents: Extent[];
  /** Rows as JSON that wait to be written. */
  waiting: string[];
  waitingCharacters: number;
  characters: number;
}

/**
 * Opens a store. A small file stays in memory, in the order of its rows; a larger one is split into parts
 * on disk, each of which fits into memory, however large the file is.
 *
 * The disk is used through one temporary file, of which nothing stays behind.
 *
 * @param keyOf the order's id in a row
 */
export function openRowStore(
  keyOf: (row: CsvRow) => string,
  limits: RowStoreLimits = defaultLimits,
): RowStore {
  let file: TemporaryFile | undefined;
  let rows: CsvRow[] = [];
  let bytes = 0;
  let partitions: Partition[] | undefined;

  /** Rows before it are on disk. */
  let spilled = 0;

  /** Writes some of the rows that are still in memory: all of them at once would take a tenth of a second. */
  const spill = (some: number): void => {
    const end = Math.min(rows.length, spilled + some);
    for (; spilled < end; spilled++) {
      append(file!, partitions!, rows[spilled]!, keyOf, 0, limits.block);
    }
    if (spilled < rows.length) return;
    rows = [];
    spilled = 0;
  };

  return {
    add(row) {
      // One before which no other waits for the disk is written at once.
      const isKept = partitions === undefined || rows.length > 0;
      const { line, fields } = row;
      rows.push(isKept ? ownCopy({ line, fields }) : { line, fields });
      if (partitions !== undefined) return spill(rowsAtATime);
      bytes += sizeOf(rows.at(-1)!);
      if (bytes <= limits.file) return;
      file ??= openTemporaryFile();
      partitions = emptyPartitions();
    },
    *groups() {
      if (partitions === undefined) {
        const all = rows;
        rows = [];
        if (all.length > 0) yield { rows: all };
        return;
      }
      while (rows.length > 0) {
        spill(rowsToATurn);
        yield null;
      }
      yield* groupsOf(file!, partitions, keyOf, 1, limits);
    },
    close: () => file?.close(),
  };
}

/** Bytes that a row takes in memory, about: each field is a text of its own. */
function sizeOf({ fields }: CsvRow): number {
  let bytes = 64;
  for (const field of fields) bytes += 24 + field.length;
  return bytes;
}

function* groupsOf(
  file: TemporaryFile,
  partitions: Partition[],
  keyOf: (row: CsvRow) => string,
  depth: number,
  limits: RowStoreLimits,
): Generator<RowGroup | null> {
  for (const partition of partitions) {
    if (partition.characters <= limits.partition) {
      const rows: CsvRow[] = [];
      let blocks = 0;
      for (const some of rowsOf(file, partition)) {
        for (const row of some) rows.push(row);
        if (++blocks % blocksToATurn === 0) yield null;
      }
      if (rows.length > 0) yield { rows };
    } else if (depth <= maxSplits) {
      const parts = emptyPartitions();
      for (const some of rowsOf(file, partition)) {
        for (const row of some) append(file, parts, row, keyOf, depth, limits.block);
        yield null;
      }
      yield* groupsOf(file, parts, keyOf, depth + 1, limits);
    } else {
      yield* largeOrders(file, partition, keyOf);
    }
  }
}

/** What is left when splitting does not help: orders with very many rows. */
function* largeOrders(
  file: TemporaryFile,
  partition: Partition,
  keyOf: (row: CsvRow) => string,
): Generator<RowGroup | null> {
  const sizes = new Map<string, { rows: number; characters: number }>();
  const oversized = new Map<string, number>();
  for (const some of rowsOf(file, partition)) {
    for (const row of some) {
      const key = keyOf(row);
      const size = sizes.get(key) ?? { rows: 0, characters: 0 };
      size.rows++;
      for (const field of row.fields) size.characters += field.length;
      sizes.set(key, size);
      const isTooLarge = size.rows > maxOrderRows || size.characters > maxOrderCharacters;
      if (isTooLarge && !oversized.has(key)) oversized.set(key, row.line);
    }
    yield null;
  }
  const isTooLarge = (row: CsvRow) => oversized.has(keyOf(row));
  const whole: CsvRow[] = [];
  for (const some of rowsOf(file, partition)) {
    const parts = some.filter(isTooLarge);
    if (parts.length > 0) yield { rows: parts, oversized };
    for (const row of some) if (!isTooLarge(row)) whole.push(row);
    yield null;
  }
  if (whole.length > 0) yield { rows: whole };
}

function emptyPartitions(): Partition[] {
  return Array.from(
    { length: partitionCount },
    () => ({ extents: [], waiting: [], waitingCharacters: 0, characters: 0 }),
  );
}

function append(
  file: TemporaryFile,
  partitions: Partition[],
  row: CsvRow,
  keyOf: (row: CsvRow) => string,
  seed: number,
  block: number,
): void {
  const partition = partitions[textHash(keyOf(row), seed) % partitionCount]!;
  const json = JSON.stringify([row.line, row.fields]);
  partition.waiting.push(json);
  partition.waitingCharacters += json.length;
  partition.characters += json.length;
  if (partition.waitingCharacters >= block) writeOut(file, partition);
}

function writeOut(file: TemporaryFile, partition: Partition): void {
  const bytes = new TextEncoder().encode(`[${partition.waiting.join(",")}]`);
  partition.waiting = [];
  partition.waitingCharacters = 0;
  partition.extents.push({ offset: file.append(bytes), length: bytes.length });
}

/** The rows of a partition in the order of the file, block by block. */
function* rowsOf(file: TemporaryFile, partition: Partition): Generator<CsvRow[]> {
  for (const extent of partition.extents) {
    yield parseRows(new TextDecoder().decode(file.read(extent)));
  }
  yield parseRows(`[${partition.waiting.join(",")}]`);
}

function parseRows(json: string): CsvRow[] {
  return (JSON.parse(json) as [number, string[]][]).map(([line, fields]) => ({ line, fields }));
}
