import assert from "node:assert/strict";
import { formatReport } from "../../commands/verify.ts";
import type { VerifyReport } from "../../streams/verification/verify.ts";
import { sealNext } from "../../streams/seals/seal.ts";
import { proveStalest } from "../../streams/seals/prove_seals.ts";
import { backdate } from "../backdated.ts";
import { withSettled } from "../settled_workflow.ts";
import { envOf, run } from "./run_command.ts";

Deno.test("verify --seal-anew takes a sealed row for right that somebody has changed on purpose, and the audit log tells of it", () =>
  withSettled("cli_seal_anew", async (flow) => {
    const type = (...args: string[]) => run(envOf(flow), "verify", ...args);
    const sealAll = async () => {
      while ((await sealNext(flow)).goesOn);
    };
    assert.match((await type("--seal-anew")).out, /^Nothing is sealed yet/);
    await backdate(flow, 2);
    await sealAll();
    // Of the same size, so that all figures agree: only the seals can tell.
    await flow.rows(
      "update refunds set processed_at = processed_at + interval 1 second where processed_at is not null",
    );
    assert.equal((await proveStalest(flow.db, 10)).drifts.count, 1);
    const drifted = await type("--incremental");
    assert.equal(drifted.code, 1);
    assert.match(drifted.out, /refund \d+: /);

    assert.equal((await type("--seal-anew", "--json")).code, 2);
    const anew = await type("--seal-anew");
    assert.equal(anew.code, 0);
    assert.match(anew.out, /^All seals are made anew/);
    assert.equal((await type("--incremental")).code, 0);
    await sealAll();
    assert.equal((await proveStalest(flow.db, 10)).drifts.count, 0);
    assert.match((await type("--incremental")).out, /Sealed, and not looked at one by one: /);
    assert.deepEqual(
      await flow.rows(
        "select outcome from audit_log where action = 'seals.begin_anew' order by id",
      ),
      [{ outcome: "unchanged" }, { outcome: "done" }],
    );
  }));

Deno.test("verify says below each check that does not hold what mends it", () => {
  const names = ["stock", "money", "kpis", "notifications", "homes", "ledger", "provider"] as const;
  const drift = [{ subject: "order 7", what: "total_cents", expected: 1, found: 2 }];
  const checks = names.map((name) => ({
    ...{ name, ok: false, checked: 1, drift, drift_count: 1, for_people: 0 },
  }));
  const report = { ok: false, seconds: 0, incremental: false, checks } as unknown as VerifyReport;
  const said = formatReport(report);
  const remedies = said.split("\n").filter((line) => line.startsWith("  → "));
  assert.equal(remedies.length, names.length);
  for (
    const words of [
      /no command mends it/,
      / kpis --rebuild$/,
      / dead$/,
      / recover$/,
      / --list says/,
    ]
  ) {
    assert.ok(remedies.some((line) => words.test(line)), String(words));
  }
  const well = { ...report, ok: true, checks: checks.map((check) => ({ ...check, ok: true })) };
  assert.doesNotMatch(formatReport(well as VerifyReport), /→/);
});
