import assert from "node:assert/strict";
import { describeCount, maxCounted } from "../../domain/bounded_count.ts";

Deno.test("describeCount() says where counting ended", () => {
  assert.equal(describeCount(0), "0");
  assert.equal(describeCount(1_234), "1,234");
  assert.equal(describeCount(maxCounted - 1), "99,999");
  assert.equal(describeCount(maxCounted), "100,000+");
});
