import assert from "node:assert/strict";
import {
  decoderOf,
  encodingCandidates,
  encodingOfStart,
  possibleEncodings,
} from "../../../../domain/import/source/encodings.ts";

Deno.test("decoderOf() knows code page 850, which Excel writes as CSV (MS-DOS), and any label of the standard", () => {
  const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  const text = decoderOf("cp850")!(all);
  assert.equal(text.length, 256);
  assert.equal(new Set(text).size, 256);
  const some = Uint8Array.of(0x8e, 0x99, 0x9a, 0x84, 0x94, 0x81, 0xe1, 0x82, 0xd5, 0xb8);
  assert.equal(decoderOf("IBM850")!(some), "ÄÖÜäöüßéı©");
  assert.equal(decoderOf("latin1")!(Uint8Array.of(0x80)), "€");
  assert.equal(decoderOf("utf-9"), undefined);
  for (const { encoding } of encodingCandidates) assert(decoderOf(encoding) !== undefined);
});

Deno.test("encodingOfStart() tells byte order marks, and UTF-16 without one by its zeros", () => {
  const bytes = (...all: number[]) => Uint8Array.from(all);
  assert.equal(encodingOfStart(bytes(0xef, 0xbb, 0xbf, 65)), "utf-8");
  assert.equal(encodingOfStart(bytes(0xff, 0xfe, 65, 0)), "utf-16le");
  assert.equal(encodingOfStart(bytes(0xfe, 0xff, 0, 65)), "utf-16be");
  assert.equal(encodingOfStart(bytes(65, 0, 66, 0)), "utf-16le");
  assert.equal(encodingOfStart(bytes(0, 65, 0, 66)), "utf-16be");
  assert.equal(encodingOfStart(bytes(65, 66)), undefined);
  assert.equal(encodingOfStart(bytes()), undefined);
});

Deno.test("possibleEncodings() leaves out what gives control characters or the same text", () => {
  const names = (...bytes: number[]) =>
    possibleEncodings(Uint8Array.from(bytes)).map(({ encoding }) => encoding);
  assert.deepEqual(names(0xe9), ["windows-1252", "macintosh", "cp850", "windows-1251"]);
  // The euro sign of one is a control character of the other.
  assert.deepEqual(names(0x80).includes("iso-8859-15"), false);
  assert(names(0xa4).includes("iso-8859-15"));
});
