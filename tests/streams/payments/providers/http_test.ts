import assert from "node:assert/strict";
import { cancelOrder } from "../../../../services/cancel_order.ts";
import type { TakenOrder } from "../../../../streams/intake/take_orders.ts";
import { requestRefund } from "../../../../services/request_refunds.ts";
import { parseConfig } from "../../../../config/config.ts";
import { paymentProvider, type ProviderOptions } from "../../../../commands/payment_provider.ts";
import { makeApp } from "../../../../routes/app.ts";
import { retryDeadLetters } from "../../../../services/decide_dead_letters.ts";
import type { Gateway, GatewayRequest } from "../../../../streams/payments/gateway.ts";
import { httpGateway } from "../../../../streams/payments/providers/http.ts";
import { chargePayments } from "../../../../streams/handlers/payment_charge.ts";
import { publish } from "../../../../streams/workflow/publish.ts";
import { recover } from "../../../../streams/recovery/recover.ts";
import { loseRedis } from "../../../settled_workflow.ts";
import { calmProvider, listen } from "../../../provider.ts";
import { anOrder, chargeKey, openWorkflow, type Workflow } from "../../../workflow.ts";
import { assertConsistent, makeDue } from "../../consistent.ts";
import { anOperator } from "../../../operator.ts";

const secret = `whsec_${btoa("s".repeat(32))}`;

const calm = { ...calmProvider, secret, token: "provider-token", delayMs: 20, resendMs: 5 };

/** The workflow, the API and a provider, each talking to the others over HTTP only. */
async function withProvider(
  behaviour: Partial<ProviderOptions>,
  work: (
    flow: Workflow,
    provider: ReturnType<typeof paymentProvider>,
    settleAll: () => Promise<void>,
  ) => Promise<void>,
): Promise<void> {
  const late = Promise.withResolvers<Gateway>();
  const gateway: Gateway = {
    name: "http",
    charge: async (...asked) => await (await late.promise).charge(...asked),
    refund: async (...asked) => await (await late.promise).refund(...asked),
    status: async (requests) => await (await late.promise).status!(requests),
    callbackMs: 200,
  };
  const flow = await openWorkflow("http_gateway", {
    gateway,
    consumer: { retryBackoffMs: 1, maxDeliveries: 20 },
  });
  const config = parseConfig({
    DATABASE_URL: flow.test.databaseUrl,
    REDIS_URL: flow.test.redisUrl,
    REDIS_PREFIX: flow.test.redisPrefix,
    GATEWAY: "http",
    GATEWAY_URL: "http://127.0.0.1:9",
    GATEWAY_SECRETS: secret,
  });
  const app = makeApp({ ...flow, config });
  const api = listen((request) => app.fetch(request));
  const provider = paymentProvider({
    ...calm,
    callbackUrl: `${api.url}/payments/callback`,
    ...behaviour,
  });
  const served = listen((request) => provider.app.fetch(request));
  late.resolve(httpGateway({
    url: `${served.url}/`,
    token: calm.token,
    timeoutMs: 500,
    firstWaitMs: 1,
    callbackMs: 200,
  }));
  const settleAll = async () => {
    for (;;) {
      await flow.drain();
      await provider.settled();
      const [open] = await flow.rows("select count(*) as n from orders where unfinished = 1");
      if (Number(open!.n) === 0) break;
    }
    await flow.drain();
  };
  try {
    await work(flow, provider, settleAll);
  } finally {
    provider.stop();
    await Promise.all([api.server.shutdown(), served.server.shutdown()]);
    await flow.close();
  }
}

const orders = (count: number) =>
  Array.from(
    { length: count },
    (_, n) => anOrder(`o${n}`, [{ sku: "A", qty: 1, unitPriceCents: 100 + n }]),
  );

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

/** Adds orders and has them charged by a provider that answers `pending`. */
async function chargePending(flow: Workflow, count: number): Promise<TakenOrder[]> {
  const taken = await flow.add(orders(count), 10);
  await flow.turn("orders");
  await flow.turn("payments");
  for (const { orderId } of taken) {
    assert.equal((await flow.order(orderId!)).status, "RESERVED");
  }
  return taken;
}

