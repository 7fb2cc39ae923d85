import assert from "node:assert/strict";
import { cancelOrder } from "../../../services/cancel_order.ts";
import {
  enableEndpoint,
  readDisabledEndpoint,
} from "../../../db/notifications/disabled_endpoints.ts";
import {
  claimDeliveries,
  replayDelivery,
} from "../../../db/notifications/notification_deliveries.ts";
import { requestRefund } from "../../../services/request_refunds.ts";
import { parseConfig } from "../../../config/config.ts";
import { deliveryWaitsMs } from "../../../domain/notification/delivery.ts";
import type { NotificationChannel } from "../../../domain/notification/notification.ts";
import {
  deliverNotifications,
  deliverOnce,
} from "../../../streams/notifications/deliver_notifications.ts";
import type { NotificationSender } from "../../../streams/notifications/notification_sender.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { makeConsumer } from "../../../streams/workflow/consumer.ts";
import { consumeOnce } from "../../../streams/queue/consumer.ts";
import { runConsumers } from "../../../streams/run_consumers.ts";
import { verify } from "../../../streams/verification/verify.ts";
import { webhookSender } from "../../../streams/notifications/webhook_sender.ts";
import { observeDatabase } from "../../db/connection/observed_database.ts";
import { giveMoney } from "../../order_money.ts";
import { receiveMails, receiveWebhooks, type WebhookReceiver } from "../../receivers.ts";
import { anOrder, openWorkflow, type Workflow } from "../../workflow.ts";

interface Scene {
  flow: Workflow;
  receiver: WebhookReceiver;
  sender: NotificationSender;
  /** Of the settings; may be changed. */
  channels: NotificationChannel[];
}

async function withWebhooks(
  name: string,
  work: (scene: Scene) => Promise<void>,
  notifyChannels: NotificationChannel[] = ["log", "webhook"],
): Promise<void> {
  const flow = await openWorkflow(name, { notifyChannels });
  const receiver = receiveWebhooks();
  const { url, secret } = receiver;
  try {
    await work({
      flow,
      receiver,
      sender: webhookSender({ url, secrets: [secret], timeoutMs: 5_000 }),
      channels: notifyChannels,
    });
  } finally {
    await receiver.close();
    await flow.close();
  }
}

/** Takes orders of one item each and brings them to their end; an odd price is declined. */
async function settle(flow: Workflow, ...prices: number[]): Promise<number[]> {
  const taken = await flow.add(
    prices.map((unitPriceCents, index) =>
      anOrder(`o-${unitPriceCents}-${index}`, [{ sku: "a", qty: 1, unitPriceCents }])
    ),
  );
  await flow.drain();
  return taken.map(({ orderId }) => orderId!);
}

/** As if all the time had passed. */
async function backdate(flow: Workflow): Promise<void> {
  await flow.rows(
    "update notification_deliveries set due_at = current_timestamp(6) - interval 1 second where due_at is not null",
  );
}

const deliveries = (flow: Workflow) =>
  flow.rows("select * from notification_deliveries order by notification_log_id");
const logs = (flow: Workflow, channel = "webhook") =>
  flow.rows("select * from notification_logs where channel = ? order by id", [channel]);
const attempts = (flow: Workflow) => flow.rows("select * from notification_attempts order by id");

async function assertVerified(flow: Workflow): Promise<void> {
  const report = await verify(flow, { settleMs: 0 });
  assert.deepEqual(report.checks.filter(({ ok }) => !ok), []);
}

Deno.test("sendNotifications() puts nothing on the work list for the channel log", () =>
  withWebhooks("deliver_log_only", async ({ flow }) => {
    await settle(flow, 100, 101);
    assert.equal((await logs(flow, "log")).length, 2);
    assert.deepEqual(await logs(flow, "webhook"), []);
    assert.deepEqual(await deliveries(flow), []);
    await assertVerified(flow);
  }, ["log"]));

