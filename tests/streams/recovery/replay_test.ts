import assert from "node:assert/strict";
import { cancelOrder } from "../../../services/orders/cancel_order.ts";
import { requestRefunds } from "../../../services/refunds/request_refunds.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import type { CallbackMessage, Message } from "../../../domain/messages/messages.ts";
import { groupsInSearchOrder } from "../../../domain/messages/work.ts";
import { consumeOnce } from "../../../streams/queue/consumer.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { anOrder, openWorkflow, simulatedRefOf, type Workflow } from "../../workflow.ts";
import { assertConsistent, makeDue, messagesOf, storedFigures } from "../consistent.ts";

/** Everything that a replay must not change. */
async function stateOf(flow: Workflow) {
  const { rows } = flow;
  return {
    orders: await rows(
      "select id, status, failure_reason, refunded_cents, settled_at from orders order by id",
    ),
    products: await rows("select sku, stock_qty, received_qty from products order by id"),
    payments: await rows("select order_id, provider_ref, status from payments order by id"),
    refunds: await rows("select id, amount_cents, status, processed_at from refunds order by id"),
    notices: await rows("select order_id, event, sent_at from notification_logs order by id"),
    events: await rows("select id, order_id, refund_id, event from order_events order by id"),
    figures: await storedFigures(flow),
  };
}

/** One turn of every group, all messages that waited before it noted. */
async function turnAndNote(flow: Workflow, noted: Map<string, Message>): Promise<void> {
  for (const group of groupsInSearchOrder) {
    for (const message of await messagesOf(flow)) noted.set(JSON.stringify(message), message);
    await flow.turn(group);
  }
}

async function drainAndNote(flow: Workflow, noted: Map<string, Message>): Promise<void> {
  while ((await messagesOf(flow)).length > 0) await turnAndNote(flow, noted);
}

function refund(orderId: number, amountCents: number | null) {
  return { orderId, amountCents, reason: null, idempotencyKey: null };
}

async function publishAll(flow: Workflow, messages: Message[]): Promise<void> {
  const published = messages.map(async (message) => {
    const isSimulated = message.type === "payment.callback" && message.providerRef === theRef;
    return isSimulated
      ? { message: { ...message, providerRef: await simulatedRefOf(flow.db, message.orderId) } }
      : { message };
  });
  await publish(flow, await Promise.all(published));
}

/** Stands for the name that the simulated provider gives to the order's charge. */
const theRef = "the order's own";

/** The same list in another order, the same for the same seed. */
function shuffled<T>(list: readonly T[], seed: number): T[] {
  let state = seed;
  const random = () => (state = (state * 1_103_515_245 + 12_345) % 2_147_483_648);
  return list.map((value) => ({ value, at: random() })).sort((a, b) => a.at - b.at)
    .map(({ value }) => value);
}

function callbackOf(orderId: number, rest: Partial<CallbackMessage> = {}): CallbackMessage {
  return {
    type: "payment.callback",
    orderId,
    amountCents: 100,
    currency: "EUR",
    outcome: "succeeded",
    provider: "simulated",
    providerRef: theRef,
    ...rest,
  };
}

