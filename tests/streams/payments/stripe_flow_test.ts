import assert from "node:assert/strict";
import { parseConfig } from "../../../config/config.ts";
import { readInstallation } from "../../../db/payments/installation.ts";
import type { IncomingOrder } from "../../../domain/order/incoming_order.ts";
import { installationTag } from "../../../domain/payment/payment_key.ts";
import { makeApp } from "../../../routes/app.ts";
import { cancelOrder } from "../../../services/orders/cancel_order.ts";
import { editAndPublish } from "../../../services/orders/edit_order.ts";
import { carefulGateway } from "../../../streams/payments/careful_gateway.ts";
import { stripeProvider } from "../../../streams/payments/providers/stripe.ts";
import { expireReservations } from "../../../streams/recovery/expire_reservations.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { listen } from "../../provider.ts";
import { ask } from "../../routes/api.ts";
import { askRefund } from "../../settled_workflow.ts";
import { anOrder, openWorkflow, type Workflow } from "../../workflow.ts";
import { assertConsistent, makeDue } from "../consistent.ts";
import { type StripeApi, stripeApi, stripeKey, stripeSecret } from "./providers/stripe_api.ts";

/** What a test works with. */
interface Stage {
  flow: Workflow;
  api: StripeApi;
  app: ReturnType<typeof makeApp>;
}

/** Runs a test with a workflow that asks Stripe, and its API. */
async function withStripe(name: string, work: (stage: Stage) => Promise<void>): Promise<void> {
  const api = stripeApi();
  const { url, server } = listen((request) => api.handle(request));
  const returnUrl = "https://shop.example/paid";
  const webhookSecrets = [stripeSecret];
  const gateway = carefulGateway(
    stripeProvider({ secretKey: stripeKey, webhookSecrets, returnUrl, timeoutMs: 5_000, url }),
    { firstWaitMs: 1, restMs: 1 },
  );
  const flow = await openWorkflow(name, { gateway });
  const config = parseConfig({
    DATABASE_URL: flow.test.databaseUrl,
    REDIS_URL: flow.test.redisUrl,
    REDIS_PREFIX: flow.test.redisPrefix,
    ALLOW_ANONYMOUS: "1",
    GATEWAY: "stripe",
    STRIPE_SECRET_KEY: stripeKey,
    STRIPE_WEBHOOK_SECRETS: stripeSecret,
    STRIPE_RETURN_URL: returnUrl,
    STRIPE_URL: url,
  });
  try {
    await work({ flow, api, app: makeApp({ ...flow, config }) });
    assert.deepEqual(api.faults, []);
  } finally {
    await flow.close();
    await server.shutdown();
  }
}

function paidBy(id: string, method: string, unitPriceCents = 1_500): IncomingOrder {
  return anOrder(id, [{ sku: "a", qty: 1, unitPriceCents }], {
    instructions: {
      methodType: "card",
      method,
      customer: "cus_1",
      description: `Order ${id}`,
      metadata: { channel: "web" },
      capture: null,
    },
  });
}

async function addOne(flow: Workflow, order: IncomingOrder): Promise<number> {
  const [taken] = await flow.add([order]);
  return taken!.orderId!;
}

