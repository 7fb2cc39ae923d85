import assert from "node:assert/strict";
import { bloomFilter } from "../../../streams/imports/bloom_filter.ts";

Deno.test("bloomFilter() has every id that was marked, and few others", () => {
  const marks = bloomFilter();
  let alike = 0;
  for (let id = 0; id < 100_000; id++) if (marks.add(`order-${id}`)) alike++;
  for (let id = 0; id < 100_000; id++) assert.ok(marks.has(`order-${id}`));
  assert.ok(alike < 500, `${alike} of 100,000 looked marked when they came`);
  let others = 0;
  for (let id = 0; id < 100_000; id++) if (marks.has(`other-${id}`)) others++;
  assert.ok(others < 1_000, `${others} of 100,000 others look marked`);
  assert.equal(marks.add("order-1"), true);
});
