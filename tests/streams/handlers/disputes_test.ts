import assert from "node:assert/strict";
import { cancelOrder } from "../../../services/orders/cancel_order.ts";
import { decidePayment } from "../../../services/payments/decide_payment.ts";
import { countDisputes } from "../../disputes.ts";
import { requestRefund } from "../../../services/refunds/request_refunds.ts";
import type { CallbackMessage } from "../../../domain/messages/messages.ts";
import { lookOnce, readAlerts } from "../../../streams/alerts/alerts.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { recover, sweepOrphans } from "../../../streams/recovery/recover.ts";
import { verify } from "../../../streams/verification/verify.ts";
import { loseRedis } from "../../settled_workflow.ts";
import { anOrder, openWorkflow, type Workflow } from "../../workflow.ts";
import { assertConsistent, messagesOf, storedFigures } from "../consistent.ts";
import {
  assertSameMoney,
  type ProviderStage,
  ttlSeconds,
  withProviderStage,
} from "../payments/provider_stage.ts";
import { aChargeback, tell } from "../../chargebacks.ts";
import { alertSettings } from "../../alert_settings.ts";

/** The order of 10.00 of which the provider takes 10.01, held. */
async function disputedOrder({ flow, provider, add, passTime }: ProviderStage): Promise<number> {
  const [id] = await add([1_000]) as [number];
  await flow.turn("orders");
  await flow.turn("payments");
  await provider.settled();
  await passTime(0);
  assert.deepEqual(await paymentsOf(flow), [{ amount_cents: 1_001, status: "DISPUTED" }]);
  assert.equal((await flow.order(id)).status, "RESERVED");
  return id;
}

const paymentsOf = (flow: Workflow) =>
  flow.rows("select amount_cents, status from payments order by id");

/** Decides, and has what follows carried out. */
async function decide(
  flow: Workflow,
  id: number,
  verdict: "accept" | "give_back" | "dismiss",
): Promise<boolean> {
  const { changed, messages } = await decidePayment(flow.db, id, verdict, "test");
  await publish(flow, messages.map((message) => ({ message })));
  await flow.drain();
  return changed;
}

const overcharging = { overcharges: 100 };

const second = (orderId: number, rest: Partial<CallbackMessage> = {}) => ({
  message: {
    type: "payment.callback" as const,
    orderId,
    amountCents: 100,
    currency: "EUR",
    outcome: "succeeded" as const,
    provider: "simulated",
    providerRef: "another",
    ...rest,
  },
});

Deno.test("an order whose payment is in dispute is held: no time-out, no dead letter, no drift, an alert", () =>
  withProviderStage("dispute_held", overcharging, async (stage) => {
    const { flow, passTime } = stage;
    const id = await disputedOrder(stage);
    for (let minute = 0; minute < 5; minute++) await passTime(2 * ttlSeconds);
    assert.equal((await flow.order(id)).status, "RESERVED");
    assert.equal(await flow.stock("a"), 9_999);
    assert.deepEqual(await messagesOf(flow), []);
    assert.deepEqual(await flow.rows("select * from dead_letters"), []);
    assert.equal(await countDisputes(flow.db), 1);
    const config = { ...alertSettings, reservationTtlSeconds: ttlSeconds };
    for (const at of [0, 31_000]) await lookOnce({ ...flow, config }, Date.now() + at);
    const raised = (await readAlerts(flow)).filter(({ raisedAt }) => raisedAt !== null);
    assert.deepEqual(raised.map(({ name }) => name), ["disputed_payments"]);
    assert.match(
      raised[0]!.detail,
      /^1 taken in another amount than was asked for, or twice: [\d.]+ EUR$/,
    );
    await flow.rows("update orders set updated_at = updated_at - interval 1 hour");
    const swept = await sweepOrphans(flow, { olderThanSeconds: 60 });
    assert.equal(swept.orders, 0, "it waits for a person, not for a message");
    await assertConsistent(flow);
    await loseRedis(flow);
    const report = await recover(flow);
    assert.ok(report.kind === "recovered" && report.republished.orders === 0);
    assert.deepEqual((await verify(flow, { settleMs: 0 })).checks.filter(({ ok }) => !ok), []);
  }));

for (const state of ["needs_response", "lost"] as const) {
  Deno.test(`a payment in dispute makes no order paid whose bank says ${state}`, () =>
    withProviderStage(`dispute_${state}`, overcharging, async (stage) => {
      const { flow } = stage;
      const id = await disputedOrder(stage);
      const [payment] = await flow.rows("select provider, provider_ref from payments");
      const of = {
        provider: String(payment!.provider),
        chargeRefs: [String(payment!.provider_ref)],
        amountCents: 1_001,
      };
      await tell(flow, aChargeback(state, 60, of));
      await assert.rejects(decide(flow, id, "accept"), /its customer contests it at the bank$/);
      assert.equal((await flow.order(id)).status, "RESERVED");
      assert.deepEqual(await paymentsOf(flow), [{ amount_cents: 1_001, status: "DISPUTED" }]);
    }));
}

