import assert from "node:assert/strict";
import { bucketOf, quantile, sumHistograms } from "../../../domain/operation/histogram.ts";

const bounds = [10, 100, 1_000];

Deno.test("bucketOf() takes a bound into the bucket below it", () => {
  assert.deepEqual([0, 10, 10.5, 100, 1_000, 1_001].map((value) => bucketOf(bounds, value)), [
    0,
    0,
    1,
    1,
    2,
    3,
  ]);
});

Deno.test("quantile() spreads values within their bucket", () => {
  assert.equal(quantile(bounds, [0, 0, 0, 0], 0.5), null);
  assert.equal(quantile(bounds, [10, 0, 0, 0], 0.5), 5);
  assert.equal(quantile(bounds, [1, 1, 0, 0], 0.75), 55);
  assert.equal(quantile(bounds, [0, 0, 0, 3], 0.5), 1_000);
  assert.equal(quantile(bounds, [5, 0, 0, 5], 0.5), 10);
});

Deno.test("sumHistograms() adds bucket by bucket", () => {
  assert.deepEqual(sumHistograms([[1, 2], [3, 4], [0, 1]]), [4, 7]);
});
