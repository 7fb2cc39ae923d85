/**
 * What a file is by its first bytes.
 *
 * @module
 */

import { WorkflowError } from "../../errors.ts";

/** What a file is: text that may be a table, something that one can be taken out of, or something else. */
export type FileKind =
  | { kind: "text" | "gzip" | "zip" }
  /** What to do about it, for people: "is a PDF: …". */
  | { kind: "other"; problem: string };

const asCsv = "save it as CSV UTF-8 and import that";

/** First bytes, as one character each, and what has them. */
const beginnings: readonly (readonly [RegExp, string])[] = [
  // deno-lint-ignore no-control-regex
  [/^\xd0\xcf\x11\xe0/, `is an old Excel workbook (.xls): open it, ${asCsv}`],
  [/^%PDF-/, "is a PDF: export the orders as CSV from where the PDF was made"],
  // deno-lint-ignore no-control-regex
  [/^Rar!\x1a/, "is a RAR archive: unpack it and import the file in it"],
  [/^7z\xbc\xaf/, "is a 7-Zip archive: unpack it and import the file in it"],
  [/^BZh[1-9]/, "is packed with bzip2: unpack it and import what it holds"],
  [/^\xfd7zXZ/, "is packed with xz: unpack it and import what it holds"],
  [/^\x28\xb5\x2f\xfd/, "is packed with zstd: unpack it and import what it holds"],
  [/^(?:\x89PNG|\xff\xd8\xff|GIF8)/, "is a picture: export the orders as CSV"],
  [/^SQLite format 3\0/, "is an SQLite database: export the table of its orders as CSV"],
  [/^\{\\rtf/, `is an RTF document: ${asCsv}`],
];

/** The same of text, whatever white space is in front. */
const textBeginnings: readonly (readonly [RegExp, string])[] = [
  [
    /^<\?xml[^]*?<(?:\w+:)?Workbook/i,
    `is an Excel workbook as XML: open it, ${asCsv}`,
  ],
  [
    /^<(?:!doctype html|html|head|meta|table|body)\b/i,
    `is a web page, as some shops name it .xls: open it with a spreadsheet, ${asCsv}`,
  ],
  [/^<[?!a-z]/i, `is XML: export the orders as CSV, or ${asCsv}`],
  [/^(?:\[\s*[[{\]]|\{\s*["}])/, "is JSON: export the orders as CSV, or send them to POST /orders"],
];

/** @param start the first bytes of the file, some hundred where it has them */
/** Tells what a file is by its first bytes. */
export function fileKind(start: Uint8Array): FileKind {
  if (start[0] === 0x1f && start[1] === 0x8b) return { kind: "gzip" };
  const text = latin1(start);
  // deno-lint-ignore no-control-regex
  if (/^PK(?:\x03\x04|\x05\x06)/.test(text)) return { kind: "zip" };
  const isUtf16 = /^(?:\xff\xfe|\xfe\xff)/.test(text);
  const plain =
    (isUtf16 ? text.replaceAll("\0", "").slice(2) : text.replace(/^(?:\xef\xbb\xbf)+/, ""))
      .trimStart();
  for (const [beginning, problem] of beginnings) {
    if (beginning.test(text)) return { kind: "other", problem };
  }
  for (const [beginning, problem] of textBeginnings) {
    if (beginning.test(plain)) return { kind: "other", problem };
  }
  return { kind: "text" };
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, 1_024));
}

/** An error about a file as a whole. */
export function badFile(problem: string): WorkflowError {
  return new WorkflowError("invalid", `the file ${problem}`, [{ at: "file", detail: problem }]);
}
