import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeFeedPosition, encodeFeedPosition } from "../../../domain/feed/feed_position.ts";
import { mergeFeed } from "../../../domain/feed/merge_feed.ts";

/** Rows of a source: ids go up, times nearly do. */
const source = fc.array(fc.nat(30), { maxLength: 20 }).map((times) =>
  times.map((time, index) => ({ id: index + 1, writtenAt: String(time).padStart(2, "0") }))
);

const named = (merged: ReturnType<typeof mergeFeed>) =>
  merged.map((row) => "step" in row ? `o${row.step.id}` : `s${row.movement.id}`);

Deno.test("mergeFeed() gives the same order from every place and by pages of every size, and leaves none out", () => {
  fc.assert(
    fc.property(source, source, fc.integer({ min: 1, max: 7 }), (steps, movements, size) => {
      const whole = named(
        mergeFeed({ rows: steps, hasMore: false }, { rows: movements, hasMore: false }),
      );
      assert.equal(whole.length, steps.length + movements.length);
      const paged: string[] = [];
      for (let a = 0, b = 0; paged.length < whole.length;) {
        const page = mergeFeed(
          { rows: steps.slice(a, a + size), hasMore: a + size < steps.length },
          { rows: movements.slice(b, b + size), hasMore: b + size < movements.length },
        );
        assert.ok(page.length > 0, "every page goes on");
        a += page.filter((row) => "step" in row).length;
        b += page.filter((row) => "movement" in row).length;
        paged.push(...named(page));
      }
      assert.deepEqual(paged, whole);
    }),
  );
});

Deno.test("mergeFeed() keeps each source in its own order, and two of one moment with the order's first", () => {
  const merged = mergeFeed(
    { rows: [{ id: 1, writtenAt: "05" }, { id: 2, writtenAt: "03" }], hasMore: false },
    { rows: [{ id: 1, writtenAt: "04" }, { id: 2, writtenAt: "05" }], hasMore: false },
  );
  assert.deepEqual(named(merged), ["s1", "o1", "o2", "s2"]);
});

Deno.test("decodeFeedPosition() takes back what was given out and refuses all else", () => {
  fc.assert(fc.property(fc.maxSafeNat(), fc.maxSafeNat(), fc.nat(9), (stepId, movementId, told) => {
    const position = { stepId, movementId, told };
    assert.deepEqual(decodeFeedPosition(encodeFeedPosition(position)), position);
  }));
  for (
    const text of ["", "x", btoa("events:1.2"), btoa("events:01.2.3"), btoa("orders:1.2.3"), "§"]
  ) {
    assert.throws(() => decodeFeedPosition(text), { code: "bad_request" });
  }
});
