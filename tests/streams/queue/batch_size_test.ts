import assert from "node:assert/strict";
import { batchSizeOf, maxBulkBesideLive, maxLiveBatch } from "../../../streams/queue/batch_size.ts";
import { liveWithinMs, watchLive } from "../../../streams/queue/live_watch.ts";

Deno.test("batchSizeOf() bounds live batches, and leaves bulk ones as they are set", () => {
  assert.equal(batchSizeOf("live", 2_000), maxLiveBatch);
  assert.equal(batchSizeOf("live", 7), 7);
  assert.equal(batchSizeOf("bulk", 2_000), 2_000);
});

Deno.test("batchSizeOf() bounds bulk batches while live messages come, and never below live ones", () => {
  let now = 0;
  const live = watchLive(() => now);
  assert.equal(batchSizeOf("bulk", 2_000, { live }), 2_000);
  live.saw(0);
  assert.equal(batchSizeOf("bulk", 2_000, { live }), maxBulkBesideLive);
  assert.equal(batchSizeOf("bulk", 7, { live }), 7);
  assert.equal(batchSizeOf("bulk", 2_000, { live, isApart: true }), 2_000);
  assert.equal(batchSizeOf("live", 2_000, { live, isApart: true }), maxLiveBatch);
  now += liveWithinMs;
  assert.equal(batchSizeOf("bulk", 2_000, { live }), 2_000);
  assert.ok(maxBulkBesideLive >= maxLiveBatch);
});
