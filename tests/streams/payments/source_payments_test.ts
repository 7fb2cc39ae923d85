import assert from "node:assert/strict";
import { cancelAndPublish } from "../../../services/orders/cancel_order.ts";
import { lookOnce, readAlerts } from "../../../streams/alerts/alerts.ts";
import type { CallbackMessage, Message } from "../../../domain/messages/messages.ts";
import type { Gateway, GatewayRequest } from "../../../streams/payments/gateway.ts";
import { simulatedGateway } from "../../../streams/payments/providers/simulated.ts";
import { expireReservations } from "../../../streams/recovery/expire_reservations.ts";
import { recover, sweepOrphans } from "../../../streams/recovery/recover.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { observeDatabase } from "../../db/connection/observed_database.ts";
import { askRefund, loseRedis } from "../../settled_workflow.ts";
import { addPaid, payAtSource, sourcePaidAt, sourceProvider } from "../../source_orders.ts";
import { anOrder, openWorkflow, type Workflow, type WorkflowOptions } from "../../workflow.ts";
import { assertConsistent, makeDue, messagesOf } from "../consistent.ts";
import { anOperator } from "../../operator.ts";
import { alertSettings } from "../../alert_settings.ts";

/** The simulated provider, with what it was asked for. */
function watchedGateway(rest: Partial<Gateway> = {}) {
  const charges: GatewayRequest[] = [];
  const refunds: GatewayRequest[] = [];
  const simulated = simulatedGateway({ delayMs: 0 });
  const gateway: Gateway = {
    ...simulated,
    charge: (requests) => {
      charges.push(...requests);
      return simulated.charge(requests);
    },
    refund: (requests) => {
      refunds.push(...requests);
      return simulated.refund(requests);
    },
    ...rest,
  };
  return { gateway, charges, refunds };
}

async function withFlow(
  name: string,
  work: (
    flow: Workflow,
    asked: Omit<ReturnType<typeof watchedGateway>, "gateway">,
  ) => Promise<void>,
  options: WorkflowOptions = {},
): Promise<void> {
  const { gateway, ...asked } = watchedGateway();
  const flow = await openWorkflow(name, { gateway, ...options });
  try {
    await work(flow, asked);
  } finally {
    await flow.close();
  }
}

const paymentsOf = (flow: Workflow) =>
  flow.rows(
    `
    select order_id, provider, provider_ref, amount_cents, status, cast(paid_at as char) as paid_at
    from payments
    order by order_id`,
  );

const stepsOf = async (flow: Workflow, orderId: number) =>
  (await flow.rows("select event from order_events where order_id = ? order by id", [orderId]))
    .map(({ event }) => event);

const publishAll = (flow: Workflow, ...messages: Message[]) =>
  publish(flow, messages.map((message) => ({ message })));

/** What was charged, an odd amount, so that the simulated provider would decline it. */
const oddOrder = (name: string) => anOrder(name, [{ sku: "a", qty: 1, unitPriceCents: 101 }]);

Deno.test("an order that was paid at its source is reserved and paid, and nobody is asked for its money", () =>
  withFlow("source_paid", async (flow, { charges }) => {
    const [id] = await addPaid(flow, [oddOrder("1")]);
    const plain = await flow.add([anOrder("2", [{ sku: "a", qty: 1 }])]);
    await flow.drain();
    assert.equal((await flow.order(id!)).status, "PAID");
    assert.deepEqual(charges.map(({ orderId }) => orderId), [plain[0]!.orderId]);
    assert.deepEqual((await paymentsOf(flow))[0], {
      order_id: id,
      provider: sourceProvider,
      provider_ref: "src_1",
      amount_cents: 101,
      status: "SUCCEEDED",
      paid_at: sourcePaidAt,
    });
    assert.equal(await flow.stock("a"), 48);
    assert.deepEqual(await stepsOf(flow, id!), ["created", "reserved", "paid"]);
    await assertConsistent(flow);
  }));

