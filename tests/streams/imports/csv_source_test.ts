import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { WorkflowError } from "../../../domain/errors.ts";
import { fieldsOf } from "../../../domain/import/csv_fields.ts";
import { scanRecords } from "../../../domain/import/csv_records.ts";
import { readText } from "../../../streams/imports/csv_source.ts";

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** The bytes as a stream in pieces of `size`, all in the same memory, as uploads lend them. */
function inPieces(bytes: Uint8Array, size = bytes.length): ReadableStream<Uint8Array> {
  return ReadableStream.from((function* () {
    const room = new Uint8Array(size);
    for (let at = 0; at < bytes.length; at += size) {
      const piece = bytes.subarray(at, at + size);
      room.fill(0);
      room.set(piece);
      yield room.subarray(0, piece.length);
    }
    room.fill(0);
  })());
}

/** The records of a file with the lines they begin on. */
async function read(
  source: ReadableStream<Uint8Array>,
  onBytes: (bytes: number) => void = () => {},
): Promise<[number, string[]][]> {
  const rows: [number, string[]][] = [];
  const scanner = scanRecords((text, from, to, line, quoted) =>
    rows.push([line, fieldsOf(text, from, to, quoted)])
  );
  for await (const { text } of readText(source, scanner.line, onBytes)) scanner.push(text);
  scanner.end();
  return rows;
}

function refused(line: number, detail: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof WorkflowError, String(error));
    assert.equal(error.code, "invalid");
    assert.equal(error.faults[0]!.at, `line ${line}`);
    assert.match(error.message, detail);
    return true;
  };
}

const text = 'a,b\r\n\n"two\nlines","é""😀"\r\nlast,1';
const rows = [[1, ["a", "b"]], [3, ["two\nlines", 'é"😀']], [5, ["last", "1"]]];

Deno.test("readText() reads text with a byte order mark, compressed or not, however it is cut", async () => {
  const plain = bytesOf(text);
  const marked = bytesOf(`\ufeff${text}`);
  for (const bytes of [plain, marked, gzipSync(plain), gzipSync(marked)]) {
    for (const size of [1, 2, 3, 7, bytes.length]) {
      assert.deepEqual(await read(inPieces(bytes, size)), rows);
    }
  }
});

Deno.test("readText() takes several gzip parts for one file", async () => {
  const parts = [gzipSync(bytesOf(text.slice(0, 12))), gzipSync(bytesOf(text.slice(12)))];
  assert.deepEqual(await read(inPieces(Buffer.concat(parts), 10)), rows);
});

Deno.test("readText() gives nothing for an empty file", async () => {
  assert.deepEqual(await read(inPieces(new Uint8Array())), []);
  assert.deepEqual(await read(inPieces(bytesOf("\r\n\n"))), []);
});

Deno.test("readText() refuses text that is not UTF-8 and names the line of the first bad byte", async () => {
  const latin1 = Buffer.from("a,b\nü,1\n", "latin1");
  const late = Buffer.concat([bytesOf("é😀\n".repeat(5000)), Buffer.from("x\nü\n", "latin1")]);
  const cut = bytesOf("a\nb\n€").slice(0, -1);
  const surrogate = Buffer.concat([bytesOf("a\n"), Buffer.from([0xed, 0xa0, 0x80]), bytesOf("\n")]);
  for (const size of [1, 2, 3, 1000, 100_000]) {
    await assert.rejects(() => read(inPieces(latin1, size)), refused(2, /is not UTF-8/));
    await assert.rejects(() => read(inPieces(cut, size)), refused(3, /is not UTF-8/));
    await assert.rejects(() => read(inPieces(surrogate, size)), refused(2, /is not UTF-8/));
    if (size > 3) await assert.rejects(() => read(inPieces(late, size)), refused(5002, /UTF-8/));
  }
  const utf16 = Buffer.from("\ufeffa,b\n", "utf16le");
  await assert.rejects(() => read(inPieces(utf16)), refused(1, /looks like UTF-16/));
});

Deno.test("readText() refuses gzip data that is cut off or damaged", async () => {
  const long = bytesOf("some,text\n".repeat(200_000));
  const whole = gzipSync(long, { level: 0 });
  await assert.rejects(
    () => read(inPieces(whole.subarray(0, whole.length - 20), 65_536)),
    (error) => {
      assert.ok(error instanceof WorkflowError);
      assert.match(error.message, /^line \d+: the gzip data is damaged or cut off/);
      return true;
    },
  );
  const damaged = gzipSync(long);
  damaged[damaged.length >> 1]! ^= 0xff;
  await assert.rejects(() => read(inPieces(damaged)), /gzip data is damaged/);
  await assert.rejects(() => read(inPieces(whole.subarray(0, 3))), /gzip data is damaged/);
});

Deno.test("scanRecords() refuses broken quoting of a file and names its line", async () => {
  await assert.rejects(() => read(inPieces(bytesOf('a\n\n"b\n"x\n'))), refused(4, /closing quote/));
  await assert.rejects(() => read(inPieces(bytesOf('a\nb\n"c\nd\n'))), refused(3, /never closed/));
});

Deno.test("readText() hands on what the source throws and ends the source", async () => {
  let cancelled = false;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(bytesOf('a,b\n"x"y\n')),
    cancel: () => void (cancelled = true),
  });
  await assert.rejects(() => read(endless), refused(2, /closing quote/));
  assert.equal(cancelled, true);
  const failing = new ReadableStream<Uint8Array>({
    pull: () => Promise.reject(new Error("the disk is gone")),
  });
  await assert.rejects(() => read(failing), /the disk is gone/);
});

Deno.test("readText() counts the bytes of the source", async () => {
  let bytes = 0;
  const zipped = gzipSync(bytesOf(text));
  await read(inPieces(zipped, 5), (count) => bytes += count);
  assert.equal(bytes, zipped.length);
});
