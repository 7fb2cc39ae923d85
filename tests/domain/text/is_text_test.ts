import assert from "node:assert/strict";
import { isText } from "../../../domain/text/is_text.ts";

Deno.test("isText() takes text of so many characters, and no half of one", () => {
  const isName = (value: unknown) => isText(value, { min: 1, max: 4 });
  for (const text of ["a", "abcd", "\ud83d\ude00"]) assert.equal(isName(text), true, text);
  for (const other of ["", "abcde", "\ud83d", "a\ude00", 1, null, undefined, ["a"]]) {
    assert.equal(isName(other), false, JSON.stringify(other));
  }
});
