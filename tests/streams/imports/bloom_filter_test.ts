import assert from "node:assert/strict";
import { bloomFilter } from "../../../streams/imports/bloom_filter.ts";

Deno.test("bloomFilter() has every id that was marked, and few others", () => {
  const marks = bloomFilter();
  let alike = 0;
  for (let id = 0; id < 200_000; id++) if (marks.add(`order-${id}`)) alike++;
  for (let id = 0; id < 200_000; id++) assert.ok(marks.has(`order-${id}`));
  assert.equal(alike, 0, "an order that is taken for another one loses its place in the file");
  let others = 0;
  for (let id = 0; id < 200_000; id++) if (marks.has(`other-${id}`)) others++;
  assert.ok(others < 10, `${others} of 200,000 others look marked`);
  assert.equal(marks.add("order-1"), true);
});