Deno.test("an order that was paid at its source is settled while its provider is away", () =>
  withFlow("source_away", async (flow) => {
    const [id] = await addPaid(flow, [oddOrder("1")]);
    await flow.add([anOrder("2", [{ sku: "a", qty: 1 }])]);
    await flow.turn("orders");
    await flow.turn("payments");
    assert.equal((await flow.order(id!)).status, "PAID");
  }, {
    gateway: watchedGateway({
      charge: (requests) =>
        Promise.resolve(requests.map(() => ({ kind: "away", error: "no route" }) as const)),
    }).gateway,
  }));

Deno.test("an order that was paid at its source and costs nothing is paid by that payment", () =>
  withFlow("source_free", async (flow, { charges }) => {
    const free = [{ sku: "a", qty: 1, unitPriceCents: 0 }];
    const [id] = await addPaid(flow, [anOrder("1", free)]);
    await flow.drain();
    assert.deepEqual(
      (await paymentsOf(flow)).map(({ provider, amount_cents }) => [provider, amount_cents]),
      [
        [sourceProvider, 0],
      ],
    );
    assert.equal((await flow.order(id!)).status, "PAID");
    assert.deepEqual(charges, []);
    await assertConsistent(flow);
  }));

Deno.test("batches of plain orders read no payments of the source, those that fail no more than before", () =>
  withFlow("source_plain", async (flow) => {
    await flow.add([
      anOrder("1", [{ sku: "a", qty: 1 }]),
      oddOrder("2"),
      anOrder("3", [{ sku: "a", qty: 1_000 }]),
    ]);
    const { db, sent } = observeDatabase(flow.db);
    for (const group of ["orders", "payments", "payments", "notifications"] as const) {
      const { consumeOnce } = await import("../../../streams/queue/consumer.ts");
      const { makeConsumer } = await import("../../../streams/workflow/consumer.ts");
      await consumeOnce(
        makeConsumer({ ...flow, db }, {
          group,
          batchSize: 500,
          maxDeliveries: 5,
          retryBackoffMs: 5_000,
          takeoverMs: 10_000,
        }),
      );
    }
    assert.equal((await flow.rows("select 1 from orders where settled_at is null")).length, 0);
    assert.ok(sent.length > 10);
    const about = sent.filter(({ sql }) => /source_payments|refunds_by_hand/.test(sql));
    assert.deepEqual(about.map(({ sql }) => sql), []);
  }));

Deno.test("a paid order that runs short fails, and its money goes back through its provider once", () =>
  withFlow("source_short", async (flow, { refunds }) => {
    const [id] = await addPaid(flow, [anOrder("short", [{ sku: "a", qty: 51 }])], {
      provider: "simulated",
    });
    const message = {
      type: "order.reserve",
      orderId: id!,
      amountCents: 5_100,
      currency: "EUR",
    } as const;
    await publishAll(flow, message, message);
    await flow.turn("orders");
    const [payment] = await paymentsOf(flow);
    assert.deepEqual([payment!.status, payment!.amount_cents], ["REVERSING", 5_100]);
    await publishAll(flow, message);
    await flow.drain();
    await publishAll(flow, message);
    await flow.drain();
    const { status, failureReason } = await flow.order(id!);
    assert.deepEqual([status, failureReason], ["FAILED", "insufficient_stock"]);
    assert.deepEqual(
      refunds.map(({ chargeRef, amountCents, reference }) => [chargeRef, amountCents, reference]),
      [
        ["src_short", 5_100, "short"],
      ],
    );
    assert.match(refunds[0]!.idempotencyKey, /^reversal_[0-9a-f]{40}$/);
    assert.deepEqual((await paymentsOf(flow)).map(({ status }) => status), ["REVERSED"]);
    assert.deepEqual(await stepsOf(flow, id!), [
      "created",
      "failed",
      "payment_given_back",
      "payment_reversed",
    ]);
    await assertConsistent(flow);
  }));

