import assert from "node:assert/strict";
import { batchSizeOf, maxLiveBatch, minPart } from "../../../streams/queue/batch_size.ts";
import { inParts } from "../../../streams/queue/share_out.ts";
import type { Delivery, QueueTypes } from "../../../streams/queue/work.ts";

Deno.test("batchSizeOf() bounds live batches, and leaves bulk ones as they are set", () => {
  assert.equal(batchSizeOf("live", 2_000).batch, maxLiveBatch);
  assert.equal(batchSizeOf("live", 7).batch, 7);
  assert.equal(batchSizeOf("bulk", 2_000).batch, 2_000);
});

Deno.test("batchSizeOf() has a bulk batch handled in parts for two seconds after a live message", () => {
  let now = 1_000;
  const size = batchSizeOf("bulk", 2_000, () => now);
  assert.equal(size.part(), 2_000);
  size.sawLive(-1);
  size.sawLive(60_000);
  assert.equal(size.part(), 2_000, "none came lately");
  size.sawLive(500);
  assert.equal(size.part(), minPart);
  now += 1_499;
  assert.equal(size.part(), minPart);
  now += 1;
  assert.equal(size.part(), 2_000);
});

Deno.test("batchSizeOf() finds the part that is done in time, within bounds", () => {
  const size = batchSizeOf("bulk", 2_000, () => 0);
  size.sawLive(0);
  for (let part = 0; part < 20; part++) size.note(size.part(), size.part() / 40);
  assert.equal(size.part(), 1_000, "40 messages a millisecond, for 25 ms");
  size.note(1_000, 600);
  assert.equal(size.part(), 500, "one slow part halves it at the most");
  size.note(3, 60_000);
  assert.equal(size.part(), 500, "a few messages say nothing");
  for (let part = 0; part < 20; part++) size.note(size.part(), 60_000);
  assert.equal(size.part(), minPart);
  for (let part = 0; part < 20; part++) size.note(size.part(), 0);
  assert.equal(size.part(), 2_000);
  const small = batchSizeOf("bulk", 7, () => 0);
  small.sawLive(0);
  small.note(7, 60_000);
  assert.equal(small.part(), 7, "no more than is allowed at once");
});

Deno.test("inParts() divides what locks what others need, in its order, and nothing else", () => {
  const size = { ...batchSizeOf("bulk", 10), part: () => 4 };
  const share = (type: string) => ({
    handle: () => Promise.resolve([]),
    deliveries: Array.from(
      { length: 10 },
      (_, n): Delivery<{ type: string }> => ({ id: `${n}-0`, message: { type }, attempt: 1 }),
    ),
  });
  const work = { locksWhatOthersNeed: ({ type }: { type: string }) => type === "hold" };
  const idsOf = (type: string) =>
    inParts<QueueTypes>(work, share(type), size)
      .map(({ deliveries }) => deliveries.map(({ id }) => parseInt(id)));
  assert.deepEqual(idsOf("hold"), [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]);
  assert.equal(idsOf("free").length, 1);
  assert.equal(inParts<QueueTypes>({}, share("hold"), size).length, 1);
});
