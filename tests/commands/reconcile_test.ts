import assert from "node:assert/strict";
import { run } from "./run_command.ts";

Deno.test("reconcile takes no day that does not exist, and asks no database about it", async () => {
  for (const [option, day] of [["from", "2026-02-30"], ["to", "2026-02-31"], ["to", "31.1.2026"]]) {
    const said = await run({}, "reconcile", "report.csv", "--provider=http", `--${option}=${day}`);
    assert.equal(said.code, 2);
    assert.equal(said.err, `reconcile: --${option} must be a day such as 2026-01-31, not "${day}"`);
  }
});
