import assert from "node:assert/strict";
import { batchSizeOf, maxLiveBatch, minBesideLive } from "../../../streams/queue/batch_size.ts";

Deno.test("batchSizeOf() keeps live batches small, whatever waits", () => {
  assert.equal(batchSizeOf("live", 2_000).next(), maxLiveBatch);
  assert.equal(batchSizeOf("live", 7).next(), 7);
});

Deno.test("batchSizeOf() takes bulk batches of the usual size until a live message comes, and two seconds after it", () => {
  let now = 1_000;
  const size = batchSizeOf("bulk", 2_000, () => now);
  assert.equal(size.next(), 2_000);
  size.sawLive(-1);
  size.sawLive(60_000);
  assert.equal(size.next(), 2_000, "none came lately");
  size.sawLive(500);
  assert.equal(size.next(), minBesideLive);
  now += 1_499;
  assert.equal(size.next(), minBesideLive);
  now += 1;
  assert.equal(size.next(), 2_000);
});

Deno.test("batchSizeOf() finds the size that is done in time, and never goes below the share of the bulk lane", () => {
  const size = batchSizeOf("bulk", 2_000, () => 0);
  size.sawLive(0);
  for (let batch = 0; batch < 20; batch++) size.note(size.next(), size.next() / 20);
  assert.equal(size.next(), 500, "20 messages a millisecond, for 25 ms");
  size.note(500, 60_000);
  assert.equal(size.next(), 250, "one slow batch halves it at the most");
  size.note(3, 60_000);
  assert.equal(size.next(), 250, "a few messages say nothing");
  for (let batch = 0; batch < 20; batch++) size.note(size.next(), 60_000);
  assert.equal(size.next(), minBesideLive);
  for (let batch = 0; batch < 20; batch++) size.note(size.next(), 0);
  assert.equal(size.next(), 2_000);
});

Deno.test("batchSizeOf() takes what it was allowed where that is less than the share", () => {
  const size = batchSizeOf("bulk", 7, () => 0);
  size.sawLive(0);
  size.note(7, 60_000);
  assert.equal(size.next(), 7);
});
