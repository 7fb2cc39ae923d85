import assert from "node:assert/strict";
import { requestRefund } from "../../../../services/refunds/request_refunds.ts";
import { retryDeadLetters } from "../../../../services/operation/decide_dead_letters.ts";
import { httpGateway } from "../../../../streams/payments/providers/http.ts";
import { publish } from "../../../../streams/workflow/publish.ts";
import { listen } from "../../../provider.ts";
import { chargeKey, openWorkflow, type Workflow } from "../../../workflow.ts";
import { assertConsistent } from "../../consistent.ts";
import { anOperator } from "../../../operator.ts";
import { orders, paymentsOf, withProvider } from "./http_scene.ts";

Deno.test("every order is settled once whatever the provider does on the way", async () => {
  const behaviour = {
    errors: 25,
    timeOuts: 8,
    duplicates: 30,
    early: 30,
    silent: 10,
    lies: 30,
  };
  await withProvider(behaviour, async (flow, provider, settleAll) => {
    const taken = await flow.add(orders(60), 1_000);
    await settleAll();
    for (const [index, { orderId }] of taken.entries()) {
      const order = await flow.order(orderId!);
      const [status, reason] = index % 2 === 0 ? ["PAID", null] : ["FAILED", "payment_declined"];
      assert.deepEqual([order.status, order.failureReason], [status, reason], `o${index}`);
    }
    assert.equal(provider.charges.size, 60, "each was charged once");
    const payments = await flow.rows("select provider, provider_ref from payments");
    assert.equal(payments.length, 60);
    const refs = new Set([...provider.charges.values()].map(({ id }) => id));
    for (const { provider: name, provider_ref: ref } of payments) {
      assert.equal(name, "http");
      assert.ok(refs.has(String(ref)));
    }
    assert.equal(await flow.stock("A"), 1_000 - 30);
    const forged = provider.deliveries.filter(({ kind }) => kind === "forged");
    assert.ok(forged.length > 5);
    assert.deepEqual(new Set(forged.map(({ status }) => status)), new Set([401]));
    assert.ok(provider.deliveries.length > 60, "some came twice");
    assert.deepEqual(await flow.rows("select * from dead_letters"), []);
  });
});

Deno.test("an order whose answer never comes has a home, and is settled by asking again", async () => {
  await withProvider({ silent: 100, delayMs: 0 }, async (flow, provider, settleAll) => {
    const [taken] = await flow.add(orders(1), 10);
    await flow.turn("orders");
    await flow.turn("payments");
    await provider.settled();
    assert.equal((await flow.order(taken!.orderId!)).status, "RESERVED");
    assert.equal(await flow.redis.zcard(flow.keys.scheduled("payments")), 1);
    await settleAll();
    assert.equal((await flow.order(taken!.orderId!)).status, "PAID");
    assert.equal(provider.charges.size, 1);
    assert.deepEqual(provider.deliveries, []);
  });
});

Deno.test("a signed callback of a wrong amount holds the order, which the provider's correction pays", async () => {
  await withProvider({ wrongAmounts: 100 }, async (flow, provider) => {
    const taken = await flow.add(orders(2), 10);
    await flow.turn("orders");
    await flow.turn("payments");
    await provider.settled();
    await flow.drain();
    const lies = provider.deliveries.filter(({ kind }) => kind === "wrong amount");
    assert.deepEqual(lies.map(({ status }) => status), [202, 202], "both are well signed");
    assert.deepEqual(await flow.rows("select * from dead_letters"), []);
    // Of the second it says first that it took 102 cents, then that it took nothing.
    assert.deepEqual(await paymentsOf(flow), [
      { order_id: taken[0]!.orderId, amount_cents: 100, status: "SUCCEEDED" },
      { order_id: taken[1]!.orderId, amount_cents: 102, status: "DISPUTED" },
    ]);
    assert.equal((await flow.order(taken[1]!.orderId!)).status, "RESERVED");
    for (const { refundedCents } of provider.charges.values()) assert.equal(refundedCents, 0);
    await assertConsistent(flow);
  });
});

