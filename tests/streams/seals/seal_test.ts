import assert from "node:assert/strict";
import process from "node:process";
import type { Database } from "../../../db/connection/database.ts";
import { listUnsealed, readSealedSums, readStalestSeals } from "../../../db/verification/seals.ts";
import { retryAndPublish } from "../../../services/orders/retry_orders.ts";
import { ensureGroup } from "../../../streams/queue/consumer.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { proveStalest } from "../../../streams/seals/prove_seals.ts";
import { sealLate, sealNext } from "../../../streams/seals/seal.ts";
import { verify, type VerifyReport } from "../../../streams/verification/verify.ts";
import { age, archiveAll } from "../../archived.ts";
import { backdate } from "../../backdated.ts";
import { breaking } from "../../breaking_database.ts";
import { withinOneDay } from "../../one_day.ts";
import { anOperator } from "../../operator.ts";
import { mendFigures } from "../../../streams/verification/mend_figures.ts";
import { rebuildKpis } from "../../../streams/kpis/kpis_rebuild.ts";
import { scanKeys } from "../../../streams/redis/scan_keys.ts";
import {
  askRefund,
  driftOf,
  dumpFigures,
  type SettledWorkflow,
  withSettled,
} from "../../settled_workflow.ts";
import { anOrder, type Workflow } from "../../workflow.ts";

/** Seals until nothing is left to do at once. */
async function sealAll(flow: Workflow): Promise<number> {
  let sealed = 0;
  for (let goesOn = true; goesOn;) {
    const step = await sealNext(flow);
    sealed += step.sealed;
    goesOn = step.goesOn;
  }
  for (const kind of ["order", "refund"] as const) {
    sealed += (await sealLate(flow, kind, 0)).sealed;
  }
  return sealed;
}

/** Both proofs, without patience. */
async function bothProofs(flow: Workflow): Promise<VerifyReport[]> {
  return [
    await verify(flow, { settleMs: 0, incremental: true }),
    await verify(flow, { settleMs: 0 }),
  ];
}

async function expectSound(flow: Workflow): Promise<void> {
  for (const report of await bothProofs(flow)) {
    assert.deepEqual(
      report.checks.filter(({ ok }) => !ok),
      [],
      `incremental: ${report.incremental}`,
    );
  }
}

/** Sealed orders of the day before yesterday: yesterday stays open for some minutes after midnight. */
function withSealed(name: string, work: (flow: SettledWorkflow) => Promise<void>): Promise<void> {
  return withSettled(name, async (flow) => {
    await backdate(flow, 2);
    await sealAll(flow);
    await work(flow);
  });
}

async function unsealed(flow: Workflow): Promise<number[]> {
  return await listUnsealed(flow.db, "order", { afterId: 0, limit: 100 });
}

Deno.test("sealNext() seals nothing of today, and all that has ended on closed days with its sums", () =>
  withSettled("seal_days", async (flow) => {
    assert.equal(await sealAll(flow), 0);
    await backdate(flow, 2);
    assert.equal(await sealAll(flow), 5);
    assert.equal(await sealAll(flow), 0);
    const seal = (await readStalestSeals(flow.db, 10)).find(({ kind }) => kind === "order");
    assert.deepEqual([...seal!.checksums.keys()], Object.values(flow.ids).slice(0, 4));
    const sums = (await readSealedSums(flow.db)).map(({ currency, kind, events, cents }) =>
      `${currency} ${kind} ${events} ${cents}`
    );
    // The order that ran short is worth what its 51 units cost.
    const { totalCents: short } = await flow.order(flow.ids.short);
    assert.deepEqual(sums.sort(), [
      `EUR failed 2 ${101 + short}`,
      "EUR paid 1 400",
      "EUR refunded 1 100",
      "USD paid 1 300",
    ]);
    const report = await verify(flow, { settleMs: 0, incremental: true });
    assert.deepEqual(report.sealed && [report.sealed.orders, report.sealed.refunds], [4, 1]);
    assert.equal(report.checks.find(({ name }) => name === "money")!.checked, 0);
    await expectSound(flow);
  }));

Deno.test("sealNext() passes what is open and seals it once it has ended on a closed day", () =>
  withSettled("seal_open", async (flow) => {
    const [taken] = await flow.add([anOrder("open", [{ sku: "a", qty: 1, unitPriceCents: 500 }])]);
    await backdate(flow, 3);
    assert.equal(await sealAll(flow), 5);
    assert.deepEqual(await unsealed(flow), [taken!.orderId]);
    await expectSound(flow);
    await flow.drain();
    await expectSound(flow);
    assert.equal(await sealAll(flow), 0);
    await flow.rows("update orders set settled_time = settled_time - interval 2 day where id = ?", [
      taken!.orderId!,
    ]);
    await backdate(flow, 0);
    assert.equal(await sealAll(flow), 1);
    assert.deepEqual(await unsealed(flow), []);
    await expectSound(flow);
  }));

