import assert from "node:assert/strict";
import { deadLetterMessages } from "../../../db/dead_letters/dead_letters.ts";
import { entryOf, messageOfEntry } from "../../../domain/messages/messages.ts";
import { applyKpis } from "../../../streams/kpis/kpis.ts";
import { chargePayments } from "../../../streams/handlers/payment_charge.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { rebuildKpis } from "../../../streams/kpis/kpis_rebuild.ts";
import { verify } from "../../../streams/verification/verify.ts";
import { askRefund, driftOf, loseRedis, verifyNow, withSettled } from "../../settled_workflow.ts";
import { anOrder, openWorkflow } from "../../workflow.ts";
import { aDeadLetter } from "../../dead_letter.ts";

Deno.test("verify() proves all points of sound books and tells how much it checked", () =>
  withSettled("verify_sound", async (flow) => {
    const report = await verifyNow(flow);
    assert.deepEqual(
      report.checks.map(({ name, ok, checked, drift_count }) => [name, ok, checked, drift_count]),
      [
        ["stock", true, 3, 0],
        ["money", true, 2, 0],
        ["kpis", true, 4, 0],
        ["notifications", true, 5, 0],
        ["homes", true, 0, 0],
        ["ledger", true, 2, 0],
        ["provider", true, 0, 0],
      ],
    );
    assert.equal(report.ok, true);
    assert.ok(report.seconds >= 0 && !Number.isNaN(Date.parse(report.checked_at)));
  }));

Deno.test("verify() finds one unit of stock missing and one too many", () =>
  withSettled("verify_stock", async (flow) => {
    await flow.rows("update products set stock_qty = stock_qty - 1 where sku = 'a'");
    await flow.rows("update products set received_qty = received_qty - 1 where sku = 'b'");
    const drift = driftOf(await verifyNow(flow), "stock");
    assert.deepEqual(drift.map(({ subject, expected, found }) => [subject, expected, found]), [
      ["product 1 (a)", 2, 3],
      ["product 2 (b)", 1, 0],
    ]);
  }));

Deno.test("verify() counts the units of reserved orders as held", async () => {
  const flow = await openWorkflow("verify_reserved");
  try {
    await flow.add([anOrder("reserved", [{ sku: "a", qty: 7 }])]);
    await flow.turn("orders");
    assert.equal(await flow.stock("a"), 43);
    assert.equal((await verifyNow(flow)).ok, true);
  } finally {
    await flow.close();
  }
});

Deno.test("verify() finds a payment of another amount, a missing one and one for nothing", () =>
  withSettled("verify_money", async (flow) => {
    const { paid, dollars, declined } = flow.ids;
    await flow.rows("update payments set amount_cents = 401 where order_id = ?", [paid]);
    await flow.rows("delete from payments where order_id = ?", [dollars]);
    await flow.rows("update payments set status = 'SUCCEEDED' where order_id = ?", [declined]);
    const drift = driftOf(await verifyNow(flow), "money");
    assert.deepEqual(drift.map(({ subject, expected, found }) => [subject, expected, found]), [
      [`order ${paid}`, 400, 401],
      [`order ${dollars}`, 300, null],
      [`order ${declined}`, null, 101],
    ]);
  }));

Deno.test("verify() finds refunded_cents that its refunds do not come to", () =>
  withSettled("verify_refunded", async (flow) => {
    await flow.rows("update orders set refunded_cents = 99 where id = ?", [flow.ids.paid]);
    assert.deepEqual(driftOf(await verifyNow(flow), "money"), [{
      subject: `order ${flow.ids.paid}`,
      what: "refunded_cents",
      expected: 100,
      found: 99,
    }]);
  }));

Deno.test("verify() finds refunds above what was paid", () =>
  withSettled("verify_over_refunded", async (flow) => {
    await flow.rows("update refunds set amount_cents = 401 where id = ?", [flow.ids.refund]);
    await flow.rows("update orders set refunded_cents = 400 where id = ?", [flow.ids.paid]);
    await flow.rows(
      "update ledger_entries set amount_cents = sign(amount_cents) * 401 where source_id = ? and source = 2",
      [flow.ids.refund],
    );
    await rebuildKpis(flow);
    assert.deepEqual(driftOf(await verifyNow(flow), "money"), [{
      subject: `order ${flow.ids.paid}`,
      what: "amount_cents of its refunds",
      expected: "400 at most",
      found: 401,
    }]);
  }));