Deno.test("money of the source is given back under a key of its own, however old the payment is", () =>
  withFlow("source_old", async (flow, { refunds }) => {
    const [id] = await addPaid(flow, [anOrder("short", [{ sku: "a", qty: 51 }])], {
      provider: "simulated",
    });
    await flow.rows("update source_payments set paid_at = '2001-01-01'");
    await flow.rows("update installation set old_keys_until = '2020-01-01'");
    await flow.drain();
    assert.match(refunds[0]!.idempotencyKey, /^reversal_[0-9a-f]{40}$/, `not reversal-${id}`);
  }));

Deno.test("where its provider is not configured, the money of a short order waits for a person, with an alert", () =>
  withFlow("source_by_hand", async (flow) => {
    const [id] = await addPaid(flow, [
      anOrder("short", [{ sku: "a", qty: 51 }]),
      anOrder("yen", [{ sku: "a", qty: 60 }], { currency: "JPY" }),
    ]);
    await flow.drain();
    assert.deepEqual((await paymentsOf(flow)).map(({ status }) => status), [
      "REVERSING",
      "REVERSING",
    ]);
    assert.deepEqual(await flow.rows("select * from dead_letters"), []);
    assert.equal((await stepsOf(flow, id!)).at(-1), "payment_by_hand");
    await publishAll(flow, {
      type: "payment.reverse",
      orderId: id!,
      amountCents: 5_100,
      currency: "EUR",
    });
    await flow.drain();
    const config = alertSettings;
    for (const at of [0, 31_000]) await lookOnce({ ...flow, config }, Date.now() + at);
    const [alert, ...others] = (await readAlerts(flow)).filter(({ raisedAt }) => raisedAt !== null);
    assert.deepEqual(others, []);
    assert.equal(alert!.name, "refunds_by_hand");
    assert.match(alert!.detail, /^51\.00 EUR and 6,000 JPY in 2: /);
    // It is nobody's lost work: a person has it.
    await flow.rows("update payments set updated_at = updated_at - interval 1 hour");
    await flow.rows("update order_events set created_at = created_at - interval 1 hour");
    const swept = await sweepOrphans(flow, { olderThanSeconds: 60 });
    assert.equal(swept.reversals, 0);
    await loseRedis(flow);
    await recover(flow);
    assert.deepEqual(await messagesOf(flow), []);
    await assertConsistent(flow);
  }));

for (const reserved of [false, true]) {
  const state = reserved ? "RESERVED" : "PENDING";
  Deno.test(`a paid order that is cancelled while it is ${state} gives its money back`, () =>
    withFlow(`source_cancel_${state}`, async (flow, { refunds }) => {
      const [id] = await addPaid(flow, [oddOrder("1")], { provider: "simulated" });
      if (reserved) await flow.turn("orders");
      assert.equal((await flow.order(id!)).status, state);
      await cancelAndPublish(flow, id!, anOperator("test"));
      await cancelAndPublish(flow, id!, anOperator("test"));
      await flow.drain();
      assert.equal((await flow.order(id!)).status, "CANCELLED");
      assert.deepEqual(refunds.map(({ amountCents }) => amountCents), [101]);
      assert.deepEqual((await paymentsOf(flow)).map(({ status }) => status), ["REVERSED"]);
      assert.equal(await flow.stock("a"), 50);
      await assertConsistent(flow);
    }));
}

Deno.test("the sweep gives money of the source back whose message was lost after a cancellation", () =>
  withFlow("source_cancel_lost", async (flow, { refunds }) => {
    const [id] = await addPaid(flow, [oddOrder("1")], { provider: "simulated" });
    await flow.turn("orders");
    const { cancelOrder } = await import("../../../services/orders/cancel_order.ts");
    await cancelOrder(flow.db, id!, "test");
    await flow.drain();
    assert.deepEqual(refunds, []);
    await flow.rows("update order_events set created_at = created_at - interval 1 hour");
    await sweepOrphans(flow, { olderThanSeconds: 60 });
    await flow.drain();
    assert.equal(refunds.length, 1);
    await assertConsistent(flow);
  }));

