import assert from "node:assert/strict";
import { readCustomersBy } from "../../../db/customers/erasures.ts";
import { eraseCustomer } from "../../../services/customers/erase_customer.ts";
import { endErasures, purgeOld } from "../../../streams/upkeep/upkeep.ts";
import { anOperator } from "../../operator.ts";
import { mara, namesOfMara, placesNaming, spread } from "../../person.ts";
import { anOrder, withWorkflow, type Workflow } from "../../workflow.ts";
import { fateAfter, mortal } from "../queue/crash.ts";

const kept = {
  erasureSecret: "",
  keepRejectsDays: 90,
  keepAttemptsDays: 30,
  keepDeadLettersDays: 60,
  keepAuditDays: 0,
  archiveAfterMonths: 0,
  chargebackRevenue: "opened" as const,
};

/** Leaves two of each: one as old as given, one of now. */
async function leaveRows(flow: Workflow, orderId: number, days: number): Promise<void> {
  const { rows } = flow;
  const ago = `current_timestamp(6) - interval ${days} day`;
  await rows(
    `insert into imports (source, status, finished_at) values ('old', 'DONE', ${ago}),
      ('young', 'DONE', current_timestamp(6)), ('runs', 'RUNNING', ${ago})`,
  );
  await rows(
    "insert into import_rejects (import_id, piece, csv) select id, 0, source from imports",
  );
  await rows(
    "insert into import_rejects (import_id, piece, csv) select id, 1, source from imports",
  );
  await rows(
    `insert into dead_letters
      (group_name, message_id, order_id, payload, error, attempts, status, first_seen_at, resolved_at)
    values ('orders', '1', ?, '[]', '', 1, 'DISCARDED', ${ago}, ${ago}),
      ('orders', '2', ?, '[]', '', 1, 'RETRIED', ${ago}, current_timestamp(6)),
      ('orders', '3', ?, '[]', '', 1, 'DEAD', ${ago}, null)`,
    [orderId, orderId, orderId],
  );
  const [log] = await rows(
    "select id from notification_logs where order_id = ? and channel = 'webhook'",
    [orderId],
  );
  await rows(
    `insert into notification_attempts (notification_log_id, attempted_at, duration_ms, success)
    values (?, ${ago}, 1, 0), (?, current_timestamp(6), 1, 1)`,
    [Number(log!.id), Number(log!.id)],
  );
  await rows(
    `insert into audit_log (actor, via, action, subject_kind, subject_id, outcome, created_at)
    values ('a', 'open', 'order.cancel', 'order', '1', 'done', ${ago})`,
  );
}

const count = async ({ rows }: Workflow, table: string) =>
  Number((await rows(`select count(*) as n from ${table}`))[0]!.n);

Deno.test("purgeOld() deletes what is old and what nobody needs, and nothing else", async () => {
  await withWorkflow("purge", async (flow) => {
    const [taken] = await flow.add([anOrder("1", [{ sku: "a", qty: 1 }])]);
    await flow.drain();
    await leaveRows(flow, taken!.orderId!, 91);
    const deps = { ...flow, config: kept };
    // What waits to be sent keeps its tries.
    assert.equal((await purgeOld(deps)).attempts, 0);
    assert.equal(await count(flow, "import_rejects"), 4);
    assert.deepEqual(
      (await flow.rows("select message_id as id from dead_letters order by id")).map(({ id }) =>
        id
      ),
      ["2", "3"],
    );
    await flow.rows("delete from notification_deliveries");
    assert.deepEqual(await purgeOld(deps), {
      rejects: 0,
      stock_rejects: 0,
      webhooks: 0,
      attempts: 1,
      archived_attempts: 0,
      dead_letters: 0,
      audit: 0,
    });
    assert.equal(await count(flow, "audit_log"), 1);
    assert.equal((await purgeOld({ ...deps, config: { ...kept, keepAuditDays: 90 } })).audit, 1);
    assert.equal(await count(flow, "imports"), 3);
  }, { notifyChannels: ["log", "webhook"] });
});

Deno.test("purgeOld() keeps all for ever where that is set, and dead letters of what is not over", async () => {
  await withWorkflow("purge_never", async (flow) => {
    const [taken] = await flow.add([anOrder("1", [{ sku: "a", qty: 1 }])]);
    await flow.drain();
    await leaveRows(flow, taken!.orderId!, 400);
    const never = {
      ...kept,
      keepRejectsDays: 0,
      keepAttemptsDays: 0,
      keepDeadLettersDays: 0,
    };
    const nothing = {
      rejects: 0,
      stock_rejects: 0,
      webhooks: 0,
      attempts: 0,
      archived_attempts: 0,
      dead_letters: 0,
      audit: 0,
    };
    assert.deepEqual(await purgeOld({ ...flow, config: never }), nothing);
    const [open] = await flow.add([anOrder("2", [{ sku: "a", qty: 1 }])]);
    await flow.rows("update dead_letters set order_id = ?", [open!.orderId!]);
    assert.equal((await purgeOld({ ...flow, config: kept })).dead_letters, 0);
    await flow.drain();
    assert.equal((await purgeOld({ ...flow, config: kept })).dead_letters, 1);
  }, { notifyChannels: ["log", "webhook"] });
});

