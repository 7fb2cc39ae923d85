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
  /** Takes the next records; their order is kept. */
  add(rows: readonly SourceRow[]): void;
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
  let waiting: SourceRow[] = [];
  let texts: string[] = [];
  let characters = 0;
  const write = () => {
    if (waiting.length === 0) return;
    const bytes = encodeBlock(waiting, texts, encoder);
    lengths.push(bytes.length);
    spool.write(bytes);
    [waiting, texts, characters] = [[], [], 0];
  };
  return {
    add(rows) {
      for (const row of rows) {
        const text = row.fields.join(betweenFields);
        waiting.push(row);
        texts.push(text);
        characters += text.length;
        if (characters >= blockCharacters) write();
      }
    },
    *blocks() {
      write();
      const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
      let offset = 0;
      for (const length of lengths) {
        yield rowsOfBlock(decoder.decode(spool.read(offset, length)));
        offset += length;
      }
    },
    close: () => spool.close(),
  };
}

/** What a block says of its records before their fields: line by line, and of those that have one the fault. */
type BlockHead = [lines: number[], faults: [place: number, fault: string][]];

/**
 * The head, and behind it the text of each record; or all as JSON, which no control character of a field can confuse.
 */
function encodeBlock(
  rows: readonly SourceRow[],
  texts: readonly string[],
  encoder: TextEncoder,
): Uint8Array {
  const faults: BlockHead[1] = [];
  let fields = 0;
  let isPlain = true;
  for (const [place, row] of rows.entries()) {
    if (row.fault !== undefined) faults.push([place, row.fault]);
    if (row.fields.length === 0) isPlain = false;
    fields += row.fields.length;
  }
  const head: BlockHead = [rows.map(({ line }) => line), faults];
  const text = JSON.stringify(head) + betweenRows + texts.join(betweenRows);
  const bytes = encoder.encode(text);
  let fieldBreaks = 0, rowBreaks = 0;
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] === 0x1f) fieldBreaks++;
    else if (bytes[at] === 0x1e) rowBreaks++;
  }
  if (isPlain && fieldBreaks === fields - rows.length && rowBreaks === rows.length) return bytes;
  return encoder.encode(JSON.stringify([...head, rows.map(({ fields }) => fields)]));
}

/** A record that stays one text until its fields are asked for, and afterwards: rows live as long as their batch. */
class KeptRow implements SourceRow {
  readonly line: number;
  declare fault?: string;
  readonly #text: string;

  constructor(line: number, text: string) {
    this.line = line;
    this.#text = text;
  }

  /** Made anew each time. */
  get fields(): readonly string[] {
    return this.#text.split(betweenFields);
  }
}

function rowsOfBlock(text: string): SourceRow[] {
  // No control character stands in JSON as it is.
  const isPlain = text.includes(betweenRows);
  const parts = isPlain ? text.split(betweenRows) : [];
  const [lines, faults, fields] = JSON.parse(isPlain ? parts[0]! : text) as [
    ...BlockHead,
    string[][],
  ];
  const rows = lines.map((line, place): SourceRow =>
    isPlain ? new KeptRow(line, parts[place + 1]!) : { line, fields: fields[place]! }
  );
  for (const [place, fault] of faults) rows[place]!.fault = fault;
  return rows;
}