Deno.test("deliverOnce() says what a refund is for: its lines, what went back into stock, the shipping", () =>
  withWebhooks("deliver_refund_lines", async ({ flow, receiver, sender }) => {
    const [taken] = await flow.add([anOrder("R-1", [
      { sku: "mug", qty: 3, unitPriceCents: 800 },
      { sku: "pot", qty: 1, unitPriceCents: 1_510 },
    ])]);
    const orderId = taken!.orderId!;
    await giveMoney(flow.db, orderId, { adjustments: [{ kind: "shipping", amountCents: 490 }] });
    await flow.drain();
    await deliverOnce(flow, sender);
    const items = await flow.rows("select id, qty from order_items order by id");
    const mugs = items.find(({ qty }) => qty === 3)!.id;
    const { refund } = await requestRefund(flow.db, {
      orderId,
      amountCents: null,
      reason: null,
      idempotencyKey: null,
      items: {
        lines: [{ sku: "mug", itemId: null, qty: 2, restock: true }],
        adjustments: [{ kind: "shipping", amountCents: 490 }],
        restock: false,
      },
    }, "test");
    const { id: refundId, amountCents } = refund;
    await publish(flow, [{
      message: { type: "refund.process", orderId, refundId, amountCents, currency: "EUR" },
    }]);
    await flow.drain();
    await deliverOnce(flow, sender);
    const { data } = receiver.received.at(-1)!.body;
    assert.deepEqual([data.refund_id, data.amount_cents], [refundId, 2_090]);
    assert.deepEqual(data.refund_lines, [
      {
        item_id: mugs,
        sku: "mug",
        name: "Product mug",
        qty: 2,
        amount_cents: 1_600,
        restocked: true,
      },
    ]);
    assert.equal(data.refund_line_count, 1);
    assert.deepEqual(data.refund_adjustments, [{ kind: "shipping", amount_cents: 490 }]);
  }, ["webhook"]));