Deno.test("orders are charged by what they are paid with, refunded, and told of with every try", () =>
  withStripe("stripe_flow", async ({ flow, api, app }) => {
    const taken = await flow.add([
      paidBy("good", "pm_card_visa"),
      paidBy("bad", "pm_card_visa_chargeDeclined"),
      anOrder("none", [{ sku: "a", qty: 1, unitPriceCents: 900 }]),
    ]);
    await flow.drain();
    const statuses = [];
    for (const { orderId } of taken) statuses.push((await flow.order(orderId!)).status);
    assert.deepEqual(statuses, ["PAID", "FAILED", "FAILED"]);
    const good = taken[0]!.orderId!;
    await publish(flow, [{ message: await askRefund(flow, good, 400) }]);
    await flow.drain();
    assert.deepEqual(api.refunds.map(({ amount }) => amount), [400]);
    // They are asked for at the same time, so any may be the first.
    const intent = [...api.intents.values()].find(({ metadata }) =>
      metadata.order_reference === "good"
    );
    assert.deepEqual(
      { ...intent!.metadata, charge_key: "" },
      {
        channel: "web",
        order_reference: "good",
        charge_key: "",
        charge_installation: installationTag(await readInstallation(flow.db)),
      },
    );
    assert.equal(intent!.description, "Order good");
    const { body } = await ask({ app }, "GET", `/orders/${good}`);
    assert.deepEqual(
      body.payment_attempts.map((one: Record<string, unknown>) => [one.kind, one.outcome]),
      [["charge", "succeeded"], ["refund", "succeeded"]],
    );
    assert.equal(body.payment_attempts[1].refund_id, body.refunds[0].id);
    assert.equal(body.payment_instructions.method, "pm_card_visa");
    const page = await (await app.request(`/dashboard/orders/${good}`)).text();
    assert.match(page, /Tries at the provider/);
    const failed = await ask({ app }, "GET", `/orders/${taken[1]!.orderId}`);
    assert.equal(failed.body.payment_attempts[0].says, "generic_decline");
    await assertConsistent(flow);
  }));

Deno.test("an order waits for its customer, and is paid by the webhook that tells of it, taken once", () =>
  withStripe("stripe_action", async ({ flow, api, app }) => {
    const orderId = await addOne(flow, paidBy("o", "pm_card_authenticationRequired"));
    await flow.turn("orders");
    await flow.turn("payments");
    const [id] = api.intents.keys();
    const { body } = await ask({ app }, "GET", `/orders/${orderId}`);
    assert.deepEqual(body.payment_action, {
      url: `https://hooks.stripe.example/${id}`,
      expires_at: null,
    });
    const send = async (type: "payment_intent.succeeded" | "payment_intent.payment_failed") => {
      const { text, signature } = await api.event(type, id!);
      const headers = { "stripe-signature": signature };
      return async () => await ask({ app }, "POST", "/payments/callback/stripe", text, headers);
    };
    assert.equal((await (await send("payment_intent.payment_failed"))()).status, 202);
    assert.equal((await flow.order(orderId)).status, "RESERVED", "that decides nothing");
    api.customerActs(id!);
    const sending = await send("payment_intent.succeeded");
    assert.deepEqual((await sending()).body, { duplicate: false });
    assert.deepEqual((await sending()).body, { duplicate: true });
    const forged = { "stripe-signature": "t=1,v1=00" };
    const { text } = await api.event("payment_intent.succeeded", id!);
    assert.equal(
      (await ask({ app }, "POST", "/payments/callback/stripe", text, forged)).status,
      401,
    );
    assert.equal((await ask({ app }, "POST", "/payments/callback/http", text)).status, 404);
    await makeDue(flow);
    await flow.drain();
    assert.equal((await flow.order(orderId)).status, "PAID");
    const after = await ask({ app }, "GET", `/orders/${orderId}`);
    assert.equal(after.body.payment_action, null);
    assert.equal(after.body.payment.provider, "stripe");
    await assertConsistent(flow);
  }));

Deno.test("an order whose charge was cancelled at the provider fails by the webhook that tells of it", () =>
  withStripe("stripe_canceled", async ({ flow, api, app }) => {
    const orderId = await addOne(flow, paidBy("o", "pm_card_authenticationRequired"));
    await flow.turn("orders");
    await flow.turn("payments");
    const [intent] = api.intents.values();
    intent!.status = "canceled";
    const { text, signature } = await api.event("payment_intent.canceled", intent!.id);
    const headers = { "stripe-signature": signature };
    const { status } = await ask({ app }, "POST", "/payments/callback/stripe", text, headers);
    assert.equal(status, 202);
    await flow.turn("payments");
    const after = await flow.order(orderId);
    assert.deepEqual([after.status, after.failureReason], ["FAILED", "payment_declined"]);
    await makeDue(flow);
    await flow.drain();
    await assertConsistent(flow);
  }));