Deno.test("verify() finds every KPI figure that is off by one, in any currency", () =>
  withSettled("verify_figures", async (flow) => {
    const { redis, keys, day } = flow;
    const wrong = [
      [keys.kpiFigure(day, "EUR", "revenue_cents"), 300],
      [keys.kpiFigure(day, "EUR", "avg_order_value_cents"), 300],
      [keys.kpiFigure(day, "EUR", "failed_order_count"), 2],
      [keys.kpiFigure(day, "EUR", "refund_count"), 1],
      [keys.kpiFigure(day, "EUR", "refund_amount_cents"), 100],
      [keys.kpiFigure(day, "USD", "order_count"), 1],
    ] as const;
    for (const [key] of wrong) await redis.incr(key);
    const drift = driftOf(await verifyNow(flow), "kpis");
    assert.deepEqual(
      drift.map(({ subject, expected, found }) => [subject, expected, found]),
      wrong.map(([key, expected]) => [key, expected, `${expected + 1}`]),
    );
    await rebuildKpis(flow);
    assert.equal((await verifyNow(flow)).ok, true);
  }));

Deno.test("verify() finds figures of days and currencies without orders, and takes zeros for none", () =>
  withSettled("verify_stray_figures", async (flow) => {
    const { redis, keys, test: { redisPrefix } } = flow;
    await redis.set(keys.kpiFigure("1999-01-01", "EUR", "order_count"), 0);
    await redis.set(keys.kpiFigure("1999-01-01", "GBP", "avg_order_value_cents"), 0);
    assert.equal((await verifyNow(flow)).ok, true);
    await redis.set(keys.kpiFigure("1999-01-02", "EUR", "order_count"), 1);
    await redis.set(keys.kpiFigure("1999-01-02", "GBP", "revenue_cents"), 5);
    await redis.set(`${redisPrefix}kpi:1999-01-02:EUR:revenue_cents`, 5);
    const drift = driftOf(await verifyNow(flow), "kpis");
    assert.deepEqual(
      drift.map(({ subject, expected, found }) => [
        subject.slice(redisPrefix.length),
        expected,
        found,
      ]).sort(),
      [
        ["kpi:1999-01-02:EUR:revenue_cents", null, "5"],
        ["kpi:1999-01-02:GBP:revenue_cents", 0, "5"],
        ["kpi:1999-01-02:order_count", 0, "1"],
      ],
    );
  }));

Deno.test("verify() finds a currency that the API would not list", () =>
  withSettled("verify_index", async (flow) => {
    await flow.redis.del(flow.keys.kpiIndex);
    assert.deepEqual(driftOf(await verifyNow(flow), "kpis"), [{
      subject: flow.keys.kpiIndex,
      what: "member",
      expected: `${flow.day}:USD`,
      found: null,
    }]);
  }));

Deno.test("verify() finds wrong, missing and stray members of the leaderboards", () =>
  withSettled("verify_boards", async (flow) => {
    const { redis, keys } = flow;
    const { customerId } = await flow.order(flow.ids.paid);
    await redis.zadd(keys.leaderboard("EUR"), 301, customerId);
    await redis.zadd(keys.leaderboard("EUR"), 0, "999");
    await redis.zrem(keys.leaderboard("USD"), customerId);
    await redis.zadd(keys.leaderboard("GBP"), 5, customerId);
    const drift = driftOf(await verifyNow(flow), "kpis");
    const board = keys.leaderboard("EUR");
    assert.deepEqual(
      drift.map(({ subject, what, expected, found }) => [subject, what, expected, found]).sort(),
      [
        [board, "score of customer 999", null, "0"],
        [board, `score of customer ${customerId}`, 300, "301"],
        [keys.leaderboard("GBP"), `score of customer ${customerId}`, null, "5"],
        [keys.leaderboard("USD"), `score of customer ${customerId}`, 300, null],
      ].sort(),
    );
  }));

