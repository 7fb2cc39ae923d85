/**
 * Takes the rows of a person out of a piece of a stored rejects file.
 *
 * @module
 */

import type { PersonFinder } from "./personal_text.ts";

/** What is left of a piece. */
export interface RejectsLeft {
  /** The other rows, as they were. */
  csv: string;
  /** Rows that were taken out. */
  taken: number;
}

/** The first line of a rejects file, and by what its fields are kept apart. */
export interface RejectsHead {
  /** The names of its columns. */
  columns: readonly string[];
  /** One character. */
  delimiter: string;
}

/** Reads the first piece of a rejects file, which is its header. */
export function rejectsHead(piece: string): RejectsHead {
  const line = piece.replace(/^\ufeff/, "");
  // The last two columns are always the same, so what stands between them is the delimiter.
  const delimiter = /line"?(.)"?reason"?\r?\n?$/.exec(line)?.[1] ?? ",";
  const [record = { fields: [] }] = recordsOf(line, delimiter);
  return { columns: record.fields, delimiter };
}

/** Takes out every row that names a person; a piece holds whole rows. */
export function rejectsWithout(
  piece: string,
  { columns, delimiter }: RejectsHead,
  finder: PersonFinder,
): RejectsLeft {
  let csv = "";
  let taken = 0;
  for (const { text, fields } of recordsOf(piece, delimiter)) {
    if (finder.isNamedInRow(columns, fields)) taken++;
    else csv += text;
  }
  return { csv, taken };
}

/** The rows that name a person, by the names of their columns. */
export function rejectsOf(
  piece: string,
  { columns, delimiter }: RejectsHead,
  finder: PersonFinder,
): Record<string, string>[] {
  return [...recordsOf(piece, delimiter)]
    .filter(({ fields }) => finder.isNamedInRow(columns, fields))
    .map(({ fields }) =>
      Object.fromEntries(columns.map((column, at) => [column, fields[at] ?? ""]))
    );
}

/** The records of a text that our own writer has written: each as it stands, with its line break, and its fields. */
function* recordsOf(
  text: string,
  delimiter: string,
): Generator<{ text: string; fields: string[] }> {
  let start = 0;
  let fields: string[] = [];
  for (let at = 0; at < text.length;) {
    let field = "";
    if (text[at] === '"') {
      let close = text.indexOf('"', at + 1);
      while (close >= 0 && text[close + 1] === '"') close = text.indexOf('"', close + 2);
      if (close < 0) close = text.length;
      field = text.slice(at + 1, close).replaceAll('""', '"');
      at = close + 1;
    } else {
      const begin = at;
      while (at < text.length && text[at] !== delimiter && text[at] !== "\n") at++;
      field = text.slice(begin, at).replace(/\r$/, "");
    }
    fields.push(field);
    if (text[at] === delimiter) {
      at++;
      continue;
    }
    const end = text.indexOf("\n", at);
    at = end < 0 ? text.length : end + 1;
    yield { text: text.slice(start, at), fields };
    start = at;
    fields = [];
  }
}