Deno.test("deliverOnce() posts signed webhooks of orders that are paid, failed and refunded", () =>
  withWebhooks("deliver_webhooks", async ({ flow, receiver, sender }) => {
    const [paid, failed] = await settle(flow, 1_000, 101) as [number, number];
    const { refund } = await requestRefund(
      flow.db,
      { orderId: paid, amountCents: 250, reason: null, idempotencyKey: null },
      "test",
    );
    await publish(flow, [{
      message: {
        type: "refund.process",
        orderId: paid,
        refundId: refund.id,
        amountCents: 250,
        currency: "EUR",
      },
    }]);
    await flow.drain();
    await assertVerified(flow);

    const before = await logs(flow);
    assert.ok(before.every(({ success, sent_at, error }) => !success && !sent_at && !error));
    const turn = await deliverOnce(flow, sender);
    assert.deepEqual(turn, { claimed: 3, sent: 3, failed: 0 });
    assert.equal(receiver.refused, 0);
    const got = receiver.received.toSorted((a, b) => a.id < b.id ? -1 : 1);
    assert.deepEqual(
      got.map(({ body: { type, data } }) => [
        type,
        data.order_id,
        data.external_order_id,
        data.refund_id,
        data.status,
        data.failure_reason,
        data.currency,
        data.amount_cents,
        data.total_cents,
        data.customer_id,
      ]).toSorted(),
      [
        [
          "order.failed",
          failed,
          "o-101-1",
          null,
          "FAILED",
          "payment_declined",
          "EUR",
          101,
          101,
          "c1",
        ],
        ["order.paid", paid, "o-1000-0", null, "PAID", null, "EUR", 1_000, 1_000, "c1"],
        ["refund.processed", paid, "o-1000-0", refund.id, "PAID", null, "EUR", 250, 1_000, "c1"],
      ],
    );
    for (const { id, body, headers } of got) {
      assert.equal(id, `ntf_${body.data.notification_id}`);
      assert.match(body.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
      assert.equal(headers.get("content-type"), "application/json");
    }
    for (const row of await logs(flow)) {
      assert.equal(row.success, 1);
      assert.equal(row.error, null);
      assert.ok(row.sent_at !== null);
    }
    assert.deepEqual(await deliveries(flow), []);
    assert.deepEqual(
      (await attempts(flow)).map((
        { success, status_code, error },
      ) => [success, status_code, error]),
      Array(3).fill([1, 204, null]),
    );
    assert.deepEqual(await deliverOnce(flow, sender), { claimed: 0, sent: 0, failed: 0 });
    await assertVerified(flow);
  }));

Deno.test("deliverOnce() posts what an order's total is made of, as it stands when it is sent", () =>
  withWebhooks("deliver_lines", async ({ flow, receiver, sender }) => {
    const taken = await flow.add([
      anOrder("o-1", [{ sku: "a", qty: 2, unitPriceCents: 1_000 }, {
        sku: "b",
        qty: 1,
        unitPriceCents: 400,
      }]),
      anOrder("o-2", Array.from({ length: 25 }, () => ({ sku: "a", qty: 1, unitPriceCents: 4 }))),
    ]);
    const [adjusted, large] = taken.map(({ orderId }) => orderId!) as [number, number];
    await giveMoney(flow.db, adjusted, {
      adjustments: [
        { kind: "shipping", label: "Express", amountCents: 490 },
        { kind: "tax", label: "VAT 19 %", amountCents: 375, included: true },
        { kind: "discount", amountCents: -540 },
      ],
    });
    await flow.rows("update customers set guest = 1");
    await flow.drain();
    const [log] = await flow.rows(
      "select cast(payload as char) as payload from notification_logs where order_id = ? limit 1",
      [adjusted],
    );
    assert.doesNotMatch(String(log!.payload), /items|adjustments|payment_status/);
    assert.deepEqual(await deliverOnce(flow, sender), { claimed: 2, sent: 2, failed: 0 });
    const dataOf = (id: number) =>
      receiver.received.find(({ body }) => body.data.order_id === id)!.body.data;
    const { items, adjustments, ...data } = dataOf(adjusted);
    assert.deepEqual(
      items.map((
        { sku, name, unit_price_cents, qty, subtotal_cents }: Record<string, unknown>,
      ) => [sku, name, unit_price_cents, qty, subtotal_cents]),
      [["a", "Product a", 1_000, 2, 2_000], ["b", "Product b", 400, 1, 400]],
    );
    assert.deepEqual(
      adjustments.map((
        { kind, label, amount_cents, included }: Record<string, unknown>,
      ) => [kind, label, amount_cents, included]),
      [
        ["shipping", "Express", 490, false],
        ["tax", "VAT 19 %", 375, true],
        ["discount", null, -540, false],
      ],
    );
    assert.deepEqual(
      [data.items_cents, data.total_cents, data.item_count, data.adjustment_count],
      [2_400, 2_350, 2, 3],
    );
    assert.deepEqual([data.payment_status, data.customer_id], ["due", null]);
    const { items: first, item_count, items_cents } = dataOf(large);
    assert.deepEqual([first.length, item_count, items_cents], [20, 25, 100]);
  }));

Deno.test("claimDeliveries() reads what orders hold by as many statements for many as for one", () =>
  withWebhooks("deliver_statements", async ({ flow }) => {
    await settle(flow, ...Array.from({ length: 12 }, (_, index) => 100 + 2 * index));
    const statementsFor = async (limit: number) => {
      const { db, sent } = observeDatabase(flow.db);
      const claim = crypto.randomUUID().replaceAll("-", "");
      const claimed = await claimDeliveries(db, "webhook", { claim, limit, leaseMs: 60_000 });
      assert.equal(claimed.length, limit);
      return sent.length;
    };
    const one = await statementsFor(1);
    assert.equal(await statementsFor(11), one);
  }));

Deno.test("sendNotifications() on the channel log reads neither items nor adjustments", () =>
  withWebhooks("deliver_log_reads", async ({ flow }) => {
    await flow.add([anOrder("o-1", [{ sku: "a", qty: 2, unitPriceCents: 1_000 }])]);
    for (const group of ["orders", "payments", "payments"] as const) await flow.turn(group);
    const { db, sent } = observeDatabase(flow.db);
    await consumeOnce(makeConsumer({ ...flow, db }, flow.consumerOf("notifications").options));
    assert.equal((await logs(flow, "log")).length, 1);
    assert.equal(sent.length, 1);
    assert.ok(sent.every(({ sql }) => !/order_items|order_adjustments|payment_status/.test(sql)));
  }, ["log"]));

Deno.test("sendNotifications() puts a cancellation on the list once, however often it is asked", () =>
  withWebhooks("deliver_cancelled", async ({ flow, receiver, sender }) => {
    const [order] = await flow.add([anOrder("1", [{ sku: "a", qty: 1 }])]);
    const orderId = order!.orderId!;
    await cancelOrder(flow.db, orderId, "test");
    const message = {
      type: "notify.order",
      orderId,
      amountCents: 100,
      currency: "EUR",
    } as const;
    for (let times = 0; times < 2; times++) {
      await publish(flow, [{ message }, { message }]);
      await flow.drain();
      assert.equal((await deliveries(flow)).length, 1);
    }
    await deliverOnce(flow, sender);
    await publish(flow, [{ message }]);
    await flow.drain();
    assert.deepEqual(await deliveries(flow), [], "what was sent does not come back");
    assert.deepEqual(receiver.received.map(({ body }) => [body.type, body.data.status]), [
      ["order.cancelled", "CANCELLED"],
    ]);
    assert.equal((await logs(flow)).length, 1);
    await assertVerified(flow);
  }));

Deno.test("deliverOnce() tries again with growing waits and the same id, and gives up after a day", () =>
  withWebhooks("deliver_retries", async ({ flow, receiver, sender }) => {
    await settle(flow, 100);
    receiver.answer = () => new Response("out of order\r\n\x07", { status: 503 });
    for (const [index, wait] of deliveryWaitsMs.entries()) {
      assert.deepEqual(await deliverOnce(flow, sender), { claimed: 1, sent: 0, failed: 1 });
      assert.equal((await deliverOnce(flow, sender)).claimed, 0, "not before its time");
      const [row] = await flow.rows(`
        select timestampdiff(microsecond, current_timestamp(6), due_at) / 1000 as wait_ms, attempts, claim
        from notification_deliveries`);
      assert.equal(row!.attempts, index + 1);
      assert.equal(row!.claim, null);
      const waitMs = Number(row!.wait_ms);
      assert.ok(waitMs > wait * 0.8 - 2_000 && waitMs <= wait * 1.2, `${waitMs} of ${wait}`);
      await backdate(flow);
    }
    await deliverOnce(flow, sender);
    assert.equal((await deliveries(flow))[0]!.due_at, null, "given up");
    await backdate(flow);
    assert.equal((await deliverOnce(flow, sender)).claimed, 0);
    const tries = deliveryWaitsMs.length + 1;
    assert.equal(receiver.received.length, tries);
    assert.equal(new Set(receiver.received.map(({ id }) => id)).size, 1);
    assert.equal(new Set(receiver.received.map(({ text }) => text)).size, 1);
    const [log] = await logs(flow);
    assert.equal(log!.success, 0);
    assert.equal(log!.error, "the endpoint answered 503");
    assert.equal(log!.sent_at, null);
    const kept = await attempts(flow);
    assert.equal(kept.length, tries);
    assert.equal(kept[0]!.reply, "out of order");
    await assertVerified(flow);
  }));

Deno.test("deliverOnce() leaves a receiver alone for as long as it asks", () =>
  withWebhooks("deliver_retry_after", async ({ flow, receiver, sender }) => {
    await settle(flow, 100);
    receiver.answer = () => new Response(null, { status: 429, headers: { "retry-after": "600" } });
    await deliverOnce(flow, sender);
    const [row] = await flow.rows(`
      select timestampdiff(second, current_timestamp(6), due_at) as seconds from notification_deliveries`);
    assert.ok(Number(row!.seconds) >= 595 && Number(row!.seconds) <= 600, String(row!.seconds));
  }));

Deno.test("deliverOnce() follows no redirect", () =>
  withWebhooks("deliver_redirect", async ({ flow, receiver, sender }) => {
    let followed = 0;
    const other = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => {
      followed++;
      return new Response();
    });
    try {
      await settle(flow, 100);
      receiver.answer = () =>
        Response.redirect(`http://127.0.0.1:${other.addr.port}/latest/meta-data`, 307);
      assert.equal((await deliverOnce(flow, sender)).failed, 1);
      assert.equal(followed, 0);
      const [log] = await logs(flow);
      assert.match(String(log!.error), /answered 307; redirects are not followed/);
    } finally {
      await other.shutdown();
    }
  }));

