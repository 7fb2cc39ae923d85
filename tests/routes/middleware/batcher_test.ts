import assert from "node:assert/strict";
import { HTTPException } from "hono/http-exception";
import { WorkflowError } from "../../../domain/errors.ts";
import { batcher, type BatcherOptions } from "../../../routes/middleware/batcher.ts";

const options: BatcherOptions = {
  maxInputs: 100,
  maxWaiting: 1_000,
  maxMs: 60_000,
  concernsAll: () => false,
};

/** Work whose first batch ends only when told to, so that a crowd can gather behind it. */
function slowFirstBatch(work: (inputs: readonly string[]) => string[]) {
  const batches: string[][] = [];
  const first = Promise.withResolvers<void>();
  return {
    batches,
    release: () => first.resolve(),
    work: async (inputs: readonly string[]) => {
      batches.push([...inputs]);
      if (batches.length === 1) await first.promise;
      return work(inputs);
    },
  };
}

const shout = (inputs: readonly string[]) => inputs.map((input) => input.toUpperCase());

Deno.test("batcher() runs a lone call at once and those that come meanwhile together", async () => {
  const { work, batches, release } = slowFirstBatch(shout);
  const call = batcher(work, options);
  const calls = ["a", "b", "c", "d"].map(call);
  assert.deepEqual(batches, [["a"]]);
  release();
  assert.deepEqual(await Promise.all(calls), ["A", "B", "C", "D"]);
  assert.deepEqual(batches, [["a"], ["b", "c", "d"]]);
});

Deno.test("batcher() waits after a crowd for those who come again as soon as they are answered", async () => {
  const { work, batches, release } = slowFirstBatch(shout);
  const call = batcher(work, { ...options, gatherMs: 60_000 });
  const crowd = Array.from({ length: 12 }, (_, number) => `caller ${number}`);
  const comeAgain = async (name: string, turn: number) => {
    await call(name);
    // Not in the same moment: each answer has a way to go.
    for (let steps = 0; steps < turn; steps++) await new Promise(setImmediate);
    return await call(`${name}, again`);
  };
  const first = call("first");
  const calls = crowd.map(comeAgain);
  release();
  await Promise.all([first, ...calls]);
  assert.deepEqual(batches.map(({ length }) => length), [1, 12, 12]);
});

Deno.test("batcher() lets a lone call after a crowd wait for nobody for long", async () => {
  const { work, batches, release } = slowFirstBatch(shout);
  const call = batcher(work, options);
  const crowd = Array.from({ length: 12 }, (_, number) => call(`caller ${number}`));
  release();
  await Promise.all(crowd);
  assert.equal(await call("alone"), "ALONE");
  assert.equal(await call("and once more"), "AND ONCE MORE");
  assert.deepEqual(batches.map(({ length }) => length), [1, 11, 1, 1]);
});

Deno.test("batcher() never puts more than maxInputs into a batch", async () => {
  const { work, batches, release } = slowFirstBatch(shout);
  const call = batcher(work, { ...options, maxInputs: 2 });
  const calls = ["a", "b", "c", "d", "e", "f"].map(call);
  release();
  await Promise.all(calls);
  assert.deepEqual(batches, [["a"], ["b", "c"], ["d", "e"], ["f"]]);
});

Deno.test("batcher() halves a failing batch until the culprit stands alone", async () => {
  const { work, batches, release } = slowFirstBatch((inputs) => {
    if (inputs.includes("bad")) throw new Error("it is bad");
    return shout(inputs);
  });
  const call = batcher(work, options);
  const calls = ["first", "a", "b", "bad", "c", "d"].map(call);
  release();
  const results = await Promise.allSettled(calls);
  assert.deepEqual(
    results.map((result) => result.status === "fulfilled" ? result.value : result.reason.message),
    ["FIRST", "A", "B", "it is bad", "C", "D"],
  );
  assert.deepEqual(batches.at(-1), ["c", "d"], "neighbours are not taken apart further");
});

Deno.test("batcher() tries nothing again after an error that concerns all", async () => {
  const { work, batches, release } = slowFirstBatch((inputs) => {
    if (inputs.length > 1) throw new Error("the engine is gone");
    return shout(inputs);
  });
  const call = batcher(work, { ...options, concernsAll: () => true });
  const calls = ["a", "b", "c"].map(call);
  release();
  const results = await Promise.allSettled(calls);
  assert.deepEqual(results.map(({ status }) => status), ["fulfilled", "rejected", "rejected"]);
  assert.equal(batches.length, 2);
  assert.equal(await call("d"), "D", "and goes on with what comes later");
});

Deno.test("batcher() turns calls away when too many wait", async () => {
  const { work, release } = slowFirstBatch(shout);
  const call = batcher(work, { ...options, maxWaiting: 2 });
  const calls = ["a", "b", "c"].map(call);
  await assert.rejects(
    call("d"),
    (error) => error instanceof WorkflowError && error.code === "unavailable",
  );
  release();
  assert.deepEqual(await Promise.all(calls), ["A", "B", "C"]);
});

Deno.test("batcher() lets callers take turns, whoever came first", async () => {
  const { work, batches, release } = slowFirstBatch(shout);
  const call = batcher(work, { ...options, maxInputs: 3, callerOf: (input) => input[0]! });
  const calls = ["a", "a1", "a2", "a3", "a4", "b1", "c1"].map(call);
  release();
  await Promise.all(calls);
  assert.deepEqual(batches, [["a"], ["a1", "b1", "c1"], ["a2", "a3", "a4"]]);
});