const paymentsOf = (flow: Workflow) =>
  flow.rows("select order_id, amount_cents, status from payments order by order_id");

Deno.test("chargePayments() gives money back that was taken for a cancelled order without a callback", async () => {
  await withProvider({ silent: 100, delayMs: 0 }, async (flow, provider) => {
    const taken = await chargePending(flow, 2);
    for (const { orderId } of taken) await cancelOrder(flow.db, orderId!, "test");
    await provider.settled();
    await flow.drain();
    assert.deepEqual(
      [...provider.charges.values()].map(({ status, refundedCents }) => [status, refundedCents]),
      [["succeeded", 100], ["declined", 0]],
    );
    assert.deepEqual(provider.deliveries, []);
    assert.deepEqual(await paymentsOf(flow), [
      { order_id: taken[0]!.orderId, amount_cents: 100, status: "REVERSED" },
    ]);
    for (const { orderId } of taken) {
      assert.equal((await flow.order(orderId!)).status, "CANCELLED");
    }
    assert.equal(await flow.stock("A"), 10);
    assert.deepEqual(await flow.rows("select * from dead_letters"), []);
    await assertConsistent(flow);
  });
});

Deno.test("chargePayments() asks about a failed order until the provider has decided, and charges nothing anew", async () => {
  await withProvider({ silent: 100, delayMs: 1_000 }, async (flow, provider) => {
    const [{ orderId, totalCents: amountCents, currency }] = await chargePending(flow, 1) as [
      TakenOrder,
    ];
    await publish(flow, [{
      message: { type: "payment.time_out", orderId: orderId!, amountCents, currency },
    }]);
    await flow.turn("payments");
    const { status, failureReason } = await flow.order(orderId!);
    assert.deepEqual([status, failureReason], ["FAILED", "payment_timeout"]);
    const charge = provider.charges.get(await chargeKey(flow.db, orderId!))!;
    await makeDue(flow);
    await flow.turn("payments");
    assert.equal(charge.status, "pending");
    assert.equal(await flow.redis.zcard(flow.keys.scheduled("payments")), 1, "it is asked again");
    await provider.settled();
    await flow.drain();
    assert.deepEqual([provider.charges.size, charge.refundedCents], [1, 100]);
    assert.deepEqual(await paymentsOf(flow), [
      { order_id: orderId, amount_cents: 100, status: "REVERSED" },
    ]);
    await assertConsistent(flow);
  });
});

Deno.test("chargePayments() finds money of a cancelled order after crashes, and charges none that was not asked", async () => {
  await withProvider({ silent: 100, delayMs: 0 }, async (flow, provider) => {
    const taken = await flow.add(orders(3), 10);
    await flow.turn("orders");
    const [asked] = taken as [TakenOrder];
    // Charged, and nobody noted it.
    const key = await chargeKey(flow.db, asked.orderId!);
    await flow.gateway.charge([request(asked.orderId!, { reference: "o0", idempotencyKey: key })]);
    for (const { orderId } of taken) await cancelOrder(flow.db, orderId!, "test");
    await provider.settled();
    // Recorded as money to give back, and the message about that was lost.
    const message = {
      type: "payment.charge",
      orderId: asked.orderId!,
      amountCents: 100,
      currency: "EUR",
    } as const;
    await chargePayments(flow, [{ id: "1-0", attempt: 1, message }]);
    assert.deepEqual((await paymentsOf(flow)).map(({ status }) => status), ["REVERSING"]);
    await flow.drain();
    assert.deepEqual([...provider.charges.keys()], [key]);
    assert.equal(provider.charges.get(key)!.refundedCents, 100);
    assert.deepEqual((await paymentsOf(flow)).map(({ status }) => status), ["REVERSED"]);
    assert.deepEqual(await flow.rows("select * from dead_letters"), []);
    await assertConsistent(flow);
  });
});