Deno.test("deliverOnce() switches an endpoint off that is gone, until a person switches it on", () =>
  withWebhooks("deliver_gone", async ({ flow, receiver, sender }) => {
    await settle(flow, 100, 102);
    receiver.answer = () => new Response("moved away", { status: 410 });
    await deliverOnce(flow, { ...sender, concurrency: 1 });
    assert.equal(receiver.received.length, 1, "the other one was not tried any more");
    const disabled = await readDisabledEndpoint(flow.db, receiver.url);
    assert.equal(disabled!.origin, new URL(receiver.url).origin);
    assert.equal(disabled!.reason, "the endpoint answered 410");
    await backdate(flow);
    assert.equal((await deliverOnce(flow, sender)).claimed, 0);
    await assertVerified(flow);

    const moved = receiveWebhooks(receiver.secret);
    try {
      const { url, secret } = moved;
      assert.equal(
        (await deliverOnce(flow, webhookSender({ url, secrets: [secret], timeoutMs: 5_000 }))).sent,
        2,
        "another address is not switched off",
      );
    } finally {
      await moved.close();
    }
    await settle(flow, 104);
    await enableEndpoint(flow.db, receiver.url);
    receiver.answer = () => new Response();
    assert.equal((await deliverOnce(flow, sender)).sent, 1);
    await assertVerified(flow);
  }));

