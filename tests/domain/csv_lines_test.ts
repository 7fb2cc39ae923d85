import assert from "node:assert/strict";
import fc from "fast-check";
import { mostRecordCharacters, trackLines } from "../../domain/csv_lines.ts";
import { csvLine } from "../../domain/csv_text.ts";
import { WorkflowError } from "../../domain/errors.ts";

/** Feeds pieces; the lines that records begin on, and the text that came out. */
function track(pieces: string[]): { starts: number[]; text: string } {
  const lines = trackLines();
  const text = pieces.map((piece) => lines.push(piece)).join("") + lines.end();
  const starts: number[] = [];
  for (let next = lines.nextStart(); next < lines.line; next = lines.nextStart()) starts.push(next);
  return { starts, text };
}

const cases: [text: string, starts: number[]][] = [
  ["a,b\nc,d\n", [1, 2]],
  ["a,b\r\nc,d", [1, 2]],
  ["\n\r\na\n\nb\n", [3, 5]],
  ['"a\nb",c\nd\n', [1, 3]],
  ['a,"b\r\n\r\nc"\r\nd,"e"\r\nf', [1, 4, 5]],
  ['"a""\n""b"\n"",""\n""""\n', [1, 3, 4]],
  ['a,"b"', [1]],
  ['a,"b"\r', [1]],
  ["", []],
];

Deno.test("trackLines() tells the line of every record, however the text is cut", () => {
  for (const [text, starts] of cases) {
    for (const pieces of [[text], [...text]]) {
      assert.deepEqual(track(pieces), { starts, text }, JSON.stringify(text));
    }
  }
});

Deno.test("trackLines() follows any records that csvLine() writes", () => {
  const field = fc.string({ unit: fc.constantFrom("a", '"', ",", "\n", "\r", " ", "é") });
  const records = fc.array(fc.array(field, { minLength: 2, maxLength: 4 }), { maxLength: 8 });
  fc.assert(fc.property(records, fc.integer({ min: 1, max: 9 }), (rows, size) => {
    const written = rows.map(csvLine);
    const text = written.join("");
    const starts: number[] = [];
    let line = 1;
    for (const record of written) {
      starts.push(line);
      line += record.split("\n").length - 1;
    }
    const pieces = text.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
    assert.deepEqual(track(pieces), { starts, text });
  }));
});

const faults: [text: string, line: number, detail: RegExp][] = [
  ['a,b\nc"d,e\n', 2, /inside a field/],
  ['a\n"b\nc"d,e\n', 3, /between a closing quote/],
  ['a\n"b"\rc\n', 2, /between a closing quote/],
  ['a\nb\n"c,d\ne\nf\n', 3, /never closed/],
  ['a,"b","c\n', 1, /never closed/],
];

Deno.test("trackLines() refuses wrong quotes and names their line, however the text is cut", () => {
  for (const [text, line, detail] of faults) {
    for (const pieces of [[text], [...text]]) {
      assert.throws(() => track(pieces), (error) => {
        assert.ok(error instanceof WorkflowError);
        assert.equal(error.code, "invalid");
        assert.equal(error.faults[0]!.at, `line ${line}`, JSON.stringify(text));
        assert.match(error.message, detail);
        return true;
      });
    }
  }
});

Deno.test("trackLines() gives up on a record that does not end, instead of gathering the file", () => {
  const lines = trackLines();
  const piece = "x\n".repeat(1000);
  lines.push('a\n"');
  assert.throws(() => {
    for (let pushed = 0; pushed <= mostRecordCharacters; pushed += piece.length) lines.push(piece);
  }, /line 2: the row that begins here is longer than/);
});
