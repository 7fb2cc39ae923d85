import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { WorkflowError } from "../../../domain/errors.ts";
import type { SourceRow } from "../../../domain/import/source_row.ts";
import {
  openSourceTable,
  type SourceTable,
  type SourceTableOptions,
} from "../../../streams/imports/source_table.ts";
import { findEncoding } from "../../../streams/imports/source_text.ts";
import { openSpool } from "../../../streams/imports/spool.ts";
import { othersAsk } from "../../../streams/timing/take_turns.ts";
import { textCell, textSheet, workbookOf, zipOf } from "../../zip_archive.ts";

interface Read extends Omit<SourceTable, "rows" | "close" | "sha256" | "storedCells"> {
  rows: SourceRow[];
}

/** Opens a file and reads it twice, which must give the same. */
async function read(
  file: string | Uint8Array,
  options: SourceTableOptions & { pieceBytes?: number } = {},
): Promise<Read> {
  const bytes = typeof file === "string" ? new TextEncoder().encode(file) : file;
  const size = options.pieceBytes ?? 65_536;
  const pieces = Array.from(
    { length: Math.ceil(bytes.length / size) },
    (_, index) => bytes.slice(index * size, (index + 1) * size),
  );
  const table = await openSourceTable(ReadableStream.from(pieces), options);
  try {
    const rows = await all(table);
    assert.deepEqual(await all(table), rows);
    assert.equal(table.totalRows, rows.length);
    assert.equal(table.faulty, rows.filter(({ fault }) => fault !== undefined).length);
    const { form, header, notes, questions, lineEnd, totalRows, faulty } = table;
    return { form, header, notes, questions, lineEnd, totalRows, faulty, rows };
  } finally {
    table.close();
  }
}

async function all(table: SourceTable): Promise<SourceRow[]> {
  const rows: SourceRow[] = [];
  for await (const some of table.rows()) rows.push(...some);
  return rows.map(({ line, fields, fault }) =>
    fault === undefined ? { line, fields } : { line, fields, fault }
  );
}

async function refusal(
  file: string | Uint8Array,
  options: SourceTableOptions = {},
): Promise<WorkflowError> {
  const error = await read(file, options).catch((error) => error);
  assert(error instanceof WorkflowError, `it was read: ${JSON.stringify(error).slice(0, 500)}`);
  assert.equal(error.code, "invalid");
  return error;
}

const header = ["id", "name", "sku", "price", "qty"];
const fieldsOf = ({ rows }: Read) => rows.map(({ fields }) => fields);
const faultsOf = ({ rows }: Read) =>
  rows.flatMap(({ line, fault }) => fault === undefined ? [] : [[line, fault]]);

Deno.test("openSourceTable() finds titles, the delimiter, line ends and columns that are empty", async () => {
  const table = await read(
    "Orders of January\r\n\r\nid;name;sku;;price;;\r\n1;Ann;A;;1,50;;\r\n;;;;;;\r\n2;Bob;B;x;2,00;;;;\r\n",
  );
  assert.deepEqual(table.form, {
    container: "plain",
    encoding: "utf-8",
    delimiter: ";",
    headerLine: 3,
  });
  assert.deepEqual(table.header, ["id", "name", "sku", "", "price"]);
  assert.equal(table.lineEnd, "\r\n");
  assert.deepEqual(table.rows, [
    { line: 4, fields: ["1", "Ann", "A", "", "1,50"] },
    { line: 6, fields: ["2", "Bob", "B", "x", "2,00"] },
  ]);
  assert.match(table.notes.join("\n"), /^delimiter: semicolon$\n^header: line 3/m);
});

Deno.test("openSourceTable() obeys a sep= line, and what it is told", async () => {
  const said = await read("sep=|\nid|name|sku\n1|Ann, a|A\n");
  assert.deepEqual([said.form.delimiter, said.form.headerLine], ["|", 2]);
  assert.deepEqual(said.rows, [{ line: 3, fields: ["1", "Ann, a", "A"] }]);
  const told = await read("1;2;3\nid;name;sku\n1;Ann;A\n", { form: { headerLine: 2 } });
  assert.deepEqual(told.header, ["id", "name", "sku"]);
});