Deno.test("verify() keeps a customer on the leaderboard who got everything back", () =>
  withSettled("verify_zero_score", async (flow) => {
    const { customerId } = await flow.order(flow.ids.dollars);
    await publish(flow, [{ message: await askRefund(flow, flow.ids.dollars, 300) }]);
    await flow.drain();
    const board = flow.keys.leaderboard("USD");
    assert.equal(await flow.redis.zscore(board, String(customerId)), "0");
    assert.equal((await verifyNow(flow)).ok, true);
    await flow.redis.zrem(board, customerId);
    assert.deepEqual(driftOf(await verifyNow(flow), "kpis"), [{
      subject: board,
      what: `score of customer ${customerId}`,
      expected: 0,
      found: null,
    }]);
  }));

Deno.test("verify() puts orders on their days of settlement in the zone of the KPIs", () =>
  withSettled("verify_days", async (flow) => {
    const at = async (id: number, time: string) =>
      await flow.rows("update orders set settled_time = ? where id = ?", [time, id]);
    // 23:30 and 00:30 UTC are the same day in Kolkata (+05:30) and two days in UTC.
    await at(flow.ids.paid, "2025-06-30 23:30:00.000000");
    await at(flow.ids.declined, "2025-07-01 00:30:00.000000");
    await at(flow.ids.dollars, "2025-06-30 18:29:59.999999");
    await at(flow.ids.short, "2025-06-30 18:30:00.000000");
    assert.equal((await verifyNow(flow)).ok, false);
    await rebuildKpis(flow);
    assert.equal((await verifyNow(flow)).ok, true);
    const failed = (day: string) =>
      flow.redis.get(flow.keys.kpiFigure(day, "EUR", "failed_order_count"));
    assert.equal(await failed("2025-07-01"), "2");
    assert.equal(await failed("2025-06-30"), null);
    const dollars = flow.keys.kpiFigure("2025-06-30", "USD", "order_count");
    assert.equal(await flow.redis.get(dollars), "1");
  }, { kpiTimezone: "Asia/Kolkata" }));

Deno.test("verify() finds a missing notification of an order and of a refund", () =>
  withSettled("verify_untold", async (flow) => {
    const { paid, short, refund } = flow.ids;
    await flow.rows("delete from notification_logs where order_id = ?", [short]);
    await flow.rows("delete from notification_logs where refund_id = ?", [refund]);
    const drift = driftOf(await verifyNow(flow), "notifications");
    assert.deepEqual(drift.map(({ subject, expected, found }) => [subject, expected, found]), [
      [`order ${short}`, "order.failed", null],
      [`refund ${refund} of order ${paid}`, `refund.processed:${refund}`, null],
    ]);
  }));

Deno.test("verify() waits for a notification whose message is on its way, and for no dead one's", () =>
  withSettled("verify_notice_held", async (flow) => {
    const { short } = flow.ids;
    await flow.rows("delete from notification_logs where order_id = ?", [short]);
    const message = {
      type: "notify.order",
      orderId: short,
      amountCents: 5100,
      currency: "EUR",
    } as const;
    await deadLetterMessages(flow.db, [{
      group: "notifications",
      messageId: "1-1",
      orderId: short,
      refundId: null,
      amountCents: message.amountCents,
      currency: message.currency,
      payload: JSON.stringify(entryOf(message)),
      error: "because",
      attempts: 5,
      firstSeenMs: 1,
    }]);
    assert.equal(driftOf(await verifyNow(flow), "notifications").length, 1);
    await publish(flow, [{ message }]);
    assert.equal((await verifyNow(flow)).ok, true);
    await flow.drain();
    assert.equal((await verifyNow(flow)).ok, true);
  }));

Deno.test("verify() finds a notification of an end that did not happen", () =>
  withSettled("verify_wrong_notice", async (flow) => {
    const { paid, refund } = flow.ids;
    await flow.rows(
      `insert into notification_logs
        (order_id, customer_id, event, channel, status, total_cents, payload, success)
      select id, customer_id, 'order.failed', 'log', 'FAILED', 1, '{}', 1 from orders where id = ?`,
      [paid],
    );
    await flow.rows(
      `insert into notification_logs
        (order_id, customer_id, refund_id, event, channel, status, total_cents, payload, success)
      select id, customer_id, ?, ?, 'log', 'PAID', 1, '{}', 1 from orders where id = ?`,
      [refund, `refund.failed:${refund}`, paid],
    );
    const drift = driftOf(await verifyNow(flow), "notifications");
    assert.deepEqual(drift.map(({ expected, found }) => [expected, found]), [
      [null, "order.failed"],
      [null, `refund.failed:${refund}`],
    ]);
  }));

