import assert from "node:assert/strict";
import {
  backoffMs,
  decideRedelivery,
  deliveriesBeforeIsolation,
  maxBackoffMs,
} from "../../../domain/messages/retry.ts";

Deno.test("backoffMs() doubles with every error up to an hour", () => {
  assert.deepEqual([1, 2, 3, 4, 5].map((errors) => backoffMs(errors, 5_000)), [
    5_000,
    10_000,
    20_000,
    40_000,
    80_000,
  ]);
  assert.equal(backoffMs(11, 5_000), maxBackoffMs);
  assert.equal(backoffMs(10_000, 5_000), maxBackoffMs);
  assert.equal(backoffMs(10_000, 1), maxBackoffMs);
  assert.equal(backoffMs(3, 0), 0);
});

Deno.test("decideRedelivery() dead-letters after so many errors and not one earlier", () => {
  for (const max of [1, 2, 5, 100]) {
    for (let errors = 0; errors < max; errors++) {
      assert.equal(decideRedelivery(errors + 1, errors, max), "run", `${errors} of ${max}`);
    }
    assert.equal(decideRedelivery(max + 1, max, max), "dead_letter");
    assert.equal(decideRedelivery(max + 2, max + 1, max), "dead_letter");
  }
});

Deno.test("decideRedelivery() isolates a message that outlives its consumers, then dead-letters it", () => {
  const max = 5;
  const last = deliveriesBeforeIsolation + 2 * max;
  for (let crashes = 0; crashes <= last; crashes++) {
    const expected = crashes < deliveriesBeforeIsolation
      ? "run"
      : crashes < last
      ? "run_alone"
      : "dead_letter";
    assert.equal(decideRedelivery(crashes + 1, 0, max), expected, `${crashes} crashes`);
  }
});

Deno.test("decideRedelivery() counts errors and crashes apart", () => {
  const max = 5;
  assert.equal(decideRedelivery(1 + 4 + 2, 4, max), "run", "4 errors, 2 crashes");
  assert.equal(decideRedelivery(1 + 4 + 3, 4, max), "run_alone", "4 errors, 3 crashes");
  assert.equal(decideRedelivery(1 + 4 + 13, 4, max), "dead_letter", "4 errors, 13 crashes");
  assert.equal(decideRedelivery(1 + 5 + 0, 5, max), "dead_letter", "5 errors");
});
