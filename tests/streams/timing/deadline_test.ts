import assert from "node:assert/strict";
import { rejectLate, withDeadline } from "../../../streams/timing/deadline.ts";

const never = new Promise<never>(() => {});

Deno.test("withDeadline() gives an answer or an error that comes in time", async () => {
  assert.equal(await withDeadline(60_000, "It", Promise.resolve(42)), 42);
  await assert.rejects(withDeadline(60_000, "It", Promise.reject(new Error("no"))), /^Error: no$/);
});

Deno.test("withDeadline() turns away who waits too long, and says for whom", async () => {
  await assert.rejects(
    withDeadline(5, "The oracle", never),
    (error: Error) =>
      error.message === "The oracle gave no answer within 5 ms" &&
      (error as { code?: string }).code === "unavailable",
  );
});

Deno.test("rejectLate() ends limits of one length in turn, however many answers came between", async () => {
  const ended: string[] = [];
  const late = (name: string) => () => {
    ended.push(name);
    return new Error(name);
  };
  const answers = Array.from({ length: 200 }, (_, number) => {
    const isLate = number % 3 === 0;
    return rejectLate(20, isLate ? never : Promise.resolve(number), late(String(number)))
      .catch((error: Error) => error.message);
  });
  const expected = answers.map((_, number) => number % 3 === 0 ? String(number) : number);
  assert.deepEqual(await Promise.all(answers), expected);
  assert.deepEqual(ended, expected.filter((one) => typeof one === "string"));
});

Deno.test("rejectLate() never waits for a longer limit that began before", async () => {
  const answered = Promise.withResolvers<string>();
  const long = rejectLate(60_000, answered.promise, () => new Error("too late"));
  await assert.rejects(rejectLate(5, never, () => new Error("short")), /^Error: short$/);
  answered.resolve("long");
  assert.equal(await long, "long");
});

Deno.test("limits that nobody waits for keep no process from ending", async () => {
  const url = new URL("../../../streams/timing/deadline.ts", import.meta.url);
  const code = `const { withDeadline } = await import(${JSON.stringify(url.href)});
    await Promise.all([1, 2, 3].map((n) => withDeadline(600_000, "It", Promise.resolve(n))));
    console.log("done");`;
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", code],
    signal: AbortSignal.timeout(60_000),
  }).output();
  assert.ok(success);
  assert.equal(new TextDecoder().decode(stdout).trim(), "done");
});
