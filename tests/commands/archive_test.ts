import assert from "node:assert/strict";
import { hostname } from "node:os";
import { age, archivedIds, thisMonth } from "../archived.ts";
import { openSettled } from "../settled_workflow.ts";
import { anOrder } from "../workflow.ts";
import { envOf, run } from "./run_command.ts";

Deno.test("archive tells what it would move, moves it, and brings it back", async () => {
  const flow = await openSettled("cli_archive");
  try {
    await age(flow);
    await flow.add([anOrder("latest", [{ sku: "z", qty: 1 }])]);
    await flow.drain();
    const type = (...args: string[]) => run(envOf(flow), "archive", ...args);
    const cut = thisMonth().slice(0, 10);
    const before = `--before=${cut}`;
    const dry = await type(before, "--dry-run");
    assert.match(
      dry.out,
      new RegExp(`^4 orders of before ${cut} would be archived, about \\d+ MB$`),
    );
    assert.deepEqual([dry.code, dry.err], [0, ""]);
    // Whole months are moved: a day in the middle of one is told what it means.
    const middle = `${cut.slice(0, 8)}02`;
    const rounded = await type(`--before=${middle}`, "--dry-run");
    assert.equal(
      rounded.err,
      `${middle} is not the first of a month: what ended before ${cut} is meant`,
    );
    assert.equal(rounded.out, dry.out);
    assert.deepEqual(await archivedIds(flow), []);
    const done = await type(before);
    assert.equal(done.out, `Archived: 4 orders of before ${cut}`);
    assert.equal((await archivedIds(flow)).length, 4);
    const [entry] = await flow.rows(
      "select actor from audit_log where action = 'order.archive' and outcome = 'done'",
    );
    assert.equal(entry!.actor, `cli:ann@${hostname()}`);
    assert.equal((await type(before)).out, `Archived: 0 orders of before ${cut}`);
    assert.match((await run(envOf(flow), "doctor")).out, /archive +4 orders are archived/);
    assert.equal((await run(envOf(flow), "verify")).code, 0);
    assert.equal((await type("--restore")).out, "Brought back: 4 orders");
    assert.deepEqual(await archivedIds(flow), []);
    assert.doesNotMatch((await run(envOf(flow), "doctor")).out, /are archived/);
  } finally {
    await flow.close();
  }
});

Deno.test("archive says how it is typed, and which dates are none", async () => {
  const flow = await openSettled("cli_archive_usage");
  try {
    const type = (...args: string[]) => run(envOf(flow), "archive", ...args);
    for (const args of [[], ["--before=2020-01-01", "--restore"], ["--restore", "--dry-run"]]) {
      assert.equal((await type(...args)).code, 2, args.join(" "));
    }
    const bad = await type("--before=2020-02-30");
    assert.equal(bad.code, 2, "as whatever is typed wrong");
    assert.match(bad.err, /must be a date such as \d{4}-\d\d-01, not "2020-02-30"/);
    assert.match((await type("--before=2999-01-01")).err, /only months that are over/);
  } finally {
    await flow.close();
  }
});