Deno.test("verify() finds orders and refunds that nothing holds", () =>
  withSettled("verify_homeless", async (flow) => {
    const taken = await flow.add([
      anOrder("lost pending", [{ sku: "a", qty: 1 }]),
      anOrder("lost reserved", [{ sku: "a", qty: 1 }]),
    ]);
    const [pending, reserved] = taken.map(({ orderId }) => orderId!);
    const [first] = await flow.redis.xrange(flow.keys.stream("orders"), "-", "+");
    await flow.redis.xdel(flow.keys.stream("orders"), first![0]);
    await flow.turn("orders");
    await flow.redis.del(flow.keys.stream("payments"));
    const { refundId } = await askRefund(flow, flow.ids.dollars, 5);
    const drift = driftOf(await verifyNow(flow), "homes");
    assert.deepEqual(drift.map(({ subject, what }) => [subject, what]), [
      [`order ${pending}`, "message or dead letter of a PENDING order"],
      [`order ${reserved}`, "message or dead letter of a RESERVED order"],
      [
        `refund ${refundId} of order ${flow.ids.dollars}`,
        "message or dead letter of a REQUESTED refund",
      ],
    ]);
  }));

Deno.test("verify() takes a wrong kind of message for no home", () =>
  withSettled("verify_wrong_home", async (flow) => {
    const [order] = await flow.add([anOrder("pending", [{ sku: "a", qty: 1 }])]);
    const orderId = order!.orderId!;
    await flow.redis.del(flow.keys.stream("orders"));
    await publish(flow, [
      { message: { type: "payment.charge", orderId, amountCents: 100, currency: "EUR" } },
      { message: { type: "notify.order", orderId, amountCents: 100, currency: "EUR" } },
    ]);
    const [drift] = driftOf(await verifyNow(flow), "homes");
    assert.equal(drift!.subject, `order ${orderId}`);
    assert.equal(drift!.expected, "order.reserve");
  }));

Deno.test("verify() accepts a stream, a schedule, a pending entry and a dead letter as homes", () =>
  withSettled("verify_homes", async (flow) => {
    const taken = await flow.add([
      anOrder("unread", [{ sku: "a", qty: 1 }]),
      anOrder("scheduled", [{ sku: "a", qty: 1 }]),
      anOrder("dead", [{ sku: "a", qty: 1 }]),
    ]);
    const [, scheduled, dead] = taken.map(({ orderId }) => orderId!);
    const stream = flow.keys.stream("orders");
    const entries = await flow.redis.xrange(stream, "-", "+");
    await flow.redis.xreadgroup("GROUP", "orders", "gone", "COUNT", 1, "STREAMS", stream, ">");
    const message = (orderId: number) =>
      ({ type: "order.reserve", orderId, amountCents: 100, currency: "EUR" }) as const;
    await flow.redis.xdel(stream, entries[1]![0], entries[2]![0]);
    await publish(flow, [{ message: message(scheduled!), delayMs: 60_000 }]);
    await deadLetterMessages(flow.db, [
      aDeadLetter({
        messageId: entries[2]![0],
        orderId: dead!,
        payload: JSON.stringify(entryOf(message(dead!))),
      }),
    ]);
    const report = await verifyNow(flow);
    assert.deepEqual(driftOf(report, "homes"), []);
    assert.equal(report.checks.find(({ name }) => name === "homes")!.checked, 3);
    await flow.rows("update dead_letters set status = 'DISCARDED'");
    const drift = driftOf(await verifyNow(flow), "homes");
    assert.deepEqual(drift.map(({ subject }) => subject), [`order ${dead}`]);
  }));

