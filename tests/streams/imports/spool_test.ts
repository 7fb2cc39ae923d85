import assert from "node:assert/strict";
import { openSpool } from "../../../streams/imports/spool.ts";

Deno.test("openSpool() gives back what was written, from memory and from disk", () => {
  const bytes = crypto.getRandomValues(new Uint8Array(60_000));
  for (const memoryBytes of [0, 1, 100_000, 150_000, 1_000_000]) {
    const spool = openSpool(memoryBytes);
    try {
      for (let round = 0; round < 3; round++) {
        for (let at = 0; at < bytes.length; at += 7_000) spool.write(bytes.slice(at, at + 7_000));
      }
      // A piece is only good until the next one is asked for.
      const pieces: Uint8Array[] = [];
      for (const piece of spool.pieces()) pieces.push(piece.slice());
      const read = Buffer.concat(pieces);
      assert.equal(read.length, 180_000);
      assert.ok(read.equals(Buffer.concat([bytes, bytes, bytes])), `with ${memoryBytes} in memory`);
    } finally {
      spool.close();
    }
  }
});

Deno.test("openSpool() keeps what was lent, a part of a buffer as well", () => {
  for (const lent of [new Uint8Array(10), Buffer.alloc(10).subarray(0)]) {
    const spool = openSpool(100);
    for (let round = 1; round <= 3; round++) spool.write(lent.fill(round), { isLent: true });
    lent.fill(0);
    const read = [...spool.pieces()].flatMap((piece) => [...piece]);
    assert.deepEqual(read, [1, 2, 3].flatMap((round) => Array(10).fill(round)));
  }
});

Deno.test("openSpool() gives nothing back where nothing was written", () => {
  const spool = openSpool(0);
  assert.deepEqual([...spool.pieces()], []);
  spool.close();
});

Deno.test("openSpool() gives bytes from anywhere, and all of them again where they are kept", () => {
  const bytes = Uint8Array.from({ length: 200_000 }, (_, at) => (at * 31) >> 3);
  for (const memoryBytes of [0, 100_000, 1_000_000]) {
    const spool = openSpool(memoryBytes);
    try {
      for (let at = 0; at < bytes.length; at += 7_000) spool.write(bytes.slice(at, at + 7_000));
      assert.equal(spool.size(), bytes.length);
      for (
        const [offset, length] of [[0, 5], [6_990, 20], [199_990, 20], [0, 200_000], [200_000, 1]]
      ) {
        assert.deepEqual(spool.read(offset!, length!), bytes.slice(offset!, offset! + length!));
      }
      for (let round = 0; round < 2; round++) {
        const pieces = [...spool.pieces({ keep: true })].map((piece) => piece.length);
        assert.equal(pieces.reduce((sum, length) => sum + length, 0), bytes.length);
      }
    } finally {
      spool.close();
    }
  }
});