Deno.test("a sealed order that was changed in all of its rows is found and named, by the walk and by both proofs", () =>
  withSealed("seal_changed", async (flow) => {
    const { paid } = flow.ids;
    const change = async (by: number) => {
      await flow.rows("update orders set total_cents = total_cents + ? where id = ?", [
        2 * by,
        paid,
      ]);
      await flow.rows(
        `update order_items set unit_price_cents = unit_price_cents + ?,
          subtotal_cents = subtotal_cents + ? where order_id = ?`,
        [by, 2 * by, paid],
      );
      await flow.rows("update payments set amount_cents = amount_cents + ? where order_id = ?", [
        2 * by,
        paid,
      ]);
      await backdate(flow, 0);
    };
    await change(50);
    const { drifts } = await proveStalest(flow.db, 10);
    assert.deepEqual(drifts.list.map(({ subject }) => subject), [`order ${paid}`]);
    for (const report of await bothProofs(flow)) {
      assert.deepEqual(
        report.checks.find(({ name }) => name === "money")!.drift.map(({ subject }) => subject),
        [`order ${paid}`],
      );
    }
    // As it was: the next look at it says so.
    await change(-50);
    assert.equal((await proveStalest(flow.db, 10)).drifts.count, 0);
    await expectSound(flow);
  }));

Deno.test("a sealed order that is gone, a refund of another amount and another customer are named", () =>
  withSealed("seal_gone", async (flow) => {
    const { dollars, declined, refund } = flow.ids;
    await flow.rows("update refunds set amount_cents = 99 where id = ?", [refund]);
    await flow.rows("insert into customers (external_id, email, name) values ('x', 'x', 'x')");
    await flow.rows(
      "update orders set customer_id = (select max(id) from customers) where id = ?",
      [dollars],
    );
    await flow.rows("set foreign_key_checks = 0");
    await flow.db.transaction(async (tx) => {
      await tx.query("set foreign_key_checks = 0");
      await tx.runText(`delete from orders where id = ${declined}`);
      await tx.query("set foreign_key_checks = 1");
    });
    const { drifts } = await proveStalest(flow.db, 10);
    assert.deepEqual(
      drifts.list.map(({ subject, found }) => [subject, found === null]),
      [[`order ${dollars}`, false], [`order ${declined}`, true], [`refund ${refund}`, false]],
    );
  }));

Deno.test("a refund of a sealed order is no drift, and is sealed for itself once its day is closed", () =>
  withSealed("seal_refund", async (flow) => {
    await publish(flow, [{ message: await askRefund(flow, flow.ids.paid, 100) }]);
    await expectSound(flow);
    await flow.drain();
    await expectSound(flow);
    assert.equal((await proveStalest(flow.db, 10)).drifts.count, 0);
    await backdate(flow, 2);
    await flow.db.runText("update orders set settled_time = settled_time + interval 2 day");
    await backdate(flow, 0);
    await flow.db.runText("update orders set created_at = created_at + interval 2 day");
    assert.equal(await sealAll(flow), 1);
    await expectSound(flow);
  }));

Deno.test("an order that is taken up again is sealed no longer, and no drift at any moment", () =>
  withSealed("seal_retry", async (flow) => {
    const { short } = flow.ids;
    await flow.rows(
      "update products set stock_qty = stock_qty + 100, received_qty = received_qty + 100 where sku = 'c'",
    );
    await retryAndPublish(flow, short, anOperator());
    await expectSound(flow);
    assert.equal((await proveStalest(flow.db, 10)).drifts.count, 0);
    await flow.drain();
    await expectSound(flow);
    assert.equal((await proveStalest(flow.db, 10)).drifts.count, 0);
    assert.equal((await sealNext(flow)).takenBack, 1);
    assert.equal((await sealNext(flow)).takenBack, 0);
    assert.deepEqual(await unsealed(flow), [short]);
    await expectSound(flow);
    await backdate(flow, 0);
    await flow.db.runText(
      "update orders set settled_time = settled_time - interval 2 day where id = " + short,
    );
    await backdate(flow, 0);
    assert.equal(await sealAll(flow), 1);
    await expectSound(flow);
    assert.equal((await proveStalest(flow.db, 10)).drifts.count, 0);
  }));

