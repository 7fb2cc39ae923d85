import assert from "node:assert/strict";
import { listNumberedTables, readDatabaseMarks } from "../../../db/recovery/database_marks.ts";
import { requestRefund } from "../../../services/refunds/request_refunds.ts";
import { archiveOld } from "../../../streams/upkeep/upkeep.ts";
import { archiveOrdersBefore, restoreAllOrders } from "../../../streams/upkeep/archive_orders.ts";
import { rebuildKpis } from "../../../streams/kpis/kpis_rebuild.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import {
  age,
  archiveAll,
  archivedCounts,
  archivedIds,
  bothPlaces,
  thisMonth,
} from "../../archived.ts";
import { dumpFigures, loseRedis, openSettled, verifyNow } from "../../settled_workflow.ts";
import { anOrder, withWorkflow, type Workflow } from "../../workflow.ts";
import { fateAfter, mortal } from "../queue/crash.ts";

async function assertVerified(flow: Workflow): Promise<void> {
  const report = await verifyNow(flow);
  assert.deepEqual(report.checks.filter(({ ok }) => !ok), []);
}

/** An order of today, whose steps are the latest of all. */
async function addLatest(flow: Workflow, name = "latest"): Promise<number> {
  const [taken] = await flow.add([anOrder(name, [{ sku: "z", qty: 1 }])]);
  await flow.drain();
  return taken!.orderId!;
}

Deno.test("archiveOrdersBefore() moves all that hangs on closed orders, and nothing of the figures or the proof changes", async () => {
  const flow = await openSettled("archive");
  try {
    await age(flow);
    const latest = await addLatest(flow);
    const rows = await bothPlaces(flow);
    const figures = await dumpFigures(flow);
    await assertVerified(flow);
    assert.equal(await archiveOrdersBefore(flow, thisMonth(), { isDryRun: true }), 4);
    assert.deepEqual(await archivedIds(flow), []);
    assert.equal(await archiveAll(flow), 4);
    const { paid, dollars, declined, short } = flow.ids;
    assert.deepEqual(
      await archivedIds(flow),
      [paid, dollars, declined, short].sort((a, b) => a - b),
    );
    assert.deepEqual(await bothPlaces(flow), rows);
    const counts = await archivedCounts(flow);
    assert.equal(counts.order_items, 4);
    assert.equal(counts.payments, 3);
    const live = await flow.rows("select distinct order_id from order_events");
    assert.deepEqual(live.map(({ order_id }) => Number(order_id)), [latest]);
    await assertVerified(flow);
    assert.deepEqual(await dumpFigures(flow), figures);
    await loseRedis(flow);
    await rebuildKpis(flow);
    assert.deepEqual(await dumpFigures(flow), figures);
    assert.equal(await archiveAll(flow), 0);
    assert.equal(await restoreAllOrders(flow), 4);
    assert.deepEqual(await bothPlaces(flow), rows);
    assert.deepEqual(Object.values(await archivedCounts(flow)).filter((n) => n > 0), []);
    await assertVerified(flow);
  } finally {
    await flow.close();
  }
});

Deno.test("an order that somebody holds stays for the next run, and the others are archived without waiting", async () => {
  const flow = await openSettled("archive_held");
  try {
    await age(flow);
    await addLatest(flow);
    const { paid, dollars, declined, short } = flow.ids;
    const moved = await flow.db.transaction(async (tx) => {
      await tx.query("select id from orders where id = ? for update", [dollars]);
      return await archiveAll(flow);
    });
    assert.equal(moved, 3);
    assert.deepEqual(await archivedIds(flow), [paid, declined, short].sort((a, b) => a - b));
    assert.equal(await archiveAll(flow), 1);
    await assertVerified(flow);
  } finally {
    await flow.close();
  }
});

