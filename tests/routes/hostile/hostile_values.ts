/**
 * Text and JSON that has harmed one program or another.
 *
 * @module
 */

import fc from "fast-check";
import { arbitraryOf, type Content } from "../api/description/schema_values.ts";

/** Text, most of it short. */
export const hostileText: fc.Arbitrary<string> = fc.oneof(
  {
    weight: 30,
    arbitrary: fc.constantFrom(
      "",
      " ",
      "'; drop table orders; --",
      "1 or 1=1",
      "\\' or ''='",
      "%' or '1'='1",
      "1;flushall\r\nset x y\r\n",
      "\r\nx-injected: 1\r\n\r\n",
      "%0d%0ax-injected:%201",
      "\u0000",
      "a\u0000b",
      "\ud800",
      "\udfff\ud800",
      "\u202e\u202dabc\u2066",
      "e\u0301".repeat(300),
      "\ufeff",
      "\ufffe\uffff",
      "😀".repeat(70),
      "ﷺ",
      "İıſK",
      "__proto__",
      "constructor",
      "toString",
      "../../../../etc/passwd",
      "..%2f..%2f..%2fetc%2fpasswd",
      "..%252f..%252fetc%252fpasswd",
      "%2e%2e%5c",
      "http://evil.example/",
      "//evil.example/",
      "/\\evil.example",
      "javascript:alert(1)",
      "<script>alert(1)</script>",
      '"><img src=x onerror=alert(1)>',
      "{{7*7}}${7*7}#{7*7}",
      "$(id)`id`|id",
      "=cmd|'/c calc'!A1",
      "NaN",
      "Infinity",
      "-0",
      "0x10",
      "1e3",
      "1_000",
      "٣",
      "9007199254740992",
      "9007199254740993",
      "18446744073709551616",
      "9".repeat(400),
      "-1",
      "0.1",
      "true",
      "null",
      "undefined",
      "[object Object]",
      "9999-99-99",
      "0000-00-00",
      "2024-02-30",
      "-271821-04-20",
      "+275760-09-13",
      "2024-01-01T25:61:61Z",
      "*",
      "{orders}:1",
      "%",
      "%zz",
      "%ff",
      "%c0%af",
      "+",
      "&",
      "a=b&c=d",
    ),
  },
  {
    weight: 6,
    arbitrary: fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 12 })
      .map((units) => String.fromCharCode(...units)),
  },
  { weight: 2, arbitrary: fc.constantFrom("x".repeat(20_000), "é".repeat(256), "a".repeat(65)) },
);

/** Pieces of JSON as they may stand in a text; not all are JSON. */
const hostileToken: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: hostileText.map((text) => JSON.stringify(text)) },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      ...["null", "true", "[]", "{}", "-1", "-0", "0", "0.1", "1e308", "1e999", "-1e999", "1e-400"],
      ...["9007199254740992", "9007199254740993", "2147483648", "1.0", "1E2", "01", "NaN", "+1"],
      ...['{"__proto__":{"status":"PAID"}}', '{"constructor":{"prototype":{"id":1}}}', "[[[]]]"],
      ...['{"toString":1,"valueOf":2}', '{"length":5}', '{"then":1}', '{"0":"a"}', '"\\ud800"'],
      `"${"x".repeat(1_000_000)}"`,
      `[${"0,".repeat(50_000)}0]`,
    ),
  },
);

/** A levels-deep text that parsers have died of. */
const deep = (levels: number, open: string, close: string) =>
  open.repeat(levels) + "0" + close.repeat(levels);

/** Whole bodies that parsers have died of. */
export const wholeBodies = fc.constantFrom<string | Uint8Array<ArrayBuffer>>(
  "",
  " ",
  "\ufeff{}",
  "{",
  '{"a":1',
  "{}{}",
  "[]",
  '"text"',
  "0",
  "null",
  deep(100_000, "[", "]"),
  deep(100_000, '{"a":', "}"),
  deep(100_000, '{"items":[', "]}"),
  "[".repeat(100_000),
  '{"a":1,"a":2}',
  "a".repeat(1_048_577),
  " ".repeat(1_048_576),
  new Uint8Array([0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00]),
  new Uint8Array([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d]),
  new Uint8Array([0x1f, 0x8b, 0x08, 0x00, 0xff, 0xff, 0xff, 0xff]),
  new Uint8Array(1_000),
);

/** Every place in a value, as the keys that lead there. */
function placesIn(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, part]) => placesIn(part, [...path, key]))];
}

const mark = "\u0001here\u0001";

/** The JSON of a value with a piece of text in place of one part of it. */
function replaced(value: unknown, place: readonly string[], token: string): string {
  const put = (part: unknown, [key, ...rest]: readonly string[]): unknown => {
    if (key === undefined) return mark;
    const copy = Array.isArray(part) ? [...part] : { ...part as object };
    (copy as Record<string, unknown>)[key] = put((part as Record<string, unknown>)[key], rest);
    return copy;
  };
  return JSON.stringify(put(value, place)).replace(JSON.stringify(mark), () => token);
}

/** A body that is nearly what is asked for. */
export function brokenJson(
  { schema, example }: Content,
): fc.Arbitrary<string | Uint8Array<ArrayBuffer>> {
  const good = fc.oneof(arbitraryOf(schema), fc.constant(example ?? {}));
  const nearly = fc.tuple(good, fc.nat(), hostileToken, fc.nat(3)).map(
    ([value, at, token, how]) => {
      const places = placesIn(value);
      const place = places[at % places.length]!;
      if (how < 2 || place.length === 0) return replaced(value, place, token);
      // A further field, or the same again.
      const name = how === 2 ? token : JSON.stringify(place.at(-1));
      const text = JSON.stringify(value);
      return `${text.slice(0, -1)},${name.startsWith('"') ? name : '"more"'}:${token}}`;
    },
  );
  return fc.oneof(
    { weight: 5, arbitrary: good.map((value) => JSON.stringify(value)) },
    { weight: 6, arbitrary: nearly },
    { weight: 2, arbitrary: wholeBodies },
  );
}