Deno.test("an order is no drift where it is archived after it was sealed, and is sealed where it was archived before", () =>
  withSettled("seal_archive", async (flow) => {
    const [late] = await flow.add([anOrder("late", [{ sku: "a", qty: 1, unitPriceCents: 500 }])]);
    await age(flow);
    await sealAll(flow);
    assert.deepEqual(await unsealed(flow), [late!.orderId]);
    await flow.drain();
    await age(flow);
    // What was sealed has moved with all else, so it is sealed anew.
    await flow.rows("update seal_marks set time_zone = null");
    await sealAll(flow);
    assert.ok(await archiveAll(flow) >= 4);
    assert.equal((await proveStalest(flow.db, 10)).drifts.count, 0);
    await expectSound(flow);
    await flow.rows("update seal_marks set time_zone = null");
    assert.equal(await sealAll(flow), 6);
    assert.equal((await proveStalest(flow.db, 10)).drifts.count, 0);
    await expectSound(flow);
    await flow.rows(
      "update archived_payments set amount_cents = amount_cents + 1 where order_id = ?",
      [
        flow.ids.paid,
      ],
    );
    const { drifts } = await proveStalest(flow.db, 10);
    assert.deepEqual(drifts.list.map(({ subject }) => subject), [`order ${flow.ids.paid}`]);
  }));

Deno.test("a wrong order is not sealed, so that the proof goes on telling of it", () =>
  withSettled("seal_wrong", async (flow) => {
    await backdate(flow, 2);
    const { paid, dollars } = flow.ids;
    await flow.rows("update payments set amount_cents = 401 where order_id = ?", [paid]);
    await flow.rows("delete from notification_logs where order_id = ?", [dollars]);
    await sealAll(flow);
    assert.deepEqual(await unsealed(flow), [paid, dollars]);
    for (const report of await bothProofs(flow)) {
      const subjects = report.checks.flatMap(({ drift }) => drift.map(({ subject }) => subject));
      assert.deepEqual(subjects, [`order ${paid}`, `order ${dollars}`]);
    }
  }));

Deno.test("the incremental proof finds what is wrong with figures of sealed days, stock, and recent work", () =>
  withSealed("seal_incremental", async (flow) => {
    await flow.add([anOrder("today", [{ sku: "a", qty: 1, unitPriceCents: 700 }])]);
    await flow.drain();
    await expectSound(flow);
    const incremental = () => verify(flow, { settleMs: 0, incremental: true });
    const { settledAt } = await flow.order(flow.ids.paid);
    const key = flow.keys.kpiFigure(flow.kpiDay(settledAt!), "EUR", "revenue_cents");
    await flow.redis.incrby(key, 1);
    assert.deepEqual(driftOf(await incremental(), "kpis").map(({ subject }) => subject), [key]);
    await flow.redis.decrby(key, 1);
    await flow.rows("update products set stock_qty = stock_qty - 1 where sku = 'b'");
    assert.deepEqual(
      driftOf(await incremental(), "stock").map(({ expected, found }) => [expected, found]),
      [[1, 2]],
    );
    await flow.rows("update products set stock_qty = stock_qty + 1 where sku = 'b'");
    await flow.rows("delete from notification_logs order by id desc limit 1");
    assert.equal(driftOf(await incremental(), "notifications").length, 1);
  }));

Deno.test("an order with an id of a hundred thousand millions costs the proofs no memory", () =>
  withSettled("seal_giant", async (flow) => {
    await flow.db.runText("alter table orders auto_increment = 100000000000");
    const [giant] = await flow.add([anOrder("giant", [{ sku: "a", qty: 1, unitPriceCents: 90 }])]);
    assert.equal(giant!.orderId, 100_000_000_000);
    await flow.drain();
    await expectSound(flow);
    const key = flow.keys.kpiFigure(flow.day, "EUR", "revenue_cents");
    await flow.redis.incrby(key, 1);
    const before = process.memoryUsage().rss;
    for (const report of await bothProofs(flow)) {
      assert.deepEqual(driftOf(report, "kpis").map(({ subject }) => subject), [key]);
    }
    const grown = (process.memoryUsage().rss - before) / 2 ** 20;
    assert.ok(grown < 64, `${grown.toFixed(0)} MB`);
    await flow.redis.decrby(key, 1);
    await backdate(flow, 2);
    assert.equal(await sealAll(flow), 6);
    await expectSound(flow);
  }));