Deno.test("recover() asks about the charges of ended orders when their messages are lost", async () => {
  await withProvider({ silent: 100, delayMs: 0 }, async (flow, provider) => {
    const taken = await chargePending(flow, 3);
    const [cancelled, declined, failed] = taken as [TakenOrder, TakenOrder, TakenOrder];
    for (const { orderId } of [cancelled, declined]) {
      await cancelOrder(flow.db, orderId!, "test");
    }
    const { orderId, totalCents: amountCents, currency } = failed;
    await publish(flow, [{
      message: { type: "payment.time_out", orderId: orderId!, amountCents, currency },
    }]);
    await flow.turn("payments");
    await provider.settled();
    const recoverCharges = async () => {
      const report = await recover(flow);
      assert.ok(report.kind === "recovered");
      return report.republished.charges;
    };
    await loseRedis(flow);
    assert.equal(await recoverCharges(), 3);
    assert.equal(await recoverCharges(), 0, "nothing was lost this time");
    await flow.drain();
    assert.deepEqual(await paymentsOf(flow), [
      { order_id: cancelled.orderId, amount_cents: 100, status: "REVERSED" },
      { order_id: failed.orderId, amount_cents: 102, status: "REVERSED" },
    ]);
    assert.deepEqual(
      [...provider.charges.values()].map(({ refundedCents }) => refundedCents),
      [100, 0, 102],
    );
    await assertConsistent(flow);
    await flow.rows("update orders set settled_time = settled_time - interval 31 day");
    await loseRedis(flow);
    assert.equal(await recoverCharges(), 0, "what is a month old is left alone");
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

const request = (n: number, changes: Partial<GatewayRequest> = {}): GatewayRequest => ({
  orderId: n,
  reference: `o${n}`,
  amountCents: 100,
  currency: "EUR",
  idempotencyKey: `order-${n}`,
  ...changes,
});

Deno.test("httpGateway() calls it failed when the answer says nothing or something else", async () => {
  const answers: [Response, RegExp][] = [
    [new Response("<html>"), /refused to charge/],
    [Response.json([]), /refused to charge/],
    [Response.json({ id: "", status: "succeeded", amount_cents: 100, currency: "EUR" }), /refused/],
    [Response.json({ id: "x", status: "maybe", amount_cents: 100, currency: "EUR" }), /"maybe"/],
    [Response.json({ id: "x", status: "succeeded", amount_cents: "1", currency: "EUR" }), /amount/],
    [Response.json({ id: "x", status: "succeeded", amount_cents: 1, currency: "€" }), /currency/],
    [
      Response.json({ id: "x", status: "succeeded", amount_cents: -1, currency: "EUR" }),
      /amount/,
    ],
    ...[101, -1, "1"].map((refunded_cents): [Response, RegExp] => [
      Response.json({
        id: "x",
        status: "succeeded",
        amount_cents: 100,
        currency: "EUR",
        refunded_cents,
      }),
      /went back of the charge/,
    ]),
    [
      Response.json({ id: "x".repeat(129), status: "declined", amount_cents: 1, currency: "EUR" }),
      /name/,
    ],
    // Half of a character, which no database takes.
    [
      Response.json({ id: "x\ud800", status: "succeeded", amount_cents: 100, currency: "EUR" }),
      /is no text/,
    ],
    [
      Response.json(
        { id: "x", status: "succeeded", amount_cents: 100, currency: "EUR" },
        { status: 422 },
      ),
      /422/,
    ],
    [Response.redirect("http://127.0.0.1:9/elsewhere"), /no answer/],
  ];
  for (const [answer, expected] of answers) {
    const { url, server } = listen(() => answer.clone());
    const gateway = httpGateway({ url, token: "", timeoutMs: 1_000, firstWaitMs: 1 });
    const [result] = await gateway.charge([request(1)]);
    assert.equal(result!.kind, "failed");
    assert.match((result as { error: string }).error, expected);
    if (answer.status >= 400) {
      const [back] = await gateway.refund([request(1)]);
      assert.equal(back!.kind, "failed");
    }
    if (answer.status !== 302) {
      const [status] = await gateway.status!([request(1)]);
      assert.equal(status!.kind, answer.status === 404 ? "unknown" : "failed");
    }
    await server.shutdown();
  }
});

Deno.test("httpGateway() sends its token and the key, and asks before it repeats", async () => {
  const seen: string[] = [];
  const { url, server } = listen(async (incoming) => {
    const { pathname } = new URL(incoming.url);
    seen.push([incoming.method, pathname, incoming.headers.get("idempotency-key")].join(" "));
    assert.equal(incoming.headers.get("authorization"), "Bearer t");
    if (incoming.method === "POST") {
      const body = await incoming.json();
      const order = { order_id: 7, reference: "o7" };
      assert.deepEqual(body, { ...order, amount_cents: 100, currency: "EUR" });
      return new Response(null, { status: 502 });
    }
    return Response.json({ id: "x", status: "succeeded", amount_cents: 100, currency: "EUR" });
  });
  const gateway = httpGateway({ url, token: "t", timeoutMs: 1_000, firstWaitMs: 1 });
  const [answer] = await gateway.charge([request(7)]);
  assert.deepEqual(answer, {
    kind: "accepted",
    callback: {
      message: {
        type: "payment.callback",
        orderId: 7,
        amountCents: 100,
        currency: "EUR",
        outcome: "succeeded",
        provider: "http",
        key: "order-7",
        providerRef: "x",
      },
      evenIfLost: true,
    },
  });
  assert.deepEqual(seen, ["POST /charges order-7", "GET /charges/order-7 order-7"]);
  seen.length = 0;
  assert.deepEqual(await gateway.charge([request(7, { askedBefore: true })]), [answer]);
  assert.deepEqual(
    seen,
    ["GET /charges/order-7 order-7"],
    "what was asked for before is no new charge",
  );
  await server.shutdown();
});

Deno.test("httpGateway() waits no longer than its time for one answer", async () => {
  const release = Promise.withResolvers<Response>();
  const { url, server } = listen(async () => (await release.promise).clone());
  const gateway = httpGateway({ url, token: "", timeoutMs: 100, firstWaitMs: 1 });
  const begun = performance.now();
  const [answer] = await gateway.charge([request(1)]);
  assert.equal(answer!.kind, "failed");
  assert.ok(performance.now() - begun < 3_000);
  release.resolve(new Response());
  await server.shutdown();
});

Deno.test("httpGateway() leaves a provider alone that fails again and again, and tries one request then", async () => {
  let asked = 0;
  let broken = true;
  const { url, server } = listen(() => {
    asked++;
    if (broken) return new Response(null, { status: 500 });
    return Response.json({ id: `x${asked}`, status: "pending", currency: "EUR" }, { status: 202 });
  });
  const gateway = httpGateway({ url, token: "", timeoutMs: 1_000, firstWaitMs: 100, restMs: 400 });
  const many = Array.from({ length: 40 }, (_, n) => request(n));
  const kindsOf = (answers: { kind: string }[]) => [...new Set(answers.map(({ kind }) => kind))];
  assert.deepEqual(kindsOf(await gateway.charge(many)), ["away"]);
  const once = asked;
  assert.ok(once <= 16, `asked ${once} times`);
  assert.deepEqual(kindsOf(await gateway.charge(many)), ["away"]);
  assert.deepEqual(kindsOf(await gateway.refund(many)), ["away"]);
  assert.equal(asked, once, "nothing is asked meanwhile");
  while (asked === once) assert.deepEqual(kindsOf(await gateway.charge(many)), ["away"]);
  assert.equal(asked, once + 1, "one request finds out that it is still away");
  broken = false;
  let kinds: string[];
  do {
    kinds = kindsOf(await gateway.charge(many));
  } while (kinds.every((kind) => kind === "away"));
  assert.equal(asked, once + 2, "one request finds out that it is back");
  assert.deepEqual(kinds.toSorted(), ["accepted", "away"]);
  assert.deepEqual(kindsOf(await gateway.charge(many)), ["accepted"]);
  assert.equal(asked, once + 2 + many.length);
  await server.shutdown();
});

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

Deno.test("httpGateway() counts no answer about another order, key or refund than it asked for", async () => {
  const charge = { id: "x", status: "succeeded", amount_cents: 100, currency: "EUR" };
  const given = { id: "r", status: "succeeded" };
  const others: Record<string, unknown>[] = [
    { reference: "o2" },
    { idempotency_key: "order-2" },
    { reference: 1 },
  ];
  const otherRefunds = [
    ...others,
    { charge_id: "ch_2" },
    { amount_cents: 99 },
    { currency: "USD" },
    {
      amount_cents: "100",
    },
  ];
  let answer: Record<string, unknown> = {};
  const { url, server } = listen(() => Response.json(answer));
  const gateway = httpGateway({ url, token: "", timeoutMs: 1_000, firstWaitMs: 1 });
  const kindOf = async (ask: "charge" | "refund" | "status", said: Record<string, unknown>) => {
    answer = said;
    return (await gateway[ask]!([request(1)]))[0]!.kind;
  };
  for (const other of others) {
    assert.equal(await kindOf("charge", { ...charge, ...other }), "failed", JSON.stringify(other));
    assert.equal(await kindOf("status", { ...charge, ...other }), "failed", JSON.stringify(other));
  }
  for (const status of ["succeeded", "refused"]) {
    for (const other of otherRefunds) {
      const said = { ...given, status, ...other };
      assert.equal(await kindOf("refund", said), "failed", JSON.stringify(said));
    }
  }
  const own = { reference: "o1", idempotency_key: "order-1" };
  assert.equal(await kindOf("charge", { ...charge, ...own }), "accepted");
  assert.equal(await kindOf("charge", { ...charge, reference: null }), "accepted");
  const money = { amount_cents: 100, currency: "EUR" };
  assert.equal(await kindOf("refund", { ...given, ...own, ...money }), "refunded");
  assert.equal(await kindOf("refund", given), "refunded", "an answer may repeat nothing");
  await server.shutdown();
});

Deno.test("httpGateway() moves no money where nobody tells whether the message is still this consumer's", async () => {
  const methods: string[] = [];
  const { url, server } = listen(({ method }) => {
    methods.push(method);
    return new Response(null, { status: 404 });
  });
  const gateway = httpGateway({ url, token: "", timeoutMs: 1_000, firstWaitMs: 1 });
  const lost = () => Promise.resolve(false);
  const unknown = () => Promise.reject(new Error("Connection is closed."));
  for (const stillOurs of [lost, unknown]) {
    for (const ask of ["charge", "refund"] as const) {
      const answers = await gateway[ask]([request(1), request(2)], { stillOurs });
      assert.deepEqual(answers.map(({ kind }) => kind), ["away", "away"]);
    }
  }
  assert.ok(!methods.includes("POST"));
  await server.shutdown();
});

Deno.test("an endless answer of the provider is given up and not gathered", async () => {
  let sent = 0;
  const ended: string[] = [];
  const piece = new Uint8Array(65_536).fill(32);
  const provider = listen(() =>
    new Response(
      new ReadableStream({
        pull(controller) {
          sent += piece.length;
          controller.enqueue(piece);
        },
        cancel: () => void ended.push("cancelled"),
      }, { highWaterMark: 0 }),
    )
  );
  const gateway = httpGateway({ url: provider.url, token: "", timeoutMs: 5_000, firstWaitMs: 1 });
  const request = { orderId: 1, amountCents: 100, currency: "EUR", idempotencyKey: "k" };
  const [answer] = await gateway.charge([request as GatewayRequest]);
  assert.equal(answer!.kind, "failed");
  assert.match((answer as { error: string }).error, /more than 65536 bytes/);
  await provider.server.shutdown();
  assert.ok(sent < 64 * 1_048_576, `${sent} bytes were sent`);
  assert.ok(ended.length > 0);
});
