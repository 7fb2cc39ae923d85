import assert from "node:assert/strict";
import { cancelOrder } from "../../../services/orders/cancel_order.ts";
import type { CallbackMessage, Message } from "../../../domain/messages/messages.ts";
import { expireReservations } from "../../../streams/recovery/expire_reservations.ts";
import type { Gateway, GatewayRequest } from "../../../streams/payments/gateway.ts";
import { simulatedGateway } from "../../../streams/payments/providers/simulated.ts";
import { type Enqueued, publish } from "../../../streams/workflow/publish.ts";
import {
  anOrder,
  chargeKey,
  openWorkflow,
  simulatedRefOf,
  withWorkflow,
  type Workflow,
} from "../../workflow.ts";
import { assertConsistent, makeDue, messagesOf } from "../consistent.ts";

/** The simulated gateway, its charges noted with their keys; it can be made not to answer. */
function notingGateway(delayMs = 0) {
  const { ignoresKeys: _, ...gateway } = simulatedGateway({ delayMs });
  const state = { charges: [] as GatewayRequest[], down: false, silent: false };
  const charge: Gateway["charge"] = async (requests) => {
    state.charges.push(...requests);
    if (state.down) return requests.map(() => ({ kind: "failed", error: "no route to the bank" }));
    if (state.silent) return requests.map(() => ({ kind: "accepted", callback: null }));
    return await gateway.charge(requests);
  };
  return { gateway: { ...gateway, charge }, state };
}

const about = (
  type: "payment.charge" | "payment.ask_again" | "notify.order",
  orderId: number,
): Message => ({
  type,
  orderId,
  amountCents: 100,
  currency: "EUR",
});

const success = (orderId: number, amountCents: number, providerRef: string): Enqueued => ({
  message: {
    type: "payment.callback",
    orderId,
    amountCents,
    currency: "EUR",
    outcome: "succeeded",
    provider: "simulated",
    providerRef,
  },
});

const typesOf = async (flow: Workflow) => (await messagesOf(flow)).map(({ type }) => type).sort();

Deno.test("simulatedGateway() pays even totals and declines odd ones, always by the same message", async () => {
  const gateway = simulatedGateway({ delayMs: 2_000 });
  const requests = [0, 1, 99, 100].map((amountCents, n) => ({
    orderId: n + 1,
    reference: `${n + 1}`,
    amountCents,
    currency: "EUR",
    idempotencyKey: `charge_${n + 1}`,
  }));
  const answers = await gateway.charge(requests);
  assert.deepEqual(await gateway.charge(requests), answers);
  const outcomes = answers.map((answer) => {
    assert.ok(answer.kind === "accepted" && answer.callback !== null);
    assert.equal(answer.callback.delayMs, 2_000);
    return (answer.callback.message as CallbackMessage).outcome;
  });
  assert.deepEqual(outcomes, ["succeeded", "declined", "declined", "succeeded"]);
});

Deno.test("chargePayments() charges an order by one key however often it is asked", async () => {
  const { gateway, state } = notingGateway(60_000);
  await withWorkflow("payments_charge", async (flow) => {
    const [order] = await flow.add([anOrder("1", [{ sku: "a", qty: 1 }])]);
    const id = order!.orderId!;
    await publish(flow, [{ message: about("payment.charge", id) }]);
    assert.equal((await flow.turn("payments")).retried, 1, "a pending order is not charged");
    assert.deepEqual(state.charges, []);
    await flow.turn("orders");
    await makeDue(flow);
    await publish(flow, [{ message: about("payment.charge", id) }]);
    await flow.turn("payments");
    // The first of its two messages was tried before, so it may have been charged by then.
    const request = { orderId: id, reference: "1", amountCents: 100, currency: "EUR" };
    const idempotencyKey = await chargeKey(flow.db, id);
    assert.deepEqual(state.charges, [{ ...request, idempotencyKey, askedBefore: true }]);
    assert.deepEqual(await typesOf(flow), ["payment.callback"], "one answer is scheduled");
    await makeDue(flow);
    await flow.drain();
    assert.equal((await flow.order(id)).status, "PAID");
    await publish(flow, [{ message: about("payment.charge", id) }]);
    await flow.drain();
    assert.equal(state.charges.length, 1, "a settled order is not charged again");
    await assertConsistent(flow);
  }, { gateway });
});

