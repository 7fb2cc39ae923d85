import assert from "node:assert/strict";
import {
  likelihood,
  multiByteEncodings,
} from "../../../../domain/import/source/encoding_likelihood.ts";
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

const rules = { multiByte: multiByteEncodings, likelihood };

Deno.test("possibleEncodings() leaves out what gives control characters or the same text, or is broken", () => {
  const names = (bytes: number[], broken = multiByteEncodings) => {
    const sample = Uint8Array.from([65, ...bytes, 65]);
    const found = { bytes: Uint8Array.from(bytes), sample, broken: new Set(broken) };
    return possibleEncodings(found, rules).map(({ encoding }) => encoding);
  };
  assert.deepEqual(names([0xe9]).slice(0, 3), ["windows-1252", "macintosh", "cp850"]);
  // The euro sign of one is a control character of the other.
  assert(!names([0x80]).includes("iso-8859-15"));
  assert(names([0xa4]).includes("iso-8859-15"));
  assert(names([0xe9], ["euc-jp"]).includes("shift_jis"));
});

/** The bytes of a text, by all characters of one and two bytes that the encoding has. */
function encoded(text: string, encoding: string): number[] {
  const decode = decoderOf(encoding)!;
  const bytesOf = new Map<string, number[]>();
  for (let first = 255; first >= 0; first--) {
    const one = decode(Uint8Array.of(first));
    if (one.length === 1 && one !== "\ufffd") bytesOf.set(one, [first]);
    if (first < 128) continue;
    for (let second = 255; second >= 64; second--) {
      const two = decode(Uint8Array.of(first, second));
      if (two.length === 1 && two !== "\ufffd") bytesOf.set(two, [first, second]);
    }
  }
  return [...text].flatMap((one) => {
    const bytes = bytesOf.get(one);
    assert(bytes !== undefined, `${encoding} has no ${one}`);
    return bytes;
  });
}

for (
  const [encoding, text] of [
    ["windows-1252", "1;Jörg Müller;Straße 5;12,50 €"],
    ["windows-1252", "1;José Peña;niño;Crème brûlée"],
    ["macintosh", "1;Jörg Müller;Größe;Crème brûlée"],
    ["cp850", "1;Jörg Müller;Größe;Crème brûlée"],
    ["windows-1250", "1;Michał Wiśniewski;żółty kubek"],
    ["iso-8859-2", "1;Paweł Dąbrowski;Łódź;książka i ołówek"],
    ["windows-1251", "1;Иван Петров;Москва;чашка синяя"],
    ["windows-1251", "1;ИВАН ПЕТРОВ;МОСКВА;ЧАШКА СИНЯЯ"],
    ["windows-1251", "1;Олександр Шевченко;Київ;чашка синя"],
    ["windows-1251", "1;Иван Петров"],
    ["koi8-r", "1;Иван Петров;Москва;чашка синяя"],
    ["koi8-r", "1;Сергей Кузнецов;Санкт-Петербург;книга"],
    ["ibm866", "1;Иван Петров;Москва;чашка синяя"],
    ["windows-1254", "1;Ayşe Yılmaz;İstanbul;çay bardağı"],
    ["windows-1254", "1;Oğuz Şahin;Beşiktaş"],
    ["windows-1252", "1;Þórður Guðjónsson;Bræðraborgarstígur;Reykjavík"],
    ["windows-1252", "1;Søren Kjær;Århus;rødgrød"],
    ["windows-1257", "1;Kęstutis Žukauskas;Šiauliai;mėlynas puodelis"],
    ["windows-1253", "1;Γιώργος Παπαδόπουλος;Αθήνα;μπλε κούπα"],
    ["windows-1253", "1;Ελένη;Θεσσαλονίκη"],
    ["windows-1255", "1;דוד כהן;תל אביב;ספל כחול"],
    ["windows-1256", "1;محمد علي;القاهرة;كوب أزرق"],
    ["windows-874", "1;สมชาย ใจดี;กรุงเทพ;แก้วสีน้ำเงิน"],
    ["windows-1250", "1;Jiří Dvořák;Plzeň;modrý hrnek"],
    ["windows-1250", "1;Nagy Erzsébet;Győr;kék bögre és fűszer"],
    ["windows-1252", "1;Françoise Lefèvre;Besançon;tasse à café"],
    ["shift_jis", "1;山田 太郎;東京都;マグカップ（青）です"],
    ["shift_jis", "1;ﾔﾏﾀﾞ ﾀﾛｳ;マグカップ"],
    ["euc-jp", "1;山田 太郎;東京都;マグカップ（青）です"],
    ["gb18030", "1;王小明;北京市;蓝色的杯子,质量很好"],
    ["big5", "1;王小明;臺北市;藍色的杯子,品質很好"],
    ["euc-kr", "1;김민수;서울특별시;파란색 머그컵 한 개"],
  ] as const
) {
  Deno.test(`possibleEncodings() names the likeliest encoding first: ${encoding}, ${text}`, () => {
    const sample = Uint8Array.from(encoded(text, encoding));
    const broken = new Set(
      multiByteEncodings.filter((one) => decoderOf(one)!(sample).includes("\ufffd")),
    );
    const bytes = Uint8Array.from(new Set(sample.filter((byte) => byte > 127)));
    const found = possibleEncodings({ bytes, sample, broken }, rules).map(({ encoding }) =>
      encoding
    );
    assert.equal(found[0], encoding, found.join());
    assert(found.length <= 10);
  });
}
