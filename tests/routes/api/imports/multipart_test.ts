import assert from "node:assert/strict";
import fc from "fast-check";
import { fileOfForm, type UploadedFile } from "../../../../routes/api/imports/multipart.ts";
import { sizeLimit } from "../../../../routes/api/imports/upload.ts";
import { bodyPieces } from "../../../../routes/middleware/body_pieces.ts";

/** A body in pieces that are all in the same memory, as `bodyPieces` lends them. */
function lent(bytes: Uint8Array, size: number): ReadableStream<Uint8Array> {
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

function formOf(
  fields: Readonly<Record<string, string>>,
  file: Uint8Array,
  boundary = "form",
): Uint8Array {
  const parts = Object.entries(fields).map(([name, value]) =>
    `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
  );
  const head =
    `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="shop.csv"\r\n\r\n`;
  return Buffer.concat([
    Buffer.from(parts.join("") + head),
    file,
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ]);
}

async function bytesOf({ source }: UploadedFile): Promise<Buffer> {
  const read: Uint8Array[] = [];
  for await (const piece of source) read.push(new Uint8Array(piece));
  return Buffer.concat(read);
}

/** Boundaries, some of which repeat themselves, and what may be taken for the beginning of one, or for its end. */
const boundaryAndFile = fc.constantFrom(
  "form",
  "x",
  "-".repeat(30) + "7",
  "aa".repeat(35),
  "abab-ab",
)
  .chain((boundary) => {
    const all = `\r\n--${boundary}`;
    const part = fc.tuple(fc.nat(all.length), fc.nat(all.length)).map(([from, to]) =>
      all.slice(Math.min(from, to), Math.max(from, to))
    );
    const file = fc.array(
      fc.oneof(
        fc.constantFrom("\r\n", "\r\n--", "\r", `--${boundary}`, "-"),
        part,
        fc.string({ maxLength: 40 }),
        fc.constant("x".repeat(20_000)),
      ),
      { maxLength: 8 },
    ).map((parts) => {
      let text = parts.join("");
      while (text.includes(all)) text = text.replaceAll(all, "");
      return new TextEncoder().encode(text);
    });
    return fc.tuple(fc.constant(boundary), file);
  });

Deno.test("fileOfForm() gives the fields and the bytes of the file, however a body that is lent is cut", async () => {
  await fc.assert(
    fc.asyncProperty(
      boundaryAndFile,
      fc.integer({ min: 1, max: 70_000 }),
      async ([boundary, bytes], size) => {
        const cut = bytes.length > 1_000 ? Math.max(size, 500) : size;
        const fields = { named: "shopify", keep_good_rows: "1" };
        const upload = await fileOfForm(lent(formOf(fields, bytes, boundary), cut), boundary);
        assert.equal(upload.name, "shop.csv");
        assert.deepEqual({ ...upload.fields }, fields);
        assert.ok((await bytesOf(upload)).equals(Buffer.from(bytes)));
      },
    ),
    { numRuns: 200 },
  );
});

Deno.test("bodyPieces() lends all pieces of a large body in one memory, and else gives each its own", async () => {
  const bytes = Uint8Array.from({ length: 300_000 }, (_, at) => (at * 31) >> 5);
  const body = () =>
    ReadableStream.from((function* () {
      for (let at = 0; at < bytes.length; at += 7_000) yield bytes.slice(at, at + 7_000);
    })());
  const limits = { bytes: 1_000_000, ms: 5_000, each: "piece" } as const;
  for (const lends of [true, false]) {
    const memories = new Set<ArrayBufferLike>();
    const read: Uint8Array[] = [];
    for await (const piece of bodyPieces(body(), { ...limits, lends })) {
      memories.add(piece.buffer);
      read.push(new Uint8Array(piece));
    }
    assert.ok(Buffer.concat(read).equals(bytes));
    // The last one is shorter, and a copy.
    assert.equal(memories.size, lends ? 2 : 5);
  }
});

Deno.test("sizeLimit() lets a file be large where it says its length, and else names the remedy", () => {
  const form = { "content-type": "multipart/form-data; boundary=x" };
  assert.deepEqual(sizeLimit(new Headers({ ...form, "content-length": "9" })), { bytes: 2 ** 31 });
  for (const more of [{}, { "content-length": "9", "transfer-encoding": "chunked" }]) {
    const { bytes, advice } = sizeLimit(
      new Headers({ ...form, ...more } as Record<string, string>),
    );
    assert.equal(bytes, 2 ** 28);
    assert.match(advice!, /Content-Length/);
  }
});