Deno.test("chargePayments() has an order looked up that may have been charged long ago", async () => {
  const now = new Date().toISOString().replace("T", " ").replace("Z", "");
  const { gateway, state } = notingGateway(60_000);
  const status: Gateway["status"] = (requests) =>
    Promise.resolve(requests.map(() => ({ kind: "unknown" })));
  await withWorkflow("payments_long_ago", async (flow) => {
    const orders = ["1", "2", "3"].map((id) => anOrder(id, [{ sku: "a", qty: 1 }]));
    const [first, second, resent] = orders as [
      typeof orders[0],
      typeof orders[0],
      typeof orders[0],
    ];
    const taken = await flow.add([
      { ...first, placedAt: now },
      { ...second, placedAt: now },
      resent,
    ]);
    const [old, young, lost] = taken.map(({ orderId }) => orderId!) as [number, number, number];
    await flow.turn("orders");
    await flow.rows(
      "update orders set reserved_time = reserved_time - interval 61 minute where id = ?",
      [old],
    );
    await flow.turn("payments");
    assert.deepEqual(
      state.charges.map(({ orderId, askedBefore = false }) => [orderId, askedBefore]),
      [[old, true], [young, false], [lost, true]],
      "an order that was placed long ago may have been charged before its row was lost",
    );
  }, { gateway: { ...gateway, status } });
});

Deno.test("chargePayments() charges no cancelled order and tells that it was cancelled", async () => {
  const { gateway, state } = notingGateway();
  await withWorkflow("payments_cancelled", async (flow) => {
    const [order] = await flow.add([anOrder("1", [{ sku: "a", qty: 1 }])]);
    await flow.turn("orders");
    await cancelOrder(flow.db, order!.orderId!, "test");
    await flow.drain();
    assert.deepEqual(state.charges, []);
    assert.equal(await flow.stock("a"), 50);
    await assertConsistent(flow);
  }, { gateway });
});

Deno.test("chargePayments() tries again when the gateway can't be asked, and fails no order", async () => {
  const { gateway, state } = notingGateway();
  state.down = true;
  await withWorkflow("payments_down", async (flow) => {
    const [order] = await flow.add([anOrder("1", [{ sku: "a", qty: 1 }])]);
    const id = order!.orderId!;
    await flow.turn("orders");
    for (let errors = 1; errors < 5; errors++) {
      assert.equal((await flow.turn("payments")).retried, 1);
      await makeDue(flow);
    }
    assert.equal((await flow.turn("payments")).dead, 1);
    const [letter] = await flow.rows("select error from dead_letters");
    assert.equal(letter?.error, "no route to the bank");
    assert.equal((await flow.order(id)).status, "RESERVED");
    // Once a person has it tried again, all is well.
    state.down = false;
    await publish(flow, [{ message: about("payment.charge", id) }]);
    await flow.drain();
    assert.equal((await flow.order(id)).status, "PAID");
    await assertConsistent(flow);
  }, { gateway });
});

Deno.test("expireReservations() has the gateway asked again, and an answer then counts", async () => {
  const { gateway, state } = notingGateway(60_000);
  state.silent = true;
  await withWorkflow("payments_ask_again", async (flow) => {
    const [order] = await flow.add([anOrder("1", [{ sku: "a", qty: 1 }])]);
    const id = order!.orderId!;
    await flow.turn("orders");
    await flow.turn("payments");
    assert.deepEqual(await typesOf(flow), [], "no answer is on its way");
    const late = { olderThanSeconds: 900 };
    assert.equal(await expireReservations(flow, late), 0, "its time is not over");
    await flow.rows(
      "update orders set reserved_time = reserved_time - interval 901 second where id = ?",
      [id],
    );
    assert.equal(await expireReservations(flow, late), 1);
    assert.equal(await expireReservations(flow, late), 0, "it is taken up once");
    state.silent = false;
    await flow.turn("payments");
    const key = await chargeKey(flow.db, id);
    assert.deepEqual(
      state.charges.map(({ idempotencyKey, askedBefore }) => [idempotencyKey, askedBefore]),
      [undefined, true].map((askedBefore) => [key, askedBefore]),
      "it is the same charge",
    );
    assert.deepEqual(await typesOf(flow), ["payment.callback", "payment.time_out"]);
    await makeDue(flow);
    await flow.drain();
    assert.equal((await flow.order(id)).status, "PAID", "the time-out came too late");
    await assertConsistent(flow);
  }, { gateway });
});

