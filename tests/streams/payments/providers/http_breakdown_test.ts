import assert from "node:assert/strict";
import { cancelOrder } from "../../../../services/orders/cancel_order.ts";
import { requestRefund } from "../../../../services/refunds/request_refunds.ts";
import { httpGateway } from "../../../../streams/payments/providers/http.ts";
import { publish } from "../../../../streams/workflow/publish.ts";
import { listen } from "../../../provider.ts";
import { openWorkflow, type Workflow } from "../../../workflow.ts";
import { assertConsistent, makeDue } from "../../consistent.ts";
import { orders } from "./http_scene.ts";

/** What a provider that breaks down does. */
interface FrailProvider {
  /** Answers until it breaks down; Infinity repairs it. */
  answersLeft: number;
  /** Idempotency keys that it answered, in turn. */
  answered: string[];
}

/** A workflow with a provider that breaks down in the middle of a batch. */
async function withFrailProvider(
  name: string,
  work: (flow: Workflow, provider: FrailProvider) => Promise<void>,
): Promise<void> {
  const provider: FrailProvider = { answersLeft: Infinity, answered: [] };
  const { url, server } = listen(async (incoming) => {
    if (provider.answersLeft <= 0) return new Response(null, { status: 500 });
    if (incoming.method === "GET") return new Response(null, { status: 404 });
    provider.answersLeft--;
    const key = incoming.headers.get("idempotency-key")!;
    provider.answered.push(key);
    const { amount_cents, currency } = await incoming.json();
    return Response.json({ id: `id of ${key}`, status: "succeeded", amount_cents, currency });
  });
  const gateway = httpGateway({ url, token: "", timeoutMs: 5_000, restMs: 1_000 });
  const flow = await openWorkflow(name, { gateway });
  try {
    await work(flow, provider);
  } finally {
    await flow.close();
    await server.shutdown();
  }
}

/** Turns of a group after a breakdown until all is done, none of which may use up a try. */
async function catchUp(flow: Workflow, group: "payments" | "refunds"): Promise<void> {
  for (;;) {
    assert.equal(await flow.redis.hlen(flow.keys.errors(group)), 0, "no try is counted");
    await makeDue(flow);
    const turn = await flow.turn(group);
    assert.deepEqual([turn.retried, turn.dead], [0, 0]);
    if (turn.delayed === 0) break;
  }
  await flow.drain();
}

Deno.test("chargePayments() settles what was answered before the provider broke down", async () => {
  await withFrailProvider("http_frail", async (flow, provider) => {
    const byStatus = "select status, count(*) as n from orders group by status order by n";
    await flow.add(orders(300), 1_000);
    await flow.turn("orders");
    provider.answersLeft = 100;
    assert.deepEqual(await flow.turn("payments"), {
      handled: 100,
      retried: 0,
      dead: 0,
      delayed: 200,
    });
    assert.deepEqual(await flow.rows(byStatus), [
      { status: "PAID", n: 100 },
      { status: "RESERVED", n: 200 },
    ]);
    provider.answersLeft = Infinity;
    await catchUp(flow, "payments");
    assert.deepEqual(await flow.rows(byStatus), [{ status: "PAID", n: 300 }]);
    assert.equal(provider.answered.length, 300, "what was answered is not asked again");
    assert.deepEqual(await flow.rows("select * from dead_letters"), []);
    await assertConsistent(flow);
  });
});

Deno.test("applyRefunds() books what went back before the provider broke down", async () => {
  await withFrailProvider("http_frail_refunds", async (flow, provider) => {
    const taken = await flow.add(orders(40), 1_000);
    await flow.drain();
    for (const { orderId, totalCents: amountCents, currency } of taken) {
      const subject = { orderId: orderId!, amountCents, currency };
      const wish = { ...subject, reason: null, idempotencyKey: null };
      const { id: refundId } = (await requestRefund(flow.db, wish, "test")).refund;
      await publish(flow, [{ message: { type: "refund.process", refundId, ...subject } }]);
    }
    provider.answersLeft = 25;
    const turn = await flow.turn("refunds");
    assert.deepEqual(turn, { handled: 25, retried: 0, dead: 0, delayed: 15 });
    provider.answersLeft = Infinity;
    await catchUp(flow, "refunds");
    const keys = provider.answered.filter((key) => key.startsWith("refund_"));
    assert.equal(keys.length, 40, "what was answered is not asked again");
    const rows = await flow.rows("select status, count(*) as n from refunds group by status");
    assert.deepEqual(rows, [{ status: "PROCESSED", n: 40 }]);
    await assertConsistent(flow);
  });
});

Deno.test("reversePayments() books what went back before the provider broke down", async () => {
  await withFrailProvider("http_frail_reversals", async (flow, provider) => {
    const taken = await flow.add(orders(40), 1_000);
    await flow.turn("orders");
    for (const { orderId } of taken) await cancelOrder(flow.db, orderId!, "test");
    await flow.drain();
    await publish(
      flow,
      taken.map(({ orderId, totalCents: amountCents, currency }) => ({
        message: {
          type: "payment.callback",
          orderId: orderId!,
          amountCents,
          currency,
          outcome: "succeeded",
          provider: "http",
          providerRef: `late ${orderId}`,
        },
      })),
    );
    await flow.turn("payments");
    provider.answersLeft = 25;
    const turn = await flow.turn("refunds");
    assert.deepEqual(turn, { handled: 25, retried: 0, dead: 0, delayed: 15 });
    provider.answersLeft = Infinity;
    await catchUp(flow, "refunds");
    assert.equal(provider.answered.length, 40, "what was answered is not asked again");
    const rows = await flow.rows("select status, count(*) as n from payments group by status");
    assert.deepEqual(rows, [{ status: "REVERSED", n: 40 }]);
    await assertConsistent(flow);
  });
});

Deno.test("chargePayments() asks for no charge again because one answer can't be settled", async () => {
  const posts: number[] = [];
  const { url, server } = listen(async (incoming) => {
    if (incoming.method === "GET") return new Response(null, { status: 404 });
    const { order_id: orderId, amount_cents, currency } = await incoming.json();
    posts.push(orderId);
    const id = orderId <= 2 ? "one and the same" : `id ${orderId}`;
    return Response.json({ id, status: "succeeded", amount_cents, currency });
  });
  const gateway = httpGateway({ url, token: "", timeoutMs: 5_000 });
  const flow = await openWorkflow("http_same_ref", { gateway });
  try {
    const ids = (await flow.add(orders(20), 1_000)).map(({ orderId }) => orderId!);
    assert.deepEqual(ids.slice(0, 2), [1, 2]);
    await flow.turn("orders");
    while ((await flow.turn("payments")).dead === 0) await makeDue(flow);
    assert.deepEqual(posts.toSorted((a, b) => a - b), ids, "each is asked for once");
    const unpaid = await flow.rows("select id, status from orders where status <> 'PAID'");
    assert.deepEqual(unpaid.map(({ status }) => status), ["RESERVED"]);
    const letters = await flow.rows("select order_id, amount_cents, error from dead_letters");
    assert.deepEqual(letters.map(({ order_id }) => order_id), [unpaid[0]!.id]);
    assert.match(
      String(letters[0]!.error),
      /one and the same is the payment of order \d+, but it is that/,
    );
    await flow.drain();
    const [row] = await flow.rows("select count(*) as n from payments");
    assert.equal(row!.n, 19);
  } finally {
    await flow.close();
    await server.shutdown();
  }
});
