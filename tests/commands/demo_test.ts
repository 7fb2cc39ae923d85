import assert from "node:assert/strict";
import { run } from "./run_command.ts";

Deno.test("demo says that its file does not exist, before it starts anything", async () => {
  const { code, out, err } = await run({ INIT_CWD: "/" }, "demo", "nofile.csv");
  assert.deepEqual([code, out], [1, ""]);
  assert.equal(err, "demo: Cannot import nofile.csv: there is no such file");
});