Deno.test("nothing is archived of what is open, young, or the latest of all", async (t) => {
  const flow = await openSettled("archive_guards", { notifyChannels: ["log", "webhook"] });
  try {
    await flow.rows("delete from notification_deliveries");
    await flow.rows("update notification_logs set success = 1");
    const { paid, dollars, declined, short } = flow.ids;
    assert.equal(await archiveAll(flow), 0, "all of it is of today");
    await age(flow);
    // The latest step is that of the refund.
    assert.equal(await archiveAll(flow), 3);
    assert.equal(await restoreAllOrders(flow), 3);
    await addLatest(flow);
    await flow.rows("delete from notification_deliveries");
    const insertDelivery =
      "insert into notification_deliveries (notification_log_id, channel, due_at) " +
      `select id, channel, null from notification_logs where order_id = ${paid} and channel = 'webhook' limit 1`;
    const cases: [name: string, of: number, open: string, close: string][] = [
      [
        "a refund that waits",
        paid,
        `insert into refunds (order_id, amount_cents) values (${paid}, 1)`,
        `delete from refunds where status = 'REQUESTED'`,
      ],
      [
        "a refund of this month",
        paid,
        `update refunds set processed_at = current_timestamp(6)`,
        `update refunds set processed_at = current_timestamp(6) - interval 100 day`,
      ],
      [
        "a payment on its way back",
        declined,
        `update payments set status = 'REVERSING' where order_id = ${declined}`,
        `update payments set status = 'DECLINED' where order_id = ${declined}`,
      ],
      [
        "a dispute",
        dollars,
        `insert into payment_disputes (payment_id, order_id) select id, order_id from payments where order_id = ${dollars}`,
        "delete from payment_disputes",
      ],
      [
        "money that a person gives back",
        dollars,
        `insert into refunds_by_hand (order_id, payment_id, provider, amount_cents, currency)
          select order_id, id, provider, amount_cents, 'USD' from payments where order_id = ${dollars}`,
        "delete from refunds_by_hand",
      ],
      [
        "money given back twice",
        dollars,
        `insert into money_given_twice (order_id, payment_id, amount_cents, currency)
          select order_id, id, amount_cents, 'USD' from payments where order_id = ${dollars}`,
        "delete from money_given_twice",
      ],
      [
        "an answer about a charge before an edit",
        dollars,
        `insert into superseded_charges (order_id, revision, charge_key, amount_cents, currency)
          values (${dollars}, 0, 'k', 1, 'USD')`,
        "delete from superseded_charges",
      ],
      [
        "a dead letter",
        short,
        `insert into dead_letters (group_name, message_id, order_id, payload, error, attempts, first_seen_at)
          values ('orders', '1-1', ${short}, '[]', '', 1, current_timestamp(6))`,
        "delete from dead_letters",
      ],
      [
        "a notification that was given up",
        paid,
        insertDelivery,
        "delete from notification_deliveries",
      ],
      [
        "an end that nobody was told of",
        declined,
        `update notification_logs set event = 'x' where order_id = ${declined}`,
        `update notification_logs set event = 'order.failed' where order_id = ${declined}`,
      ],
      [
        "a payment at the source of an order that came to nothing",
        declined,
        `update orders set payment_status = 'paid' where id = ${declined}`,
        `update orders set payment_status = 'due' where id = ${declined}`,
      ],
    ];
    for (const [name, of, open, close] of cases) {
      await t.step(name, async () => {
        await flow.rows(open);
        assert.equal(await archiveAll(flow), 3);
        assert.ok(!(await archivedIds(flow)).includes(of));
        assert.equal(await restoreAllOrders(flow), 3);
        await flow.rows(close);
      });
    }
    assert.equal(await archiveAll(flow), 4);
  } finally {
    await flow.close();
  }
});

Deno.test("an archiver that is killed at any call leaves each order in one place, and the next goes on", async () => {
  const flow = await openSettled("archive_crash");
  try {
    await age(flow);
    await addLatest(flow);
    const rows = await bothPlaces(flow);
    for (const isBack of [false, true]) {
      let moments = 0;
      for (let isWhole = false; !isWhole; moments++) {
        assert.ok(moments < 400, "more moments than there can be");
        const fate = fateAfter(moments);
        const dying = mortal({ ...flow, consumer: "dying" }, fate, "dying");
        try {
          if (isBack) await restoreAllOrders(dying);
          else await archiveOrdersBefore(dying, thisMonth());
          isWhole = !fate.dead;
        } catch (error) {
          assert.match(String(error), /crashed/);
        }
        const archived = (await archivedIds(flow)).length;
        assert.ok(archived === 0 || archived === 4, `${archived} after ${moments}`);
        assert.deepEqual(await bothPlaces(flow), rows);
        if (moments % 5 === 0) await assertVerified(flow);
        if (isWhole) continue;
        if (isBack) await archiveAll(flow);
        else await restoreAllOrders(flow);
      }
      assert.ok(moments > 30, `only ${moments} moments`);
      if (!isBack) await archiveAll(flow);
    }
    await assertVerified(flow);
  } finally {
    await flow.close();
  }
});

Deno.test("a refund that is requested while its order is looked at is seen once the order is locked", async () => {
  const flow = await openSettled("archive_race");
  try {
    await age(flow);
    await addLatest(flow);
    const { paid } = flow.ids;
    let asked = false;
    const transaction: typeof flow.db.transaction = async (work, options) => {
      if (!asked) {
        asked = true;
        await requestRefund(
          flow.db,
          { orderId: paid, amountCents: 1, reason: null, idempotencyKey: null },
          "test",
        );
      }
      return await flow.db.transaction(work, options);
    };
    await archiveOrdersBefore({ db: { ...flow.db, transaction } }, thisMonth());
    assert.ok(!(await archivedIds(flow)).includes(paid));
    assert.equal((await archivedIds(flow)).length, 3);
  } finally {
    await flow.close();
  }
});

