import assert from "node:assert/strict";
import { CsvParseStream } from "@std/csv/parse-stream";
import fc from "fast-check";
import { fieldsOf, outlineOf } from "../../../domain/import/csv_fields.ts";
import { maxRecordCharacters, scanRecords } from "../../../domain/import/csv_records.ts";
import { csvLine } from "../../../domain/import/csv_text.ts";
import { messageOf, WorkflowError } from "../../../domain/errors.ts";

type Records = [line: number, fields: string[]][];

/** Feeds pieces; all records with their lines. */
function scan(pieces: string[]): Records {
  const records: Records = [];
  const scanner = scanRecords((text, from, to, line, quoted) => {
    const fields = fieldsOf(text, from, to, quoted);
    records.push([line, fields]);
    assert.equal(quoted, text.slice(from, to).includes('"'));
    const ends = new Int32Array(fields.length);
    for (const place of fields.keys()) {
      const outline = outlineOf(text, from, to, quoted, place, ends);
      assert.deepEqual(outline, {
        count: fields.length,
        field: fields[place],
        fields: quoted ? fields : undefined,
      });
      if (!quoted) {
        const starts = [from, ...[...ends].map((end) => end + 1)];
        assert.deepEqual(
          fields.map((_, at) => text.slice(starts[at], ends[at])),
          fields,
        );
      }
    }
    assert.equal(outlineOf(text, from, to, quoted, fields.length).field, "");
  });
  for (const piece of pieces) scanner.push(piece);
  scanner.end();
  return records;
}

const cases: [text: string, records: Records][] = [
  ["a,b\nc,d\n", [[1, ["a", "b"]], [2, ["c", "d"]]]],
  ["a,b\r\nc,d", [[1, ["a", "b"]], [2, ["c", "d"]]]],
  ["\n\r\na\n\nb\n", [[3, ["a"]], [5, ["b"]]]],
  [",\n,,", [[1, ["", ""]], [2, ["", "", ""]]]],
  ['"a\nb",c\nd\n', [[1, ["a\nb", "c"]], [3, ["d"]]]],
  ['a,"b\r\n\r\nc"\r\nd,"e"\r\nf', [[1, ["a", "b\n\nc"]], [4, ["d", "e"]], [5, ["f"]]]],
  ['"a""\n""b"\n"",""\n""""\n', [[1, ['a"\n"b']], [3, ["", ""]], [4, ['"']]]],
  ['"a",\n,"b",c\n', [[1, ["a", ""]], [2, ["", "b", "c"]]]],
  ['a,"b"', [[1, ["a", "b"]]]],
  ['a,"b"\r', [[1, ["a", "b"]]]],
  ["a,b\r", [[1, ["a", "b"]]]],
  ["a\r\r\nb\rc\n", [[1, ["a\r"]], [2, ["b\rc"]]]],
  ["\r", []],
  ["", []],
];

Deno.test("scanRecords() and fieldsOf() read records with their lines, however the text is cut", () => {
  for (const [text, records] of cases) {
    for (const pieces of [[text], [...text]]) {
      assert.deepEqual(scan(pieces), records, JSON.stringify(text));
    }
  }
});

Deno.test("scanRecords() and fieldsOf() read any records that csvLine() writes", () => {
  const field = fc.string({ unit: fc.constantFrom("a", '"', ",", "\n", "\r", " ", "é", "😀") });
  const records = fc.array(fc.array(field, { minLength: 2, maxLength: 4 }), { maxLength: 8 });
  fc.assert(fc.property(records, fc.integer({ min: 1, max: 9 }), (rows, size) => {
    const written = rows.map((row) => csvLine(row));
    const text = written.join("");
    const expected: Records = [];
    let line = 1;
    for (const [index, record] of written.entries()) {
      expected.push([line, rows[index]!.map((field) => field.replaceAll("\r\n", "\n"))]);
      line += record.split("\n").length - 1;
    }
    const pieces = text.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
    assert.deepEqual(scan(pieces), expected);
  }));
});

