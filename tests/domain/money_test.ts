import assert from "node:assert/strict";
import fc from "fast-check";
import {
  currencyDigits,
  exactAmount,
  formatMoney,
  groupedAmount,
  isCurrency,
  minorUnitsMeant,
  namedAmount,
  parseAmount,
  plainAmount,
} from "../../domain/money.ts";

Deno.test("isCurrency() knows registered currencies alone", () => {
  for (const code of ["EUR", "USD", "JPY", "KWD", "CHF"]) assert.ok(isCurrency(code), code);
  for (const code of ["XQZ", "ABC", "eur", "EU", "EURO", "", "€"]) {
    assert.ok(!isCurrency(code), code);
  }
});

Deno.test("formatMoney() gives every currency the digits that it has", () => {
  assert.equal(formatMoney(1_234_560, "GBP"), "£12,345.60");
  assert.equal(formatMoney(-5, "EUR"), "-€0.05");
  assert.equal(formatMoney(1_234, "JPY"), "¥1,234");
  assert.equal(formatMoney(1_500, "KWD"), "KWD\u00a01.500");
  assert.equal(formatMoney(0, "JPY"), "¥0");
  assert.equal(formatMoney(100, "XQZ"), "XQZ\u00a01.00", "an order of an earlier version");
  assert.equal(formatMoney(123_456, "XQZ"), "XQZ\u00a01,234.56");
});

Deno.test("formatMoney() loses no digit of a sum that no number holds", () => {
  assert.equal(formatMoney(9_007_199_254_740_993n, "EUR"), "€90,071,992,547,409.93");
  assert.equal(formatMoney(-123_456_789_012_345_678_901n, "JPY"), "-¥123,456,789,012,345,678,901");
  assert.equal(exactAmount(9_007_199_254_740_991n), 9_007_199_254_740_991);
  assert.equal(exactAmount(9_007_199_254_740_993n), "9007199254740993");
});

Deno.test("plainAmount(), groupedAmount() and namedAmount() write the digits of the currency", () => {
  assert.equal(plainAmount(123_450, "EUR"), "1234.50");
  assert.equal(plainAmount(123_450, "JPY"), "123450");
  assert.equal(plainAmount(-5, "KWD"), "-0.005");
  assert.deepEqual([0, 5, -5, 123_456, -100_000].map((cents) => groupedAmount(cents, "EUR")), [
    "0.00",
    "0.05",
    "-0.05",
    "1,234.56",
    "-1,000.00",
  ]);
  assert.equal(namedAmount(123_456, "JPY"), "123,456 JPY");
});

Deno.test("parseAmount() reads what plainAmount() and people write, in the digits of the currency", () => {
  const good: [string, string, number][] = [
    ["12", "EUR", 1_200],
    ["12.5", "EUR", 1_250],
    [" 1,234.50 ", "EUR", 123_450],
    ["0.05", "EUR", 5],
    ["12", "JPY", 12],
    ["1,200", "JPY", 1_200],
    ["5,50", "EUR", 550],
    ["1,23", "EUR", 123],
    ["99999,99", "EUR", 9_999_999],
    ["1.5", "KWD", 1_500],
    ["0.001", "KWD", 1],
    ["1,234.500", "KWD", 1_234_500],
    ["1,234,567", "KWD", 1_234_567_000],
  ];
  for (const [text, currency, minor] of good) {
    assert.equal(parseAmount(text, currency), minor, `${text} ${currency}`);
  }
  const bad: [string, string][] = [
    ["", "EUR"],
    ["12.345", "EUR"],
    ["12.5", "JPY"],
    ["12.", "EUR"],
    [".5", "EUR"],
    ["-1", "EUR"],
    ["1e3", "EUR"],
    ["1.2345", "KWD"],
    // Whoever writes decimals with a comma means a thousandth of what it would be read as.
    ["0,250", "KWD"],
    ["1,250", "KWD"],
    ["0,250", "EUR"],
    ["1234,567", "EUR"],
    ["1.234,567", "KWD"],
    ["1234567890123", "EUR"],
  ];
  for (const [text, currency] of bad) {
    assert.equal(parseAmount(text, currency), undefined, `${text} ${currency}`);
  }
  fc.assert(fc.property(
    fc.integer({ min: 0, max: 999_999_999_999 }),
    fc.constantFrom("EUR", "JPY", "KWD", "XQZ"),
    (minor, currency) => parseAmount(plainAmount(minor, currency), currency) === minor,
  ));
});

Deno.test("currencyDigits() follows the register", () => {
  assert.deepEqual(
    ["EUR", "JPY", "KRW", "KWD", "BHD", "XQZ"].map(currencyDigits),
    [2, 0, 0, 3, 3, 2],
  );
});

Deno.test("currencyDigits() follows the register where shops write fewer digits, whatever the runtime says", () => {
  const inShopsWithout = "AFN ALL IRR KPW LAK LBP MGA MMK RSD SLL SOS SYP YER".split(" ");
  for (const code of inShopsWithout) assert.equal(currencyDigits(code), 2, code);
  assert.deepEqual(["IQD", "ISK", "UGX", "VND"].map(currencyDigits), [3, 0, 0, 0]);
  assert.equal(formatMoney(125_050, "RSD"), "RSD\u00a01,250.50");
  assert.equal(plainAmount(125_050, "RSD"), "1250.50");
  assert.equal(parseAmount("1,250.50", "RSD"), 125_050);
  assert.equal(formatMoney(1_500, "IQD"), "IQD\u00a01.500");
});

Deno.test("minorUnitsMeant() reads amounts in units of their currency", () => {
  const cases: [text: string, currency: string, minor: number | undefined][] = [
    ["12.50", "EUR", 1_250],
    ["12.5", "EUR", 1_250],
    ["-5.40", "EUR", -540],
    ["12,50", "EUR", 1_250],
    ["1,234.50", "EUR", 123_450],
    ["2500.00", "JPY", 2_500],
    ["2.510", "KWD", 2_510],
    ["2.5", "KWD", 2_500],
    ["0.00", "EUR", 0],
    ["-0.0", "EUR", 0],
    ["12.-", "CHF", 1_200],
    ["12,–", "EUR", 1_200],
    ["-12,--", "EUR", -1_200],
    ["12.—", "JPY", 12],
    ["12.-5", "EUR", undefined],
    // May be minor units with a mark for thousands, or is no amount of the currency.
    ["1,234", "EUR", undefined],
    ["1.234", "EUR", undefined],
    ["2,510", "KWD", undefined],
    ["2.500", "JPY", undefined],
    ["2500.50", "JPY", undefined],
    ["1250", "EUR", undefined],
    ["12.50", "XQZ", undefined],
    ["12.50", "", undefined],
    ["€12.50", "EUR", undefined],
    ["--1.0", "EUR", undefined],
    ["1".repeat(30) + ".5", "EUR", undefined],
  ];
  for (const [text, currency, minor] of cases) {
    assert.equal(minorUnitsMeant(text, currency), minor, `${text} ${currency}`);
  }
});