Deno.test("deliverOnce() sends again under the same id what a process that died was sending", () =>
  withWebhooks("deliver_crash", async ({ flow, receiver, sender }) => {
    await settle(flow, 100, 102);
    const dying: NotificationSender = {
      ...sender,
      // It gets through, and then the process dies before it can write that down.
      send: async (notification) => {
        await sender.send(notification);
        throw new Error("killed");
      },
    };
    await assert.rejects(deliverOnce(flow, dying), /killed/);
    assert.equal(receiver.received.length, 2);
    assert.equal((await deliverOnce(flow, sender)).claimed, 0, "leased");
    const left = await deliveries(flow);
    assert.ok(left.length === 2 && left.every(({ claim }) => claim !== null));
    await assertVerified(flow);
    await backdate(flow);
    assert.equal((await deliverOnce(flow, sender)).sent, 2);
    const ids = receiver.received.map(({ id }) => id);
    assert.equal(ids.length, 4);
    assert.equal(new Set(ids).size, 2, "which a receiver can tell by the id");
    await assertVerified(flow);
  }));

Deno.test("deliverOnce() in two processes sends nothing twice", () =>
  withWebhooks("deliver_two", async ({ flow, receiver, sender }) => {
    await settle(flow, ...Array.from({ length: 90 }, (_, index) => 100 + 2 * index));
    let turns = 0;
    const drain = async () => {
      while ((await deliverOnce(flow, sender)).claimed > 0) turns++;
    };
    await Promise.all([drain(), drain(), drain()]);
    assert.ok(turns >= 3, `${turns} turns`);
    assert.equal(receiver.received.length, 90);
    assert.equal(new Set(receiver.received.map(({ id }) => id)).size, 90);
    assert.deepEqual(await deliveries(flow), []);
    await assertVerified(flow);
  }));

Deno.test("settleDeliveries() leaves to the new owner what became of a lease that ended", () =>
  withWebhooks("deliver_late", async ({ flow, receiver, sender }) => {
    await settle(flow, 100);
    const slow: NotificationSender = {
      ...sender,
      send: async () => {
        await backdate(flow);
        await claimDeliveries(flow.db, "webhook", {
          claim: "ab".repeat(16),
          limit: 10,
          leaseMs: 60_000,
        });
        return { statusCode: 500, reply: null, error: "too slow" };
      },
    };
    await deliverOnce(flow, slow);
    const [row] = await flow.rows(
      "select attempts, lower(hex(claim)) as claim from notification_deliveries",
    );
    assert.deepEqual({ ...row }, { attempts: 0, claim: "ab".repeat(16) });
    assert.equal((await attempts(flow)).length, 1, "the try is written down even so");
    await backdate(flow);
    assert.equal((await deliverOnce(flow, sender)).sent, 1);
    assert.equal(receiver.received.length, 1);
  }));

Deno.test("deliverNotifications() lets a receiver that never answers hold up nothing else", () =>
  withWebhooks("deliver_slow", async ({ flow, receiver, sender }) => {
    const never = Promise.withResolvers<Response>();
    const dead: NotificationSender = {
      ...sender,
      channel: "email",
      endpoint: null,
      close: () => {},
    };
    const stop = new AbortController();
    const sent = Promise.withResolvers<void>();
    dead.send = async () => {
      await never.promise;
      return { statusCode: null, reply: null, error: "late" };
    };
    receiver.answer = () => {
      if (receiver.received.length === 40) sent.resolve();
      return new Response();
    };
    const delivering = deliverNotifications(flow, [dead, sender], stop.signal);
    try {
      // The groups go on as well while every lane of that channel waits.
      await settle(flow, ...Array.from({ length: 40 }, (_, index) => 100 + 2 * index));
      await sent.promise;
      assert.equal((await logs(flow, "log")).length, 40);
    } finally {
      stop.abort();
      never.resolve(new Response());
      await delivering;
    }
    assert.ok((await logs(flow, "webhook")).every(({ success }) => success === 1));
    assert.ok((await logs(flow, "email")).every(({ success }) => success === 0));
    await assertVerified(flow);
  }, ["log", "email", "webhook"]));