/** What the library makes of a text; null where it refuses it. */
async function parsedByLibrary(text: string): Promise<string[][] | null> {
  try {
    return await Array.fromAsync(ReadableStream.from([text]).pipeThrough(new CsvParseStream()));
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

Deno.test("scanRecords() and fieldsOf() take and refuse what CsvParseStream does, with the same fields", async () => {
  const unit = fc.constantFrom("a", "b", '"', '"', ",", "\n", "\r\n", "é");
  const piece = fc.oneof(
    fc.string({ unit, maxLength: 6 }),
    fc.constantFrom('"a"', '"a""b"', '"a,\nb"', "a,b\n", ",", "\n"),
  );
  const text = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(""));
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(text, async (text) => {
      const expected = await parsedByLibrary(text);
      const read = () => scan([...text]).map(([, fields]) => fields);
      if (expected === null) {
        refused++;
        assert.throws(read, WorkflowError);
      } else assert.deepEqual(read(), expected);
    }),
    { numRuns: 2_000 },
  );
  assert.ok(refused > 100 && refused < 1_900, `${refused} of 2,000 were refused`);
});

const faults: [text: string, line: number, detail: RegExp][] = [
  ['a,b\nc"d,e\n', 2, /inside a field/],
  ['a\n"b\nc"d,e\n', 3, /between a closing quote/],
  ['a\n"b"\rc\n', 2, /between a closing quote/],
  ['a\nb\n"c,d\ne\nf\n', 3, /never closed/],
  ['a,"b","c\n', 1, /never closed/],
];

Deno.test("scanRecords() refuses wrong quotes and names their line, however the text is cut", () => {
  for (const [text, line, detail] of faults) {
    for (const pieces of [[text], [...text]]) {
      assert.throws(() => scan(pieces), (error) => {
        assert.ok(error instanceof WorkflowError);
        assert.equal(error.code, "invalid");
        assert.equal(error.faults[0]!.at, `line ${line}`, JSON.stringify(text));
        assert.match(error.message, detail);
        return true;
      });
    }
  }
});

Deno.test("scanRecords() knows the line that the text has come to", () => {
  const scanner = scanRecords(() => {});
  const lines = ["a\n", 'b,"c\n', "d\n", 'e"\n', "f"].map((piece) => {
    scanner.push(piece);
    return scanner.line();
  });
  assert.deepEqual(lines, [2, 3, 4, 5, 5]);
});

Deno.test("scanRecords() gives up on a record that does not end, instead of gathering the file", () => {
  const scanner = scanRecords(() => {});
  const piece = "x\n".repeat(1000);
  scanner.push('a\n"');
  assert.throws(() => {
    for (let pushed = 0; pushed <= maxRecordCharacters; pushed += piece.length) {
      scanner.push(piece);
    }
  }, /line 2: the row that begins here is longer than/);
});

Deno.test("scanRecords() takes and refuses the same records wherever the pieces end", () => {
  const max = maxRecordCharacters;
  const verdict = (text: string, pieceLength: number) => {
    let records = 0;
    const scanner = scanRecords(() => records++);
    try {
      for (let at = 0; at < text.length; at += pieceLength) {
        scanner.push(text.slice(at, at + pieceLength));
      }
      scanner.end();
      return `${records} records`;
    } catch (error) {
      return messageOf(error);
    }
  };
  const tooLong = `line 2: the row that begins here is longer than ${max} characters; ` +
    "is a quote not closed?";
  for (const [length, expected] of [[max, "3 records"], [max + 1, tooLong]] as const) {
    for (const record of ["x".repeat(length), `"${"x".repeat(length - 2)}"`]) {
      for (const lineBreak of ["\n", "\r\n"]) {
        for (const pieceLength of [40_000, 65_536, max, 2 * max]) {
          for (const first of ["a", "a".repeat(30_000)]) {
            const text = [first, record, "c"].join(lineBreak);
            assert.equal(verdict(text, pieceLength), expected, `${length} by ${pieceLength}`);
          }
        }
      }
    }
  }
});

Deno.test("scanRecords() takes a time that grows with the text, however small its pieces are", () => {
  const timeOf = (start: string, piece: string, pieces: number) => {
    const scanner = scanRecords(() => {});
    scanner.push(`a\n${start}`);
    const from = performance.now();
    for (let n = 0; n < pieces; n++) scanner.push(piece);
    return performance.now() - from;
  };
  const max = maxRecordCharacters;
  for (const [start, piece] of [["x", "x"], ['"x', "x"], ['"x', "\n"], ['"x', '"'], [",", ","]]) {
    const took = () => timeOf(start!.padEnd(max - 50_000, start!.at(-1)), piece!, 49_998);
    let ms = took();
    // What was interrupted is given a second try: other programs share the machine.
    if (ms >= 1_000) ms = took();
    assert.ok(ms < 1_000, `${Math.round(ms)} ms for ${JSON.stringify(piece)}`);
  }
});
