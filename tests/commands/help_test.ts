import assert from "node:assert/strict";
import { run } from "./run_command.ts";

Deno.test("help has every command in a line that fits a terminal", async () => {
  const { code, out } = await run({}, "--help");
  assert.equal(code, 0);
  const lines = out.split("\n");
  for (const line of lines) assert.ok(line.length <= 80, line);
  for (const name of ["start", "import", "kpis", "engines", "doctor", "demo"]) {
    assert.ok(lines.some((line) => new RegExp(`^ {2}${name} +[A-Z].*\\.$`).test(line)), name);
  }
  assert.ok(lines.length <= 40, "one page");
});