Deno.test("an order that is to be paid with another card is charged anew, and what the first took goes back", () =>
  withStripe("stripe_edit", async ({ flow, api }) => {
    const first = paidBy("o", "pm_card_authenticationRequired");
    const orderId = await addOne(flow, first);
    await flow.turn("orders");
    await flow.turn("payments");
    const [id] = api.intents.keys();
    const deps = { ...flow, config: { initialStock: 50, unknownSku: "create" as const } };
    const edit = paidBy("o", "pm_card_visa");
    assert.equal((await editAndPublish(deps, orderId, edit, { actor: "test" })).changed, true);
    assert.equal((await editAndPublish(deps, orderId, edit, { actor: "test" })).changed, false);
    api.customerActs(id!);
    await makeDue(flow);
    await flow.drain();
    assert.equal((await flow.order(orderId)).status, "PAID");
    const kept = [...api.intents.values()].map((intent) =>
      intent.amount_received -
      api.refunds.filter((one) => one.payment_intent === intent.id)
        .reduce((sum, { amount }) => sum + amount, 0)
    );
    assert.deepEqual(kept, [0, 1_500]);
    await assertConsistent(flow);
  }));

/** Lets reservations end, and then all that is scheduled come, some times. */
async function letTimePass(flow: Workflow, times: number): Promise<void> {
  await flow.db.run(
    "update orders set reserved_time = reserved_time - interval 1 day where status = 'RESERVED'",
  );
  await expireReservations(flow, { olderThanSeconds: 60 });
  for (let n = 0; n < times; n++) {
    await makeDue(flow);
    await flow.turn("payments");
  }
}

Deno.test("a charge that waits for a customer ends with its order, and is asked about no more", () =>
  withStripe("stripe_abandoned", async ({ flow, api }) => {
    const failed = await addOne(flow, paidBy("o", "pm_card_authenticationRequired"));
    const cancelled = await addOne(flow, paidBy("p", "pm_card_authenticationRequired"));
    await flow.turn("orders");
    await flow.turn("payments");
    assert.deepEqual([...api.intents.values()].map(({ status }) => status), [
      "requires_action",
      "requires_action",
    ]);
    const { messages } = await cancelOrder(flow.db, cancelled, "test");
    await publish(flow, messages.map((message) => ({ message })));
    await letTimePass(flow, 6);
    assert.equal((await flow.order(failed)).failureReason, "payment_timeout");
    assert.equal((await flow.order(cancelled)).status, "CANCELLED");
    assert.deepEqual([...api.intents.values()].map(({ status }) => status), [
      "canceled",
      "canceled",
    ]);
    assert.equal(await flow.redis.zcard(flow.keys.scheduled("payments", "live")), 0);
    await flow.drain();
    await assertConsistent(flow);
  }));

Deno.test("a customer who pays while the charge is ended gets the money back", () =>
  withStripe("stripe_paid_late", async ({ flow, api }) => {
    const orderId = await addOne(flow, paidBy("o", "pm_card_authenticationRequired"));
    await flow.turn("orders");
    await flow.turn("payments");
    const [id] = api.intents.keys();
    await letTimePass(flow, 2);
    assert.equal((await flow.order(orderId)).status, "FAILED");
    api.beforeCancel = () => api.customerActs(id!);
    await letTimePass(flow, 3);
    assert.equal(api.intents.get(id!)!.status, "succeeded");
    await flow.drain();
    assert.deepEqual(api.refunds.map(({ amount }) => amount), [1_500]);
    assert.equal(await flow.redis.zcard(flow.keys.scheduled("payments", "live")), 0);
    await assertConsistent(flow);
  }));

