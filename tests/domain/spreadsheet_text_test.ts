import assert from "node:assert/strict";
import { spreadsheetText } from "../../domain/spreadsheet_text.ts";

Deno.test("spreadsheetText() disarms what begins as a formula and leaves all else alone", () => {
  for (const text of ["=1+1", "+49 30", "-1", "@SUM(A1)", "\t=1", "\r=1"]) {
    assert.equal(spreadsheetText(text), `'${text}`);
  }
  for (const text of ["", "a=1", "Ann-Marie", "1-2", " =1", "'=1", "2024-05-06T00:00:00Z"]) {
    assert.equal(spreadsheetText(text), text);
  }
});
