import assert from "node:assert/strict";
import { cancelOrder } from "../../../services/orders/cancel_order.ts";
import { requestRefund, requestRefunds } from "../../../services/refunds/request_refunds.ts";
import type { Message } from "../../../domain/messages/messages.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import type { Gateway, GatewayRequest } from "../../../streams/payments/gateway.ts";
import { simulatedGateway } from "../../../streams/payments/providers/simulated.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { anOrder, openWorkflow, type Workflow } from "../../workflow.ts";
import { assertConsistent, makeDue } from "../consistent.ts";

/** A gateway whose answers to giving money back can be chosen. */
function choosingGateway() {
  const state = {
    asked: [] as GatewayRequest[],
    answer: { kind: "refunded" } as Awaited<ReturnType<Gateway["refund"]>>[number],
  };
  const gateway: Gateway = {
    ...simulatedGateway({ delayMs: 0 }),
    refund: (requests) => {
      state.asked.push(...requests);
      return Promise.resolve(requests.map(() => state.answer));
    },
  };
  return { gateway, state };
}

async function setUp(name: string) {
  const { gateway, state } = choosingGateway();
  const flow = await openWorkflow(name, { gateway });
  const [order] = await flow.add([anOrder("1", [{ sku: "a", qty: 10 }])]);
  await flow.drain();
  return {
    flow,
    state,
    orderId: order!.orderId!,
    async [Symbol.asyncDispose]() {
      await flow.close();
    },
  };
}

async function request(flow: Workflow, orderId: number, amountCents: number | null) {
  const { refund, currency } = await requestRefund(
    flow.db,
    { orderId, amountCents, reason: null, idempotencyKey: null },
    "test",
  );
  return {
    type: "refund.process",
    orderId,
    refundId: refund.id,
    amountCents: refund.amountCents,
    currency,
  } as const;
}

const refundsOf = (flow: Workflow) =>
  flow.rows("select amount_cents, status, failure_reason from refunds order by id");

async function publishAll(flow: Workflow, ...messages: Message[]): Promise<void> {
  await publish(flow, messages.map((message) => ({ message })));
}

Deno.test("applyRefunds() gives back under one key a refund, and books it once", async () => {
  await using test = await setUp("refunds_once");
  const { flow, state, orderId } = test;
  const first = await request(flow, orderId, 600);
  const second = await request(flow, orderId, 400);
  await publishAll(flow, second, first, first);
  await flow.turn("refunds");
  const stored = await flow.rows("select amount_cents, provider_key from refunds order by id desc");
  assert.deepEqual(
    state.asked.map(({ amountCents, idempotencyKey }) => [amountCents, idempotencyKey]).sort(),
    stored.map(({ amount_cents: cents, provider_key: key }) => [cents, key]),
  );
  const [{ provider_ref: chargeRef }] = await flow.rows("select provider_ref from payments") as [
    { provider_ref: string },
  ];
  for (const asked of state.asked) {
    assert.match(asked.idempotencyKey, /^refund_[0-9a-f]{40}$/);
    assert.deepEqual([asked.reference, asked.chargeRef], ["1", chargeRef]);
  }
  assert.equal((await flow.order(orderId)).refundedCents, 1_000);
  await publishAll(flow, first, second);
  await flow.drain();
  assert.equal(state.asked.length, 2);
  assert.equal((await flow.order(orderId)).status, "PAID");
  await assertConsistent(flow);
});

