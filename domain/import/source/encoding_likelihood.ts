/**
 * How likely bytes are text of an encoding: candidates are shown in this order, and a person decides.
 *
 * @module
 */

import { decoderOf } from "./encodings.ts";

/** Characters of two bytes by their first and second one: how often they are met, and how many there are. */
interface PairClass {
  is(first: number, second: number): boolean;
  share: number;
  size: number;
}

const within = (from: number, to: number, share: number, size: number): PairClass => ({
  is: (first) => first >= from && first <= to,
  share,
  size,
});

/** All other pairs of a table. */
const rare = { share: 0.04, size: 6_000 };

/** Where the usual characters of a table stand: letters of syllables, signs, and the first level of ideographs. */
const pairTables: Readonly<Record<string, readonly PairClass[]>> = {
  shift_jis: [
    within(0x81, 0x81, 0.08, 147),
    within(0x82, 0x83, 0.5, 250),
    within(0x88, 0x97, 0.38, 2_965),
  ],
  "euc-jp": [
    within(0xa1, 0xa1, 0.08, 94),
    within(0xa3, 0xa5, 0.5, 250),
    within(0xb0, 0xcf, 0.38, 2_965),
  ],
  gb18030: [within(0xa1, 0xa3, 0.1, 200), within(0xb0, 0xd7, 0.86, 3_755)],
  big5: [within(0xa1, 0xa3, 0.1, 300), within(0xa4, 0xc6, 0.86, 5_401)],
  "euc-kr": [within(0xa1, 0xa3, 0.1, 200), within(0xb0, 0xc8, 0.86, 2_350)],
};

/** Encodings whose characters may take two bytes and more. */
export const multiByteEncodings: readonly string[] = Object.keys(pairTables);

/**
 * The likelihood of each byte above 127, as the logarithm of its mean: larger is likelier.
 *
 * @param sample lines that have such bytes, in the order of the file
 */
export function likelihood(sample: Uint8Array, encoding: string): number {
  const foreign = sample.reduce((count, byte) => count + (byte > 127 ? 1 : 0), 0);
  const table = pairTables[encoding];
  const sum = table === undefined
    ? ofLetters(decoderOf(encoding)!(sample), encoding === "windows-1251")
    : ofPairs(sample, table, encoding === "shift_jis");
  return foreign === 0 ? 0 : sum / foreign;
}

/** What a byte below 128 would say by itself, where it is the second of a pair. */
const asciiByte = Math.log(64);

function ofPairs(bytes: Uint8Array, table: readonly PairClass[], hasHalfWidth: boolean): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at++) {
    const first = bytes[at]!;
    if (first < 128) continue;
    if (isAsciiLetter(bytes[at - 1] ?? 0)) sum += unlikely;
    if (hasHalfWidth && first >= 0xa1 && first <= 0xdf) {
      sum += Math.log(0.15 / 63);
      continue;
    }
    const second = bytes[++at] ?? 0;
    const { share, size } = table.find(({ is }) => is(first, second)) ?? rare;
    sum += Math.log(share / size) + (second < 128 ? asciiByte : 0);
  }
  return sum;
}

function isAsciiLetter(byte: number): boolean {
  return (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122);
}

const unlikely = Math.log(0.05);
const letter = /\p{L}/u;

/** Of alphabets, whose letters above ASCII stand by themselves (Latin) or among their like (Cyrillic). */
function ofLetters(text: string, isCyrillic: boolean): number {
  const own = isCyrillic ? /[А-яЁёІіЇїЄєҐґЎў]/u : /\p{Script=Latin}/u;
  let sum = 0;
  let before = "";
  const characters = [...text];
  for (const [at, one] of characters.entries()) {
    const after = characters[at + 1] ?? "";
    if (one > "\x7f") {
      const isOwn = own.test(one);
      if (isOwn) sum += Math.log(isCyrillic ? 0.95 / 66 : 0.8 / 64);
      else sum += Math.log(letter.test(one) || /[─-▟]/.test(one) ? 0.01 / 60 : 0.15 / 40);
      const isBeside = letter.test(before);
      if (isOwn && isBeside && isCyrillic !== before > "\x7f") sum += unlikely;
      if (isCyrillic && isOwn && /^[a-z]/i.test(after)) sum += unlikely;
      if (isOwn && isUpper(one) && isBeside && !isUpper(before)) sum += unlikely;
      // A sign within a word is most likely a letter of another alphabet, but for an apostrophe.
      if (!isOwn && one !== "’" && (isBeside || letter.test(after))) {
        sum += isBeside && letter.test(after) ? unlikely : unlikely / 4;
      }
    }
    before = one;
  }
  return sum;
}

function isUpper(text: string): boolean {
  return text !== text.toLowerCase();
}
