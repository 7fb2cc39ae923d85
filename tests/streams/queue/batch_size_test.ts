import assert from "node:assert/strict";
import { batchSizeOf, maxLiveBatch } from "../../../streams/queue/batch_size.ts";

Deno.test("batchSizeOf() bounds live batches, and leaves bulk ones as they are set", () => {
  assert.equal(batchSizeOf("live", 2_000), maxLiveBatch);
  assert.equal(batchSizeOf("live", 7), 7);
  assert.equal(batchSizeOf("bulk", 2_000), 2_000);
});