Deno.test("deliverOnce() gives back at a stop what it has not begun", () =>
  withWebhooks("deliver_stop", async ({ flow, receiver, sender }) => {
    await settle(flow, 100, 102, 104);
    const stop = new AbortController();
    receiver.answer = () => {
      stop.abort();
      return new Response();
    };
    const turn = await deliverOnce(flow, { ...sender, concurrency: 1 }, { signal: stop.signal });
    assert.deepEqual(turn, { claimed: 3, sent: 1, failed: 0 });
    assert.equal((await deliverOnce(flow, sender)).sent, 2, "due again at once");
  }));

Deno.test("deliverOnce() says without its address why an endpoint that is not there fails", () =>
  withWebhooks("deliver_refused", async ({ flow, receiver }) => {
    await settle(flow, 100, 102);
    const { secret } = receiver;
    const closed = receiveWebhooks();
    await closed.close();
    const { url } = closed;
    await deliverOnce(flow, webhookSender({ url, secrets: [secret], timeoutMs: 2_000 }));
    for (const { error } of await logs(flow)) {
      assert.match(String(error), /^the endpoint cannot be reached: .*refused/i);
      assert.doesNotMatch(String(error), /token-in-the-path/);
    }
    await backdate(flow);
    const hanging = Promise.withResolvers<Response>();
    receiver.answer = () => hanging.promise;
    await deliverOnce(
      flow,
      webhookSender({ url: receiver.url, secrets: [secret], timeoutMs: 150 }),
    );
    for (const { error } of await logs(flow)) {
      assert.equal(error, "the endpoint did not answer within 150 ms");
    }
    hanging.resolve(new Response());
  }));

Deno.test("webhookSender() signs with both secrets while they are rotated", () =>
  withWebhooks("deliver_rotation", async ({ flow, receiver }) => {
    await settle(flow, 100);
    const other = receiveWebhooks();
    try {
      const { url, secret } = receiver;
      const secrets = [other.secret, secret];
      assert.equal(
        (await deliverOnce(flow, webhookSender({ url, secrets, timeoutMs: 5_000 }))).sent,
        1,
      );
      assert.equal(receiver.received[0]!.signature.split(" ").length, 2);
      assert.equal(receiver.refused, 0);
    } finally {
      await other.close();
    }
  }));

Deno.test("replayDelivery() sends again what was sent or given up, and says who wanted it", () =>
  withWebhooks("deliver_replay", async ({ flow, receiver, sender }) => {
    const [orderId] = await settle(flow, 100);
    await deliverOnce(flow, sender);
    const [{ id }] = await logs(flow) as [{ id: number }];
    const replay = () => flow.db.transaction((tx) => replayDelivery(tx, id, "api:ann"));
    assert.deepEqual(await replay(), { kind: "queued" });
    await assertVerified(flow);
    receiver.answer = () => new Response(null, { status: 500 });
    await deliverOnce(flow, sender);
    let [log] = await logs(flow);
    assert.equal(log!.success, 1, "it was sent once and stays so");
    await flow.rows("update notification_deliveries set attempts = 100");
    await backdate(flow);
    await deliverOnce(flow, sender);
    assert.deepEqual(await deliveries(flow), [], "a replay that was given up leaves nothing");
    await assertVerified(flow);

    assert.deepEqual(await replay(), { kind: "queued" });
    receiver.answer = () => new Response();
    assert.equal((await deliverOnce(flow, sender)).sent, 1);
    [log] = await logs(flow);
    assert.equal(log!.error, null);
    assert.equal(new Set(receiver.received.map((received) => received.id)).size, 1);
    const steps = await flow.rows(
      "select detail, actor from order_events where order_id = ? and event = 'notification_replayed'",
      [orderId!],
    );
    assert.deepEqual(
      steps.map((step) => ({ ...step })),
      Array(2).fill({
        detail: "webhook: order.paid",
        actor: "api:ann",
      }),
    );
    const [{ id: logged }] = await logs(flow, "log") as [{ id: number }];
    const replayOf = (id: number) => flow.db.transaction((tx) => replayDelivery(tx, id, "x"));
    assert.deepEqual(await replayOf(logged), { kind: "only_logged" });
    assert.deepEqual(await replayOf(999_999), { kind: "not_found" });
    await replay();
    const claim = "cd".repeat(16);
    await claimDeliveries(flow.db, "webhook", { claim, limit: 1, leaseMs: 60_000 });
    assert.deepEqual(await replay(), { kind: "being_sent" });
  }));

