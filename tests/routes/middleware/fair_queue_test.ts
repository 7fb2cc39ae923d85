import assert from "node:assert/strict";
import { fairQueue } from "../../../routes/middleware/fair_queue.ts";

const plenty = { items: 1_000, weight: Infinity };

Deno.test("fairQueue() takes one of each caller by turns, and of each caller in its order", () => {
  const queue = fairQueue<string>({ all: 100, each: 100 });
  for (const item of ["a1", "a2", "a3", "b1", "c1", "b2"]) queue.push(item[0]!, item);
  assert.deepEqual(queue.take({ items: 4, weight: Infinity }), ["a1", "b1", "c1", "a2"]);
  assert.equal(queue.size, 2);
  queue.push("d", "d1");
  assert.deepEqual(queue.take(plenty), ["b2", "a3", "d1"]);
});

Deno.test("fairQueue() lets who comes behind 100 callers with 50 each wait for one of each", () => {
  const queue = fairQueue<string>({ all: 10_000, each: 5_000 });
  for (let number = 0; number < 50; number++) {
    for (let caller = 0; caller < 100; caller++) queue.push(`flood ${caller}`, "flood");
  }
  queue.push("slow", "slow");
  assert.equal(queue.take({ items: 200, weight: Infinity }).indexOf("slow"), 100);
});

Deno.test("fairQueue() counts turns by weight", () => {
  const queue = fairQueue<string>({ all: 100, each: 100 });
  for (let number = 1; number <= 4; number++) {
    queue.push("heavy", `heavy ${number}`, 3);
    for (const part of "abc") queue.push("light", `light ${number}${part}`);
  }
  const taken = queue.take(plenty);
  for (let end = 0; end < taken.length; end++) {
    const of = (caller: string) => taken.slice(0, end).filter((item) => item.startsWith(caller));
    const apart = of("heavy").length * 3 - of("light").length;
    assert.ok(Math.abs(apart) <= 3, `${taken.slice(0, end)}`);
  }
});

Deno.test("fairQueue() takes no more weight than it may, but what is too heavy by itself", () => {
  const queue = fairQueue<string>({ all: 100, each: 100 });
  queue.push("a", "light");
  queue.push("b", "huge", 50);
  queue.push("c", "light too");
  const most = { items: 10, weight: 10 };
  assert.deepEqual(queue.take(most), ["light", "light too"]);
  assert.deepEqual(queue.take(most), ["huge"]);
  assert.deepEqual(queue.take(most), []);
});

Deno.test("fairQueue() refuses what is beyond a caller's places", () => {
  const queue = fairQueue<number>({ all: 100, each: 2 });
  assert.deepEqual(queue.push("a", 1), { waits: true, displaced: undefined });
  queue.push("a", 2);
  assert.deepEqual(queue.push("a", 3), { waits: false, beyond: "each" });
  assert.deepEqual(queue.push("b", 4), { waits: true, displaced: undefined });
});

Deno.test("fairQueue() gives a place of whoever has most to whoever has less once all are taken", () => {
  const queue = fairQueue<string>({ all: 4, each: 3 });
  for (const item of ["a1", "a2", "a3", "b1"]) queue.push(item[0]!, item);
  assert.deepEqual(queue.push("c", "c1"), { waits: true, displaced: "a3" });
  assert.deepEqual(queue.push("b", "b2"), { waits: false, beyond: "all" });
  assert.deepEqual(queue.push("a", "a4"), { waits: false, beyond: "all" });
  assert.equal(queue.size, 4);
  assert.deepEqual(queue.take(plenty), ["a1", "b1", "c1", "a2"]);
});
