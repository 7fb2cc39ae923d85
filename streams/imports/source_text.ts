/**
 * The bytes of a file as text: which encoding they are in, and the text with line breaks that are all alike.
 *
 * @module
 */

import { isAscii } from "node:buffer";
import { WorkflowError } from "../../domain/errors.ts";
import { likelihood, multiByteEncodings } from "../../domain/import/source/encoding_likelihood.ts";
import {
  decoderOf,
  encodingOfStart,
  type PossibleEncoding,
  possibleEncodings,
} from "../../domain/import/source/encodings.ts";
import type { OpenQuestion } from "../../domain/import/source_row.ts";
import { cutText } from "../../domain/text/cut_text.ts";
import { visibleText } from "../../domain/text/visible_text.ts";
import { takeTurns } from "../timing/take_turns.ts";
import type { Spool } from "./spool.ts";
import { type TextPieces, utf8Text } from "./utf8_text.ts";

/** See {@linkcode findEncoding}. */
export interface FoundEncoding {
  /** Label of the encoding standard, or `cp850`. */
  encoding: string;
  /** There are bytes that are none of it, or may be: only UTF-8 is looked at as a whole. */
  isDamaged: boolean;
  /** How it was found out, for people. */
  note: string;
  /** Where the bytes do not say it and nobody did. */
  question?: OpenQuestion;
}

/**
 * Finds out the encoding of a file from all of its bytes. What they say for certain, by a byte order mark or as valid
 * UTF-8 that has more than ASCII, goes before what was told.
 *
 * @param told by a profile
 * @throws {WorkflowError} `invalid` for an encoding that nobody knows here, and for bytes that are in none
 * @throws the signal's reason when it aborts
 */
export async function findEncoding(
  spool: Spool,
  told?: string,
  signal?: AbortSignal,
): Promise<FoundEncoding> {
  if (told !== undefined && decoderOf(told) === undefined) {
    throw new WorkflowError(
      "invalid",
      `file.encoding: there is no encoding ${JSON.stringify(told)}`,
    );
  }
  const sure = encodingOfStart(spool.read(0, 4_096));
  if (sure !== undefined && sure !== "utf-8") {
    return { encoding: sure, isDamaged: true, note: `encoding: ${sure}, by its first bytes` };
  }
  const { isValid, hasMore } = await isUtf8(spool, signal);
  if (isValid && (hasMore || told === undefined || told === "utf-8")) {
    const how = sure !== undefined ? "by its byte order mark" : "all of its bytes are valid";
    return { encoding: "utf-8", isDamaged: false, note: `encoding: utf-8, ${how}` };
  }
  if (told !== undefined && !/^utf-?8$/i.test(told)) {
    return {
      encoding: told.toLowerCase(),
      isDamaged: true,
      note: `encoding: ${told}, as the profile says`,
    };
  }
  const bytes = await foreignBytes(spool, signal);
  if (sure !== undefined || bytes.valid > bytes.invalid) {
    const note =
      `encoding: utf-8, but ${bytes.invalid} characters are none; their rows are rejected`;
    return { encoding: "utf-8", isDamaged: true, note };
  }
  const broken = await brokenEncodings(spool, signal);
  const possible = possibleEncodings(
    { bytes: bytes.all, sample: bytes.lines, broken },
    { multiByte: multiByteEncodings, likelihood },
  );
  return encodingAmong(possible, bytes.sample);
}

function encodingAmong(possible: readonly PossibleEncoding[], sample: Uint8Array): FoundEncoding {
  const first = possible[0];
  if (first === undefined) {
    throw new WorkflowError(
      "invalid",
      "the file is in no encoding that is known here: save it as CSV UTF-8",
    );
  }
  const { encoding } = first;
  const meant = possible.map(({ encoding, writtenBy }) => ({
    value: encoding,
    meaning: `${
      visibleText(cutText(decoderOf(encoding)!(sample, { stream: true }).replaceAll("\t", " "), 80))
    } (${writtenBy})`,
  }));
  return {
    encoding,
    isDamaged: true,
    note: `encoding: not utf-8; perhaps ${encoding}`,
    question: {
      setting: "file.encoding",
      question:
        "the file is not UTF-8: in which encoding does this line read right? Any other of the encoding standard, such as " +
        "windows-1258, can be named as well",
      candidates: meant,
    },
  };
}

/** Whether all bytes are UTF-8, and some of them more than ASCII. */
async function isUtf8(
  spool: Spool,
  signal?: AbortSignal,
): Promise<{ isValid: boolean; hasMore: boolean }> {
  const decoder = utf8Text({ fatal: true });
  const othersTurn = takeTurns();
  let hasMore = false;
  try {
    for (const piece of spool.pieces({ keep: true })) {
      // Most files have nothing else, and need not be decoded to know it.
      if (hasMore || !isAscii(piece)) {
        hasMore = true;
        decoder.decode(piece);
      }
      await othersTurn();
      signal?.throwIfAborted();
    }
    decoder.end();
    return { isValid: true, hasMore };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return { isValid: false, hasMore };
  }
}

/** Bytes of a line that is shown. */
const sampleBytes = 120;

/** What a file has beyond ASCII. */
interface ForeignBytes {
  /** Each byte above 127 that it has, once. */
  all: Uint8Array;
  /** Characters of UTF-8, and what is none. */
  valid: number;
  invalid: number;
  /** The first line that has one, or a part of it. */
  sample: Uint8Array;
  /** The first lines that have one, from there on. */
  lines: Uint8Array;
}

