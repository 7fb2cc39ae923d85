import assert from "node:assert/strict";
import fc from "fast-check";
import { utf8Text } from "../../../streams/imports/utf8_text.ts";

/** Pieces of text and of bytes that may be none. */
const bytes = fc.array(
  fc.oneof(
    fc.string({ unit: "binary", maxLength: 6 }).map((text) => [...new TextEncoder().encode(text)]),
    fc.constantFrom([0xef, 0xbb, 0xbf], [0xe2, 0x82], [0xf0, 0x9f], [0x80], [0xff], [0xc0, 0x80]),
    fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 4 }),
  ),
  { maxLength: 12 },
).map((parts) => Uint8Array.from(parts.flat()));

Deno.test("utf8Text() reads bytes in any pieces as they are read at once, and refuses the same ones", () => {
  fc.assert(
    fc.property(bytes, fc.integer({ min: 1, max: 5 }), (all, size) => {
      const read = (fatal: boolean) => {
        const text = utf8Text({ fatal });
        let read = "";
        for (let at = 0; at < all.length; at += size) {
          // The same memory for each piece, as files are read.
          const piece = all.slice(at, at + size);
          read += text.decode(piece);
          piece.fill(0);
        }
        return read + text.end();
      };
      const once = (fatal: boolean) =>
        new TextDecoder("utf-8", { fatal, ignoreBOM: true }).decode(all);
      assert.equal(read(false), once(false));
      let expected: string | undefined;
      try {
        expected = once(true);
      } catch {
        assert.throws(() => read(true), TypeError);
        return;
      }
      assert.equal(read(true), expected);
    }),
    { numRuns: 2_000 },
  );
});
