import assert from "node:assert/strict";
import { formatChange, formatDuration, formatTime } from "../../../routes/dashboard/format.ts";

Deno.test("formatDuration() takes the unit that says most", () => {
  const cases: [number, string][] = [
    [0, "0 ms"],
    [999, "999 ms"],
    [1_000, "1.0 s"],
    [59_000, "59 s"],
    [95_000, "2 min"],
    [7_200_000, "2 h"],
    [200_000_000, "2 days"],
  ];
  for (const [ms, text] of cases) assert.equal(formatDuration(ms), text);
});

Deno.test("formatChange() compares with the day before", () => {
  assert.equal(formatChange(150, 100), "+50.0 %");
  assert.equal(formatChange(50, 100), "−50.0 %");
  assert.equal(formatChange(5_000, 100), "+49×");
  assert.equal(formatChange(5_000, 0), undefined);
});

Deno.test("formatTime() is a date and a minute", () => {
  assert.equal(formatTime("2026-01-05T07:08:09.123456Z"), "5 Jan 2026, 07:08");
});