Deno.test("applyRefunds() fails a refund that the gateway refuses, and frees its amount", async () => {
  await using test = await setUp("refunds_refused");
  const { flow, state, orderId } = test;
  const reason = `the account is closed ${"x".repeat(300)}`;
  state.answer = { kind: "refused", reason };
  await publishAll(flow, await request(flow, orderId, null));
  await flow.drain();
  const [refund] = await refundsOf(flow);
  assert.deepEqual([refund!.status, refund!.failure_reason], ["FAILED", reason.slice(0, 255)]);
  assert.equal((await flow.order(orderId)).refundedCents, 0);
  const [step] = await flow.rows("select detail from order_events where event = 'refund_failed'");
  assert.equal(step!.detail, reason.slice(0, 255), "a long reason is cut, not lost");
  const notifications = await flow.rows(
    "select event from notification_logs where refund_id is not null",
  );
  assert.deepEqual(notifications, [{ event: "refund.failed:1" }]);

  state.answer = { kind: "refunded" };
  await publishAll(flow, await request(flow, orderId, 1_000));
  await flow.drain();
  assert.equal((await flow.order(orderId)).refundedCents, 1_000);
  await assertConsistent(flow);
});

Deno.test("applyRefunds() takes a reason of any text", async () => {
  await using test = await setUp("refunds_text");
  const { flow, state, orderId } = test;
  state.answer = { kind: "refused", reason: `${"x".repeat(254)}😀 half a pair \ud83d` };
  await publishAll(flow, await request(flow, orderId, 1));
  await flow.drain();
  const [refund] = await refundsOf(flow);
  assert.deepEqual([refund!.status, refund!.failure_reason], ["FAILED", `${"x".repeat(254)}😀`]);
  await assertConsistent(flow);
});

Deno.test("applyRefunds() asks again later when the gateway can't be asked", async () => {
  await using test = await setUp("refunds_down");
  const { flow, state, orderId } = test;
  state.answer = { kind: "failed", error: "no route to the bank" };
  const message = await request(flow, orderId, 700);
  await publishAll(flow, message);
  assert.equal((await flow.turn("refunds")).retried, 1);
  assert.deepEqual((await refundsOf(flow)).map(({ status }) => status), ["REQUESTED"]);
  assert.equal((await flow.order(orderId)).refundedCents, 0);
  state.answer = { kind: "refunded" };
  await makeDue(flow);
  await flow.drain();
  const [stored] = await flow.rows("select provider_key from refunds where id = ?", [
    message.refundId,
  ]);
  assert.equal(state.asked.length, 2);
  for (const { idempotencyKey } of state.asked) assert.equal(idempotencyKey, stored!.provider_key);
  assert.equal((await flow.order(orderId)).refundedCents, 700);
  await assertConsistent(flow);
});

Deno.test("applyRefunds() lets one refund wait or fail without holding up its neighbours", async () => {
  await using test = await setUp("refunds_neighbours");
  const { flow, orderId } = test;
  const real = await request(flow, orderId, 100);
  const other = await flow.add([anOrder("2", [{ sku: "a", qty: 2 }])]);
  await flow.drain();
  await publishAll(
    flow,
    { ...real, refundId: 999_999 },
    { ...real, orderId: 999_999 },
    { ...real, orderId: other[0]!.orderId! },
    real,
  );
  assert.deepEqual(await flow.turn("refunds"), { handled: 1, retried: 0, dead: 3, delayed: 0 });
  const letters = await flow.rows(
    "select error, order_id, refund_id from dead_letters order by id",
  );
  assert.deepEqual(letters.map(({ error }) => error), [
    "refund 999999 does not exist",
    "order 999999 does not exist",
    `refund ${real.refundId} does not exist`,
  ]);
  assert.equal(letters[0]!.refund_id, 999_999);
  await flow.drain();
  await assertConsistent(flow);
});

Deno.test("applyRefunds() ends refunds beyond the payment as failed, whoever wrote them", async () => {
  await using test = await setUp("refunds_beyond");
  const { flow, state, orderId } = test;
  await flow.rows(
    "insert into refunds (order_id, amount_cents) values (?, 600), (?, 600)",
    [orderId, orderId],
  );
  const [one, two] = (await flow.rows("select id from refunds order by id"))
    .map(({ id }) => Number(id)) as [number, number];
  const message = (refundId: number) =>
    ({ type: "refund.process", orderId, refundId, amountCents: 600, currency: "EUR" }) as const;
  await publishAll(flow, message(two), message(one));
  await flow.drain();
  assert.deepEqual((await refundsOf(flow)).map(({ status }) => status), ["PROCESSED", "FAILED"]);
  assert.deepEqual(
    state.asked.map(({ idempotencyKey }) => idempotencyKey),
    [`refund-${one}`],
    "requested before keys were kept",
  );
  assert.equal((await flow.order(orderId)).refundedCents, 600);
});

