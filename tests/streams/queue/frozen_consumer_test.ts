import assert from "node:assert/strict";
import { cancelOrder } from "../../../services/orders/cancel_order.ts";
import { requestRefund } from "../../../services/refunds/request_refunds.ts";
import type { Group } from "../../../domain/messages/messages.ts";
import { consumeOnce } from "../../../streams/queue/consumer.ts";
import { makeConsumer } from "../../../streams/workflow/consumer.ts";
import type { Gateway, GatewayRequest, StillOurs } from "../../../streams/payments/gateway.ts";
import { httpGateway } from "../../../streams/payments/providers/http.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { listen, type Provided, settleAll, until, withProvider } from "../../provider.ts";
import { anOrder, chargeKey, openWorkflow, type Workflow } from "../../workflow.ts";
import { assertConsistent, makeDue, orphan } from "../consistent.ts";

const orders = (count: number) =>
  Array.from({ length: count }, (_, n) => anOrder(`o${n}`, [{ sku: "A", qty: 1 }]));

/** A consumer of a group that stands still before the requests that a test names, until it is woken. */
function freezing(
  flow: Workflow,
  group: Group,
  gateway: Gateway,
  options: { before: (request: GatewayRequest) => boolean; afterCheck: boolean },
) {
  const woken = Promise.withResolvers<void>();
  const frozen = Promise.withResolvers<void>();
  const standStill =
    (stillOurs: StillOurs = () => Promise.resolve(true)): StillOurs => async (request) => {
      if (!options.before(request)) return await stillOurs(request);
      const ours = options.afterCheck && await stillOurs(request);
      frozen.resolve();
      await woken.promise;
      return options.afterCheck ? ours : await stillOurs(request);
    };
  const own: Gateway = {
    ...gateway,
    charge: (requests, asking = {}) =>
      gateway.charge(requests, { ...asking, stillOurs: standStill(asking.stillOurs) }),
    refund: (requests, asking = {}) =>
      gateway.refund(requests, { ...asking, stillOurs: standStill(asking.stillOurs) }),
  };
  const consumer = makeConsumer({ ...flow, gateway: own, consumer: "frozen" }, {
    group,
    batchSize: 500,
    maxDeliveries: 5,
    retryBackoffMs: 1,
    takeoverMs: 3_600_000,
  });
  return { consumer, frozen: frozen.promise, wake: () => woken.resolve() };
}

/** Has another consumer reclaim whatever the frozen one holds, and finish it. */
async function takeOver(flow: Workflow, group: Group): Promise<void> {
  await orphan(flow, group);
  const other = flow.consumerOf(group, {}, "other");
  const turn = await consumeOnce(other);
  assert.ok(turn.handled > 0, JSON.stringify(turn));
}

/**
 * Charges 20 orders by a consumer that stands still before the last one, which is cancelled and done with by another
 * one meanwhile; then the first one goes on.
 */
async function freezeBeforeCharge(
  { flow, gateway }: Provided,
  afterCheck: boolean,
): Promise<number> {
  const taken = await flow.add(orders(20), 1_000);
  const last = taken.at(-1)!.orderId!;
  await flow.turn("orders");
  const { consumer, frozen, wake } = freezing(flow, "payments", gateway, {
    before: ({ orderId }) => orderId === last,
    afterCheck,
  });
  const turn = consumeOnce(consumer);
  await frozen;
  await cancelOrder(flow.db, last, "test");
  await takeOver(flow, "payments");
  // What the other one looks for later must not be what finds it.
  await flow.redis.zrem(flow.keys.scheduled("payments"), `payment.charge ${last} 100 EUR`);
  wake();
  await turn;
  return last;
}

const chargesOf = ({ provider }: Provided, name: string) =>
  [...provider.charges.values()].filter(({ reference }) => reference === name);

Deno.test("a consumer that stood still charges nothing that another has reclaimed", () =>
  withProvider("frozen_checked", {}, async (provided) => {
    const { flow, provider } = provided;
    await freezeBeforeCharge(provided, false);
    await settleAll(provided);
    assert.equal(provider.charges.size, 19);
    assert.deepEqual(chargesOf(provided, "o19"), []);
    assert.deepEqual(await flow.rows("select error from dead_letters"), []);
    await assertConsistent(flow);
  }));

for (
  const [how, behaviour] of [
    ["at once", { early: 100, silent: 100 }],
    ["pending, and never again", { silent: 100, delayMs: 100 }],
    ["by a callback", { delayMs: 50 }],
  ] as const
) {
  Deno.test(`money that a consumer took after it stood still goes back (answered ${how})`, () =>
    withProvider("frozen_charged", behaviour, async (provided) => {
      const { flow } = provided;
      const last = await freezeBeforeCharge(provided, true);
      await settleAll(provided);
      const [charge] = chargesOf(provided, "o19");
      await until("it went back", async () => {
        await makeDue(flow);
        await settleAll(provided);
        return charge!.refundedCents === 100;
      });
      assert.deepEqual(
        await flow.rows("select status, amount_cents from payments where order_id = ?", [last]),
        [{ status: "REVERSED", amount_cents: 100 }],
      );
      assert.equal((await flow.order(last)).status, "CANCELLED");
      assert.deepEqual(await flow.rows("select error from dead_letters"), []);
      await assertConsistent(flow);
    }));
}

