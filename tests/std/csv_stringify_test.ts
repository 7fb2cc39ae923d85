import assert from "node:assert/strict";
import { CsvParseStream } from "@std/csv/parse-stream";
import { type DataItem, stringify, type StringifyOptions } from "@std/csv/stringify";

// What the real package writes in each case; the links in deno.json may be taken away at any time.

const cases: [name: string, data: DataItem[], text: string, options?: StringifyOptions][] = [
  ["arrays", [["a", "b"], [1, null]], "a,b\r\n1,\r\n", { headers: false }],
  ["a separator inside", [["a,b"]], '"a,b"\r\n', { headers: false }],
  ["quotes", [['say "hi"']], '"say ""hi"""\r\n', { headers: false }],
  ["line breaks", [["a\nb"]], '"a\nb"\r\n', { headers: false }],
  ["spaces", [[" a "]], " a \r\n", { headers: false }],
  ["nothing", [[undefined, null, ""]], ",,\r\n", { headers: false }],
  ["numbers and booleans", [[0, -1.5, true, 10n]], "0,-1.5,true,10\r\n", { headers: false }],
  ["objects as JSON", [[{ a: 1 }]], '"{""a"":1}"\r\n', { headers: false }],
  ["columns", [{ a: 1, b: 2 }], "b,a\r\n2,1\r\n", { columns: ["b", "a"] }],
  ["no rows", [], "a,b\r\n", { columns: ["a", "b"] }],
  ["no rows and no header", [], "", { columns: ["a", "b"], headers: false }],
  [
    "steps and names",
    [{ a: { b: [1, 2] } }],
    'b,second\r\n"[1,2]",2\r\n',
    { columns: [["a", "b"], { header: "second", prop: ["a", "b", 1] }] },
  ],
  ["another separator", [["a;b", "c,d"]], '"a;b";c,d\r\n', { headers: false, separator: ";" }],
  ["a byte-order mark", [["a"]], "\ufeffa\r\n", { headers: false, bom: true }],
  ["text beyond ASCII", [["ä", "😀"]], "ä,😀\r\n", { headers: false }],
];

for (const [name, data, text, options] of cases) {
  Deno.test(`stringify() writes ${name}`, () => assert.equal(stringify(data, options), text));
}

Deno.test("stringify() refuses what can't be written", () => {
  assert.throws(() => stringify([{ a: 1 }]));
  assert.throws(() => stringify([["a"]], { separator: '"' }));
  assert.throws(() => stringify([[1]], { columns: ["a"] }));
});

Deno.test("CsvParseStream reads what stringify() writes", async () => {
  const rows = [["a,b", 'c"d', "e\nf"], [" g ", "", "😀"], ["=1+1", "x\ry", "\t"]];
  const read = ReadableStream.from([stringify(rows, { headers: false })])
    .pipeThrough(new CsvParseStream());
  assert.deepEqual(await Array.fromAsync(read as ReadableStream<unknown>), rows);
});
