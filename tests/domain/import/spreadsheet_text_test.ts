import assert from "node:assert/strict";
import fc from "fast-check";
import { disarmed, rearmed, spreadsheetText } from "../../../domain/import/spreadsheet_text.ts";

Deno.test("spreadsheetText() disarms what begins as a formula and leaves all else alone", () => {
  for (
    const text of [
      "=1+1",
      "+49 30",
      "-1",
      "@SUM(A1)",
      "\t=1",
      "\r=1",
      "\n=1",
      "＝1",
      "＋1",
      "－1",
      "＠A",
    ]
  ) {
    assert.equal(spreadsheetText(text), `'${text}`);
  }
  for (const text of ["", "a=1", "Ann-Marie", "1-2", " =1", "'=1", "2024-05-06T00:00:00Z"]) {
    assert.equal(spreadsheetText(text), text);
  }
});

Deno.test("disarmed() gives no formula, and rearmed() takes back exactly what it did", () => {
  const text = fc.string({
    unit: fc.constantFrom("'", "=", "+", "-", "@", "\t", "\r", "\n", " ", "a", "é", "＝", "＠"),
  });
  fc.assert(fc.property(text, (text) => {
    assert.doesNotMatch(disarmed(text), /^[=+\-@\t\r\n＝＋－＠]/);
    assert.equal(rearmed(disarmed(text)), text);
  }));
  for (const text of ["'s-Hertogenbosch", "''", "'", "O'Neil", " =1", ""]) {
    assert.equal(disarmed(text), text);
    assert.equal(rearmed(text), text);
  }
  assert.equal(disarmed("'=1"), "''=1");
});
