import assert from "node:assert/strict";
import fc from "fast-check";
import { formatMoney, namedAmount } from "../../../domain/money.ts";
import {
  asShown,
  formatChange,
  formatDuration,
  formatMinute,
} from "../../../routes/dashboard/format.ts";

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

Deno.test("formatMinute() is a date and a minute", () => {
  assert.equal(formatMinute("2026-01-05T07:08:09.123456Z"), "5 Jan 2026, 07:08");
});

Deno.test("asShown() writes every amount of a sentence as the pages do, and leaves the rest alone", () => {
  fc.assert(fc.property(
    fc.bigInt({ min: -(10n ** 17n), max: 10n ** 17n }),
    fc.constantFrom("GBP", "EUR", "JPY", "KWD"),
    (minor, currency) => {
      const text = (amount: string) => `paused; 2 messages wait, ${amount}; ${amount} and 3 SKU`;
      assert.equal(
        asShown(text(namedAmount(minor, currency))),
        text(formatMoney(minor, currency)),
      );
    },
  ));
  for (const text of ["12.5 GBP", "order 1 is ABC", "x12.50 GBP", "1.250,00 EUR", "12.50 GBPS"]) {
    assert.equal(asShown(text), text);
  }
  assert.equal(
    asShown("paused by api:ann since 2026-11-27 06:26 UTC: at 2026-11-27T06:27:01.5Z"),
    "paused by api:ann since 27 Nov 2026, 06:26 UTC: at 27 Nov 2026, 06:27 UTC",
  );
});