Deno.test("decidePayment() accepts: the order is paid and worth what was taken, and no more goes back", () =>
  withProviderStage("dispute_accept", overcharging, async (stage) => {
    const { flow, provider } = stage;
    const id = await disputedOrder(stage);
    assert.equal(await decide(flow, id, "accept"), true);
    const order = await flow.order(id);
    assert.deepEqual([order.status, order.totalCents], ["PAID", 1_001]);
    assert.deepEqual(await paymentsOf(flow), [{ amount_cents: 1_001, status: "SUCCEEDED" }]);
    assert.deepEqual(
      await flow.rows("select kind, amount_cents, included from order_adjustments"),
      [{ kind: "payment_difference", amount_cents: 1, included: 0 }],
    );
    const figures = Object.entries(await storedFigures(flow));
    assert.deepEqual(
      figures.find(([name]) => name.endsWith("revenue_cents"))?.[1],
      1_001,
    );
    assert.equal(await countDisputes(flow.db), 0);
    await assertSameMoney(stage);
    await assertConsistent(flow);
    assert.equal(await decide(flow, id, "accept"), false, "the same again changes nothing");
    await assert.rejects(decide(flow, id, "give_back"), /none is in dispute/);
    await assertConsistent(flow);

    // The provider says it again, under the key that the charge was asked for with.
    const [{ provider: by, provider_ref: ref }] = await flow.rows(
      "select provider, provider_ref from payments",
    ) as [{ provider: string; provider_ref: string }];
    const [key] = [...provider.charges.keys()];
    const again = { amountCents: 1_001, provider: by, providerRef: ref, key };
    await publish(flow, [second(id, again)]);
    await flow.drain();
    assert.deepEqual(await flow.rows("select * from dead_letters"), []);
    await assertConsistent(flow);

    const wish = { orderId: id, amountCents: null, reason: null, idempotencyKey: null };
    const { refund } = await requestRefund(flow.db, wish, "test");
    assert.equal(refund.amountCents, 1_001);
    await publish(flow, [{
      message: {
        type: "refund.process",
        orderId: id,
        refundId: refund.id,
        amountCents: 1_001,
        currency: "EUR",
      },
    }]);
    await flow.drain();
    assert.deepEqual([...provider.charges.values()].map((one) => one.refundedCents), [1_001]);
    await assertConsistent(flow);
  }));

Deno.test("decidePayment() gives back what was really taken, and fails the order", () =>
  withProviderStage("dispute_back", overcharging, async (stage) => {
    const { flow, provider } = stage;
    const id = await disputedOrder(stage);
    assert.equal(await decide(flow, id, "give_back"), true);
    const order = await flow.order(id);
    assert.deepEqual([order.status, order.failureReason], ["FAILED", "payment_declined"]);
    assert.equal(await flow.stock("a"), 10_000);
    assert.deepEqual(await paymentsOf(flow), [{ amount_cents: 1_001, status: "REVERSED" }]);
    assert.deepEqual([...provider.charges.values()].map((one) => one.refundedCents), [1_001]);
    assert.equal(await decide(flow, id, "give_back"), false);
    await assert.rejects(decide(flow, id, "accept"), /none is in dispute/);
    await assertSameMoney(stage);
    await assertConsistent(flow);
  }));

Deno.test("decidePayment() decides once, whoever decides what at the same time", () =>
  withProviderStage("dispute_race", overcharging, async (stage) => {
    const { flow } = stage;
    const id = await disputedOrder(stage);
    const verdicts = ["accept", "give_back", "accept", "give_back"] as const;
    const ends = await Promise.allSettled(
      verdicts.map((verdict) => decidePayment(flow.db, id, verdict, "test")),
    );
    const changed = ends.filter((end) => end.status === "fulfilled" && end.value.changed);
    assert.equal(changed.length, 1);
    for (const end of ends) {
      if (end.status !== "fulfilled") continue;
      await publish(flow, end.value.messages.map((message) => ({ message })));
    }
    await flow.drain();
    await assertSameMoney(stage);
    await assertConsistent(flow);
  }));

for (const verdict of ["accept", "give_back"] as const) {
  Deno.test(`sweepOrphans() brings about what follows from ${verdict} after a crash`, () =>
    withProviderStage(`dispute_crash_${verdict}`, overcharging, async (stage) => {
      const { flow } = stage;
      const id = await disputedOrder(stage);
      // Committed, and the process died before it published anything.
      await decidePayment(flow.db, id, verdict, "test");
      await flow.rows("update order_events set created_at = created_at - interval 2 minute");
      const swept = await sweepOrphans(flow, { olderThanSeconds: 60 });
      assert.equal(swept.reversals, 1);
      await flow.drain();
      await assertSameMoney(stage);
      await assertConsistent(flow);
      assert.equal((await sweepOrphans(flow, { olderThanSeconds: 60 })).reversals, 0);
    }));
}