Deno.test("messages that come again after years have no effect on archived orders", async () => {
  const flow = await openSettled("archive_replay", { notifyChannels: ["log", "webhook"] });
  try {
    await flow.rows("delete from notification_deliveries");
    await flow.rows("update notification_logs set success = 1");
    await age(flow);
    const latest = await addLatest(flow);
    await flow.rows("delete from notification_deliveries");
    await flow.rows("update notification_logs set success = 1 where order_id = ?", [latest]);
    await archiveAll(flow);
    const rows = await bothPlaces(flow);
    const figures = await dumpFigures(flow);
    const { paid, declined, short, refund } = flow.ids;
    const [{ provider_ref: providerRef } = {}] = await flow.rows(
      "select provider_ref from archived_payments where order_id = ?",
      [paid],
    );
    const money = { amountCents: 400, currency: "EUR" };
    await publish(flow, [
      { message: { type: "order.reserve", orderId: paid, ...money } },
      { message: { type: "order.reserve", orderId: short, amountCents: 5_100, currency: "EUR" } },
      { message: { type: "payment.charge", orderId: paid, ...money } },
      { message: { type: "payment.time_out", orderId: paid, ...money } },
      {
        message: { type: "payment.reverse", orderId: declined, amountCents: 101, currency: "EUR" },
      },
      {
        message: {
          type: "payment.callback",
          orderId: paid,
          ...money,
          outcome: "succeeded",
          provider: "simulated",
          providerRef: String(providerRef),
        },
      },
      {
        message: {
          type: "refund.process",
          orderId: paid,
          refundId: refund,
          amountCents: 100,
          currency: "EUR",
        },
      },
      { message: { type: "notify.order", orderId: paid, ...money } },
      { message: { type: "notify.order", orderId: short, amountCents: 5_100, currency: "EUR" } },
      {
        message: {
          type: "notify.refund",
          orderId: paid,
          refundId: refund,
          amountCents: 100,
          currency: "EUR",
        },
      },
    ]);
    await flow.drain();
    assert.equal((await archivedIds(flow)).length, 4);
    assert.deepEqual(await bothPlaces(flow), rows);
    assert.deepEqual(await dumpFigures(flow), figures);
    await assertVerified(flow);
  } finally {
    await flow.close();
  }
});

Deno.test("a second payment of an archived order is disputed beside the first, and its name is no other order's", async () => {
  const flow = await openSettled("archive_second");
  try {
    await age(flow);
    await addLatest(flow);
    await archiveAll(flow);
    const { paid, dollars } = flow.ids;
    const callback = (
      orderId: number,
      providerRef: string,
      amountCents: number,
      currency: string,
    ) => ({
      message: {
        type: "payment.callback" as const,
        orderId,
        amountCents,
        currency,
        outcome: "succeeded" as const,
        provider: "simulated",
        providerRef,
      },
    });
    await publish(flow, [callback(paid, "again", 400, "EUR")]);
    await flow.drain();
    assert.ok(!(await archivedIds(flow)).includes(paid));
    const disputed = await flow.rows(
      "select surplus, status, provider_ref from payments where order_id = ? order by surplus",
      [paid],
    );
    assert.deepEqual(disputed.map((row) => ({ ...row })), [
      { surplus: 0, status: "SUCCEEDED", provider_ref: disputed[0]!.provider_ref },
      { surplus: 1, status: "DISPUTED", provider_ref: "again" },
    ]);
    await assertVerified(flow);
    // The name of an archived payment, for an order that is to be paid.
    const [{ provider_ref: known } = {}] = await flow.rows(
      "select provider_ref from archived_payments where order_id = ?",
      [dollars],
    );
    const [next] = await flow.add([anOrder("next", [{ sku: "z", qty: 1 }])]);
    await flow.turn("orders");
    await publish(flow, [callback(next!.orderId!, String(known), 100, "EUR")]);
    await flow.drain();
    const [letter] = await flow.rows("select error from dead_letters");
    assert.match(String(letter!.error), new RegExp(`it is that of order ${dollars}`));
    assert.equal((await flow.order(next!.orderId!)).status, "PAID");
    assert.ok((await archivedIds(flow)).includes(dollars));
  } finally {
    await flow.close();
  }
});

