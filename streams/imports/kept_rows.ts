/**
 * Keeps the records of a file as they were taken apart, so that they can be read again without taking the file apart
 * once more, which is the dearest thing about reading it.
 *
 * @module
 */

import type { SourceRow } from "../../domain/import/source_row.ts";
import { openSpool } from "./spool.ts";

/** See {@linkcode keepRows}. */
export interface KeptRows {
  /** Takes the next records, of a file with this delimiter; their order is kept. */
  add(rows: readonly SourceRow[], delimiter: string): void;
  /** Gives all of them back, some hundred at once, again and again; nothing can be added any more. */
  blocks(): Generator<SourceRow[]>;
  /** Frees the disk. */
  close(): void;
}

/** Characters of records that are written at once. */
const blockCharacters = 32_768;

const betweenFields = "\x1f", betweenRows = "\x1e";

/**
 * Begins to keep records. A crash leaves nothing behind: the temporary file has no name.
 *
 * @param memoryBytes how much is kept in memory; what is more goes to a temporary file
 * @throws {WorkflowError} `unavailable`, from `add` and `blocks` as well, where the disk is full or can't be written
 */
export function keepRows(memoryBytes?: number): KeptRows {
  const spool = openSpool(memoryBytes);
  const encoder = new TextEncoder();
  const lengths: number[] = [];
  let block = emptyBlock(betweenFields);
  let room = new Uint8Array(0);
  const write = () => {
    if (block.rows.length === 0) return;
    const text = blockText(block);
    // Of other memory for each block, what was let go of piles up until the garbage collector comes.
    if (room.length < 3 * text.length) room = new Uint8Array(3 * text.length);
    const { written } = encoder.encodeInto(text, room);
    lengths.push(written);
    spool.write(room.subarray(0, written), { isLent: true });
    block = emptyBlock(block.delimiter);
  };
  return {
    add(rows, delimiter) {
      if (delimiter !== block.delimiter) {
        write();
        block = emptyBlock(delimiter);
      }
      for (const row of rows) {
        addRow(block, row);
        if (block.characters >= blockCharacters) write();
      }
    },
    *blocks() {
      write();
      const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
      let offset = 0;
      for (const length of lengths) {
        if (room.length < length) room = new Uint8Array(length);
        yield rowsOfBlock(decoder.decode(spool.read(offset, length, room)));
        offset += length;
      }
    },
    close: () => spool.close(),
  };
}

/** Records that are written at once. */
interface Block {
  rows: SourceRow[];
  /** Each as one text. */
  texts: string[];
  /** Of all texts. */
  characters: number;
  /** What stands between the fields of a text. */
  delimiter: string;
  /** Places of the records whose fields another sign stands between, because they may have the delimiter in them. */
  joined: number[];
  /** No text has a sign in it that stands between texts or fields. */
  isPlain: boolean;
}

function emptyBlock(delimiter: string): Block {
  return { rows: [], texts: [], characters: 0, delimiter, joined: [], isPlain: true };
}

function addRow(block: Block, row: SourceRow): void {
  const { plain, fields } = row;
  const text = plain ?? fields.join(betweenFields);
  if (plain === undefined) {
    block.joined.push(block.rows.length);
    if (fields.length === 0 || countOf(text, betweenFields) !== fields.length - 1) {
      block.isPlain = false;
    }
  }
  if (text.includes(betweenRows)) block.isPlain = false;
  block.rows.push(row);
  block.texts.push(text);
  block.characters += text.length;
}

function countOf(text: string, sign: string): number {
  let count = 0;
  for (let at = text.indexOf(sign); at >= 0; at = text.indexOf(sign, at + 1)) count++;
  return count;
}

/** What a block says of its records before their fields: line by line, and of those that have one the fault. */
type BlockHead = [
  lines: number[],
  faults: [place: number, fault: string][],
  delimiter: string,
  joined: number[],
];

/**
 * The head, and behind it the text of each record; or all as JSON, which no control character of a field can confuse.
 */
function blockText({ rows, texts, delimiter, joined, isPlain }: Block): string {
  const faults: BlockHead[1] = [];
  const lines: number[] = [];
  for (let place = 0; place < rows.length; place++) {
    const { line, fault } = rows[place]!;
    lines.push(line);
    if (fault !== undefined) faults.push([place, fault]);
  }
  const head: BlockHead = [lines, faults, delimiter, joined];
  if (isPlain) return JSON.stringify(head) + betweenRows + texts.join(betweenRows);
  return JSON.stringify([...head, rows.map(({ fields }) => fields)]);
}

/** A record that stays one text until its fields are asked for, and afterwards: rows live as long as their batch. */
class KeptRow implements SourceRow {
  readonly line: number;
  declare fault?: string;
  readonly #text: string;
  readonly #delimiter: string;

  constructor(line: number, text: string, delimiter: string) {
    this.line = line;
    this.#text = text;
    this.#delimiter = delimiter;
  }

  /** Made anew each time. */
  get fields(): readonly string[] {
    return this.#text.split(this.#delimiter);
  }
}

function rowsOfBlock(text: string): SourceRow[] {
  // No control character stands in JSON as it is.
  const isPlain = text.includes(betweenRows);
  const parts = isPlain ? text.split(betweenRows) : [];
  const [lines, faults, delimiter, joined, fields] = JSON.parse(isPlain ? parts[0]! : text) as [
    ...BlockHead,
    string[][],
  ];
  const rows = lines.map((line, place): SourceRow =>
    isPlain ? new KeptRow(line, parts[place + 1]!, delimiter) : { line, fields: fields[place]! }
  );
  if (isPlain) {
    for (const place of joined) {
      rows[place] = new KeptRow(lines[place]!, parts[place + 1]!, betweenFields);
    }
  }
  for (const [place, fault] of faults) rows[place]!.fault = fault;
  return rows;
}
