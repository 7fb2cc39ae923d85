import assert from "node:assert/strict";
import { coalesce } from "../../../routes/middleware/coalesce.ts";

/** What was asked so far, and a way to tell the time. */
function setUp() {
  const asked: string[] = [];
  const clock = { ms: 0 };
  const ask = coalesce((question) => {
    asked.push(question);
    return question === "bad"
      ? Promise.reject(new Error(`no ${asked.length}`))
      : Promise.resolve(`${question} ${asked.length}`);
  }, { ms: 10, now: () => clock.ms });
  return { asked, clock, ask };
}

Deno.test("coalesce() asks once for the same question within its time", async () => {
  const { asked, clock, ask } = setUp();
  const [first, second] = await Promise.all([ask("a"), ask("a")]);
  clock.ms = 9;
  assert.deepEqual([first, second, await ask("a")], ["a 1", "a 1", "a 1"]);
  assert.equal(await ask("b"), "b 2");
  assert.deepEqual(asked, ["a", "b"]);
});

Deno.test("coalesce() asks again once an answer is too old, counted from its question", async () => {
  const { clock, ask } = setUp();
  await ask("a");
  clock.ms = 10;
  assert.equal(await ask("a"), "a 2");
  clock.ms = 19;
  assert.equal(await ask("a"), "a 2");
});

Deno.test("coalesce() forgets an error as soon as it is known", async () => {
  const { ask } = setUp();
  await assert.rejects(ask("bad"), /no 1/);
  await assert.rejects(ask("bad"), /no 2/);
});

Deno.test("coalesce() answers more questions than it remembers", async () => {
  const { asked, clock, ask } = setUp();
  for (let number = 1; number <= 100; number++) await ask(`q${number}`);
  assert.equal(await ask("one too many"), "one too many 101");
  assert.equal(await ask("one too many"), "one too many 102");
  clock.ms = 10;
  assert.equal(await ask("one too many"), "one too many 103");
  assert.equal(await ask("one too many"), "one too many 103");
  assert.equal(asked.length, 103);
});