Deno.test("money goes back that a consumer took after it stood still without getting an answer", async () => {
  const moved = { charged: 0, refunded: 0 };
  let lost = false;
  const { url, server } = listen(async (request) => {
    const path = new URL(request.url).pathname;
    if (lost) return new Response(null, { status: 500 });
    if (request.method === "GET" && path.startsWith("/charges") && moved.charged > 0) {
      return Response.json({ id: "c", status: "succeeded", amount_cents: 100, currency: "EUR" });
    }
    if (request.method === "GET") return new Response(null, { status: 404 });
    const { amount_cents } = await request.json();
    if (path === "/refunds") {
      moved.refunded += amount_cents;
      return Response.json({ id: "r", status: "succeeded" });
    }
    moved.charged += amount_cents;
    lost = true;
    return new Response(null, { status: 500 });
  });
  const gateway = httpGateway({
    url,
    token: "",
    timeoutMs: 1_000,
    firstWaitMs: 1,
    callbackMs: 1,
    restMs: 1,
  });
  const flow = await openWorkflow("frozen_unanswered", { gateway });
  try {
    const orderId = (await flow.add(orders(1)))[0]!.orderId!;
    await flow.turn("orders");
    const { consumer, frozen, wake } = freezing(flow, "payments", gateway, {
      before: () => true,
      afterCheck: true,
    });
    const turn = consumeOnce(consumer);
    await frozen;
    await cancelOrder(flow.db, orderId, "test");
    await takeOver(flow, "payments");
    await flow.redis.del(flow.keys.scheduled("payments"));
    wake();
    assert.equal((await turn).handled, 0);
    assert.equal(moved.charged, 100);
    lost = false;
    await flow.drain();
    assert.deepEqual(moved, { charged: 100, refunded: 100 });
    assert.deepEqual(await flow.rows("select status from payments"), [{ status: "REVERSED" }]);
  } finally {
    await flow.close();
    await server.shutdown();
  }
});

Deno.test("whoever takes a charge over looks once more for money that was on its way", () =>
  withProvider("frozen_on_its_way", { early: 100 }, async (provided) => {
    const { flow, provider, gateway } = provided;
    const orderId = (await flow.add(orders(1)))[0]!.orderId!;
    await flow.turn("orders");
    const stream = flow.keys.stream("payments");
    await flow.redis.xreadgroup("GROUP", "payments", "killed", "STREAMS", stream, ">");
    await cancelOrder(flow.db, orderId, "test");
    await takeOver(flow, "payments");
    assert.equal(provider.charges.size, 0);
    // The request of the one that was killed arrives only now.
    await gateway.charge([{
      orderId,
      reference: "o0",
      amountCents: 100,
      currency: "EUR",
      idempotencyKey: await chargeKey(flow.db, orderId),
    }]);
    await settleAll(provided);
    assert.equal(chargesOf(provided, "o0")[0]!.refundedCents, 100);
    await assertConsistent(flow);
  }));

Deno.test("a consumer that stood still gives nothing back twice", () =>
  withProvider("frozen_refunds", {}, async (provided) => {
    const { flow, provider, gateway } = provided;
    const taken = await flow.add(orders(4), 1_000);
    await settleAll(provided);
    for (const { orderId, currency } of taken) {
      const wish = { orderId: orderId!, amountCents: 40, reason: null, idempotencyKey: null };
      const { refund: { id: refundId } } = await requestRefund(flow.db, wish, "test");
      await publish(flow, [{
        message: {
          type: "refund.process",
          orderId: orderId!,
          refundId,
          amountCents: 40,
          currency,
        },
      }]);
    }
    const asked: string[] = [];
    const noting: Gateway = {
      ...gateway,
      refund: (requests, asking) =>
        gateway.refund(requests, {
          ...asking,
          stillOurs: async (request) => {
            const ours = await asking!.stillOurs!(request);
            if (ours) asked.push(request.reference);
            return ours;
          },
        }),
    };
    const { consumer, frozen, wake } = freezing(flow, "refunds", noting, {
      before: ({ reference }) => reference === "o3",
      afterCheck: false,
    });
    const turn = consumeOnce(consumer);
    await frozen;
    await takeOver(flow, "refunds");
    wake();
    await turn;
    assert.deepEqual(asked.sort(), ["o0", "o1", "o2"]);
    await settleAll(provided);
    for (const charge of provider.charges.values()) assert.equal(charge.refundedCents, 40);
    await assertConsistent(flow);
  }));