Deno.test("reversePayments() gives late money back once, or a person has to look", async () => {
  await using test = await setUp("refunds_reverse");
  const { flow, state } = test;
  const late = async (name: string) => {
    const [order] = await flow.add([anOrder(name, [{ sku: "a", qty: 1 }])]);
    await flow.turn("orders");
    const orderId = order!.orderId!;
    await cancelOrder(flow.db, orderId, "test");
    await publishAll(flow, {
      type: "payment.callback",
      orderId,
      amountCents: 100,
      currency: "EUR",
      outcome: "succeeded",
      provider: "simulated",
      providerRef: `late ${orderId}`,
    });
    await flow.turn("payments");
    return orderId;
  };
  const statusOf = async (orderId: number) =>
    (await flow.rows("select status from payments where order_id = ?", [orderId]))[0]!.status;
  const reverse = (orderId: number) =>
    ({ type: "payment.reverse", orderId, amountCents: 100, currency: "EUR" }) as const;

  const id = await late("late");
  state.answer = { kind: "failed", error: "no route to the bank" };
  assert.equal((await flow.turn("refunds")).retried, 1);
  assert.equal(await statusOf(id), "REVERSING");
  state.answer = { kind: "refunded" };
  await makeDue(flow);
  await publishAll(flow, reverse(id));
  await flow.turn("refunds");
  assert.equal(await statusOf(id), "REVERSED");
  await publishAll(flow, reverse(id));
  await flow.turn("refunds");
  const key = state.asked[0]!.idempotencyKey;
  assert.match(key, /^reversal_[0-9a-f]{40}$/);
  assert.deepEqual(
    state.asked.map(({ idempotencyKey, amountCents, chargeRef }) => [
      idempotencyKey,
      amountCents,
      chargeRef,
    ]),
    Array.from({ length: 2 }, () => [key, 100, `late ${id}`]),
    "one try that failed, then one for both messages of a batch, all under one key",
  );

  const kept = await late("kept");
  state.answer = { kind: "refused", reason: "the account is closed" };
  assert.equal((await flow.turn("refunds")).dead, 1);
  assert.equal(await statusOf(kept), "REVERSING");
  const [letter] = await flow.rows("select error from dead_letters");
  assert.equal(letter?.error, "the provider keeps the payment: the account is closed");

  await publishAll(flow, reverse(999_999));
  assert.equal((await flow.turn("refunds")).dead, 1);
});

Deno.test("requests that come at once return no more than was paid", async () => {
  await using test = await setUp("refunds_at_once");
  const { flow, orderId } = test;
  const ask = (amountCents: number | null) => ({
    orderId,
    amountCents,
    reason: null,
    idempotencyKey: null,
  });
  const answers = (await Promise.all(
    Array.from(
      { length: 12 },
      (_, n) => requestRefunds(flow.db, n % 3 === 0 ? [ask(150), ask(90)] : [ask(130)], "test"),
    ),
  )).flat();
  let sum = 0;
  for (const answer of answers) {
    if (answer instanceof WorkflowError) assert.equal(answer.code, "refund_exceeds_left");
    else {
      const { id: refundId, amountCents } = answer.refund;
      sum += amountCents;
      await publishAll(flow, {
        type: "refund.process",
        orderId,
        refundId,
        amountCents,
        currency: "EUR",
      });
    }
  }
  assert.ok(
    sum <= 1_000 && sum > 1_000 - 90,
    `${sum} cents: no more than there is, nothing wasted`,
  );
  await flow.drain();
  assert.equal((await flow.order(orderId)).refundedCents, sum);
  await assertConsistent(flow);
});
