import assert from "node:assert/strict";
import { describeLetters, mostLettersCounted } from "../../domain/letter_count.ts";

Deno.test("describeLetters() says where counting ended", () => {
  assert.equal(describeLetters(0), "0");
  assert.equal(describeLetters(1_234), "1,234");
  assert.equal(describeLetters(mostLettersCounted - 1), "99,999");
  assert.equal(describeLetters(mostLettersCounted), "100,000+");
});
