import assert from "node:assert/strict";
import { CsvParseStream, type CsvParseStreamOptions } from "@std/csv/parse-stream";

// What the real package answers in each case; the links in deno.json may be taken away at any time.

const cases: [name: string, text: string, records: unknown[], options?: CsvParseStreamOptions][] = [
  ["CRLF", "a,b\r\nc,d\r\n", [["a", "b"], ["c", "d"]]],
  ["a lone carriage return", "a,b\rc,d\r\n", [["a", "b\rc", "d"]]],
  ["no line break at the end", "a,b,c", [["a", "b", "c"]]],
  ["a carriage return at the end", "a,b\r", [["a", "b"]]],
  ["two carriage returns", "a\r\r\nb\r\r\n", [["a\r"], ["b\r"]]],
  ["line breaks in quotes", '"two\nlines",one,"a\r\nb"', [["two\nlines", "one", "a\nb"]]],
  ["empty lines", "a,b\n\n\r\nc,d\n\n", [["a", "b"], ["c", "d"]]],
  ["spaces", " a,  b,c \n", [[" a", "  b", "c "]]],
  ["doubled quotes", '"a ""b""","""",""\n', [['a "b"', '"', ""]]],
  ["records of any length", "a,b,c\nd\n,,,\n", [["a", "b", "c"], ["d"], ["", "", "", ""]]],
  ["text beyond ASCII", "ä,€\n😀,λ\n", [["ä", "€"], ["😀", "λ"]]],
  ["nothing", "", []],
  ["a separator", "a;b,c\n", [["a", "b,c"]], { separator: ";" }],
  ["comments", "#x\na#,b\n#y", [["a#", "b"]], { comment: "#" }],
  ["trimLeadingSpace", " a,  b\n", [["a", "b"]], { trimLeadingSpace: true }],
  ["skipFirstRow", "a,b\n1,2\n", [{ a: "1", b: "2" }], { skipFirstRow: true }],
  ["columns", "1,2\n", [{ x: "1", y: "2" }], { columns: ["x", "y"] }],
  ["both", "a,b\n1,2\n", [{ x: "1", y: "2" }], { skipFirstRow: true, columns: ["x", "y"] }],
  ["fieldsPerRecord", "a,b\n1,2\n", [["a", "b"], ["1", "2"]], { fieldsPerRecord: 0 }],
];

for (const [name, text, records, options] of cases) {
  Deno.test(`CsvParseStream reads ${name}, whole and in single characters`, async () => {
    for (const pieces of [[text], [...text]]) {
      const stream = ReadableStream.from(pieces).pipeThrough(new CsvParseStream(options ?? {}));
      assert.deepEqual(await Array.fromAsync(stream as ReadableStream<unknown>), records);
    }
  });
}

const faults: [name: string, text: string, before: number, options?: CsvParseStreamOptions][] = [
  ["a quote inside a bare field", 'a,b\nc "d",e\n', 1],
  ["text after a closing quote", '"wo"rd",1\n', 0],
  ["a quote that is never closed", 'a,b\nc,d\ne,"f\ng\n', 2],
  ["too few fields", "a,b\nc\n", 1, { fieldsPerRecord: 0 }],
];

for (const [name, text, before, options] of faults) {
  Deno.test(`CsvParseStream gives a SyntaxError for ${name}, after the records before it`, async () => {
    const reader = ReadableStream.from([text]).pipeThrough(new CsvParseStream(options)).getReader();
    for (let record = 0; record < before; record++) {
      assert.equal((await reader.read()).done, false);
    }
    await assert.rejects(() => reader.read(), SyntaxError);
  });
}

Deno.test("CsvParseStream hands an error of its source on", async () => {
  const source = new ReadableStream<string>({
    start: (controller) => controller.enqueue("a,b\n"),
    pull: () => {
      throw new Error("the disk is gone");
    },
  });
  await assert.rejects(
    () => Array.fromAsync(source.pipeThrough(new CsvParseStream())),
    /the disk is gone/,
  );
});

Deno.test("CsvParseStream cancels its source", async () => {
  let cancelled = false;
  const source = new ReadableStream<string>({
    pull: (controller) => controller.enqueue("a,b\n".repeat(1000)),
    cancel: () => void (cancelled = true),
  });
  for await (const record of source.pipeThrough(new CsvParseStream())) {
    assert.deepEqual(record, ["a", "b"]);
    break;
  }
  assert.equal(cancelled, true);
});

Deno.test("CsvParseStream has the types of its options", async () => {
  const rows: ReadableStream<string[]> = new CsvParseStream().readable;
  const named: ReadableStream<Record<"a" | "b", string>> =
    new CsvParseStream({ columns: ["a", "b"] }).readable;
  const headed: ReadableStream<Record<string, string | undefined>> =
    new CsvParseStream({ skipFirstRow: true }).readable;
  for (const stream of [rows, named, headed]) await stream.cancel();
});