Deno.test("openSourceTable() reads CR and mixed line ends, and a record over several lines by its first", async () => {
  const cr = await read("id,name,sku\r1,Ann,A\r2,Bob,B\r");
  assert.deepEqual([cr.lineEnd, cr.rows[1]], ["\r", { line: 3, fields: ["2", "Bob", "B"] }]);
  const mixed = await read('id,name,sku\r\n1,"Ann\r\nLee",A\n\n2,Bob,B\r3,Cid,C');
  assert.deepEqual(mixed.rows, [
    { line: 2, fields: ["1", "Ann\nLee", "A"] },
    { line: 5, fields: ["2", "Bob", "B"] },
    { line: 6, fields: ["3", "Cid", "C"] },
  ]);
  assert(mixed.notes.includes("line ends: mixed"));
});

Deno.test("openSourceTable() asks for an encoding that the bytes don't tell, with a line of each", async () => {
  const bytes = Buffer.from("id;name;sku\n1;Jörg;A\n", "latin1");
  const { questions: [question], form } = await read(bytes);
  assert.equal(form.encoding, "windows-1252");
  assert.equal(question?.setting, "file.encoding");
  assert.match(question.question, /such as windows-1258, can be named/);
  const meanings = Object.fromEntries(
    question!.candidates.map(({ value, meaning }) => [value, meaning]),
  );
  assert.match(meanings["windows-1252"]!, /^1;Jörg;A /);
  assert.match(meanings.cp850!, /^1;J÷rg;A /);
  // It reads the same as windows-1252.
  assert.equal(meanings["iso-8859-15"], undefined);
  const told = await read(bytes, { form: { encoding: "macintosh" } });
  assert.deepEqual([told.questions, told.rows[0]!.fields[1]], [[], "Jˆrg"]);
  assert.match(
    (await refusal(bytes, { form: { encoding: "utf-9" } })).message,
    /^file\.encoding: /,
  );
});

Deno.test("openSourceTable() trusts valid UTF-8 and byte order marks more than a profile", async () => {
  const utf8 = await read("id,name,sku\n1,Jörg,A\n", { form: { encoding: "windows-1252" } });
  assert.equal(utf8.rows[0]!.fields[1], "Jörg");
  const twice = await read("\ufeff\ufeffid,name,sku\n1,Ann,A\n");
  assert.equal(twice.header[0], "id");
  const utf16 = Buffer.from("id\tname\tsku\r\n1\tJörg\tA\r\n", "utf16le");
  for (const bytes of [utf16, Buffer.concat([Buffer.from([0xff, 0xfe]), utf16])]) {
    const { form, rows } = await read(bytes, { form: { encoding: "utf-8" } });
    assert.deepEqual([form.encoding, rows[0]!.fields], ["utf-16le", ["1", "Jörg", "A"]]);
  }
});

