import assert from "node:assert/strict";
import { join, relative } from "node:path";
import { idProblem, textProblem } from "../domain/import/csv_rows.ts";
import { csvLine } from "../domain/import/csv_text.ts";
import { makeLog } from "../domain/operation/log.ts";
import { isMailAddress, parseSender } from "../domain/notification/mail_address.ts";
import { clientAddress, parseNetwork } from "../domain/operation/network.ts";
import { kindOfReason } from "../domain/import/order_csv.ts";
import { decodeCursor } from "../domain/paging.ts";
import { parsePlacedAt } from "../domain/order/placed_at.ts";
import { spreadsheetText } from "../domain/import/spreadsheet_text.ts";
import { trimEnd } from "../domain/text/trim_end.ts";
import { visibleText } from "../domain/text/visible_text.ts";
import { boundaryOf } from "../routes/api/imports/multipart.ts";
import { redactRedisUrl } from "../streams/redis/redis.ts";
import { fromFileUrl, walk } from "./sources.ts";

const root = fromFileUrl(new URL("..", import.meta.url));

/** Characters of a hostile text: a quadratic expression takes some 100 ms and more, a linear one far less than one. */
const length = 30_000;

/** Milliseconds that an expression may take for one text. */
const maxMs = 25;

/** What expressions are made of that is none of their own letters. */
const common = [
  "a",
  "0",
  "A",
  " ",
  "/",
  "@",
  '"',
  "'",
  "(",
  ",",
  ";",
  "\n",
  "\t",
  "%",
  "-",
  ":",
  "=",
  "\\",
  "<",
  "x,",
];

/** A regular expression as it stands in a source file. */
interface Found {
  at: string;
  pattern: RegExp;
}

/** All regular expressions of a source file: after a character that can't end a value, a slash begins one, but for the end of a tag. */
function expressionsIn(name: string, text: string): Found[] {
  const literal =
    /(?<=[(,=:[!&|?{;]\s*|\}\s+|\breturn\s+|=>\s*)\/(?![*/>])((?:[^\\/[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+)\/([dgimsuvy]*)/g;
  return [...text.matchAll(literal)].flatMap(({ index, 1: source, 2: flags }) => {
    const line = text.slice(0, index).split("\n").length;
    const start = text.lastIndexOf("\n", index) + 1;
    if (/^\s*(\*|\/\/)/.test(text.slice(start, index))) return [];
    return [{ at: `${name}:${line}`, pattern: new RegExp(source!, flags) }];
  });
}

/** Texts that repeat what the expression itself is made of, between what may begin and what can't end a match. */
function* hostileTexts({ source }: RegExp): Generator<string> {
  const words = [
    ...source.replace(/\\[bdswBDSW]/g, "\0").matchAll(/(?:[\w@"'\/ ,;:=<>-]|\\[\/.$()[\]])+/g),
  ]
    .map(([word]) => word.replaceAll("\\", "")).filter((word) => word.length <= 40);
  const own = [...new Set([...words, ...words.flatMap((word) => [...word])])];
  const pieces = [...new Set([...common, ...own])];
  const starts = ["", ...own.filter((word) => word.length > 1), '"', "'", "/", " ", "@", ";"];
  for (const piece of pieces) {
    const pumped = piece.repeat(Math.ceil(length / piece.length));
    for (const start of new Set(starts)) {
      yield `${start}${pumped}`;
      yield `${start}${pumped}\u0000!`;
    }
  }
  const few = pieces.slice(0, 24);
  for (const one of few) {
    for (const other of few) {
      yield (one + other).repeat(length / (one.length + other.length)) + "\u0001";
    }
  }
}

function timeOf(pattern: RegExp, text: string): number {
  const start = performance.now();
  if (pattern.global) text.replace(pattern, "");
  else pattern.test(text);
  return performance.now() - start;
}

Deno.test("no regular expression takes longer than linear time for long repetitive text", async () => {
  const found: Found[] = [];
  for (const folder of ["domain", "db", "routes", "streams", "commands"]) {
    for await (const path of walk(join(root, folder), /\.tsx?$/)) {
      found.push(...expressionsIn(relative(root, path), await Deno.readTextFile(path)));
    }
  }
  assert.ok(found.length > 70, `only ${found.length} expressions were found`);
  const slow: string[] = [];
  for (const { at, pattern } of found) {
    for (const text of hostileTexts(pattern)) {
      // What was interrupted is given a second try: other programs share the machine.
      const took = () => timeOf(pattern, text);
      if (took() <= maxMs || took() <= maxMs) continue;
      slow.push(`${at} ${pattern} on ${JSON.stringify(text.slice(0, 40))}…`);
      break;
    }
  }
  assert.deepEqual(slow, []);
});

Deno.test("no function that others' text passes through takes longer than linear time", () => {
  const log = makeLog({ level: "debug", format: "text", now: () => "" }, () => {});
  const functions: Record<string, (text: string) => unknown> = {
    log: (text) => log.warn("event", { error: text, path: text }),
    trimEnd: (text) => trimEnd(`/${text}`, "/"),
    boundaryOf,
    parseSender,
    isMailAddress,
    visibleText,
    spreadsheetText,
    redactRedisUrl,
    parsePlacedAt,
    kindOfReason,
    parseNetwork,
    clientAddress: (text) => clientAddress("127.0.0.1", text, [parseNetwork("0.0.0.0/0")!]),
    idProblem,
    textProblem,
    csvLine: (text) => csvLine([text]),
    decodeCursor: (text) => {
      try {
        decodeCursor("orders", text);
      } catch {
        // It is none.
      }
    },
  };
  const leads = [
    "",
    "entry '",
    "value: '",
    "near '",
    "multipart/form-data;",
    "a <",
    "redis://",
    " (",
    "@",
    "Bearer ",
  ];
  const slow: string[] = [];
  for (const [name, run] of Object.entries(functions)) {
    for (const lead of leads) {
      for (
        const piece of [
          ...common,
          ...leads,
          "' for key",
          "' for ",
          "boundary=",
          "a@",
          "@a",
          "//",
          "b@c ",
        ]
      ) {
        if (piece === "") continue;
        const text = `${lead}${piece.repeat(length / piece.length)}\u0001`;
        const took = () => {
          const start = performance.now();
          run(text);
          return performance.now() - start;
        };
        // Linear, but with more to do for each character than an expression has.
        if (took() > 3 * maxMs && took() > 3 * maxMs) slow.push(`${name} ${lead}${piece}`);
      }
    }
  }
  assert.deepEqual(slow, []);
});