Deno.test("a replay of every message of every stage has no second effect", async (t) => {
  const flow = await openWorkflow("replay");
  const noted = new Map<string, Message>();
  try {
    const orders = await flow.add([
      anOrder("paid", [{ sku: "a", qty: 2 }, { sku: "b", qty: 1 }]),
      anOrder("declined", [{ sku: "a", qty: 3, unitPriceCents: 101 }]),
      anOrder("short", [{ sku: "c", qty: 51 }]),
      anOrder("pounds", [{ sku: "b", qty: 4 }], { currency: "GBP" }),
      anOrder("nothing", [{ sku: "b", qty: 1, unitPriceCents: 0 }]),
      anOrder("cancelled before", [{ sku: "a", qty: 7 }]),
      anOrder("cancelled between", [{ sku: "a", qty: 5 }]),
      anOrder("timed out", [{ sku: "a", qty: 6 }]),
    ]);
    const [paid, , , pounds, nothing, before, between, timedOut] = orders.map((order) =>
      order.orderId!
    ) as [number, number, number, number, number, number, number, number];
    await cancelOrder(flow.db, before, "test");
    for (const message of await messagesOf(flow)) noted.set(JSON.stringify(message), message);
    await flow.turn("orders");
    await cancelOrder(flow.db, between, "test");
    await publishAll(flow, [
      { type: "notify.order", orderId: before, amountCents: 700, currency: "EUR" },
      { type: "notify.order", orderId: between, amountCents: 500, currency: "EUR" },
      { type: "payment.time_out", orderId: timedOut, amountCents: 600, currency: "EUR" },
      // The gateway took the money of the two that were over by then.
      callbackOf(between, { amountCents: 500 }),
    ]);
    await drainAndNote(flow, noted);
    assert.equal((await flow.order(nothing)).status, "PAID", "an order of nothing is paid");

    const refunds = await requestRefunds(
      flow.db,
      [refund(paid, 100), refund(paid, null), refund(pounds, 1)],
      "test",
    );
    for (const taken of refunds) {
      assert.ok(!(taken instanceof WorkflowError));
      const { id: refundId, orderId, amountCents } = taken.refund;
      await publishAll(flow, [
        { type: "refund.process", orderId, refundId, amountCents, currency: taken.currency },
      ]);
    }
    await drainAndNote(flow, noted);
    await assertConsistent(flow);
    const state = await stateOf(flow);
    assert.deepEqual(
      await flow.rows("select status from payments where order_id = ?", [between]),
      [{ status: "REVERSED" }],
    );

    const types = new Set([...noted.values()].map(({ type }) => type));
    assert.deepEqual(
      [...types].sort(),
      [
        "notify.order",
        "notify.refund",
        "order.reserve",
        "payment.callback",
        "payment.charge",
        "payment.reverse",
        "payment.time_out",
        "refund.process",
      ],
      "the scenario walks every stage",
    );
    const messages = [...noted.values()];

    await t.step("each message alone", async () => {
      for (const message of messages) {
        await publishAll(flow, [message]);
        await flow.drain();
        assert.deepEqual(await stateOf(flow), state, JSON.stringify(message));
      }
    });
    await t.step("each message twice in one batch", async () => {
      for (const message of messages) {
        await publishAll(flow, [message, message]);
        await flow.drain();
      }
      assert.deepEqual(await stateOf(flow), state);
    });
    for (const seed of [1, 2, 3]) {
      await t.step(`all messages three times, out of order (${seed})`, async () => {
        await publishAll(flow, shuffled([...messages, ...messages, ...messages], seed));
        await flow.drain();
        assert.deepEqual(await stateOf(flow), state);
      });
    }
    await t.step("all messages out of order, in batches of one", async () => {
      await publishAll(flow, shuffled(messages, 4));
      const one = { batchSize: 1 };
      const consumers = groupsInSearchOrder.toReversed()
        .map((group) => flow.consumerOf(group, one));
      while ((await messagesOf(flow)).length > 0) {
        for (const consumer of consumers) await consumeOnce(consumer);
      }
      assert.deepEqual(await stateOf(flow), state);
    });
    await assertConsistent(flow);
    assert.deepEqual(await flow.rows("select * from dead_letters"), []);
  } finally {
    await flow.close();
  }
});