Deno.test("openSourceTable() rejects single rows of UTF-8 that have damaged bytes", async () => {
  const bytes = Buffer.from("id,name,sku\n1,Jörg,A\n2,Zoé,B\n3,J?rg,C\n");
  bytes[bytes.indexOf("?")] = 0xf6;
  const table = await read(bytes);
  assert.deepEqual(faultsOf(table).map(([line]) => line), [4]);
  assert.match(String(faultsOf(table)[0]![1]), /^has bytes that the file's encoding does not know/);
});

Deno.test("openSourceTable() names what is wrong with a row, with its text and the remedy", async () => {
  const table = await read(
    'id,name,sku,price,qty\n1,Pipe 5" (copper),A,1,1\n2,"Mug,B,1,1\n3,Pot,C,1\n' +
      "4,Pot, blue,D,1,1\nid,name,sku,price,qty\n5,Jar,E,1,1\n2 records\n",
  );
  assert.deepEqual(faultsOf(table), [
    [
      2,
      'a quotation mark (") inside a field: write it twice and the field in quotation marks ' +
      '(1,Pipe 5" [copper],A,1,1)',
    ],
    [3, 'a quotation mark (") that is never closed: remove it, or write it twice (2,"Mug,B,1,1)'],
    [4, "has 4 fields, but the header has 5: write its empty fields, too (3,Pot,C,1)"],
    [
      5,
      "has 6 fields, but the header has 5: a field with a delimiter in it must stand in quotation marks " +
      "(4,Pot, blue,D,1,1)",
    ],
    [6, "repeats the header: remove it (id,name,sku,price,qty)"],
    [
      8,
      "has 1 field, but the header has 5, and looks like a title or a footer: remove it (2 records)",
    ],
  ]);
  // What separates reasons would count one fault as two.
  for (const [, fault] of faultsOf(table)) assert.doesNotMatch(String(fault), /; /);
  // What a row says is still told apart, so that its order is known.
  assert.deepEqual(table.rows[0]!.fields, ["1", 'Pipe 5" (copper)', "A", "1", "1"]);
  assert.deepEqual(table.rows[1]!.fields, ["2", '"Mug', "B", "1", "1"]);
});

Deno.test("openSourceTable() refuses a file in which a table of other columns begins, and rows are read by none of them", async () => {
  const top = "id,name,sku,price,qty\n1,Mug,A,100,2\n";
  for (
    const [second, line] of [
      ["id,name,sku,qty,price\n2,Mug,A,2,100\n", 3],
      ["name,id,sku,price,qty\nMug,2,A,100,2\n", 3],
      ["id,name,sku,fee,qty\n2,Mug,A,100,2\n", 3],
      ["2,Pot,B,1,1\n id , name ,qty,sku,price\n3,Mug,2,A,100\n", 4],
    ] as const
  ) {
    const { message } = await refusal(top + second);
    assert.match(message, new RegExp(`^line ${line}: is a second header, with other columns`));
  }
  // A workbook has no empty fields at the end of its rows.
  const cells = (...rows: string[][]) => workbookOf({ sheets: [textSheet(rows)] });
  const { message } = await refusal(
    cells(["id", "name", "sku", "price"], ["1", "Mug", "A", "1"], ["id", "price", "sku"], [
      "2",
      "1",
      "A",
    ]),
  );
  assert.match(message, /second header/);
  // Names of columns may be values, too.
  const rows = await read(`${top}2,name,sku,100,1\n3,price,B,100,1\nqty,Mug,A,1,1\n`);
  assert.equal(rows.faulty, 0);
});

Deno.test("openSourceTable() takes quotes between tabs for text where no field begins with one", async () => {
  const table = await read('id\tname\tsku\n1\tPipe 5" copper\tA\n2\t"A ""quoted"" one"\tB\n');
  assert.deepEqual(table.rows, [
    { line: 2, fields: ["1", 'Pipe 5" copper', "A"] },
    { line: 3, fields: ["2", 'A "quoted" one', "B"] },
  ]);
});

Deno.test("openSourceTable() takes no rows out of a field, and swallows none without a word", async () => {
  const table = await read(
    'id,name,sku,price,qty\n1,"Pipe,A,1,1\n2,Mug,B,1,1\n3,12",C,1,1\n4,Pot,D,1,1\n',
  );
  assert.deepEqual(faultsOf(table).map(([line]) => line), [2, 3, 4]);
  assert.deepEqual(table.rows.at(-1), { line: 5, fields: ["4", "Pot", "D", "1", "1"] });
});

Deno.test("openSourceTable() refuses a file of which more than 100 rows and 1 % are bad, with all of them", async () => {
  const rows = (bad: number, good: number) =>
    "id,name,sku\n" + "1,Ann\n".repeat(bad) + "1,Ann,A\n".repeat(good);
  assert.equal((await read(rows(100, 5))).faulty, 100);
  assert.equal((await read(rows(150, 14_850))).faulty, 150);
  const { message, faults } = await refusal(rows(151, 14_849));
  assert.match(message, /^151 of 15000 rows can't be read; line 2: has 2 fields/);
  assert.equal(faults.length, 21);
  assert.equal(faults[19]!.at, "line 21");
  assert.equal(faults[20]!.detail, "131 more rows can't be read");
});

Deno.test("openSourceTable() refuses what is no table, with the remedy", async () => {
  const cases: [string | Uint8Array, RegExp][] = [
    [Buffer.from("d0cf11e0a1b11ae1", "hex"), /old Excel workbook .*CSV UTF-8/],
    ["%PDF-1.7\n", /is a PDF: export/],
    ["\ufeff  <html><table><tr><td>1</td></tr></table>", /web page.*CSV UTF-8/],
    ['<?xml version="1.0"?><ss:Workbook/>', /workbook as XML/],
    ['[{"id": 1}]', /is JSON: /],
    ["id\n1\n2\n", /^line 1: is no header/],
    ["1,2\n3,4\n", /^line 1: is no header/],
    ["", /^line 1: the header is missing/],
    [" \n\n", /^line 1: the header is missing/],
    ["id,name\0,sku\n1,2,3\n", /is no text/],
    ['id,"name,sku\n1,2,3\n', /^line 1: the header has a quotation mark/],
    [zipOf({}), /nothing in it/],
    [zipOf({ "a.csv": "id,b\n", "b.csv": "id,b\n" }), /2 files \(a\.csv, b\.csv\)/],
    [zipOf({ "content.xml": "<x/>", "mimetype": "x" }), /another office program/],
    [zipOf({ "a.pdf": "%PDF-1" }), /is a PDF: .*\(a\.pdf in it\)/],
    [zipOf({ "a.csv": "id,b\n1,2\n" }, { checksum: 1 }), /damaged or cut off/],
    [gzipSync(gzipSync("id,b\n1,2\n")), /gzip twice/],
    [zipOf({ "a.zip": zipOf({ "b.csv": "id,b\n1,2\n" }) }), /zip archive within a zip archive/],
  ];
  for (const [file, problem] of cases) assert.match((await refusal(file)).message, problem);
});

Deno.test("openSourceTable() reads what gzip and zip hold, and refuses both when they are cut off", async () => {
  const text = "id,name,sku\n" + "1,Jörg,A\n".repeat(1_000);
  const zip = zipOf({ "orders/": "", "__MACOSX/orders/._a.csv": "x", "orders/a.csv": text });
  const plain = await read(text);
  for (const [packed, container] of [[gzipSync(text), "gzip"], [zip, "zip"]] as const) {
    for (const spoolBytes of [undefined, 100]) {
      const table = await read(packed, { limits: { spoolBytes }, pieceBytes: 33 });
      assert.deepEqual(table.rows, plain.rows);
      assert.equal(table.form.container, container);
    }
    for (const part of [0.3, 0.9, 0.99]) {
      const { message } = await refusal(packed.slice(0, Math.floor(packed.length * part)));
      assert.match(message, /damaged or cut off/);
    }
  }
});

Deno.test("openSourceTable() unpacks no more than it may", async () => {
  const zip = zipOf({ "a.csv": "id,name,sku\n" + "1,Ann,A\n".repeat(400_000) });
  const { message } = await refusal(zip, { limits: { unpackedBytes: 1_048_576 } });
  assert.match(message, /unpacks to more than 1 MB/);
});

Deno.test("openSourceTable() reads a workbook: its texts, numbers as stored, times, and cells that are missing", async () => {
  const table = await read(workbookOf({
    sheets: [
      `<row r="1">${textCell("Orders")}</row>` +
      `<row r="3">${
        ["id", "time", "name", "price", "paid", "zip", "note"].map(textCell).join("")
      }</row>` +
      '<row r="4"><c r="A4"><v>12345678901234567</v></c><c r="B4" s="1"><v>46027.432303240741</v></c>' +
      '<c r="C4" t="s"><v>0</v></c><c r="D4"><v>19.989999999999998</v></c><c r="E4" t="b"><v>1</v></c>' +
      '<c r="F4" s="3"><v>123</v></c></row>' +
      '<row r="6"><c r="A6"><v>1.5E+14</v></c><c r="B6" s="2"><v>46027</v></c>' +
      '<c r="D6"><f>1/0</f><v>1E-3</v></c><c r="G6" t="inlineStr"><is><t>a&amp;b</t><rPh sb="0" eb="1"><t>ab</t></rPh></is></c></row>' +
      '<row r="7"><c r="A7"><v>3</v></c><c r="D7" t="e"><v>#DIV/0!</v></c></row>' +
      '<row r="8"><c r="A8"><v>4</v></c><c r="D8"><f>A1</f></c></row>',
      "",
    ],
    texts: "<si><r><t>Zoë </t></r><r><t>Luk</t></r><rPh><t>x</t></rPh></si>",
    formats: {
      codes: '<numFmt numFmtId="164" formatCode="[$-409]d.m.yyyy\\ &quot;h&quot;;@"/>' +
        '<numFmt numFmtId="165" formatCode="00000"/>',
      cells: [0, 22, 164, 165],
    },
  }));
  assert.deepEqual([table.form.container, table.form.headerLine], ["xlsx", 3]);
  assert.deepEqual(table.rows, [
    {
      line: 4,
      fields: ["12345678901234567", "2026-01-05 10:22:31", "Zoë Luk", "19.99", "TRUE", "00123", ""],
    },
    { line: 6, fields: ["150000000000000", "2026-01-05", "", "0.001", "", "", "a&b"] },
    {
      line: 7,
      fields: ["3", "", "", "#DIV/0!"],
      fault: "has an error of a formula in column 4, #DIV/0!; mend the formula (3,,,#DIV/0!)",
    },
    {
      line: 8,
      fields: ["4"],
      fault:
        "has a formula without a result in column 4; open the workbook with a spreadsheet and save it (4)",
    },
  ]);
});

Deno.test("openSourceTable() refuses a file in which a million rows without anything follow each other", async () => {
  const filled = "<row><c><v>1</v></c></row>";
  const rows = `<row>${textCell("id")}${textCell("sku")}</row>${filled}`;
  for (
    const [file, line] of [
      [workbookOf({ sheets: [rows + "<row/>".repeat(1_100_000) + filled] }), 2],
      [`id;sku\n1;A\n${";\n".repeat(1_100_000)}2;B\n`, 2],
    ] as const
  ) {
    const { message } = await refusal(file);
    assert.match(
      message,
      new RegExp(
        `line ${line}: is followed by more than 1048576 rows with nothing in them: delete`,
      ),
    );
  }
  const some = await read(`id;sku\n1;A\n${";\n".repeat(10_000)}2;B\n`);
  assert.equal(some.rows.length, 2);
});

Deno.test("openSourceTable() knows the other date system, and refuses a damaged workbook", async () => {
  const rows = textSheet([["id", "day"]]) +
    '<row><c><v>1</v></c><c s="1"><v>44565</v></c></row>';
  const formats = { cells: [0, 14] };
  const old = await read(workbookOf({ sheets: [rows], formats, is1904: true }));
  assert.deepEqual(old.rows, [{ line: 2, fields: ["1", "2026-01-05"] }]);
  const workbook = workbookOf({ sheets: [rows], formats });
  assert.match((await refusal(workbook.slice(0, 500))).message, /Excel workbook.*CSV UTF-8/);
  assert.match(
    (await refusal(workbookOf({ sheets: ["<row><c>"], formats }))).message,
    /workbook that is damaged/,
  );
});

Deno.test("openSourceTable() refuses a workbook with texts, tags or formats that no spreadsheet writes", async () => {
  const rows = "<row><c><v>1</v></c></row>";
  const long = "a".repeat(2_000_000);
  const many = Array<number>(200_000).fill(0);
  const name = "a".repeat(1_000_000);
  const codes = `<numFmt numFmtId="200" formatCode="${name}"/>`;
  const [part, whole] = [0, 1].map((text) => `<c t="s"><v>${text}</v></c>`) as [string, string];
  const texts = `<si><t>${name.slice(0, 100_000)}</t></si><si><t>${name}</t></si>`;
  const cases: [Parameters<typeof workbookOf>[0], RegExp][] = [
    [{ sheets: [rows], texts: `<si><t>${long}</t></si>` }, /text of more than 1048576/],
    [{ sheets: [rows], texts: `<si a="${long}"></si>` }, /text of more than 1048576/],
    [{ sheets: [rows], texts: `<!--${long}-->` }, /text of more than 1048576/],
    [
      { sheets: [rows], texts: `<si><t>${"<x></x>aaaaaaaaaaaaaaaaaaaa".repeat(100_000)}</t></si>` },
      /text of more than 1048576/,
    ],
    [{ sheets: [`<row><c t="str"><v>${long}</v></c></row>`] }, /text of more than 1048576/],
    [
      // Each of its characters takes two bytes.
      { sheets: [rows], texts: `<si><t>${"Ж".repeat(1_000_000)}</t></si>`.repeat(34) },
      /too much text/,
    ],
    [{ sheets: ["<row>".repeat(200_000)] }, /nested too deeply/],
    [{ sheets: [`<row a="${"a".repeat(300_000)}">`.repeat(4)] }, /nested too deeply/],
    [{ sheets: [rows], texts: "<x>".repeat(200_000) }, /nested too deeply/],
    [{ sheets: [rows], formats: { cells: many } }, /more than 100000 sheets or formats/],
    [{ sheets: [rows], formats: { codes: codes.repeat(10), cells: [] } }, /characters of names or/],
    [{ sheets: Array(10).fill(rows), names: Array(10).fill(name) }, /characters of names or/],
    [
      { sheets: [`<row>${part.repeat(3)}</row>`], texts },
      /row that begins here is longer than 262144/,
    ],
    [{ sheets: [`<row>${whole}</row>`], texts }, /row that begins here is longer than 262144/],
  ];
  for (const [parts, problem] of cases) {
    assert.match((await refusal(workbookOf(parts))).message, problem);
  }
});

/** How often others had their turn meanwhile. */
Deno.test("openSourceTable() takes no row whose last character was cut off, in any encoding", async () => {
  const text = "id,name,sku,price,qty\n1,Jörg,A,1.00,2\n2,Jörg,A,1.00,27";
  for (const [encoding, cut] of [["utf-16le", 1], ["utf-16be", 1], ["gb18030", 0]] as const) {
    const bytes = encoding === "gb18030"
      ? Buffer.concat([Buffer.from(text.replaceAll("ö", "o")), Buffer.of(0x81)])
      : letters[encoding]!.encode(text);
    const whole = await read(bytes.subarray(0, bytes.length - cut), { form: { encoding } });
    assert.deepEqual(whole.rows.map(({ fault }) => fault !== undefined), [false, true], encoding);
    assert.match(String(whole.rows[1]!.fault), /bytes that the file's encoding does not know/);
  }
});

async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let turns = 0;
  const turn = setInterval(() => {
    othersAsk();
    turns++;
  }, 1);
  othersAsk();
  await work.finally(() => clearInterval(turn));
  return turns;
}

Deno.test("openSourceTable() leaves others their turns while it reads a workbook's texts, and lines with wrong quotes", async () => {
  const texts = `<si><t>text</t></si>${" ".repeat(100)}`.repeat(100_000);
  const header = '<row><c t="str"><v>id</v></c><c t="str"><v>sku</v></c></row>';
  const workbook = workbookOf({ sheets: [header], texts });
  assert.ok(await turnsDuring(read(workbook)) >= 5);
  const files = Array.from({ length: 9_000 }, (_, number) => [`${number}.csv`, "a"]);
  assert.ok(await turnsDuring(refusal(zipOf(Object.fromEntries(files)))) >= 5);
  const wide = '<row><c r="XFD1"><v>1</v></c></row>'.repeat(600);
  assert.ok(await turnsDuring(refusal(workbookOf({ sheets: [wide] }))) >= 5);
  assert.ok(await turnsDuring(refusal(`id;sku\n${'a"\n'.repeat(50_000)}`)) >= 20);
});

Deno.test("openSourceTable() does not read on where too many rows are faulty for any file", async () => {
  const { message } = await refusal(`id;sku;qty\n${"a;b\n".repeat(250_000)}`);
  assert.match(message, /^2\d{5} of the first 2\d{5} rows can't be read/);
});

Deno.test("openSourceTable() shows all rows to who looks, while it checks them", async () => {
  const seen: unknown[] = [];
  await read("id,name,sku\n1,Ann,A\n2,Bob\n", {
    look: (header) => (rows) => seen.push(header, ...rows.map(({ fields }) => fields)),
  });
  assert.deepEqual(seen, [["id", "name", "sku"], ["1", "Ann", "A"], ["2", "Bob"]]);
});

/** Letters of an encoding, what CSV is made of, and no white space at the edges of a whole row. */
const letters: Record<string, { text: string; encode: (text: string) => Buffer }> = {
  "utf-8": { text: "aZ0é€漢😀", encode: (text) => Buffer.from(text) },
  "utf-16le": { text: "aZ0é€漢😀", encode: (text) => Buffer.from(`\ufeff${text}`, "utf16le") },
  "utf-16be": {
    text: "aZ0é€漢😀",
    encode: (text) => Buffer.from(`\ufeff${text}`, "utf16le").swap16(),
  },
  "windows-1252": { text: "aZ0éß", encode: (text) => Buffer.from(text, "latin1") },
};

const delimiters = [",", ";", "\t", "|"] as const;

function quoted(field: string, delimiter: string, always: boolean): string {
  const needs = always || /["\n\r]/.test(field) || field.includes(delimiter);
  return needs ? `"${field.replaceAll('"', '""')}"` : field;
}

/** One text has few delimiters, so that no line of it looks like a row. */
const textOf = (alphabet: string, delimiter: string) =>
  fc.tuple(
    fc.constantFrom(...alphabet),
    fc.array(fc.constantFrom(...alphabet, '"', "\n", " "), { maxLength: 6 }),
    fc.constantFrom("", "", delimiter),
    fc.array(fc.constantFrom(...alphabet, '"'), { maxLength: 3 }),
  ).map(([first, some, middle, rest]) => first + some.join("") + middle + rest.join(""));

Deno.test("openSourceTable() reads back any rows in any encoding, delimiter, line end and quoting", async () => {
  const file = fc.constantFrom(...Object.keys(letters)).chain((encoding) =>
    fc.constantFrom(...delimiters).chain((delimiter) =>
      fc.record({
        encoding: fc.constant(encoding),
        delimiter: fc.constant(delimiter),
        lineEnd: fc.constantFrom("\n", "\r\n", "\r"),
        always: fc.boolean(),
        titles: fc.array(fc.constantFrom("", "Orders", "From 2026"), { maxLength: 3 }),
        pieceBytes: fc.integer({ min: 1, max: 300 }),
        rows: fc.array(
          fc.tuple(
            ...header.map(() => textOf(letters[encoding]!.text, delimiter)),
          ),
          { minLength: 1, maxLength: 8 },
        ),
      })
    )
  );
  await fc.assert(
    fc.asyncProperty(
      file,
      async ({ encoding, delimiter, lineEnd, always, titles, pieceBytes, rows }) => {
        const lines = [header, ...rows].map((row) =>
          row.map((field) => quoted(field, delimiter, always)).join(delimiter)
        );
        const text = [...titles, ...lines, ""].join("\n").replaceAll("\n", lineEnd);
        const table = await read(letters[encoding]!.encode(text), {
          form: { encoding },
          pieceBytes,
          limits: { spoolBytes: 200 },
        });
        assert.deepEqual(table.header, header);
        assert.deepEqual(fieldsOf(table), rows);
        assert.equal(table.faulty, 0);
      },
    ),
    { numRuns: 300 },
  );
});

/** Of a last field a quote may cut off further lines, and leaves a row that is sound. */
const own = (row: readonly string[], index: number) => [
  `N${index}`,
  ...row.slice(1, -1),
  row.at(-1)!.replaceAll("\n", " "),
];

Deno.test("openSourceTable() loses nothing but its own row by a stray quote at any place", async () => {
  const file = fc.record({
    always: fc.boolean(),
    rows: fc.array(fc.tuple(...header.map(() => textOf("abc", ","))), {
      minLength: 2,
      maxLength: 8,
    }),
    which: fc.nat(),
    place: fc.nat(),
  });
  await fc.assert(
    fc.asyncProperty(file, async ({ always, rows, which, place }) => {
      const lines = rows.map((row, index) =>
        own(row, index).map((field) => quoted(field, ",", always)).join(",")
      );
      const bad = which % lines.length;
      const line = lines[bad]!;
      const at = place % (line.length + 1);
      lines[bad] = `${line.slice(0, at)}"${line.slice(at)}`;
      const table = await read(`${header.join(",")}\n${lines.join("\n")}\n`);
      const before = lines.slice(0, bad).join("\n").split("\n").length + (bad === 0 ? 0 : 1);
      const from = 1 + before, to = from + line.split("\n").length;
      const others = table.rows.filter((row) => row.line < from || row.line >= to);
      const sound = others.filter(({ fault }) => fault === undefined).map(({ fields }) => fields);
      // Of several lines of the row itself, the last may have as many fields as a row.
      assert.deepEqual(sound, rows.map(own).filter((_, index) => index !== bad));
      assert(table.faulty > 0);
    }),
    { numRuns: 500 },
  );
});

Deno.test("openSourceTable() asks which sheet of a workbook has the orders, and reads the one that is chosen", async () => {
  const sheetOf = (...texts: string[]) =>
    texts.map((text) => `<row>${text.split(" ").map(textCell).join("")}</row>`).join("");
  const sheets = [sheetOf("id sku", "1 A"), "", sheetOf("order item", "2 B")];
  const states = ["", "", 'state="veryHidden"'];
  const { message, faults } = await refusal(workbookOf({ sheets, states }));
  const asked =
    "which sheet of the workbook has the orders: S1 (sheet 1: id, sku), or S3 (sheet 3, hidden: order, item)";
  assert.deepEqual(faults, [{ at: "file.sheet", detail: asked }]);
  assert.match(message, /--sheet=NAME/);
  for (const sheet of ["S3", " s3", "3"]) {
    const table = await read(workbookOf({ sheets, states }), { form: { sheet } });
    assert.deepEqual(table.rows, [{ line: 2, fields: ["2", "B"] }]);
    assert.equal(table.form.sheet, "S3");
  }
  const other = await refusal(workbookOf({ sheets }), { form: { sheet: "S4" } });
  assert.match(other.message, /without a sheet S4; it has S1, S2, S3/);
  const hidden = await refusal(workbookOf({ sheets: [sheets[0]!], states: ['state="hidden"'] }));
  assert.match(hidden.message, /S1 \(sheet 1, hidden: id, sku\)/);
  const twice = await refusal(workbookOf({ sheets: [sheets[0]!], times: 2 }));
  assert.match(twice.message, /names a sheet twice/);
});

Deno.test("openSourceTable() names sheets by their places where nobody could write their names", async () => {
  const sheets = Array<string>(6).fill("<row><c><v>1</v></c><c><v>2</v></c></row>");
  const names = ["Orders", "Orders", "", "\u009b2J", "a&#10;b", "a".repeat(300)];
  const { faults } = await refusal(workbookOf({ sheets, names }));
  assert.equal(
    faults[0]!.detail,
    "which sheet of the workbook has the orders: Orders (sheet 1: 1, 2), or 2 (sheet 2, Orders: 1, 2), or " +
      "3 (sheet 3, : 1, 2), or 4 (sheet 4, \\u009b2J: 1, 2), or 5 (sheet 5, a\\u000ab: 1, 2), or " +
      `6 (sheet 6, ${"a".repeat(120)}: 1, 2)`,
  );
  const none = await refusal(workbookOf({ sheets: sheets.slice(5), names: names.slice(5) }), {
    form: { sheet: "S4" },
  });
  assert.match(none.message, /it has a{60}$/);
});

Deno.test("openSourceTable() refuses an archive whose names alone fill the memory", async () => {
  const names = Array.from({ length: 300 }, (_, number) => [`${number}`.padEnd(60_000, "a"), "a"]);
  const { message } = await refusal(zipOf(Object.fromEntries(names)));
  assert.match(message, /archive with more than 16777216 bytes of names/);
});

Deno.test("findEncoding() ends with its signal, as soon as it has to look at all bytes", async () => {
  const spool = openSpool();
  spool.write(new TextEncoder().encode("id;sku\n"));
  spool.write(new Uint8Array(100_000).fill(0xe9));
  await assert.rejects(findEncoding(spool, undefined, AbortSignal.abort()), { name: "AbortError" });
  assert.match((await findEncoding(spool)).note, /not utf-8/);
  spool.close();
});
