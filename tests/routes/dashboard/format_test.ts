import assert from "node:assert/strict";
import {
  formatChange,
  formatDuration,
  formatMoney,
  formatTime,
  parseAmount,
  plainAmount,
} from "../../../routes/dashboard/format.ts";

Deno.test("formatMoney() has two places in every currency", () => {
  assert.equal(formatMoney(1_234_560, "GBP"), "£12,345.60");
  assert.equal(formatMoney(-5, "EUR"), "-€0.05");
  assert.equal(formatMoney(100, "JPY"), "¥1.00");
  assert.match(formatMoney(100, "XQZ"), /XQZ.1\.00/);
});

Deno.test("parseAmount() reads what formatMoney() and people write, and nothing else", () => {
  const good: [string, number][] = [["12", 1_200], ["12.5", 1_250], ["0.05", 5], [
    "1,234.50",
    123_450,
  ], [
    " 7.00 ",
    700,
  ], ["1,234,567", 123_456_700]];
  for (const [text, cents] of good) assert.equal(parseAmount(text), cents, text);
  for (
    const text of [
      "",
      "-1",
      "1.234",
      "1,2",
      "12,50",
      "1e3",
      "£5",
      "0x10",
      ".5",
      "1.",
      "9".repeat(20),
    ]
  ) {
    assert.equal(parseAmount(text), undefined, text);
  }
  for (const cents of [0, 1, 99, 100, 123_456]) {
    assert.equal(parseAmount(plainAmount(cents)), cents);
  }
});

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
