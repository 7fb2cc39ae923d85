import assert from "node:assert/strict";
import process from "node:process";
import { CsvError, parse } from "csv-parse/sync";
import fc from "fast-check";
import type { SourceRecord } from "../../../domain/import/source_row.ts";
import { readRecords } from "../../../streams/imports/source_records.ts";

async function recordsOf(pieces: string[], delimiter: string): Promise<SourceRecord[]> {
  const stream = (async function* () {
    yield* pieces;
  })();
  const records: SourceRecord[] = [];
  const form = { delimiter, skipLines: 0, width: () => 0 };
  for await (const some of readRecords(stream, form)) records.push(...some);
  return records;
}

/** All records as the library takes them apart; undefined where it finds a fault. */
function byLibrary(text: string, delimiter: string): string[][] | undefined {
  try {
    return parse(text, {
      delimiter,
      record_delimiter: "\n",
      relax_column_count: true,
      skip_empty_lines: true,
    });
  } catch (error) {
    assert(error instanceof CsvError);
    return undefined;
  }
}

const piece = fc.array(
  fc.constantFrom('"', '"', '""', ',"', '",', '"\n', ",", ";", "\n", "\n", "a", " ", "é", "\0"),
  { maxLength: 40 },
).map((parts) => parts.join(""));

// First, because it is about code that has run hardly ever before.
Deno.test("readRecords() makes records that are gone with their block, even once some have outlived theirs", async () => {
  const line = (at: number) =>
    `#${at},k${at}@shop.example,pending,EUR,118.49,4.90,0.00,123.39,,0.00,Standard,${at},1,Thing ${at},1.00\n`;
  const form = { delimiter: ",", skipLines: 0, width: () => 15 };
  async function* pieces() {
    for (let piece = 0; piece < 1_500; piece++) {
      yield Array.from({ length: 500 }, (_, at) => line(piece * 500 + at)).join("");
    }
  }
  let kept: unknown[] = [];
  let blocks = 0, least = Infinity, most = 0;
  for await (const some of readRecords(pieces(), form)) {
    // As records that wait for others: they are gone long before the blocks that are measured.
    if (blocks++ < 100) kept.push(some);
    else kept = [];
    if (blocks < 300) continue;
    const { heapUsed } = process.memoryUsage();
    least = Math.min(least, heapUsed);
    most = Math.max(most, heapUsed);
  }
  // Of 25,000 rows 120 MB and more were held until all of the memory was looked through, and 40 MB are in use otherwise.
  assert.equal(kept.length, 0);
  assert.ok(most - least < 130e6, `${least} to ${most} bytes`);
});

Deno.test("readRecords() takes text apart as the library does, and knows the line that each record begins on", async () => {
  let sound = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(piece, { minLength: 1, maxLength: 4 }),
      fc.constantFrom(",", ";"),
      fc.boolean(),
      async (parts, delimiter, isLong) => {
        // As much that each part is taken by itself, with the beginning of a record left over.
        const filler = isLong ? `filler;1,${"2".repeat(2_000)}\n`.repeat(33) : "";
        const pieces = parts.map((part, at) => (at === 0 ? filler : "") + part);
        const text = pieces.join("");
        const whole = byLibrary(text, delimiter);
        const records = await recordsOf(pieces, delimiter);
        if (whole === undefined) {
          assert(records.some(({ problem }) => problem !== undefined), JSON.stringify(text));
          return;
        }
        sound++;
        assert.deepEqual(records.map(({ fields }) => fields), whole);
        const lines = text.split("\n");
        for (const { line, fields, plain, text: own } of records) {
          if (plain !== undefined) assert.deepEqual(plain.split(delimiter), fields);
          const first = (own ?? plain ?? "").split("\n")[0]!;
          assert(lines[line - 1]!.startsWith(first), `line ${line} of ${JSON.stringify(text)}`);
          if (own === undefined && plain === undefined) assert(lines[line - 1]!.includes('"'));
        }
      },
    ),
    { numRuns: 2_000 },
  );
  assert(sound > 150, `${sound} texts without a fault`);
});

Deno.test("readRecords() takes a row apart that goes over a block's end, and none that is too long", async () => {
  const long = "x".repeat(70_000);
  const texts = [`a,b\n1,${long}`, `${long}\n"2`, `${long}\n\n3",4\n`];
  const records = await recordsOf(texts, ",");
  assert.deepEqual(records.map(({ line }) => line), [1, 2, 3]);
  assert.deepEqual(records.map(({ fields }) => fields), [
    ["a", "b"],
    ["1", long + long],
    [`2${long}\n\n3`, "4"],
  ]);
  const endless = Array.from({ length: 5 }, () => long);
  await assert.rejects(
    recordsOf(["a,b\n", ...endless], ","),
    /line 2: the row that begins here is longer than 262144 characters/,
  );
});

Deno.test("readRecords() hands over a thousand records at the most, however short the lines are behind a wrong quote", async () => {
  const text = `a\n"${"x\n".repeat(200_000)}`;
  const pieces = (async function* () {
    for (let at = 0; at < text.length; at += 65_536) yield text.slice(at, at + 65_536);
  })();
  let most = 0, records = 0, faulty = 0;
  for await (const some of readRecords(pieces, { delimiter: ",", skipLines: 0, width: () => 1 })) {
    most = Math.max(most, some.length);
    records += some.length;
    faulty += some.filter(({ problem }) => problem !== undefined).length;
  }
  assert.deepEqual({ records, faulty }, { records: 200_001, faulty: 1 });
  assert(most <= 1_024, `${most} at once`);
});
