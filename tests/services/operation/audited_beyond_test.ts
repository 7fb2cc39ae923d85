import assert from "node:assert/strict";
import { pauseGroup, resumeGroup } from "../../../services/operation/pause_group.ts";
import { withOwnKpis } from "../../../services/operation/rebuild_kpis.ts";
import { recoverWork } from "../../../services/operation/recover_work.ts";
import { repairAndTell, verifyAndTell } from "../../../services/operation/verify_now.ts";
import { isPause } from "../../../streams/queue/pause_group.ts";
import { anOperator } from "../../operator.ts";
import { fateAfter, mortal } from "../../streams/queue/crash.ts";
import { withWorkflow, type Workflow } from "../../workflow.ts";

const operator = anOperator("api:ann");

/** The log, the first entry first. */
async function told(flow: Workflow): Promise<string[]> {
  const rows = await flow.rows("select action, outcome from audit_log order by id");
  return rows.map(({ action, outcome }) => `${action} ${outcome}`);
}

const isPaused = async ({ redis, keys }: Workflow) =>
  isPause(await redis.get(keys.paused("payments")));

/** Dies at each of its moments; whatever was done by then, the log tells of it. */
async function dieEverywhere(
  flow: Workflow,
  act: (deps: Workflow) => Promise<void>,
  action: string,
  isDone: () => Promise<boolean>,
): Promise<void> {
  let died = 0;
  for (;; died++) {
    await flow.db.run("delete from audit_log");
    const fate = fateAfter(died);
    await act(mortal(flow, fate, "dying") as Workflow).catch(() => {});
    const entries = await told(flow);
    if (await isDone()) assert.ok(entries.includes(`${action} begun`), `after ${died} moments`);
    if (!fate.dead) {
      assert.deepEqual(entries, [`${action} begun`, `${action} done`]);
      break;
    }
    assert.ok(!entries.includes(`${action} failed`), "the dead write nothing");
  }
  assert.ok(died >= 4, `${died} moments`);
}

Deno.test("a process that dies while a group is paused or resumed leaves neither without an entry", () =>
  withWorkflow("audited_pauses", async (flow) => {
    await dieEverywhere(
      flow,
      (deps) => pauseGroup(deps, "payments", operator, "a move"),
      "group.pause",
      () => isPaused(flow),
    );
    assert.equal(await isPaused(flow), true);
    await dieEverywhere(
      flow,
      (deps) => resumeGroup(deps, "payments", operator),
      "group.resume",
      async () => !await isPaused(flow),
    );
    assert.equal(await isPaused(flow), false);
  }));

Deno.test("verifications, repairs, recoveries and rebuilds are told of before anything of them is done", () =>
  withWorkflow("audited_works", async (flow) => {
    const works: [string, (deps: Workflow) => Promise<unknown>][] = [
      ["verification.run", (deps) => verifyAndTell(deps, operator)],
      ["verification.repair", (deps) => repairAndTell(deps, operator)],
      ["work.recover", (deps) => recoverWork(deps, operator, { waitMs: 0 })],
    ];
    for (const [action, work] of works) {
      await flow.db.run("delete from audit_log");
      const dead = fateAfter(0);
      const onlyRedis = { ...flow, redis: mortal(flow, dead, "dying").redis };
      await assert.rejects(work(onlyRedis as Workflow), action);
      assert.deepEqual(await told(flow), [`${action} begun`, `${action} failed`]);
      await flow.db.run("delete from audit_log");
      await work(flow);
      assert.deepEqual(await told(flow), [`${action} begun`, `${action} done`]);
    }
    await flow.db.run("delete from audit_log");
    await withOwnKpis(flow, { rebuild: operator }, () => Promise.resolve());
    assert.deepEqual(await told(flow), ["kpis.rebuild begun", "kpis.rebuild done"]);
  }));

Deno.test("what cannot be told of is not done", () =>
  withWorkflow("audited_untold", async (flow) => {
    await flow.db.run("rename table audit_log to audit_log_away");
    await assert.rejects(pauseGroup(flow, "payments", operator));
    assert.equal(await isPaused(flow), false);
    await flow.db.run("rename table audit_log_away to audit_log");
  }));