Deno.test("purgeOld() goes through more rows than one statement looks at", async () => {
  await withWorkflow("purge_many", async (flow) => {
    await flow.rows(
      `insert into dead_letters
        (group_name, message_id, payload, error, attempts, status, first_seen_at, resolved_at)
      with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < 999)
      select 'orders', concat('dead ', n), '[]', '', 1, 'DEAD', current_timestamp(6), null from numbers
      union all select 'orders', concat('over ', n), '[]', '', 1, 'DISCARDED', current_timestamp(6),
        current_timestamp(6) - interval 61 day from numbers`,
    );
    assert.equal((await purgeOld({ ...flow, config: kept })).dead_letters, 999);
    assert.equal(await count(flow, "dead_letters"), 999);
  });
});

Deno.test("an erasure that is killed at any call says nothing of an end, and is ended by the next or by itself", async () => {
  await withWorkflow("erase_crash", async (flow) => {
    const who = (run: number) => ({
      externalId: `P-${run}-x`,
      email: `person${run}x@example.com`,
      name: `Person ${run}x Quist`,
    });
    const names = (run: number) => Object.values(who(run));
    const runs = 160;
    await flow.add(
      Array.from(
        { length: runs },
        (_, run) => anOrder(`o-${run}`, [{ sku: "a", qty: 1 }], { customer: who(run) }),
      ),
      1_000,
    );
    await flow.drain();
    await flow.rows("insert into imports (source, status) values ('f', 'DONE')");
    await flow.rows(
      "insert into import_rejects (import_id, piece, csv) values (1, 0, 'customer_id,line,reason\\n')",
    );
    await flow.rows(
      "insert into import_rejects (import_id, piece, csv) values (1, 1, ?)",
      [Array.from({ length: runs }, (_, run) => `${who(run).externalId},${run},no\n`).join("")],
    );
    const told = async () => {
      const sql =
        "select subject_id from audit_log where action = 'customer.erase' and outcome = 'done'";
      return (await flow.rows(sql)).length;
    };
    let run = 0;
    for (let isWhole = false; !isWhole; run++) {
      assert.ok(run < runs, "more moments than people");
      const fate = fateAfter(run);
      const dying = mortal({ ...flow, consumer: "dying" }, fate, "dying");
      const { externalId } = who(run);
      const before = await told();
      try {
        await eraseCustomer(
          { ...flow, ...dying, config: kept },
          { externalId },
          anOperator("first"),
        );
        isWhole = !fate.dead;
      } catch (error) {
        assert.match(String(error), /crashed/);
      }
      // What is told is done: the last commit may have come through before the process died.
      if (await told() > before) assert.deepEqual(await placesNaming(flow, names(run)), []);
      if (run % 2 === 0) await endErasures({ ...flow, config: kept }, 0);
      await eraseCustomer({ ...flow, config: kept }, { externalId }, anOperator("second"));
      assert.equal(await told(), before + 1, `told once, killed after ${run}`);
      const [open] = await flow.rows(
        "select count(*) as n from erasures where finished_at is null",
      );
      assert.equal(Number(open!.n), 0);
    }
    assert.ok(run > 40, `only ${run} moments`);
    const all = Array.from({ length: run }, (_, done) => names(done)).flat();
    assert.deepEqual(await placesNaming(flow, all), []);
    // Nobody else was touched.
    const [left] = await readCustomersBy(flow.db, { externalIds: [who(run).externalId] });
    assert.equal(left!.name, who(run).name);
  });
});

Deno.test("endErasures() leaves alone what somebody works on, and ends what was left", async () => {
  await withWorkflow("erase_left", async (flow) => {
    await spread(flow);
    const fate = fateAfter(60);
    const dying = mortal({ ...flow, consumer: "dying" }, fate, "dying");
    await assert.rejects(
      eraseCustomer(
        { ...flow, ...dying, config: kept },
        { externalId: mara.externalId },
        anOperator("desk"),
      ),
      /crashed/,
    );
    const open = "select id from erasures where finished_at is null";
    assert.equal((await flow.rows(open)).length, 1);
    await endErasures({ ...flow, config: kept });
    assert.equal((await flow.rows(open)).length, 1);
    await flow.rows("update erasures set updated_at = current_timestamp(6) - interval 61 second");
    // What a process can't end holds up nothing else that it does.
    await endErasures({ ...flow, config: { ...kept, erasureSecret: "another" } });
    assert.equal((await flow.rows(open)).length, 1);
    await endErasures({ ...flow, config: kept });
    assert.deepEqual(await flow.rows(open), []);
    assert.deepEqual(await placesNaming(flow, namesOfMara), []);
    const [entry] = await flow.rows(
      "select actor from audit_log where action = 'customer.erase' and outcome = 'done'",
    );
    assert.equal(entry!.actor, anOperator("desk").actor);
  }, { notifyChannels: ["log", "email", "webhook"] });
});