Deno.test("expireReservations() fails what gets no second answer, and gives later money back", async () => {
  const { gateway, state } = notingGateway();
  state.silent = true;
  await withWorkflow("payments_time_out", async (flow) => {
    const [order] = await flow.add([anOrder("1", [{ sku: "a", qty: 3 }])]);
    const id = order!.orderId!;
    await flow.turn("orders");
    await flow.turn("payments");
    await flow.rows("update orders set reserved_time = reserved_time - interval 1 day");
    await expireReservations(flow, { olderThanSeconds: 900 });
    await flow.turn("payments");
    assert.deepEqual(await typesOf(flow), ["payment.time_out"]);
    await makeDue(flow);
    await flow.drain();
    const failed = await flow.order(id);
    assert.deepEqual([failed.status, failed.failureReason], ["FAILED", "payment_timeout"]);
    assert.equal(await flow.stock("a"), 50);

    await publish(flow, [success(id, 300, "late")]);
    await flow.drain();
    const payments = await flow.rows("select status, amount_cents, provider_ref from payments");
    assert.deepEqual(payments, [{ status: "REVERSED", amount_cents: 300, provider_ref: "late" }]);
    assert.equal((await flow.order(id)).status, "FAILED");

    await publish(flow, [success(id, 300, "late"), success(id, 300, "late2")]);
    const turn = await flow.turn("payments");
    assert.deepEqual([turn.handled, turn.dead], [2, 0], "the same money again is harmless");
    await flow.drain();
    assert.deepEqual(
      await flow.rows("select status, amount_cents, provider_ref from payments order by id"),
      [...payments, { status: "DISPUTED", amount_cents: 300, provider_ref: "late2" }],
    );
    await assertConsistent(flow);
  }, { gateway });
});

Deno.test("settlePayments() leaves a second payment for an order that is over to a person", async () => {
  const { gateway } = notingGateway(60_000);
  const givenBack: GatewayRequest[] = [];
  const refund: Gateway["refund"] = (requests) => {
    givenBack.push(...requests);
    return gateway.refund(requests);
  };
  await withWorkflow("payments_second_late", async (flow) => {
    const ids = (await flow.add([
      anOrder("cancelled", [{ sku: "a", qty: 1 }]),
      anOrder("declined", [{ sku: "a", qty: 1, unitPriceCents: 33 }]),
    ])).map(({ orderId }) => orderId!) as [number, number];
    const [cancelled, declined] = ids;
    await flow.turn("orders");
    await flow.turn("payments");
    await cancelOrder(flow.db, cancelled, "test");
    await publish(flow, [{ message: about("notify.order", cancelled) }]);
    await flow.redis.del(flow.keys.scheduled("payments"));
    const refused = success(declined, 33, "a").message as CallbackMessage;
    await publish(flow, [{ message: { ...refused, outcome: "declined" } }]);
    await flow.turn("payments");
    assert.equal((await flow.order(declined)).status, "FAILED");

    // Both successes in one batch, and the first of them twice.
    const callbacks = [
      success(cancelled, 100, "first"),
      success(cancelled, 100, "second"),
      success(cancelled, 100, "first"),
      success(declined, 33, "a"),
      success(declined, 33, "b"),
    ];
    await publish(flow, callbacks);
    const together = await flow.turn("payments");
    assert.deepEqual([together.handled, together.dead], [5, 0]);

    const later = [success(cancelled, 100, "third"), success(cancelled, 100, "first")];
    await publish(flow, later);
    const onItsWay = await flow.turn("payments");
    assert.deepEqual([onItsWay.handled, onItsWay.dead], [2, 0], "while the first is on its way");
    await flow.drain();

    const payments = await flow.rows(
      "select order_id, status, provider_ref from payments order by order_id, surplus",
    );
    assert.deepEqual(payments, [
      { order_id: cancelled, status: "REVERSED", provider_ref: "first" },
      { order_id: cancelled, status: "DISPUTED", provider_ref: "second" },
      { order_id: cancelled, status: "DISPUTED", provider_ref: "third" },
      { order_id: declined, status: "REVERSED", provider_ref: "a" },
      { order_id: declined, status: "DISPUTED", provider_ref: "b" },
    ]);
    assert.deepEqual(
      givenBack.map(({ orderId, amountCents }) => [orderId, amountCents]),
      [[cancelled, 100], [declined, 33]],
    );
    await assertConsistent(flow);
  }, { gateway: { ...gateway, refund } });
});

