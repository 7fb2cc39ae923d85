import assert from "node:assert/strict";
import fc from "fast-check";
import { latestPlacedAt, parsePlacedAt } from "../../../domain/order/placed_at.ts";

const good: [text: string, utc: string][] = [
  ["2010-12-01 08:26:00", "2010-12-01 08:26:00.000"],
  ["2010-12-01T08:26:00", "2010-12-01 08:26:00.000"],
  ["2010-12-01T08:26:00Z", "2010-12-01 08:26:00.000"],
  ["2010-12-01t08:26:00z", "2010-12-01 08:26:00.000"],
  ["2010-12-01T08:26", "2010-12-01 08:26:00.000"],
  ["2010-12-01 08:26:00.5", "2010-12-01 08:26:00.500"],
  ["2010-12-01T08:26:00.123456789Z", "2010-12-01 08:26:00.123"],
  ["2010-12-01T08:26:00,25Z", "2010-12-01 08:26:00.250"],
  ["2010-12-01T08:26:00+01:00", "2010-12-01 07:26:00.000"],
  ["2010-12-01T08:26:00-0530", "2010-12-01 13:56:00.000"],
  ["2010-12-01T08:26:00-00:30", "2010-12-01 08:56:00.000"],
  ["2010-12-31 23:30:00-01", "2011-01-01 00:30:00.000"],
  ["2012-02-29 00:00:00", "2012-02-29 00:00:00.000"],
  ["2000-02-29 00:00:00", "2000-02-29 00:00:00.000"],
  ["1000-01-01 00:00:00", "1000-01-01 00:00:00.000"],
  ["9999-12-31 23:59:59.999", "9999-12-31 23:59:59.999"],
];

const bad = [
  "",
  "2010-12-01",
  "2010-12-01 08:26",
  "2025-02-30 00:00:00",
  "2025-02-29 00:00:00",
  "1900-02-29 00:00:00",
  "2025-04-31 00:00:00",
  "2025-00-01 00:00:00",
  "2025-13-01 00:00:00",
  "2025-01-00 00:00:00",
  "2025-01-01 24:00:00",
  "2025-01-01 12:60:00",
  "2025-01-01 12:00:60",
  "2025-01-01 1:00:00",
  "01/12/2010 08:26",
  "2025-01-01T00:00:00+25:00",
  "2025-01-01T00:00:00+01:60",
  "0999-12-31 23:59:59",
  "0000-01-01 00:00:00",
  "1000-01-01T00:00:00+01:00",
  "9999-12-31T23:30:00-01:00",
  "2025-01-01  00:00:00",
  "2025-01-01 00:00:00 UTC",
  "1291191960",
];

Deno.test("parsePlacedAt() reads every form as UTC to the millisecond", () => {
  for (const [text, utc] of good) assert.equal(parsePlacedAt(text), utc, text);
});

Deno.test("parsePlacedAt() refuses times that do not exist and years that the database does not take", () => {
  for (const text of bad) assert.equal(parsePlacedAt(text), undefined, text);
});

Deno.test("latestPlacedAt() is a day ahead, in the form of the times that it is compared with", () => {
  const now = Date.parse("2026-12-31T08:26:00.123Z");
  assert.equal(latestPlacedAt(now), "2027-01-01 08:26:00.123");
  assert.equal(latestPlacedAt(now), parsePlacedAt("2027-01-01T08:26:00.123Z"));
});

Deno.test("parsePlacedAt() reads its own form as it reads any other", () => {
  const number = (max: number, digits: number) =>
    fc.integer({ min: 0, max }).map((value) => String(value).padStart(digits, "0"));
  const year = fc.constantFrom("0999", "1000", "2000", "2024", "2026", "9999", "20 6");
  const fraction = fc.constantFrom("", ".000", ".123", ".9a9", ",000");
  let read = 0;
  fc.assert(
    fc.property(
      fc.tuple(year, number(13, 2), number(32, 2), number(24, 2), number(60, 2), number(60, 2)),
      fraction,
      ([year, month, day, hour, minute, second], fraction) => {
        const text = `${year}-${month}-${day} ${hour}:${minute}:${second}${fraction}`;
        const own = parsePlacedAt(text);
        assert.equal(own, parsePlacedAt(`${text}+00:00`));
        if (own !== undefined) read++;
      },
    ),
    { numRuns: 5_000 },
  );
  assert(read > 500, `${read} were read`);
});
