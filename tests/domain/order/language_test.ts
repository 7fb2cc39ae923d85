import assert from "node:assert/strict";
import { readLanguage } from "../../../domain/order/language.ts";

Deno.test("readLanguage() writes a tag as it is written properly", () => {
  for (const [text, language] of [["de", "de"], ["DE-at", "de-AT"], ["zh-hant-tw", "zh-Hant-TW"]]) {
    assert.deepEqual(readLanguage(text!), { language });
  }
});

Deno.test("readLanguage() says what is wrong, and what would be right where it can", () => {
  assert.deepEqual(readLanguage("de_DE"), {
    problem: "must be a language tag of BCP 47 with dashes: write de-DE",
  });
  for (
    const text of ["d", "German language", "", "de-", `en-${"x".repeat(40)}`, "x".repeat(100_000)]
  ) {
    assert.deepEqual(readLanguage(text), {
      problem: "must be a language tag of BCP 47 such as de or en-GB",
    });
  }
});