Deno.test("an order that its source calls free is paid by nobody, as any that costs nothing", () =>
  withFlow("source_none", async (flow, { charges }) => {
    const free = anOrder("1", [{ sku: "a", qty: 1, unitPriceCents: 0 }]);
    const [order] = await flow.add([{ ...free, payment: { status: "none" } }]);
    await flow.drain();
    assert.equal((await flow.order(order!.orderId!)).status, "PAID");
    assert.deepEqual((await paymentsOf(flow)).map(({ provider }) => provider), ["none"]);
    assert.deepEqual(charges, []);
    await assertConsistent(flow);
  }));

Deno.test("a provider of several words is one, whichever way its answer goes", () =>
  withFlow("source_words", async (flow) => {
    const [id] = await addPaid(flow, [oddOrder("1")]);
    await flow.turn("orders");
    await flow.redis.del(flow.keys.stream("payments"), flow.keys.weights("payments"));
    await flow.redis.xgroup("CREATE", flow.keys.stream("payments"), "payments", "0", "MKSTREAM");
    const callback: CallbackMessage = {
      type: "payment.callback",
      orderId: id!,
      amountCents: 101,
      currency: "EUR",
      outcome: "succeeded",
      provider: sourceProvider,
      providerRef: "src_1",
    };
    assert.match(sourceProvider, / /);
    await publishAll(flow, callback);
    await flow.turn("payments");
    assert.equal((await flow.order(id!)).status, "PAID");
    assert.equal((await paymentsOf(flow))[0]!.provider, sourceProvider);
  }));

Deno.test("a paid order whose messages were lost is settled by the sweep and by a recovery", () =>
  withFlow("source_lost", async (flow, { charges }) => {
    const [one, two] = await addPaid(flow, [oddOrder("1"), oddOrder("2")]);
    await flow.turn("orders");
    await loseRedis(flow);
    await recover(flow);
    await flow.drain();
    for (const id of [one!, two!]) assert.equal((await flow.order(id)).status, "PAID");
    assert.deepEqual(charges, []);
    await assertConsistent(flow);
  }));

Deno.test("no time-out and no refusal fails an order that was paid at its source", () =>
  withFlow("source_time_out", async (flow) => {
    const [id] = await addPaid(flow, [oddOrder("1")]);
    await flow.turn("orders");
    const about = { orderId: id!, amountCents: 101, currency: "EUR" };
    const declined: CallbackMessage = {
      type: "payment.callback",
      ...about,
      outcome: "declined",
      provider: "simulated",
      providerRef: "other",
    };
    await flow.redis.del(flow.keys.stream("payments"), flow.keys.weights("payments"));
    await flow.redis.xgroup("CREATE", flow.keys.stream("payments"), "payments", "0", "MKSTREAM");
    await publishAll(flow, { type: "payment.time_out", ...about }, declined);
    await flow.turn("payments");
    assert.equal((await flow.order(id!)).status, "RESERVED");
    await flow.rows("update orders set reserved_time = reserved_time - interval 1 day");
    assert.equal(await expireReservations(flow, { olderThanSeconds: 900 }), 1);
    await flow.drain();
    assert.equal((await flow.order(id!)).status, "PAID");
    await assertConsistent(flow);
  }));