Deno.test("an answer of the gateway at any moment", async (t) => {
  const flow = await openWorkflow("replay_callbacks");
  let number = 0;
  /** An order of 100 cents in a state, everything about it handled. */
  const orderThatIs = async (state: "PENDING" | "RESERVED" | "PAID" | "FAILED" | "CANCELLED") => {
    const cents = state === "FAILED" ? 101 : 100;
    const name = `order ${++number}`;
    const order = anOrder(name, [{ sku: name, qty: 1, unitPriceCents: cents }]);
    const [taken] = await flow.add([order]);
    const id = taken!.orderId!;
    if (state !== "PENDING") await flow.turn("orders");
    if (state === "CANCELLED") {
      await cancelOrder(flow.db, id, "test");
      await publishAll(flow, [
        { type: "notify.order", orderId: id, amountCents: 100, currency: "EUR" },
      ]);
    }
    if (state !== "PENDING" && state !== "RESERVED") await flow.drain();
    return id;
  };
  const lastLetter = async () =>
    (await flow.rows("select * from dead_letters order by id desc limit 1"))[0];
  const paymentsOf = async (id: number) =>
    (await flow.rows("select status from payments where order_id = ?", [id]))
      .map(({ status }) => status);
  try {
    await t.step(
      "before its charge was handled: settles, and the charge does nothing",
      async () => {
        const id = await orderThatIs("RESERVED");
        await publishAll(flow, [callbackOf(id), callbackOf(id)]);
        await flow.turn("payments");
        assert.equal((await flow.order(id)).status, "PAID");
        await flow.drain();
        assert.deepEqual(await paymentsOf(id), ["SUCCEEDED"]);
        await assertConsistent(flow);
      },
    );
    await t.step("for an unknown order: a dead letter", async () => {
      await publishAll(flow, [callbackOf(999_999)]);
      await flow.drain();
      const letter = await lastLetter();
      assert.equal(letter?.error, "order 999999 does not exist");
      assert.equal(letter?.order_id, 999_999);
      assert.equal(letter?.amount_cents, 100);
    });
    await t.step("for a pending order: waits, and counts once it is reserved", async () => {
      const id = await orderThatIs("PENDING");
      await publishAll(flow, [callbackOf(id)]);
      assert.deepEqual(await flow.turn("payments"), {
        handled: 0,
        retried: 1,
        dead: 0,
        delayed: 0,
      });
      await flow.turn("orders");
      await makeDue(flow);
      await flow.drain();
      assert.equal((await flow.order(id)).status, "PAID");
      await assertConsistent(flow);
    });
    await t.step("a success for a cancelled order: recorded and given back once", async () => {
      const id = await orderThatIs("CANCELLED");
      const sku = `order ${number}`;
      await publishAll(flow, [callbackOf(id), callbackOf(id)]);
      await flow.turn("payments");
      assert.deepEqual(await paymentsOf(id), ["REVERSING"]);
      await publishAll(flow, [callbackOf(id)]);
      await flow.drain();
      assert.deepEqual(await paymentsOf(id), ["REVERSED"]);
      assert.equal((await flow.order(id)).status, "CANCELLED");
      assert.equal(await flow.stock(sku), 50);
      await assertConsistent(flow);
    });
    await t.step("a decline for a cancelled order: nothing", async () => {
      const id = await orderThatIs("CANCELLED");
      await publishAll(flow, [callbackOf(id, { outcome: "declined" })]);
      await flow.drain();
      assert.deepEqual(await paymentsOf(id), []);
      await assertConsistent(flow);
    });
    await t.step(
      "a success after a decline: the order stays failed, the money goes back",
      async () => {
        const id = await orderThatIs("FAILED");
        assert.deepEqual(await paymentsOf(id), ["DECLINED"]);
        await publishAll(flow, [callbackOf(id, { amountCents: 101 })]);
        await flow.drain();
        assert.deepEqual(await paymentsOf(id), ["REVERSED"]);
        assert.equal((await flow.order(id)).status, "FAILED");
        await assertConsistent(flow);
      },
    );
    await t.step("a decline and a success in one batch: the first one counts", async () => {
      const declined = await orderThatIs("RESERVED");
      const paid = await orderThatIs("RESERVED");
      await publishAll(flow, [
        callbackOf(declined, { outcome: "declined" }),
        callbackOf(paid),
        callbackOf(declined),
        callbackOf(paid, { outcome: "declined" }),
      ]);
      await flow.drain();
      assert.equal((await flow.order(declined)).status, "FAILED");
      assert.deepEqual(await paymentsOf(declined), ["REVERSED"]);
      assert.equal((await flow.order(paid)).status, "PAID");
      assert.deepEqual(await paymentsOf(paid), ["SUCCEEDED"]);
      await assertConsistent(flow);
    });
    await t.step("a decline of another charge for a paid order: nothing", async () => {
      const id = await orderThatIs("PAID");
      await publishAll(flow, [callbackOf(id, { outcome: "declined" })]);
      await flow.drain();
      assert.equal((await flow.order(id)).status, "PAID");
      await assertConsistent(flow);
    });
    await t.step("a success of another amount for a paid order: a dead letter", async () => {
      const id = await orderThatIs("PAID");
      const [{ provider, provider_ref }] = await flow.rows(
        "select provider, provider_ref from payments where order_id = ?",
        [id],
      ) as [{ provider: string; provider_ref: string }];
      await publishAll(flow, [
        callbackOf(id, { amountCents: 99, provider, providerRef: provider_ref }),
      ]);
      assert.equal((await flow.turn("payments")).dead, 1);
      const letter = await lastLetter();
      assert.match(
        String(letter?.error),
        /says that it took 0.99 EUR .* but 1.00 EUR were counted/,
      );
      assert.deepEqual(
        [letter?.group_name, letter?.order_id, letter?.attempts, letter?.status],
        ["payments", id, 1, "DEAD"],
      );
      await flow.drain();
      await assertConsistent(flow);
    });
    await t.step("a success of another amount for an order that is over: goes back", async () => {
      for (const state of ["FAILED", "CANCELLED"] as const) {
        const id = await orderThatIs(state);
        await publishAll(flow, [callbackOf(id, { amountCents: 99 })]);
        await flow.drain();
        assert.deepEqual(await paymentsOf(id), ["REVERSED"]);
        const [row] = await flow.rows("select amount_cents from payments where order_id = ?", [id]);
        assert.equal(row!.amount_cents, 99, "what was really taken");
        await assertConsistent(flow);
      }
    });
    await t.step(
      "a success of another amount for a reserved order: held until corrected",
      async () => {
        const id = await orderThatIs("RESERVED");
        await publishAll(flow, [callbackOf(id, { amountCents: 99 })]);
        // The simulated gateway says of the same charge that it took the total.
        await flow.drain();
        assert.deepEqual(await paymentsOf(id), ["SUCCEEDED"]);
        const steps = await flow.rows(
          "select event, detail from order_events where order_id = ? and event like 'pa%' order by id",
          [id],
        );
        assert.deepEqual(
          steps.map(({ event }) => event).sort(),
          ["paid", "payment_disputed"],
          JSON.stringify(steps),
        );
        assert.equal((await flow.order(id)).status, "PAID");
        await assertConsistent(flow);
      },
    );
    await t.step("a time-out fails what is reserved and gives its stock back, once", async () => {
      const id = await orderThatIs("RESERVED");
      const sku = `order ${number}`;
      const timeOut = {
        type: "payment.time_out",
        orderId: id,
        amountCents: 100,
        currency: "EUR",
      } as const;
      await publishAll(flow, [timeOut, timeOut]);
      await flow.drain();
      const order = await flow.order(id);
      assert.deepEqual([order.status, order.failureReason], ["FAILED", "payment_timeout"]);
      assert.equal(await flow.stock(sku), 50);
      const paid = await orderThatIs("PAID");
      await publishAll(flow, [{ ...timeOut, orderId: paid }]);
      await flow.drain();
      assert.equal((await flow.order(paid)).status, "PAID");
      await assertConsistent(flow);
    });
  } finally {
    await flow.close();
  }
});