Deno.test("an order that is to be paid with another card does not wait for the customer of the first", () =>
  withStripe("stripe_other_card", async ({ flow, api }) => {
    const orderId = await addOne(flow, paidBy("o", "pm_card_authenticationRequired"));
    await flow.turn("orders");
    await flow.turn("payments");
    const deps = { ...flow, config: { initialStock: 50, unknownSku: "create" as const } };
    await editAndPublish(deps, orderId, paidBy("o", "pm_card_visa"), { actor: "test" });
    for (let n = 0; n < 4; n++) {
      await makeDue(flow);
      await flow.turn("payments");
    }
    assert.equal((await flow.order(orderId)).status, "PAID");
    const intents = [...api.intents.values()].map(({ status }) => status);
    assert.deepEqual(intents, ["canceled", "succeeded"]);
    await makeDue(flow);
    await flow.drain();
    await assertConsistent(flow);
  }));

Deno.test("what Stripe tells of another installation's charges is taken and counted, and asked for again where it may be ours", () =>
  withStripe("stripe_others", async ({ flow, api, app }) => {
    const orderId = await addOne(flow, paidBy("o", "pm_card_visa"));
    await flow.drain();
    const [own] = api.intents.values();
    const tell = async (id: string, metadata: Record<string, string>) => {
      api.intents.set(id, { ...own!, id, metadata });
      const { text, signature } = await api.event("payment_intent.succeeded", id);
      const headers = { "stripe-signature": signature };
      return await ask({ app }, "POST", "/payments/callback/stripe", text, headers);
    };
    const key = { ...own!.metadata, charge_key: `charge_${"0".repeat(40)}` };
    const others = await tell("pi_others", { ...key, charge_installation: "0123456789abcdef" });
    assert.deepEqual([others.status, others.body], [202, { duplicate: false }]);
    const old: Record<string, string> = { ...key };
    delete old.charge_installation;
    for (const [id, metadata] of [["pi_lost", key], ["pi_old", old]] as const) {
      assert.equal((await tell(id, metadata)).status, 409, "its order may have been lost");
    }
    assert.equal((await tell("pi_foreign", { shop: "another" })).status, 202);
    // Restored under another name, an installation still knows what it asked for before.
    const renamed = { ...own!.metadata, charge_installation: "0123456789abcdef" };
    assert.equal((await tell(own!.id, renamed)).status, 202);
    const metrics = await (await app.request("/metrics")).text();
    assert.match(metrics, /^orders_callbacks_of_others_total\{provider="stripe"\} 1$/m);
    await flow.drain();
    assert.equal((await flow.order(orderId)).status, "PAID");
    await assertConsistent(flow);
  }));

Deno.test("a refund of another installation's that came back is passed over, and one that may be ours is asked for again", () =>
  withStripe("stripe_others_refunds", async ({ flow, api, app }) => {
    const orderId = await addOne(flow, paidBy("o", "pm_card_visa"));
    await flow.drain();
    await publish(flow, [{ message: await askRefund(flow, orderId, 400) }]);
    await flow.drain();
    const [own] = api.intents.values();
    const [refund] = api.refunds;
    const others = { ...own!.metadata, charge_installation: "0123456789abcdef" };
    api.intents.set("pi_others", { ...own!, id: "pi_others", metadata: others });
    const key = { ...refund!.metadata, refund_key: `refund_${"0".repeat(40)}` };
    const tell = async (payment_intent: string) => {
      const [id, status] = ["re_back", "failed"];
      api.refunds.push({ ...refund!, id, status, payment_intent, metadata: key });
      const { text, signature } = await api.event("refund.failed", id);
      api.refunds.pop();
      const headers = { "stripe-signature": signature };
      return (await ask({ app }, "POST", "/payments/callback/stripe", text, headers)).status;
    };
    assert.equal(await tell(own!.id), 409, "its refund's row may have been lost");
    assert.equal(await tell("pi_gone"), 409);
    assert.equal(await tell("pi_others"), 202);
    const metrics = await (await app.request("/metrics")).text();
    assert.match(metrics, /^orders_callbacks_of_others_total\{provider="stripe"\} 1$/m);
    assert.equal((await flow.order(orderId)).refundedCents, 400);
    await assertConsistent(flow);
  }));
