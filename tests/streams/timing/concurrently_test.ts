import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { concurrently } from "../../../streams/timing/concurrently.ts";

async function* numbers(count: number, onEnd: () => void): AsyncGenerator<number> {
  try {
    for (let number = 0; number < count; number++) yield await Promise.resolve(number);
  } finally {
    onEnd();
  }
}

Deno.test("concurrently() works on every item once and never on more at once than it may", async () => {
  const done: number[] = [];
  let running = 0;
  let max = 0;
  let ended = false;
  await concurrently(numbers(20, () => ended = true), 3, async (number) => {
    max = Math.max(max, ++running);
    await setImmediate();
    running--;
    done.push(number);
  });
  assert.deepEqual(done.sort((a, b) => a - b), Array.from({ length: 20 }, (_, index) => index));
  assert.equal(max, 3);
  assert.equal(ended, true);
});

Deno.test("concurrently() ends begun work, takes no more and throws the first error", async () => {
  const begun: number[] = [];
  const done: number[] = [];
  const other = Promise.withResolvers<void>();
  let ended = false;
  const all = concurrently(numbers(20, () => ended = true), 2, async (number) => {
    begun.push(number);
    if (number === 1) {
      other.resolve();
      throw new Error("item 1");
    }
    await other.promise.then(() => {}).then(() => {});
    done.push(number);
  });
  await assert.rejects(all, /item 1/);
  assert.deepEqual([begun, done, ended], [[0, 1], [0], true]);
});

Deno.test("concurrently() throws what the generator throws", async () => {
  const failing = (async function* (): AsyncGenerator<number> {
    yield await Promise.resolve(1);
    throw new Error("no second item");
  })();
  await assert.rejects(() => concurrently(failing, 2, () => Promise.resolve()), /no second item/);
});

Deno.test("concurrently() works on an array", async () => {
  const done: number[] = [];
  await concurrently([3, 1, 2], 16, async (number) => {
    await setImmediate();
    done.push(number);
  });
  assert.deepEqual(done, [3, 1, 2]);
});