Deno.test("verify() misses a row of one channel, and what was neither sent nor waits", () =>
  withWebhooks("deliver_verify", async ({ flow, sender }) => {
    const [first, second] = await settle(flow, 100, 102) as [number, number];
    await assertVerified(flow);
    await flow.rows("delete from notification_logs where order_id = ? and channel = 'webhook'", [
      first,
    ]);
    await flow.rows(
      `delete notification_deliveries from notification_deliveries
      join notification_logs on notification_logs.id = notification_log_id
      where order_id = ?`,
      [second],
    );
    const report = await verify(flow, { settleMs: 0 });
    const { drift, drift_count } = report.checks.find(({ name }) => name === "notifications")!;
    assert.equal(drift_count, 2);
    assert.deepEqual(drift.map(({ subject, what }) => [subject, what]), [
      [`order ${first}`, "notifications of order.paid on other channels than log"],
      [`order ${second}`, "sent or waiting notification of order.paid by webhook"],
    ]);
    assert.equal((await deliverOnce(flow, sender)).claimed, 0);
  }));

Deno.test("verify() finds no fault in what was told before channels were added or taken away", () =>
  withWebhooks("deliver_added", async ({ flow, channels: current }) => {
    const again: number[] = [];
    const settings: NotificationChannel[][] = [["log"], ["log", "webhook"], ["email"], [
      "log",
      "email",
    ]];
    for (const [index, channels] of settings.entries()) {
      current.splice(0, Infinity, ...channels);
      const [orderId] = await settle(flow, 100 + 2 * index);
      again.push(orderId!);
      // Messages of earlier orders may come again after the change.
      await publish(
        flow,
        again.map((orderId) => ({
          message: { type: "notify.order" as const, orderId, amountCents: 100, currency: "EUR" },
        })),
      );
      await flow.drain();
      await assertVerified(flow);
    }
    assert.equal((await logs(flow, "email")).length, 4);
  }, ["log"]));

Deno.test("parseConfig() wants what a channel needs, and prints no secret of it", () => {
  const required = { DATABASE_URL: "mysql://h/n", REDIS_URL: "redis://h" };
  const faults = (env: Record<string, string>) => {
    try {
      parseConfig({ ...required, ...env });
      return [];
    } catch (error) {
      const { message, faults } = error as { message: string; faults: { at: string }[] };
      assert.doesNotMatch(message, /hidden/);
      return faults.map(({ at }) => at);
    }
  };
  assert.deepEqual(faults({ NOTIFY_CHANNELS: "log,email,webhook" }), [
    "NOTIFY_FROM",
    "SMTP_URL",
    "NOTIFY_WEBHOOK_URL",
    "NOTIFY_WEBHOOK_SECRETS",
  ]);
  for (const bad of ["sms", "log,log", ",", "log email", "LOG"]) {
    assert.deepEqual(faults({ NOTIFY_CHANNELS: bad }), ["NOTIFY_CHANNELS"], bad);
  }
  const email = {
    NOTIFY_CHANNELS: "email",
    SMTP_URL: "smtp://u:hidden@h:25",
    NOTIFY_FROM: "S <a@b.c>",
  };
  assert.deepEqual(faults(email), []);
  assert.deepEqual(faults({ ...email, SMTP_URL: "http://u:hidden@h" }), ["SMTP_URL"]);
  assert.deepEqual(faults({ ...email, SMTP_URL: "smtp://" }), ["SMTP_URL"]);
  assert.deepEqual(faults({ ...email, NOTIFY_FROM: "Shop" }), ["NOTIFY_FROM"]);
  assert.deepEqual(faults({ ...email, NOTIFY_FROM: "a@b.c, d@e.f" }), ["NOTIFY_FROM"]);
  const webhook = {
    NOTIFY_CHANNELS: " webhook , log ",
    NOTIFY_WEBHOOK_URL: "https://h/x",
    NOTIFY_WEBHOOK_SECRETS: `whsec_${btoa("x".repeat(24))}`,
  };
  assert.deepEqual(faults(webhook), []);
  assert.deepEqual(faults({ ...webhook, NOTIFY_WEBHOOK_URL: "ftp://h" }), ["NOTIFY_WEBHOOK_URL"]);
  assert.deepEqual(faults({ ...webhook, NOTIFY_WEBHOOK_URL: "https://u:hidden@h" }), [
    "NOTIFY_WEBHOOK_URL",
  ]);
  assert.deepEqual(faults({ ...webhook, NOTIFY_WEBHOOK_SECRETS: "whsec_hidden" }), [
    "NOTIFY_WEBHOOK_SECRETS",
  ]);
});

