import assert from "node:assert/strict";
import { formatCount } from "../../../domain/text/format_count.ts";

Deno.test("formatCount() separates thousands and keeps signs", () => {
  assert.deepEqual([0, 999, 1_000, -1_234_567].map(formatCount), [
    "0",
    "999",
    "1,000",
    "-1,234,567",
  ]);
});