Deno.test("settlePayments() records what the gateway said, when, and in which words", () =>
  withWorkflow("payments_rows", async (flow) => {
    const ids = (await flow.add([
      anOrder("even", [{ sku: "a", qty: 1 }]),
      anOrder("odd", [{ sku: "a", qty: 1, unitPriceCents: 33 }]),
    ])).map(({ orderId }) => orderId!) as [number, number];
    await flow.drain();
    const [even, odd] = await flow.rows("select * from payments order by order_id");
    const simulatedRef = (id: number) => simulatedRefOf(flow.db, id);
    const settledAt = async (id: number) => (await flow.order(id)).settledAt;
    assert.deepEqual(
      [even!.status, even!.provider, even!.provider_ref, even!.amount_cents, even!.paid_at],
      ["SUCCEEDED", "simulated", await simulatedRef(ids[0]), 100, await settledAt(ids[0])],
    );
    assert.deepEqual(
      [odd!.status, odd!.provider_ref, odd!.amount_cents, odd!.paid_at],
      ["DECLINED", await simulatedRef(ids[1]), 33, null],
    );
    const now = Date.now();
    const settled = Date.parse(`${(await settledAt(ids[0]))!.replace(" ", "T")}Z`);
    assert.ok(Math.abs(settled - now) < 60_000, "the time is UTC");
  }));

Deno.test("settlePayments() refuses another order's payment as its own", () =>
  withWorkflow("payments_reference", async (flow) => {
    const ids = (await flow.add(["1", "2"].map((name) => anOrder(name, [{ sku: "a", qty: 1 }]))))
      .map(({ orderId }) => orderId!) as [number, number];
    await flow.turn("orders");
    await flow.redis.del(flow.keys.stream("payments"), flow.keys.weights("payments"));
    await flow.redis.xgroup("CREATE", flow.keys.stream("payments"), "payments", "0", "MKSTREAM");
    await publish(flow, ids.map((orderId) => success(orderId, 100, "one and the same")));
    const turn = await flow.turn("payments");
    assert.deepEqual(turn, { handled: 1, retried: 0, dead: 1, delayed: 0 });
    assert.deepEqual(
      [(await flow.order(ids[0])).status, (await flow.order(ids[1])).status],
      ["PAID", "RESERVED"],
    );
  }));

Deno.test("settlePayments() leaves other money for a paid order to a person", async () => {
  const flow = await openWorkflow("paid_twice");
  try {
    const [order] = await flow.add([anOrder("twice", [{ sku: "a", qty: 1 }])]);
    await flow.drain();
    const orderId = order!.orderId!;
    const [paid] = await flow.rows("select provider_ref from payments");
    const again = { type: "payment.callback", orderId, amountCents: 100, currency: "EUR" } as const;
    const more = { outcome: "succeeded", provider: "simulated" } as const;
    await publish(flow, [
      { message: { ...again, ...more, providerRef: String(paid!.provider_ref) } },
      { message: { ...again, ...more, providerRef: "another" } },
    ]);
    const turn = await flow.turn("payments");
    assert.deepEqual([turn.handled, turn.dead], [2, 0]);
    const [, step] = await flow.rows(
      "select detail from order_events where event in ('paid', 'payment_second') order by id",
    );
    const first = await simulatedRefOf(flow.db, orderId);
    assert.equal(step!.detail, `1.00 EUR by another besides ${first}`);
    assert.equal((await flow.order(orderId)).status, "PAID");
  } finally {
    await flow.close();
  }
});

Deno.test("settlePayments() leaves a decline of the charge that an order is paid by to a person, as one letter", async () => {
  const flow = await openWorkflow("paid_then_declined");
  try {
    const [order] = await flow.add([anOrder("1", [{ sku: "a", qty: 1 }])]);
    await flow.drain();
    const orderId = order!.orderId!;
    const providerRef = await simulatedRefOf(flow.db, orderId);
    const decline = {
      ...success(orderId, 100, providerRef).message as CallbackMessage,
      outcome: "declined" as const,
    };
    const before = await flow.rows("select * from payments");
    for (let time = 0; time < 3; time++) {
      await publish(flow, [{ message: { ...decline } }]);
      assert.equal((await flow.turn("payments")).dead, 1);
    }
    // Under another name it is the decline of another try.
    await publish(flow, [{ message: { ...decline, providerRef: "another" } }]);
    assert.equal((await flow.turn("payments")).handled, 1);
    assert.deepEqual(await flow.rows("select order_id, error, attempts from dead_letters"), [{
      order_id: orderId,
      error: `the provider says that it declined ${providerRef}, but order ${orderId} is paid by ` +
        "it: 1.00 EUR were counted",
      attempts: 3,
    }]);
    assert.equal((await flow.order(orderId)).status, "PAID");
    assert.deepEqual(await flow.rows("select * from payments"), before);
  } finally {
    await flow.close();
  }
});