/** Bytes of lines by which encodings are compared. */
const comparedBytes = 8_192;

async function foreignBytes(spool: Spool, signal?: AbortSignal): Promise<ForeignBytes> {
  const seen: number[] = [];
  const isSeen = new Uint8Array(256);
  const decoder = new TextDecoder();
  const othersTurn = takeTurns();
  let valid = 0, invalid = 0;
  let sample: Uint8Array | undefined;
  const lines: number[] = [];
  for (const piece of spool.pieces({ keep: true })) {
    let takenTo = 0;
    for (let place = 0; place < piece.length; place++) {
      const byte = piece[place]!;
      if (byte < 128) continue;
      if (!isSeen[byte]) {
        isSeen[byte] = 1;
        seen.push(byte);
      }
      sample ??= lineAround(piece, place);
      if (place < takenTo || lines.length > comparedBytes) continue;
      const line = lineFrom(piece, place);
      takenTo = place + line.length;
      lines.push(...line, 10);
    }
    const text = decoder.decode(piece, { stream: true });
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code < 128) continue;
      if (code === 0xfffd) invalid++;
      // Two halves are one character.
      else if (code < 0xdc00 || code > 0xdfff) valid++;
    }
    await othersTurn();
    signal?.throwIfAborted();
  }
  return {
    all: Uint8Array.from(seen),
    valid,
    invalid,
    sample: sample ?? new Uint8Array(0),
    lines: Uint8Array.from(lines),
  };
}

/** Encodings with characters of several bytes in which a file has some that are none. */
async function brokenEncodings(spool: Spool, signal?: AbortSignal): Promise<Set<string>> {
  const broken = new Set<string>();
  const othersTurn = takeTurns();
  const decoders = new Map(
    multiByteEncodings.map((one) => [one, new TextDecoder(one, { fatal: true })]),
  );
  const tryAll = (piece: Uint8Array, stream: boolean) => {
    for (const [encoding, decoder] of decoders) {
      try {
        decoder.decode(piece, { stream });
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
        broken.add(encoding);
        decoders.delete(encoding);
      }
    }
  };
  for (const piece of spool.pieces({ keep: true })) {
    tryAll(piece, true);
    await othersTurn();
    signal?.throwIfAborted();
  }
  tryAll(new Uint8Array(0), false);
  return broken;
}

function isBreak(byte: number): boolean {
  return byte === 10 || byte === 13;
}

/** The rest of a line, or the beginning of it, with the byte in front, which tells whether a word begins here. */
function lineFrom(piece: Uint8Array, place: number): Uint8Array {
  let to = place;
  while (to < piece.length && to - place < 2 * sampleBytes && !isBreak(piece[to]!)) to++;
  return piece.subarray(Math.max(0, place - 1), to);
}

function lineAround(piece: Uint8Array, place: number): Uint8Array {
  let from = place, to = place;
  while (from > 0 && place - from < sampleBytes / 2 && !isBreak(piece[from - 1]!)) from--;
  while (to < piece.length && to - from < sampleBytes && !isBreak(piece[to]!)) to++;
  return piece.slice(from, to);
}

/** Line breaks of each kind that a file has. */
export interface LineEnds {
  "\n": number;
  "\r\n": number;
  "\r": number;
}

/**
 * The text of a file whose line breaks are LF, without byte order marks.
 *
 * @param ends is added the line breaks that there are
 */
export async function* plainText(
  spool: Spool,
  { encoding }: Pick<FoundEncoding, "encoding">,
  ends: LineEnds,
  signal: AbortSignal | undefined,
): AsyncGenerator<string> {
  const { decode, end } = encoding === "utf-8" ? utf8Text() : streamDecoder(encoding);
  const othersTurn = takeTurns();
  let isStart = true;
  let held = "";
  const plain = (text: string, isLast: boolean): string => {
    let all = held + text;
    held = !isLast && all.endsWith("\r") ? "\r" : "";
    if (held !== "") all = all.slice(0, -1);
    if (isStart && all !== "") {
      all = all.replace(/^\ufeff+/, "");
      isStart = all === "";
    }
    return withLineFeeds(all, ends);
  };
  for (const piece of spool.pieces({ keep: true })) {
    yield plain(decode(piece), false);
    await othersTurn();
    signal?.throwIfAborted();
  }
  yield plain(end(), true);
}

/** The same for any other encoding. */
function streamDecoder(encoding: string): TextPieces {
  const decode = decoderOf(encoding)!;
  return {
    decode: (bytes) => decode(bytes, { stream: true }),
    end: () => decode(new Uint8Array(0)),
  };
}

function withLineFeeds(text: string, ends: LineEnds): string {
  if (!text.includes("\r")) {
    ends["\n"] += countOf(text, "\n");
    return text;
  }
  const both = countOf(text, "\r\n");
  ends["\r\n"] += both;
  ends["\n"] += countOf(text, "\n") - both;
  ends["\r"] += countOf(text, "\r") - both;
  return text.replaceAll("\r\n", "\n").replaceAll("\r", "\n");
}

function countOf(text: string, part: string): number {
  let count = 0;
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length)) count++;
  return count;
}