Deno.test("mendFigures() sets right what is lost of today alone, while orders go on being counted", () =>
  withSealed("seal_mend", async (flow) => {
    const day = await withinOneDay();
    const today = anOrder("today", [{ sku: "a", qty: 1, unitPriceCents: 700 }]);
    await flow.add([
      today,
      anOrder("dollars of today", [{ sku: "b", qty: 1, unitPriceCents: 500 }], {
        currency: "USD",
      }),
    ]);
    await flow.drain();
    const before = await figures(flow);
    const { redis, keys } = flow;
    // Its figures and some places are gone.
    for (const key of await scanKeys(redis, `${keys.kpi}${day}`)) await redis.del(key);
    await redis.zrem(keys.kpiIndex, `${day}:USD`);
    await redis.del(keys.leaderboard("USD"));
    assert.ok((await mendFigures(flow)).figures > 5);
    assert.deepEqual(await figures(flow), before);
    await expectSound(flow);
    // Redis is as it was before the day began: figures, places and marks.
    await rebuildKpis({ ...flow, db: withoutToday(flow.db) });
    assert.notDeepEqual(await figures(flow), before);
    assert.equal((await mendFigures(flow)).events, 2);
    assert.deepEqual(await figures(flow), before);
    assert.deepEqual(
      await mendFigures(flow).then(({ figures, places, events }) => [figures, places, events]),
      [0, 0, 0],
    );
    assert.deepEqual(await scanKeys(redis, keys.kpiShadow), new Set());
    assert.equal(await redis.exists(keys.kpiRebuild), 0);
    await expectSound(flow);
  }));

/** Every figure but those that are zero: one that is missing says the same. */
async function figures(flow: Workflow) {
  return Object.fromEntries(
    Object.entries(await dumpFigures(flow)).filter(([, value]) => value !== "0"),
  );
}

/** A database that knows nothing of today's orders. */
function withoutToday(db: Database): Database {
  return {
    ...db,
    query: (sql, values) =>
      db.query(
        sql.replace("where id > ? and", "where created_at < current_date and id > ? and"),
        values,
      ),
  };
}

Deno.test("sealing that breaks off at any statement leaves sums and seals that agree, and goes on", () =>
  withSettled("seal_crash", async (flow) => {
    await backdate(flow, 2);
    let broken = 0;
    for (let at = 1;; at++) {
      const { db, broke } = breaking(flow.db, at);
      await sealNext({ ...flow, db }).catch((error) => assert.equal(error.message, "crash"));
      if (!broke()) break;
      broken++;
      const report = await verify(flow, { settleMs: 0, incremental: true });
      assert.deepEqual(report.checks.filter(({ ok }) => !ok), [], `statement ${at}`);
      await flow.rows("update seal_marks set time_zone = 'Nowhere'");
    }
    assert.ok(broken > 20, `${broken}`);
    assert.equal(await sealAll(flow), 0);
    await expectSound(flow);
  }));

Deno.test("money that came late for an order that is sealed, and is to go back, is missed where it has no message", () =>
  withSettled("seal_late_money", async (flow) => {
    const { declined } = flow.ids;
    await backdate(flow, 2);
    const [late] = await flow.rows("select amount_cents from payments where order_id = ?", [
      declined,
    ]);
    for (const isSealed of [false, true]) {
      if (isSealed) {
        await flow.rows("update payments set status = 'DECLINED' where order_id = ?", [declined]);
        await flow.rows("delete from unsealed_rows");
        await sealAll(flow);
      }
      await publish(flow, [{
        message: {
          type: "payment.callback",
          orderId: declined,
          amountCents: Number(late!.amount_cents),
          currency: "EUR",
          outcome: "succeeded",
          provider: "simulated",
          providerRef: `late ${isSealed}`,
        },
      }]);
      await flow.turn("payments");
      await flow.redis.del(flow.keys.stream("refunds"));
      await ensureGroup(flow, "refunds");
      for (const report of await bothProofs(flow)) {
        const found = driftOf(report, "homes").map(({ subject }) => subject);
        assert.equal(found.length, 1, `sealed: ${isSealed}, incremental: ${report.incremental}`);
        assert.match(found[0]!, new RegExp(`order ${declined}$`));
      }
    }
    await flow.rows("update payments set status = 'REVERSED' where order_id = ?", [declined]);
    await sealAll(flow);
    await expectSound(flow);
    assert.deepEqual(await flow.rows("select id from unsealed_rows where kind = 'payment'"), []);
  }));
