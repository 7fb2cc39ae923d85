/**
 * Keeps the records of a file as they were taken apart, so that they can be read again without taking the file apart
 * once more, which is the dearest thing about reading it.
 *
 * @module
 */

import type { SourceRow } from "../../domain/import/source_row.ts";
import { openSpool } from "./spool.ts";
import type { Extent } from "./temporary_file.ts";

/** See {@linkcode keepRows}. */
export interface KeptRows {
  /** Takes the next records, of a file with this delimiter; their order is kept. */
  add(rows: readonly SourceRow[], delimiter: string): void;
  /**
   * Gives all of them back, some hundred at once, again and again; nothing can be added any more. What was let go of is read
   * from the disk again where it is asked for, until it is freed.
   */
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
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
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
  const textOf = ({ offset, length }: Extent): string => {
    if (room.length < length) room = new Uint8Array(length);
    return decoder.decode(spool.read(offset, length, room));
  };
  // Whoever asks for one record again asks for its neighbours next.
  let again: { offset: number; rows: SourceRow[] } | undefined;
  const rowsAgain = (place: Extent): SourceRow[] => {
    if (again?.offset !== place.offset) {
      again = { offset: place.offset, rows: rowsOfBlock(textOf(place)) };
    }
    return again.rows;
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
      for (let block = 0, offset = 0; block < lengths.length; offset += lengths[block++]!) {
        const place = { offset, length: lengths[block]! };
        yield rowsOfBlock(textOf(place), () => rowsAgain(place));
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

/**
 * A record that stays one text until its fields are asked for, and not even that once it was let go of: rows live as long as
 * their batch, and nearly all of them are never looked at again.
 */
class KeptRow implements SourceRow {
  readonly line: number;
  declare fault?: string;
  readonly #place: number;
  readonly #delimiter: string;
  /** Gives all records of its block once more; undefined where its text is kept. */
  readonly #again: (() => SourceRow[]) | undefined;
  #text: string | undefined;

  constructor(
    text: string,
    { line, place, delimiter, again }: {
      line: number;
      place: number;
      delimiter: string;
      again: (() => SourceRow[]) | undefined;
    },
  ) {
    this.line = line;
    this.#place = place;
    this.#delimiter = delimiter;
    this.#again = again;
    this.#text = text;
  }

  /** Made anew each time. */
  get fields(): readonly string[] {
    return this.#text?.split(this.#delimiter) ?? this.#again!()[this.#place]!.fields;
  }

  release(): void {
    if (this.#again !== undefined) this.#text = undefined;
  }
}

/** @param again gives them once more; where it is absent they keep their texts */
function rowsOfBlock(text: string, again?: () => SourceRow[]): SourceRow[] {
  // No control character stands in JSON as it is.
  const isPlain = text.includes(betweenRows);
  const parts = isPlain ? text.split(betweenRows) : [];
  const [lines, faults, delimiter, joined, fields] = JSON.parse(isPlain ? parts[0]! : text) as [
    ...BlockHead,
    string[][],
  ];
  const keptRow = (place: number, delimiter: string): SourceRow =>
    new KeptRow(parts[place + 1]!, { line: lines[place]!, place, delimiter, again });
  const rows = lines.map((line, place): SourceRow =>
    isPlain ? keptRow(place, delimiter) : { line, fields: fields[place]! }
  );
  if (isPlain) { for (const place of joined) rows[place] = keptRow(place, betweenFields); }
  for (const [place, fault] of faults) rows[place]!.fault = fault;
  return rows;
}
