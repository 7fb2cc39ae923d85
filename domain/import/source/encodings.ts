/**
 * Encodings of text: how bytes are read, and which ones bytes may be in that are not UTF-8.
 *
 * @module
 */

/** Reads text piece by piece; what is incomplete at the end of a piece waits for the next one. */
export type Decode = (bytes: Uint8Array, options?: { stream?: boolean }) => string;

/** What a file may be in where its bytes do not say it, the likeliest first, with who writes it. */
export const encodingCandidates: readonly { encoding: string; writtenBy: string }[] = [
  { encoding: "windows-1252", writtenBy: "Windows in Western Europe and America" },
  { encoding: "iso-8859-15", writtenBy: "older Linux programs in Western Europe" },
  { encoding: "macintosh", writtenBy: "older Macs, and Excel on a Mac" },
  { encoding: "cp850", writtenBy: 'Excel as "CSV (MS-DOS)"' },
  { encoding: "windows-1250", writtenBy: "Windows in Central Europe" },
  { encoding: "iso-8859-2", writtenBy: "older Linux programs in Central Europe" },
  { encoding: "windows-1254", writtenBy: "Windows in Turkey" },
  { encoding: "windows-1257", writtenBy: "Windows in the Baltic states" },
  { encoding: "windows-1251", writtenBy: "Windows with Cyrillic letters" },
  { encoding: "ibm866", writtenBy: 'Excel with Cyrillic letters as "CSV (MS-DOS)"' },
  { encoding: "koi8-r", writtenBy: "older Linux programs with Cyrillic letters" },
  { encoding: "windows-1253", writtenBy: "Windows in Greece" },
  { encoding: "iso-8859-7", writtenBy: "older Linux programs in Greece" },
  { encoding: "windows-1255", writtenBy: "Windows with Hebrew letters" },
  { encoding: "windows-1256", writtenBy: "Windows with Arabic letters" },
  { encoding: "windows-874", writtenBy: "Windows in Thailand" },
  { encoding: "shift_jis", writtenBy: "Windows in Japan" },
  { encoding: "euc-jp", writtenBy: "older Linux programs in Japan" },
  { encoding: "gb18030", writtenBy: "Windows in China" },
  { encoding: "big5", writtenBy: "Windows in Taiwan and Hong Kong" },
  { encoding: "euc-kr", writtenBy: "Windows in Korea" },
];

/** The upper half of code page 850, which the encoding standard lacks: Excel writes it as "CSV (MS-DOS)". */
const cp850 = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤" +
  "ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u00ad±‗¾¶§÷¸°¨·¹³²■\u00a0";

/**
 * How text of an encoding is read. A byte order mark is left out; what is wrong becomes U+FFFD.
 *
 * @param encoding a label of the encoding standard, or `cp850`
 * @returns undefined for an encoding that nobody knows here
 */
export function decoderOf(encoding: string): Decode | undefined {
  if (/^(?:cp|ibm)?-?850$/i.test(encoding)) return decodeCp850;
  try {
    const decoder = new TextDecoder(encoding);
    return (bytes, options) => decoder.decode(bytes, options);
  } catch {
    return undefined;
  }
}

function decodeCp850(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte < 128 ? String.fromCharCode(byte) : cp850[byte - 128];
  return text;
}

/** The encoding that a file's first bytes name, or show by the zeros between Latin letters; undefined for neither. */
export function encodingOfStart(start: Uint8Array): string | undefined {
  const [first, second, third] = start;
  if (first === 0xef && second === 0xbb && third === 0xbf) return "utf-8";
  if (first === 0xff && second === 0xfe) return "utf-16le";
  if (first === 0xfe && second === 0xff) return "utf-16be";
  let even = 0, odd = 0;
  for (const [place, byte] of start.entries()) if (byte === 0) place % 2 === 0 ? even++ : odd++;
  const many = start.length / 4;
  if (odd > many && even === 0) return "utf-16le";
  if (even > many && odd === 0) return "utf-16be";
}

/** An encoding that bytes may be in, and all others that read them the same. */
export interface PossibleEncoding {
  /** Label of the encoding standard, or `cp850`. */
  encoding: string;
  /** For people: programs that write it. */
  writtenBy: string;
}

/** What a file has that is not UTF-8. */
export interface ForeignText {
  /** Each byte above 127 that it has, once. */
  bytes: Uint8Array;
  /** Lines that have such bytes, in their order. */
  sample: Uint8Array;
  /** Encodings with characters of several bytes in which it has some that are none. */
  broken: ReadonlySet<string>;
}

/** Candidates that are shown. */
const maxPossible = 10;

/**
 * Which encodings a file can be in that is not UTF-8: those that give no control characters, and of those that give
 * the same text one; the likeliest first.
 *
 * @param likelihood of a sample, see `encoding_likelihood.ts`
 */
export function possibleEncodings(
  { bytes, sample, broken }: ForeignText,
  { multiByte, likelihood }: {
    multiByte: readonly string[];
    likelihood: (sample: Uint8Array, encoding: string) => number;
  },
): PossibleEncoding[] {
  const texts = new Set<string>();
  const possible: (PossibleEncoding & { rank: number })[] = [];
  for (const [at, candidate] of encodingCandidates.entries()) {
    const { encoding } = candidate;
    if (broken.has(encoding)) continue;
    const decode = decoderOf(encoding);
    if (decode === undefined) continue;
    const text = decode(multiByte.includes(encoding) ? sample : bytes);
    if (!multiByte.includes(encoding) && /[\x80-\x9f\ufffd]/.test(text)) continue;
    if (texts.has(text)) continue;
    texts.add(text);
    // Of those that are alike the more usual one.
    possible.push({ ...candidate, rank: likelihood(sample, encoding) - at / 1_000 });
  }
  return possible.sort((a, b) => b.rank - a.rank).slice(0, maxPossible)
    .map(({ encoding, writtenBy }) => ({ encoding, writtenBy }));
}
