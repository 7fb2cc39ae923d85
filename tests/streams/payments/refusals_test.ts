import assert from "node:assert/strict";
import { refusalsOf } from "../../../streams/payments/refusals.ts";

/** Works with a clock that only goes on where it is told to, in milliseconds. */
function withClock(work: (clock: { now: number }) => void): void {
  const clock = { now: 0 };
  // A property of its own on one runtime, and of its kind on the other.
  const own = Object.getOwnPropertyDescriptor(performance, "now");
  Object.defineProperty(performance, "now", { configurable: true, value: () => clock.now });
  try {
    work(clock);
  } finally {
    if (own === undefined) delete (performance as Partial<Performance>).now;
    else Object.defineProperty(performance, "now", own);
  }
}

for (const everyMs of [1_000, 2_700, 12_600, 60_000]) {
  Deno.test(`refusalsOf() lets others come before what is refused for itself, asked every ${everyMs} ms`, () =>
    withClock((clock) => {
      const refusals = refusalsOf({ most: 5, restMs: 10_000 });
      const bad = Array.from({ length: 20 }, (_, n) => `bad ${n}`);
      const waiting = new Set([...bad, "good 1", "good 2"]);
      for (const key of bad) if (refusals.admits(key)) refusals.refused(key, "403");
      for (; clock.now < 600_000 && waiting.size > bad.length; clock.now += everyMs) {
        // Answers come when all have asked.
        const asked = [...waiting].filter(refusals.admits).map((key) => [key, refusals.begin()]);
        for (const [key, begun] of asked as [string, number][]) {
          if (bad.includes(key)) refusals.refused(key, "403");
          else {
            refusals.posted(key, { begun, isSuccess: true });
            waiting.delete(key);
          }
        }
      }
      assert.deepEqual([...waiting], bad);
    }));
}

Deno.test("refusalsOf() takes a success that was under way when another was refused for no proof against that one", () => {
  const refusals = refusalsOf({ most: 5, restMs: 10_000 });
  const underWay = refusals.begin();
  refusals.begin();
  refusals.refused("a", "403");
  refusals.posted("b", { begun: underWay, isSuccess: true });
  assert.equal(refusals.isAlone("a"), false);
  refusals.posted("b", { begun: refusals.begin(), isSuccess: true });
  assert.equal(refusals.isAlone("a"), true);
});