Deno.test("batcher() answers 429 to a caller who has half of the places, and takes from the others", async () => {
  const { work, release } = slowFirstBatch(shout);
  const call = batcher(work, { ...options, maxWaiting: 4, callerOf: (input) => input[0]! });
  const calls = ["a", "a1", "a2"].map(call);
  await assert.rejects(
    call("a3"),
    (error) => error instanceof HTTPException && error.status === 429,
  );
  calls.push(call("b1"));
  release();
  assert.deepEqual(await Promise.all(calls), ["A", "A1", "A2", "B1"]);
});

Deno.test("batcher() turns away the last call of whoever has most for one of a caller who has less", async () => {
  const { work, release } = slowFirstBatch(shout);
  const call = batcher(work, { ...options, maxWaiting: 4, callerOf: (input) => input[0]! });
  const calls = Promise.allSettled(["x", "a1", "a2", "b1", "b2", "c1"].map(call));
  release();
  const results = (await calls).map(({ status }) => status);
  assert.deepEqual(results.filter((status) => status === "rejected").length, 1);
  assert.equal(results.at(-1), "fulfilled", "the one who has least");
});

Deno.test("batcher() lets two halves of a large crowd follow each other", async () => {
  const { work, batches, release } = slowFirstBatch(shout);
  const call = batcher(work, { ...options, gatherMs: 500 });
  const crowd = Array.from({ length: 40 }, (_, number) => `caller ${number}`);
  const comeAgain = async (name: string, turn: number) => {
    await call(name);
    for (let steps = 0; steps < turn; steps++) await new Promise(setImmediate);
    return await call(`${name}, again`);
  };
  const first = call("first");
  const calls = crowd.map(comeAgain);
  release();
  while (batches.length < 3) await new Promise(setImmediate);
  const [, whole, half] = batches.map(({ length }) => length);
  assert.equal(whole, 40);
  assert.ok(half! >= 20 && half! < 40, `${half} of 40`);
  // So many that nobody is waited for any more.
  const more = Array.from({ length: 100 }, (_, number) => call(`more ${number}`));
  await Promise.all([first, ...calls, ...more]);
});

Deno.test("batcher() gives up a batch that hangs and goes on with the next", async () => {
  let batches = 0;
  const hangs = new Promise<string[]>(() => {});
  const call = batcher<string, string>(
    (inputs) => ++batches === 1 ? hangs : Promise.resolve(shout(inputs)),
    { ...options, maxMs: 1, concernsAll: () => true },
  );
  const results = await Promise.allSettled([call("a"), call("b")]);
  assert.deepEqual(results.map(({ status }) => status), ["rejected", "fulfilled"]);
});

/** Work of which each batch ends when told to. */
function heldBatches() {
  const batches: { inputs: readonly string[]; end: () => void }[] = [];
  return {
    batches,
    sizes: () => batches.map(({ inputs }) => inputs.length),
    work: async (inputs: readonly string[]) => {
      const { promise, resolve: end } = Promise.withResolvers<void>();
      batches.push({ inputs, end });
      await promise;
      return shout(inputs);
    },
  };
}

const names = (count: number) => Array.from({ length: count }, (_, number) => `caller ${number}`);
const soon = () => new Promise(setImmediate);

Deno.test("batcher() begins a batch beside another once as many wait as that has, and no third", async () => {
  const { work, batches, sizes } = heldBatches();
  const call = batcher(work, {
    ...options,
    maxInputs: 200,
    maxRunning: 2,
    slowMs: 60_000,
    gatherMs: 0,
  });
  const calls = ["first", ...names(130)].map(call);
  // Behind one alone all wait for it, until they are a crowd that is worth a batch beside it.
  assert.deepEqual(sizes(), [1, 127]);
  assert.equal(batches[1]!.inputs.at(-1), "caller 126");
  calls.push(...names(127).map(call));
  assert.deepEqual(sizes(), [1, 127], "two run already");
  batches[0]!.end();
  await soon();
  assert.deepEqual(sizes(), [1, 127, 130], "the one that is left has no more than wait");
  for (const { end } of batches) end();
  assert.equal((await Promise.all(calls)).length, 258);
});

Deno.test("batcher() begins beside a small batch only once that is slow", async () => {
  const { work, batches, sizes } = heldBatches();
  const call = batcher(work, { ...options, maxRunning: 2, slowMs: 20, gatherMs: 0 });
  const begun = performance.now();
  const calls = ["a", "b", "c"].map(call);
  await soon();
  if (performance.now() - begun < 20) assert.deepEqual(sizes(), [1]);
  while (batches.length < 2) await soon();
  assert.ok(performance.now() - begun >= 20);
  assert.deepEqual(sizes(), [1, 2]);
  batches[1]!.end();
  assert.deepEqual(await Promise.all(calls.slice(1)), ["B", "C"], "answered before the slow one");
  batches[0]!.end();
  assert.equal(await calls[0], "A");
});

Deno.test("batcher() runs one batch after the other where nothing else is said", async () => {
  const { work, batches, sizes } = heldBatches();
  const call = batcher(work, { ...options, slowMs: 0, gatherMs: 0 });
  const calls = names(60).map(call);
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(sizes(), [1]);
  batches[0]!.end();
  while (batches.length < 2) await soon();
  batches[1]!.end();
  await Promise.all(calls);
  assert.deepEqual(sizes(), [1, 59]);
});