Deno.test("further money for an order that was paid at its source waits for a person", () =>
  withFlow("source_second", async (flow) => {
    const [id] = await addPaid(flow, [oddOrder("1")]);
    await flow.turn("orders");
    const callback: CallbackMessage = {
      type: "payment.callback",
      orderId: id!,
      amountCents: 101,
      currency: "EUR",
      outcome: "succeeded",
      provider: "simulated",
      providerRef: "other",
    };
    await publishAll(flow, callback);
    await flow.turn("payments");
    await makeDue(flow);
    await flow.drain();
    const rows = await flow.rows("select provider, status from payments order by surplus");
    assert.deepEqual(rows.map(({ provider, status }) => [provider, status]), [
      [sourceProvider, "SUCCEEDED"],
      ["simulated", "DISPUTED"],
    ]);
    assert.equal((await flow.order(id!)).status, "PAID");
  }));

Deno.test("one payment pays one order: a reference that is another order's leaves a dead letter", () =>
  withFlow("source_twice", async (flow) => {
    const [first] = await flow.add([anOrder("1", [{ sku: "a", qty: 1 }])]);
    await flow.drain();
    const [taken] = await flow.rows("select provider_ref from payments");
    const reference = String(taken!.provider_ref);
    const [second, short] = (await flow.add([
      oddOrder("2"),
      anOrder("3", [{ sku: "a", qty: 1_000 }]),
    ])).map(({ orderId }) => orderId!);
    await payAtSource(flow, second!, { provider: "simulated", reference });
    await flow.drain();
    const letters = await flow.rows("select error from dead_letters");
    assert.deepEqual(letters.map(({ error }) => error), [
      `the provider says that ${reference} is the payment of order ${second}, but it is that of order ${
        first!.orderId
      }`,
    ]);
    assert.equal((await flow.order(second!)).status, "RESERVED");
    assert.equal((await flow.order(short!)).status, "FAILED");
  }));

Deno.test("a reference that an order claimed before the provider gave it leaves a dead letter at once, and holds up nobody", () =>
  withFlow("source_claimed", async (flow) => {
    const claim = anOrder("claims", [{ sku: "a", qty: 1 }], {
      payment: { status: "paid", provider: "simulated", reference: "sim_of_later", paidAt: null },
    });
    const [claiming] = await flow.add([claim]);
    await flow.drain();
    const [later, other] = await flow.add([
      anOrder("later", [{ sku: "a", qty: 1 }]),
      anOrder("other", [{ sku: "a", qty: 1 }]),
    ]);
    await flow.drain();
    const letters = await flow.rows("select error, attempts from dead_letters");
    assert.deepEqual(letters.map(({ error, attempts }) => [error, Number(attempts)]), [[
      `the provider says that sim_of_later is the payment of order ${later!.orderId}, but it is ` +
      `that of order ${claiming!.orderId}`,
      1,
    ]]);
    assert.equal((await flow.order(later!.orderId!)).status, "RESERVED");
    assert.equal((await flow.order(other!.orderId!)).status, "PAID");
  }));

Deno.test("an order whose source does not say by what it was paid is tried again", () =>
  withFlow("source_silent", async (flow) => {
    const [id] = await addPaid(flow, [oddOrder("1")]);
    await flow.rows("delete from source_payments");
    await flow.turn("orders");
    assert.equal((await flow.turn("payments")).retried, 1);
    await payAtSource(flow, id!);
    await makeDue(flow);
    await flow.drain();
    assert.equal((await flow.order(id!)).status, "PAID");
    await assertConsistent(flow);
  }));

Deno.test("a refund of a paid order goes through its provider, where it is configured", () =>
  withFlow("source_refund", async (flow, { refunds }) => {
    const [id] = await addPaid(flow, [oddOrder("1")], { provider: "simulated" });
    await flow.drain();
    await publishAll(flow, await askRefund(flow, id!, 50));
    await flow.drain();
    assert.deepEqual(refunds.map(({ chargeRef, amountCents }) => [chargeRef, amountCents]), [
      ["src_1", 50],
    ]);
    const [refund] = await flow.rows("select status, by_hand from refunds");
    assert.deepEqual([refund!.status, Number(refund!.by_hand)], ["PROCESSED", 0]);
    await assertConsistent(flow);
  }));