Deno.test("claimDeliveries() passes over what another process is just taking", () =>
  withWebhooks("deliver_skip", async ({ flow, sender }) => {
    await settle(flow, 100, 102, 104);
    let turn;
    await flow.db.transaction(async (tx) => {
      await tx.query(`
        select notification_log_id
        from notification_deliveries
        where channel = 'webhook'
        order by due_at
        limit 1
        for update`);
      turn = await deliverOnce(flow, sender);
    });
    assert.deepEqual(turn, { claimed: 2, sent: 2, failed: 0 });
    assert.equal((await deliverOnce(flow, sender)).sent, 1);
  }));

/** Two orders that were paid and refunded, of which nothing is sent yet. */
async function refunded(flow: Workflow): Promise<number[]> {
  const ids = await settle(flow, 100, 102);
  for (const orderId of ids) {
    const { refund, currency } = await requestRefund(
      flow.db,
      { orderId, amountCents: null, reason: null, idempotencyKey: null },
      "test",
    );
    const { id: refundId, amountCents } = refund;
    const message = { type: "refund.process", orderId, refundId, amountCents, currency } as const;
    await publish(flow, [{ message }]);
  }
  await flow.drain();
  return ids;
}

Deno.test("claimDeliveries() takes nothing of an order of which something before is locked", () =>
  withWebhooks("deliver_skip_order", async ({ flow, receiver, sender }) => {
    const [first, second] = await refunded(flow);
    const told = () => receiver.received.map(({ body: { type, data } }) => [data.order_id, type]);
    await flow.db.transaction(async (tx) => {
      await tx.query(`
        select notification_log_id from notification_deliveries order by notification_log_id limit 1
        for update`);
      assert.equal((await deliverOnce(flow, sender)).sent, 2);
    });
    const paid = "order.paid", back = "refund.processed";
    assert.deepEqual(told(), [[second, paid], [second, back]]);
    await deliverOnce(flow, sender);
    assert.deepEqual(told().slice(2), [[first, paid], [first, back]]);
  }));

Deno.test("deliverOnce() sends those of one order one after the other, however long each takes", () =>
  withWebhooks("deliver_one_order", async ({ flow, sender }) => {
    const ids = await refunded(flow);
    const sent: string[] = [];
    const begun = Promise.withResolvers<void>();
    let waiting = 0;
    const slow: NotificationSender = {
      ...sender,
      send: async ({ orderId, type }) => {
        if (type === "order.paid") {
          if (++waiting === ids.length) begun.resolve();
          // Both orders at once, and neither's refund before.
          await begun.promise;
        }
        sent.push(`${orderId} ${type}`);
        return { statusCode: 200, reply: null, error: null };
      },
    };
    assert.equal((await deliverOnce(flow, slow)).sent, 4);
    for (const id of ids) {
      assert.deepEqual(sent.filter((one) => one.startsWith(`${id} `)), [
        `${id} order.paid`,
        `${id} refund.processed`,
      ]);
    }
    assert.match(sent.slice(0, 2).join(), /order.paid,.*order.paid/);
  }));

Deno.test("runConsumers() has sent what is due when it has drained", async () => {
  const flow = await openWorkflow("deliver_drain");
  const receiver = receiveWebhooks();
  const mails = await receiveMails();
  try {
    await flow.add(
      Array.from(
        { length: 50 },
        (_, index) => anOrder(`d-${index}`, [{ sku: "a", qty: 1, unitPriceCents: 100 + index }]),
      ),
    );
    const config = parseConfig({
      DATABASE_URL: flow.test.databaseUrl,
      REDIS_URL: flow.test.redisUrl,
      REDIS_PREFIX: flow.test.redisPrefix,
      GATEWAY_DELAY_MS: "0",
      NOTIFY_CHANNELS: "log,email,webhook",
      NOTIFY_FROM: "Shop <orders@shop.example>",
      SMTP_URL: mails.url,
      NOTIFY_WEBHOOK_URL: receiver.url,
      NOTIFY_WEBHOOK_SECRETS: receiver.secret,
    });
    const options = { groups: [], batchSize: 100, drain: true };
    await runConsumers({ ...flow, config }, options, new AbortController().signal);
    assert.equal(receiver.received.length, 50);
    assert.equal(mails.mails.length, 50);
    assert.deepEqual(await deliveries(flow), []);
    await assertVerified(flow);
  } finally {
    await mails.close();
    await receiver.close();
    await flow.close();
  }
});
