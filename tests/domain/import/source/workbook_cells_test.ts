import assert from "node:assert/strict";
import fc from "fast-check";
import {
  columnPlace,
  numberFormat,
  numberText,
} from "../../../../domain/import/source/workbook_cells.ts";

const number = { kind: "number" } as const;

Deno.test("numberText() keeps whole numbers as they are stored, and 15 digits of others without exponents", () => {
  const cases: [string, string | undefined][] = [
    ["12345678901234567890", "12345678901234567890"],
    ["12345678901234500", undefined],
    ["1.2345E+16", undefined],
    ["123456789012345", "123456789012345"],
    ["19.989999999999998", "19.99"],
    ["0.30000000000000004", "0.3"],
    ["1.23457E+12", "1234570000000"],
    ["-2.5e-3", "-0.0025"],
    ["1E-7", "0.0000001"],
    ["100.0", "100"],
    ["-0.0", "0"],
    [".5", "0.5"],
    ["1e999", undefined],
    ["NaN", undefined],
    ["0x10", undefined],
    ["", undefined],
  ];
  for (const [stored, text] of cases) assert.equal(numberText(stored, number, 1900), text, stored);
});

Deno.test("numberText() gives amounts of up to two decimals back as they were, however they are stored", () => {
  fc.assert(fc.property(fc.maxSafeNat(), (cents) => {
    const amount = Math.min(cents, 999_999_999_999);
    const text = numberText((amount / 100).toPrecision(17), number, 1900)!;
    const [whole = "", part = ""] = text.split(".");
    assert.equal(Number(whole + part.padEnd(2, "0")), amount);
  }));
});

Deno.test("numberText() gives any time of a spreadsheet back to the millisecond", () => {
  const from = Date.UTC(1900, 2, 1), to = Date.UTC(2200, 0, 1);
  fc.assert(fc.property(fc.integer({ min: from, max: to }), (ms) => {
    const text = new Date(ms).toISOString().slice(0, 23).replace("T", " ").replace(/\.000$/, "");
    const serial = (ms - Date.UTC(1899, 11, 30)) / 86_400_000;
    assert.equal(numberText(String(serial), { kind: "datetime" }, 1900), text);
  }));
});

Deno.test("numberFormat() tells times from amounts by the format's own letters", () => {
  const kinds = (...codes: string[]) => codes.map((code) => numberFormat(164, code).kind);
  assert.deepEqual(
    kinds("dd/mm/yyyy", "m/d/yy h:mm", "[$-409]d-mmm-yy;@", "hh:mm:ss", "[h]:mm", "mmm"),
    ["date", "datetime", "date", "time", "time", "date"],
  );
  assert.deepEqual(
    kinds(
      "General",
      "0.00",
      '#,##0.00 "days"',
      "#,##0.00\\ [$€-407]",
      "[Red]0",
      "_-* #,##0_-",
      "@",
    ),
    Array(7).fill("number"),
  );
  assert.deepEqual(numberFormat(164, "00000"), { kind: "padded", digits: 5 });
  assert.equal(numberFormat(14, undefined).kind, "date");
  assert.equal(numberFormat(22, undefined).kind, "datetime");
  assert.equal(numberFormat(44, undefined).kind, "number");
});

Deno.test("columnPlace() counts columns by their letters", () => {
  assert.deepEqual(
    ["A1", "Z9", "AA1", "XFD1048576", "1", "a1", "ABCD1"].map(columnPlace),
    [0, 25, 26, 16_383, undefined, undefined, undefined],
  );
});

Deno.test("numberText() and numberFormat() leave alone what no spreadsheet writes", () => {
  const number = { kind: "number" } as const;
  assert.equal(numberText("1".repeat(101), number, 1900), undefined);
  assert.equal(numberText("1".repeat(1_000_000) + "x", number, 1900), undefined);
  assert.deepEqual(numberFormat(200, "0".repeat(256)), number);
});

Deno.test("numberText() gives percentages back as they are seen: a tenth is no ten cents", () => {
  const formats = [
    numberFormat(9, undefined),
    numberFormat(10, undefined),
    numberFormat(164, "0.0%"),
    numberFormat(165, '[Red]#,##0\\ %;"-"0%'),
  ];
  for (const format of formats) {
    assert.equal(numberText("0.1", format, 1900), "10%");
    assert.equal(numberText("7.0000000000000007E-2", format, 1900), "7%");
    assert.equal(numberText("-0.125", format, 1900), "-12.5%");
    assert.equal(numberText("0", format, 1900), "0%");
  }
  assert.equal(numberFormat(164, '0.00" %"').kind, "number");
});