/** Requests a refund and has it carried out; its message comes so many times, as after crashes. */
async function refundOf(flow: Workflow, orderId: number, amountCents: number, times = 2) {
  const { refund, currency } = await requestRefund(
    flow.db,
    { orderId, amountCents, reason: null, idempotencyKey: null },
    "test",
  );
  const message = { type: "refund.process", orderId, refundId: refund.id, amountCents, currency };
  for (let n = 0; n < times; n++) await publish(flow, [{ message: message as never }]);
  await flow.drain();
  const [row] = await flow.rows("select status, failure_reason from refunds where id = ?", [
    refund.id,
  ]);
  return row;
}

Deno.test("refunds go to the provider once, and its refusal fails them", async () => {
  await withProvider({ errors: 50 }, async (flow, provider, settleAll) => {
    const [taken] = await flow.add(orders(1), 10);
    await settleAll();
    const orderId = taken!.orderId!;
    const charge = provider.charges.get(await chargeKey(flow.db, orderId!))!;
    assert.deepEqual(await refundOf(flow, orderId, 30), {
      status: "PROCESSED",
      failure_reason: null,
    });
    assert.equal(charge.refundedCents, 30);
    charge.refundedCents = 90;
    const refused = await refundOf(flow, orderId, 50);
    assert.deepEqual(refused, { status: "FAILED", failure_reason: "nothing of it is left" });
    assert.equal(charge.refundedCents, 90);
  });
});

Deno.test("a refund whose answer is lost is asked about and given once", async () => {
  await withProvider({ timeOuts: 100 }, async (flow, provider, settleAll) => {
    const [taken] = await flow.add(orders(1), 10);
    await settleAll();
    const processed = { status: "PROCESSED", failure_reason: null };
    assert.deepEqual(await refundOf(flow, taken!.orderId!, 30), processed);
    assert.deepEqual([...provider.charges.values()].map((charge) => charge.refundedCents), [30]);
    await assertConsistent(flow);
  });
});

Deno.test("applyRefunds() gives once what was tried long ago, though the provider forgot the key", async () => {
  let posts = 0;
  let breaks = true;
  const { url, server } = listen(async (incoming) => {
    const { pathname } = new URL(incoming.url);
    if (pathname === "/charges") {
      const { amount_cents, currency } = await incoming.json();
      return Response.json({ id: "c", status: "succeeded", amount_cents, currency });
    }
    if (incoming.method === "POST") posts++;
    if (pathname.startsWith("/charges/")) return new Response(null, { status: 404 });
    if (posts > 0 && breaks) return new Response(null, { status: 502 });
    return posts === 0
      ? Response.json({ error: "unknown" }, { status: 404 })
      : Response.json({ id: "r", status: "succeeded" });
  });
  const gateway = httpGateway({ url, token: "", timeoutMs: 5_000, firstWaitMs: 1 });
  const flow = await openWorkflow("http_refund_late", { gateway, consumer: { maxDeliveries: 1 } });
  try {
    const [taken] = await flow.add(orders(1), 10);
    await flow.drain();
    await refundOf(flow, taken!.orderId!, 40, 1);
    assert.equal(posts, 1);
    const [letter] = await flow.rows("select id, error from dead_letters");
    assert.match(String(letter!.error), /answered 502/);
    breaks = false;
    await retryDeadLetters(flow, {}, anOperator("test"));
    await flow.drain();
    assert.equal(posts, 1, "it is asked about, not repeated");
    assert.deepEqual(await flow.rows("select status, amount_cents from refunds"), [
      { status: "PROCESSED", amount_cents: 40 },
    ]);
    await assertConsistent(flow);
  } finally {
    await flow.close();
    await server.shutdown();
  }
});