Deno.test("verify() takes a settled order that is not counted yet for work on its way", () =>
  withSettled("verify_in_flight", async (flow) => {
    const [order] = await flow.add([anOrder("in flight", [{ sku: "a", qty: 2 }])]);
    const orderId = order!.orderId!;
    await flow.turn("orders");
    const stream = flow.keys.stream("payments");
    await flow.redis.xreadgroup("GROUP", "payments", "slow", "COUNT", 9, "STREAMS", stream, ">");
    const [[id, fields]] = await flow.redis.xrange(stream, "-", "+") as [[string, string[]]];
    const message = messageOfEntry(fields);
    assert.ok(typeof message !== "string" && message.type === "payment.charge");
    const [outcome] = await chargePayments(flow, [{ id, message, attempt: 1 }]);
    assert.equal((await flow.order(orderId)).status, "PAID");

    // Committed, and neither counted nor acknowledged.
    assert.equal((await verifyNow(flow)).ok, true);
    // Counted, and not acknowledged.
    assert.ok(outcome?.kind === "done");
    await applyKpis(flow, outcome.events);
    assert.equal((await verifyNow(flow)).ok, true);
    // Acknowledged without its follow-up: the notice is lost.
    await flow.redis.xack(stream, "payments", id);
    await flow.redis.xdel(stream, id);
    assert.deepEqual(
      driftOf(await verifyNow(flow), "notifications").map(({ subject }) => subject),
      [`order ${orderId}`],
    );
  }));

Deno.test("verify() misses a settled order in the figures that nothing will count any more", () =>
  withSettled("verify_uncounted", async (flow) => {
    const { customerId } = await flow.order(flow.ids.paid);
    const [row] = await flow.rows(
      `select id from orders where external_order_id = 'short'`,
    );
    await flow.rows(
      `update orders set status = 'PAID', failure_reason = null, total_cents = 200 where id = ?`,
      [Number(row!.id)],
    );
    await flow.redis.setbit(flow.keys.countedOrders(0), flow.ids.short, 0);
    const report = await verifyNow(flow);
    const kpis = report.checks.find(({ name }) => name === "kpis")!;
    assert.deepEqual(
      kpis.drift.map(({ subject, what, expected, found }) => [subject, what, expected, found]),
      [
        [flow.keys.kpiFigure(flow.day, "EUR", "revenue_cents"), "value", 500, "300"],
        [flow.keys.kpiFigure(flow.day, "EUR", "order_count"), "value", 2, "1"],
        [flow.keys.kpiFigure(flow.day, "EUR", "avg_order_value_cents"), "value", 250, "300"],
        [flow.keys.kpiFigure(flow.day, "EUR", "failed_order_count"), "value", 1, "2"],
        [flow.keys.leaderboard("EUR"), `score of customer ${customerId}`, 500, "300"],
      ],
    );
  }));

Deno.test("verify() finds that Redis is empty", () =>
  withSettled("verify_empty", async (flow) => {
    await loseRedis(flow);
    const drift = driftOf(await verifyNow(flow), "kpis");
    assert.deepEqual(
      drift.find(({ subject }) => subject === flow.keys.kpiFigure(flow.day, "USD", "order_count")),
      {
        subject: flow.keys.kpiFigure(flow.day, "USD", "order_count"),
        what: "value",
        expected: 1,
        found: "0",
      },
    );
  }));

Deno.test("verify() never takes live work for drift", async () => {
  const flow = await openWorkflow("verify_live");
  try {
    const stop = new AbortController();
    const work = async () => {
      for (let round = 0; !stop.signal.aborted; round++) {
        const orders = Array.from(
          { length: 40 },
          (_, n) =>
            anOrder(`${round}-${n}`, [{ sku: `s${n % 7}`, qty: 1, unitPriceCents: 100 + n % 3 }], {
              customer: { externalId: `c${n % 11}`, email: "c@example.com", name: "C" },
              currency: n % 5 === 0 ? "USD" : "EUR",
            }),
        );
        const taken = await flow.add(orders, 1_000_000);
        for (const group of ["orders", "payments", "payments", "notifications"] as const) {
          await flow.turn(group);
        }
        const { orderId } = taken[0]!;
        if ((await flow.order(orderId!)).status === "PAID") {
          await publish(flow, [{ message: await askRefund(flow, orderId!, 1) }]);
        }
        await flow.turn("refunds");
      }
    };
    const working = work();
    let checked = 0;
    try {
      for (let round = 0; round < 12; round++) {
        const report = await verify(flow, { settleMs: 5_000 });
        assert.deepEqual(report.checks.filter(({ ok }) => !ok), []);
        checked = report.checks[1]!.checked;
        if (round === 6) await rebuildKpis(flow);
      }
    } finally {
      stop.abort();
      await working;
    }
    assert.ok(checked > 0);
    await flow.drain();
    assert.equal((await verifyNow(flow)).ok, true);
  } finally {
    await flow.close();
  }
});
