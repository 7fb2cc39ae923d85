import assert from "node:assert/strict";
import {
  backoffMs,
  decideRedelivery,
  deliveriesBeforeIsolation,
  longestBackoffMs,
} from "../../../domain/messages/retry.ts";

Deno.test("backoffMs() doubles with every error up to an hour", () => {
  assert.deepEqual([1, 2, 3, 4, 5].map((errors) => backoffMs(errors, 5_000)), [
    5_000,
    10_000,
    20_000,
    40_000,
    80_000,
  ]);
  assert.equal(backoffMs(11, 5_000), longestBackoffMs);
  assert.equal(backoffMs(10_000, 5_000), longestBackoffMs);
  assert.equal(backoffMs(10_000, 1), longestBackoffMs);
  assert.equal(backoffMs(3, 0), 0);
});

Deno.test("decideRedelivery() buries after so many errors and not one earlier", () => {
  for (const most of [1, 2, 5, 100]) {
    for (let errors = 0; errors < most; errors++) {
      assert.equal(decideRedelivery(errors + 1, errors, most), "run", `${errors} of ${most}`);
    }
    assert.equal(decideRedelivery(most + 1, most, most), "bury");
    assert.equal(decideRedelivery(most + 2, most + 1, most), "bury");
  }
});

Deno.test("decideRedelivery() isolates a message that outlives its consumers, then buries it", () => {
  const most = 5;
  const last = deliveriesBeforeIsolation + 2 * most;
  for (let crashes = 0; crashes <= last; crashes++) {
    const expected = crashes < deliveriesBeforeIsolation
      ? "run"
      : crashes < last
      ? "run_alone"
      : "bury";
    assert.equal(decideRedelivery(crashes + 1, 0, most), expected, `${crashes} crashes`);
  }
});

Deno.test("decideRedelivery() counts errors and crashes apart", () => {
  const most = 5;
  assert.equal(decideRedelivery(1 + 4 + 2, 4, most), "run", "4 errors, 2 crashes");
  assert.equal(decideRedelivery(1 + 4 + 3, 4, most), "run_alone", "4 errors, 3 crashes");
  assert.equal(decideRedelivery(1 + 4 + 13, 4, most), "bury", "4 errors, 13 crashes");
  assert.equal(decideRedelivery(1 + 5 + 0, 5, most), "bury", "5 errors");
});