Deno.test("cancelOrder() gives disputed money back", () =>
  withProviderStage("dispute_cancel", overcharging, async (stage) => {
    const { flow } = stage;
    const id = await disputedOrder(stage);
    const { messages } = await cancelOrder(flow.db, id, "test");
    await publish(flow, messages.map((message) => ({ message })));
    await flow.drain();
    assert.equal((await flow.order(id)).status, "CANCELLED");
    assert.deepEqual(await paymentsOf(flow), [{ amount_cents: 1_001, status: "REVERSED" }]);
    await assertSameMoney(stage);
    await assertConsistent(flow);
  }));

Deno.test("a second payment is recorded beside the first, and goes back alone", () =>
  withProviderStage("dispute_second", {}, async (stage) => {
    const { flow, provider, add, passTime } = stage;
    const [id] = await add([1_000]) as [number];
    await flow.turn("orders");
    await flow.turn("payments");
    await provider.settled();
    await passTime(0);
    await provider.app.request("/charges", {
      method: "POST",
      headers: { "idempotency-key": "a key that it forgot", "content-type": "application/json" },
      body: JSON.stringify({ order_id: id, amount_cents: 1_000, currency: "EUR" }),
    });
    await provider.settled();
    const [first, again] = [...provider.charges.values()];
    const told = { provider: "http", amountCents: 1_000, providerRef: again!.id };
    await publish(flow, [second(id, told), second(id, told)]);
    await flow.drain();
    assert.deepEqual(await paymentsOf(flow), [
      { amount_cents: 1_000, status: "SUCCEEDED" },
      { amount_cents: 1_000, status: "DISPUTED" },
    ]);
    assert.equal(await countDisputes(flow.db), 1);
    assert.deepEqual(await flow.rows("select * from dead_letters"), []);
    await assertConsistent(flow);
    await assert.rejects(decide(flow, id, "accept"), /PAID without it/);
    assert.equal(await decide(flow, id, "give_back"), true);
    assert.deepEqual([first!.refundedCents, again!.refundedCents], [0, 1_000]);
    assert.equal((await flow.order(id)).status, "PAID");
    await publish(flow, [second(id, told)]);
    await flow.drain();
    assert.deepEqual([first!.refundedCents, again!.refundedCents], [0, 1_000]);
    await assertSameMoney(stage);
    await assertConsistent(flow);
  }));

Deno.test("a second payment that is none is dismissed, and money of another currency only goes back", async () => {
  const flow = await openWorkflow("dispute_others");
  try {
    const taken = await flow.add([
      anOrder("twice", [{ sku: "a", qty: 1 }]),
      anOrder("dollars", [{ sku: "a", qty: 1, unitPriceCents: 200 }]),
    ]);
    const [twice, dollars] = taken.map(({ orderId }) => orderId!) as [number, number];
    await flow.turn("orders");
    await publish(flow, [second(dollars, { amountCents: 200, currency: "USD", providerRef: "$" })]);
    await flow.drain();
    await publish(flow, [second(twice)]);
    await flow.drain();
    assert.equal((await flow.order(dollars)).status, "RESERVED");
    assert.deepEqual(
      await flow.rows(
        "select order_id, currency, status, surplus from payments order by order_id, surplus",
      ),
      [
        { order_id: twice, currency: null, status: "SUCCEEDED", surplus: 0 },
        { order_id: twice, currency: "EUR", status: "DISPUTED", surplus: 1 },
        { order_id: dollars, currency: "USD", status: "DISPUTED", surplus: 0 },
        { order_id: dollars, currency: "EUR", status: "DISPUTED", surplus: 1 },
      ],
      "the simulated gateway paid it in euros meanwhile",
    );
    await assert.rejects(decide(flow, dollars, "accept"), /taken in USD/);
    assert.equal(await decide(flow, dollars, "give_back"), true);
    assert.equal(await decide(flow, twice, "dismiss"), true);
    assert.equal(await decide(flow, twice, "dismiss"), false);
    assert.deepEqual(
      (await flow.rows("select status from payments order by order_id, surplus"))
        .map(({ status }) => status),
      ["SUCCEEDED", "DISMISSED", "REVERSED", "REVERSED"],
    );
    assert.equal(await countDisputes(flow.db), 0);
    await assertConsistent(flow);
  } finally {
    await flow.close();
  }
});

Deno.test("verify() finds a dispute that nobody is asked about, and one that is none", async () => {
  const flow = await openWorkflow("dispute_faults");
  try {
    const [order] = await flow.add([anOrder("twice", [{ sku: "a", qty: 1 }])]);
    await flow.drain();
    await publish(flow, [second(order!.orderId!)]);
    await flow.drain();
    const faults = async () => {
      const report = await verify(flow, { settleMs: 0 });
      return report.checks.find(({ name }) => name === "money")!.drift_count;
    };
    assert.equal(await faults(), 0);
    await flow.rows("delete from payment_disputes");
    assert.equal(await faults(), 1);
  } finally {
    await flow.close();
  }
});
