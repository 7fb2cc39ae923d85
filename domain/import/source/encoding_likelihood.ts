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
    ? likeliest(decoderOf(encoding)!(sample), alphabets[encoding] ?? western)
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

/** The letters of a language, and how often they are met. */
interface Alphabet {
  /** Above ASCII, in lower case. */
  letters: ReadonlySet<string>;
  /** What a letter says, as the logarithm of its share: one of the most frequent ones, any other, a capital. */
  frequent: ReadonlySet<string>;
  shares: { frequent: number; other: number; capital: number };
  /** Its words have no letters of ASCII. */
  isApart: boolean;
}

/** Of letters with marks, which stand among those of ASCII. */
function latin(letters: string, { isRare = false } = {}): Alphabet {
  const share = Math.log((isRare ? 0.4 : 0.8) / 64);
  const shares = { frequent: share, other: share, capital: share };
  return { letters: new Set(letters), frequent: new Set(), shares, isApart: false };
}

/** Of an alphabet of its own, whose ten most frequent letters make three of five. */
function apart(letters: string, frequent: string): Alphabet {
  const size = letters.length;
  const shares = {
    frequent: Math.log(0.6 / 10),
    other: Math.log(0.3 / (size - 10)),
    capital: Math.log(0.08 / size),
  };
  return { letters: new Set(letters), frequent: new Set(frequent), shares, isApart: true };
}

function range(from: number, to: number): string {
  return String.fromCharCode(...Array.from({ length: to - from + 1 }, (_, at) => from + at));
}

/** German, French, Spanish, Portuguese, Italian with Dutch and Catalan, the Nordic languages, Icelandic. */
const western = [
  ...["äöüß", "éèêëàâçîïôûùœæ", "áéíóúñü", "ãõáéíóúâêôçà", "àèéìòóùïëüç", "åäöæøé"].map((letters) =>
    latin(letters)
  ),
  // Fewer people write it than Turkish, whose letters stand at the same places.
  latin("áéíóúýðþæö", { isRare: true }),
];

/** Polish, Czech with Slovak, Hungarian, Romanian, the languages of the south, and German. */
const central = [
  ...["ąćęłńóśźż", "áčďéěíňóřšťúůýžäôĺľŕ", "áéíóöőúüű", "ăâîşţșț", "čćđšž", "äöüß"],
].map((letters) => latin(letters));

const cyrillic = [
  apart("абвгдеёжзийклмнопрстуфхцчшщъыьэюя", "оеаинтсрвл"),
  apart("абвгґдеєжзиіїйклмнопрстуфхцчшщьюя", "оаинтвресі"),
];
const greek = [apart("αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ", "αοιετσνηυρ")];

/** Of those encodings that are not of Western Europe. */
const alphabets: Readonly<Record<string, readonly Alphabet[]>> = {
  "windows-1250": central,
  "iso-8859-2": central,
  "windows-1254": [latin("çğıöşüâîû")],
  "windows-1257": ["ąčęėįšųūž", "āčēģīķļņšūž", "äöüõšž"].map((letters) => latin(letters)),
  "windows-1251": cyrillic,
  "koi8-r": cyrillic,
  ibm866: cyrillic,
  "windows-1253": greek,
  "iso-8859-7": greek,
  "windows-1255": [apart(range(0x5d0, 0x5ea), "יוהלארתבשמ")],
  "windows-1256": [apart(range(0x621, 0x64a), "اليمونرتبة")],
  "windows-874": [apart(range(0xe01, 0xe4e), "านรอกเงมยล")],
};

function likeliest(text: string, languages: readonly Alphabet[]): number {
  return Math.max(...languages.map((language) => ofLetters(text, language)));
}

/** A letter of another language: some names have one. */
const foreignLetter = Math.log(0.02 / 64);

/** A letter of no language that is written so, and a sign. */
const strangeLetter = Math.log(0.01 / 60);
const sign = Math.log(0.15 / 40);

/** Text in capitals alone is rarer, and so is one without any: names have some. */
const inOneCase = Math.log(0.7);

/** Of a language, whose letters above ASCII stand by themselves (Latin) or among their like (all others). */
function ofLetters(text: string, { letters, frequent, shares, isApart }: Alphabet): number {
  let sum = 0;
  let before = "";
  const characters = [...text];
  const own = isApart ? characters.filter((one) => letters.has(one.toLowerCase())) : [];
  const isCapital = own.length > 0 && !own.some((one) => letters.has(one) && hasCase(one));
  const isOneCase = isCapital || own.every((one) => letters.has(one) && hasCase(one));
  for (const [at, one] of characters.entries()) {
    const after = characters[at + 1] ?? "";
    if (one > "\x7f") {
      const plain = one.toLowerCase();
      const isUpper = plain !== one;
      const isKnown = letters.has(plain);
      const isOwn = isKnown || !isApart && latinLetter.test(one);
      if (isKnown) {
        sum += isUpper && !isCapital
          ? shares.capital
          : frequent.has(plain)
          ? shares.frequent
          : shares.other;
        if (isApart && isOneCase) sum += inOneCase;
      } else if (isOwn) sum += foreignLetter;
      else sum += letter.test(one) || /[─-▟]/.test(one) ? strangeLetter : sign;
      const isBeside = letter.test(before);
      if (isOwn && isBeside && isApart !== before > "\x7f") sum += unlikely;
      if (isApart && isOwn && /^[a-z]/i.test(after)) sum += unlikely;
      if (isOwn && isUpper && isBeside && before === before.toLowerCase()) sum += unlikely;
      // A sign within a word is most likely a letter of another alphabet, but for an apostrophe.
      if (!isOwn && one !== "’" && (isBeside || letter.test(after))) {
        sum += isBeside && letter.test(after) ? unlikely : unlikely / 4;
      }
    }
    before = one;
  }
  return sum;
}

function hasCase(one: string): boolean {
  return one.toUpperCase() !== one.toLowerCase();
}

const latinLetter = /\p{Script=Latin}/u;