Deno.test("archiveOld() archives by itself where the settings say so", async () => {
  const flow = await openSettled("archive_old");
  try {
    await age(flow);
    await addLatest(flow);
    assert.equal(await archiveOld({ ...flow, config: { archiveAfterMonths: 0 } }), 0);
    assert.equal(await archiveOld({ ...flow, config: { archiveAfterMonths: 12 } }), 0);
    const aborted = AbortSignal.abort();
    assert.equal(await archiveOld({ ...flow, config: { archiveAfterMonths: 1 } }, aborted), 0);
    assert.equal(await archiveOld({ ...flow, config: { archiveAfterMonths: 1 } }), 4);
  } finally {
    await flow.close();
  }
});

Deno.test("verify names what is in both places, or in the wrong one", async () => {
  await withWorkflow("archive_drift", async (flow) => {
    const taken = await flow.add([
      anOrder("1", [{ sku: "a", qty: 1 }]),
      anOrder("2", [{ sku: "a", qty: 2 }]),
    ]);
    await flow.drain();
    await age(flow);
    await addLatest(flow);
    await archiveAll(flow);
    const id = taken[0]!.orderId!;
    const subjects = async () => {
      const report = await verifyNow(flow);
      return report.checks.flatMap(({ drift }) => drift).map(({ subject, what }) =>
        `${subject}: ${what}`
      );
    };
    assert.deepEqual(await subjects(), []);
    await flow.rows("update archived_payments set amount_cents = 1 where order_id = ?", [id]);
    assert.deepEqual(await subjects(), [`order ${id}: amount_cents of its succeeded payment`]);
    await flow.rows("update archived_payments set amount_cents = 100 where order_id = ?", [id]);
    await flow.rows(
      "update archived_order_items set qty = 3, subtotal_cents = 300 where order_id = ?",
      [id],
    );
    assert.deepEqual((await subjects()).map((text) => text.split(":")[0]), [
      "product 1 (a)",
      `order ${id}`,
    ]);
    await flow.rows(
      "update archived_order_items set qty = 1, subtotal_cents = 100 where order_id = ?",
      [id],
    );
    await flow.rows(
      "insert into order_events select * from archived_order_events where order_id = ? limit 1",
      [id],
    );
    assert.deepEqual(await subjects(), [`order ${id}: order_events of an archived order`]);
    await flow.rows("delete from order_events where order_id = ?", [id]);
    await flow.rows("delete from archived_notification_logs where order_id = ?", [id]);
    assert.deepEqual(await subjects(), [`order ${id}: archived notification of its end`]);
  });
});

Deno.test("orders are archived and brought back while they are refunded and others come, and all of it adds up", async () => {
  await withWorkflow("archive_beside", async (flow) => {
    const old = await flow.add(
      Array.from({ length: 60 }, (_, at) => anOrder(`old-${at}`, [{ sku: "a", qty: 2 }])),
      1_000,
    );
    await flow.drain();
    await age(flow);
    await addLatest(flow);
    let isOver = false, moved = 0;
    const archiver = async () => {
      while (!isOver) {
        // Both add to it: what it was before a wait says nothing.
        const orders = await archiveAll(flow) + await restoreAllOrders(flow);
        moved += orders;
      }
    };
    const refunder = async () => {
      for (const [at, { orderId }] of old.entries()) {
        const { refund: { id: refundId }, currency } = await requestRefund(
          flow.db,
          { orderId: orderId!, amountCents: 10 + at, reason: null, idempotencyKey: null },
          "test",
        );
        await publish(flow, [{
          message: {
            type: "refund.process",
            orderId: orderId!,
            refundId,
            amountCents: 10 + at,
            currency,
          },
        }]);
        if (at % 10 !== 0) continue;
        await flow.add([anOrder(`new-${at}`, [{ sku: "a", qty: 1 }])]);
        await flow.drain();
      }
      isOver = true;
    };
    await Promise.all([archiver(), archiver(), refunder()]);
    await flow.drain();
    assert.ok(moved > 0);
    await assertVerified(flow);
    await archiveAll(flow);
    await assertVerified(flow);
    const [sum] = await flow.rows("select sum(refunded_cents) as cents from orders");
    assert.equal(Number(sum!.cents), old.reduce((cents, _, at) => cents + 10 + at, 0));
  });
});

Deno.test("the highest numbers in use are those of both places", async () => {
  const flow = await openSettled("archive_numbers");
  try {
    await age(flow);
    await addLatest(flow);
    const tables = await listNumberedTables(flow.db);
    const { numbers } = await readDatabaseMarks(flow.db, 0, tables);
    await archiveAll(flow);
    // As where nothing else is left, not even the order of the latest step.
    await flow.rows("delete from payments");
    const after = await readDatabaseMarks(flow.db, 0, tables);
    assert.equal(after.numbers.payments, (numbers.payments ?? 0) - 1);
    assert.equal(after.numbers.order_items, numbers.order_items);
  } finally {
    await flow.close();
  }
});
