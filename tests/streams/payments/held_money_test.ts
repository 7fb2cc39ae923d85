import assert from "node:assert/strict";
import { parseConfig } from "../../../config/config.ts";
import type { IncomingOrder } from "../../../domain/order/incoming_order.ts";
import { makeApp } from "../../../routes/app.ts";
import { cancelAndPublish } from "../../../services/orders/cancel_order.ts";
import { captureAndPublish } from "../../../services/orders/capture_order.ts";
import { editAndPublish } from "../../../services/orders/edit_order.ts";
import { carefulGateway } from "../../../streams/payments/careful_gateway.ts";
import { gatewaysOf } from "../../../streams/payments/gateways.ts";
import { stripeProvider } from "../../../streams/payments/providers/stripe.ts";
import { consumeOnce } from "../../../streams/queue/consumer.ts";
import { databaseNoter } from "../../../streams/recovery/database_age.ts";
import { guardDatabase } from "../../../streams/recovery/database_guard.ts";
import { expireReservations } from "../../../streams/recovery/expire_reservations.ts";
import { ensureRecovered } from "../../../streams/recovery/recover.ts";
import { releaseHolds } from "../../../streams/recovery/release_holds.ts";
import { makeConsumer } from "../../../streams/workflow/consumer.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { keepDatabase } from "../../../tools/chaos/harness/older_database.ts";
import { anOperator } from "../../operator.ts";
import { listen } from "../../provider.ts";
import { ask } from "../../routes/api.ts";
import { anOrder, openWorkflow, type Workflow } from "../../workflow.ts";
import { assertConsistent, makeDue, orphan } from "../consistent.ts";
import { fateAfter, mortal } from "../queue/crash.ts";
import { type StripeApi, stripeApi, stripeKey, stripeSecret } from "./providers/stripe_api.ts";

/** What a test works with. */
interface Stage {
  flow: Workflow;
  api: StripeApi;
  app: ReturnType<typeof makeApp>;
  /** Of the next so many captures the answer gets lost, although the money is taken. */
  loseCaptures(count: number): void;
}

const day = 86_400;

/** Runs a test with a workflow that has Stripe hold money, and takes it later. */
async function withHolding(
  name: string,
  work: (stage: Stage) => Promise<void>,
  { holdSeconds = 7 * day, capturesLater = true, reservationTtlSeconds = 60 } = {},
): Promise<void> {
  const api = stripeApi();
  let losing = 0;
  const { url, server } = listen(async (request) => {
    const isCapture = request.url.endsWith("/capture");
    const answer = await api.handle(request);
    if (!isCapture || losing === 0) return answer;
    losing--;
    await answer.body?.cancel();
    return new Response(null, { status: 502 });
  });
  const gateway = carefulGateway(
    stripeProvider({
      secretKey: stripeKey,
      webhookSecrets: [stripeSecret],
      returnUrl: "",
      timeoutMs: 5_000,
      url,
    }),
    { firstWaitMs: 1, restMs: 1 },
  );
  const flow = await openWorkflow(name, {
    gateway,
    holdSeconds,
    capturesLater,
    reservationTtlSeconds,
  });
  const config = parseConfig({
    DATABASE_URL: flow.test.databaseUrl,
    REDIS_URL: flow.test.redisUrl,
    REDIS_PREFIX: flow.test.redisPrefix,
    ALLOW_ANONYMOUS: "1",
    GATEWAY: "stripe",
    CAPTURE: capturesLater ? "later" : "at_once",
    STRIPE_SECRET_KEY: stripeKey,
    STRIPE_WEBHOOK_SECRETS: stripeSecret,
    STRIPE_URL: url,
  });
  try {
    const loseCaptures = (count: number) => void (losing = count);
    await work({ flow, api, app: makeApp({ ...flow, config }), loseCaptures });
    assert.deepEqual(api.faults, []);
  } finally {
    await flow.close();
    await server.shutdown();
  }
}

function paidBy(
  id: string,
  unitPriceCents = 1_500,
  capture: "now" | "later" | null = null,
): IncomingOrder {
  return anOrder(id, [{ sku: "a", qty: 1, unitPriceCents }], {
    instructions: {
      methodType: "card",
      method: "pm_card_visa",
      customer: "cus_1",
      description: null,
      metadata: null,
      capture,
    },
  });
}

/** Takes an order and has its money held. */
async function hold(flow: Workflow, id = "o", order = paidBy(id)): Promise<number> {
  const [taken] = await flow.add([order], 10_000);
  await flow.turn("orders");
  await flow.turn("payments");
  return taken!.orderId!;
}

const statesOf = ({ intents }: StripeApi) => [...intents.values()].map(({ status }) => status);

/** What Stripe took, less what went back. */
function kept(api: StripeApi): number {
  const taken = [...api.intents.values()].reduce((sum, one) => sum + one.amount_received, 0);
  return api.refunds.reduce((left, { amount }) => left - amount, taken);
}

async function shown({ app }: Stage, id: number) {
  const { body } = await ask({ app }, "GET", `/orders/${id}`);
  return body;
}

/** Lets what is scheduled come, so many times. */
async function comeDue(flow: Workflow, times = 4): Promise<void> {
  for (let n = 0; n < times; n++) {
    await makeDue(flow);
    await flow.turn("payments");
  }
}

/** Reservations age by a day, and are looked at. */
async function ageReservations(flow: Workflow): Promise<void> {
  await flow.db.run(
    "update orders set reserved_time = reserved_time - interval 1 day where status = 'RESERVED'",
  );
  const marks = await flow.redis.keys(`${flow.keys.expiryMark}*`);
  if (marks.length > 0) await flow.redis.del(...marks);
  await expireReservations(flow, { olderThanSeconds: 60 });
}

const editDeps = (flow: Workflow) => ({
  ...flow,
  config: { initialStock: 50, unknownSku: "create" as const },
});

/** Loses the messages about payments that are due. */
async function forgetPayments({ redis, keys: { stream, weights } }: Workflow): Promise<void> {
  await redis.del(stream("payments"), weights("payments"));
  await redis.xgroup("CREATE", stream("payments"), "payments", "0", "MKSTREAM");
}

/** Has the time of an order's hold be over, and its time-out come. */
async function timeOut(flow: Workflow, orderId: number): Promise<void> {
  await flow.db.run("update payment_holds set expires_at = current_timestamp(6)");
  const { totalCents: amountCents, currency } = await flow.order(orderId);
  const message = { type: "payment.time_out", orderId, amountCents, currency } as const;
  await publish(flow, [{ message }]);
  await flow.turn("payments");
}

Deno.test("money is held for an order, which stays reserved until its capture and is paid by it, once", () =>
  withHolding("hold_capture", async (stage) => {
    const { flow, api, app } = stage;
    api.captureBefore = Math.floor(Date.now() / 1_000) + 2 * day;
    const id = await hold(flow);
    assert.deepEqual(statesOf(api), ["requires_capture"]);
    const held = await shown(stage, id);
    assert.deepEqual([held.status, held.payment, held.authorization.status], [
      "RESERVED",
      null,
      "HELD",
    ]);
    assert.equal(Date.parse(held.authorization.expires_at), api.captureBefore * 1_000);
    assert.match(await (await app.request(`/dashboard/orders/${id}`)).text(), /Take the money/);
    await ageReservations(flow);
    await comeDue(flow);
    assert.equal((await flow.order(id)).status, "RESERVED", "its time is the hold's");
    const other = await ask({ app }, "POST", `/orders/${id}/capture`, { amount_cents: 1_499 });
    assert.deepEqual([other.status, other.body.type], [422, "/problems/capture-not-total"]);
    for (let times = 0; times < 2; times++) {
      const { status } = await ask({ app }, "POST", `/orders/${id}/capture`, {
        amount_cents: 1_500,
      });
      assert.equal(status, 202);
    }
    await comeDue(flow);
    await flow.drain();
    const paid = await shown(stage, id);
    assert.deepEqual([paid.status, paid.authorization.status], ["PAID", "CAPTURED"]);
    assert.equal((await ask({ app }, "POST", `/orders/${id}/capture`)).status, 202, "as before");
    for (const type of ["payment_intent.succeeded", "payment_intent.succeeded"] as const) {
      const { text, signature } = await api.event(type, [...api.intents.keys()][0]!);
      await ask({ app }, "POST", "/payments/callback/stripe", text, {
        "stripe-signature": signature,
      });
    }
    await comeDue(flow);
    await flow.drain();
    assert.equal(kept(api), 1_500);
    const steps = paid.timeline.map(({ event }: { event: string }) => event);
    assert.deepEqual(steps, [
      "created",
      "reserved",
      "payment_authorized",
      "payment_capture_asked",
      "paid",
    ]);
    const kinds = paid.payment_attempts.map((
      one: Record<string, unknown>,
    ) => [one.kind, one.outcome]);
    assert.deepEqual(kinds.filter(([kind]: string[]) => kind !== "look_up"), [
      ["charge", "authorized"],
      ["capture", "succeeded"],
    ]);
    await assertConsistent(flow);
  }));

Deno.test("nothing can be captured for an order of which nothing is held", () =>
  withHolding("hold_nothing", async ({ flow, app }) => {
    const [taken] = await flow.add([paidBy("o")]);
    const path = `/orders/${taken!.orderId}/capture`;
    assert.equal((await ask({ app }, "POST", path)).status, 409, "PENDING");
    await flow.turn("orders");
    assert.equal((await ask({ app }, "POST", path)).status, 409, "not asked for yet");
    assert.equal((await ask({ app }, "POST", "/orders/999/capture")).status, 404);
    assert.equal((await ask({ app }, "POST", path, { amount: 1 })).status, 422, "misspelt");
    await flow.turn("payments");
    await cancelAndPublish(flow, taken!.orderId!, anOperator());
    assert.equal((await ask({ app }, "POST", path)).status, 409, "CANCELLED");
    await comeDue(flow);
    await flow.drain();
  }));

Deno.test("what is held is let go at once where its order is cancelled, and by the sweep where that was forgotten", () =>
  withHolding("hold_cancel", async (stage) => {
    const { flow, api } = stage;
    const id = await hold(flow);
    await cancelAndPublish(flow, id, anOperator());
    await flow.turn("payments");
    assert.deepEqual(statesOf(api), ["canceled"]);
    assert.equal((await shown(stage, id)).authorization.status, "RELEASED");
    const forgotten = await hold(flow, "p");
    await cancelAndPublish(flow, forgotten, anOperator());
    const { keys: { stream, weights, scheduled } } = flow;
    await flow.redis.del(stream("payments"), weights("payments"), scheduled("payments", "live"));
    await flow.redis.xgroup("CREATE", stream("payments"), "payments", "0", "MKSTREAM");
    await flow.drain();
    assert.deepEqual(statesOf(api), ["canceled", "requires_capture"], "no message knows of it");
    assert.equal(await releaseHolds(flow), 0, "its messages have their time");
    await flow.db.run("update payment_holds set looked_at = looked_at - interval 1 hour");
    await flow.db.run(
      "update orders set settled_time = settled_time - interval 1 hour where status = 'CANCELLED'",
    );
    assert.equal(await releaseHolds(flow), 1);
    assert.equal(await releaseHolds(flow), 0, "once");
    await comeDue(flow);
    await flow.drain();
    assert.deepEqual(statesOf(api), ["canceled", "canceled"]);
    assert.equal(kept(api), 0);
  }));

Deno.test("an order that nobody captures in time fails, and what was held is let go", () =>
  withHolding("hold_expiry", async ({ flow, api }) => {
    const id = await hold(flow);
    await ageReservations(flow);
    await comeDue(flow);
    assert.equal((await flow.order(id)).status, "RESERVED");
    await flow.db.run("update payment_holds set expires_at = current_timestamp(6)");
    await ageReservations(flow);
    await comeDue(flow, 6);
    const { status, failureReason } = await flow.order(id);
    assert.deepEqual([status, failureReason], ["FAILED", "payment_timeout"]);
    assert.deepEqual(statesOf(api), ["canceled"]);
    await flow.drain();
    await assertConsistent(flow);
  }));

Deno.test("money that the provider let go by itself is noticed, by its webhook, by a look, and by the capture", () =>
  withHolding("hold_gone", async (stage) => {
    const { flow, api, app } = stage;
    const ids = [await hold(flow, "told"), await hold(flow, "looked"), await hold(flow, "taken")];
    const [told, ,] = [...api.intents.values()];
    for (const intent of api.intents.values()) {
      Object.assign(intent, { status: "canceled", amount_capturable: 0 });
    }
    const { text, signature } = await api.event("payment_intent.canceled", told!.id);
    await ask({ app }, "POST", "/payments/callback/stripe", text, {
      "stripe-signature": signature,
    });
    await flow.turn("payments");
    assert.equal((await flow.order(ids[0]!)).status, "FAILED");
    await comeDue(flow, 2);
    assert.equal((await flow.order(ids[1]!)).status, "RESERVED", "it was looked at lately");
    await captureAndPublish(flow, ids[2]!, anOperator());
    await flow.turn("payments");
    assert.equal((await flow.order(ids[2]!)).failureReason, "payment_declined");
    await flow.db.run("update payment_holds set looked_at = looked_at - interval 2 hour");
    await comeDue(flow, 2);
    assert.equal((await flow.order(ids[1]!)).failureReason, "payment_declined");
    for (const id of ids) assert.equal((await shown(stage, id)).authorization.status, "RELEASED");
    assert.equal(kept(api), 0);
    await flow.drain();
    await assertConsistent(flow);
  }));

Deno.test("what is held is looked at at once where the database has lost that it was captured or let go", () =>
  withHolding("hold_loss", async ({ flow, api }) => {
    const [captured, cancelled, waiting] = [
      await hold(flow, "captured"),
      await hold(flow, "cancelled"),
      await hold(flow, "waiting"),
    ];
    await ensureRecovered(flow);
    await databaseNoter(flow)();
    const kept = await keepDatabase(flow.test.databaseUrl);
    await captureAndPublish(flow, captured, anOperator());
    await cancelAndPublish(flow, cancelled, anOperator());
    await flow.turn("payments");
    assert.deepEqual(statesOf(api), ["succeeded", "canceled", "requires_capture"]);
    await databaseNoter(flow)();
    await kept.putBack();

    await guardDatabase(flow);
    await ensureRecovered({ ...flow, db: flow.db.unguarded });
    await flow.turn("payments");
    assert.equal((await flow.order(captured)).status, "PAID");
    assert.equal((await flow.order(cancelled)).failureReason, "payment_declined");
    assert.equal((await flow.order(waiting)).status, "RESERVED");
    const [row] = await flow.rows(
      "select count(*) as n from payment_holds where order_id = ? and looked_at > (select max(created_at) from books_losses)",
      [waiting],
    );
    assert.equal(Number(row!.n), 1, "and not again soon");
  }));

Deno.test("an order that is changed has the new total held instead, and is captured by it", () =>
  withHolding("hold_edit", async (stage) => {
    const { flow, api } = stage;
    const id = await hold(flow);
    const deps = { ...flow, config: { initialStock: 50, unknownSku: "create" as const } };
    await editAndPublish(deps, id, paidBy("o", 900), { actor: "test" });
    await comeDue(flow);
    assert.deepEqual(statesOf(api), ["canceled", "requires_capture"]);
    assert.equal((await shown(stage, id)).authorization.amount_cents, 900);
    await captureAndPublish(flow, id, anOperator(), { amountCents: 900 });
    await flow.turn("payments");
    assert.equal((await flow.order(id)).status, "PAID");
    assert.equal(kept(api), 900);
    await comeDue(flow);
    await flow.drain();
    await assertConsistent(flow);
  }));

Deno.test("an order whose capture was asked for keeps it, whatever edit comes, and is paid by it", () =>
  withHolding("hold_edit_asked", async (stage) => {
    const { flow, api, app } = stage;
    const deps = editDeps(flow);
    const id = await hold(flow);
    await captureAndPublish(flow, id, anOperator());
    await assert.rejects(
      editAndPublish(deps, id, paidBy("o", 900), { actor: "test" }),
      { code: "order_not_editable", message: /its money is being taken, as was asked for; refund/ },
    );
    const other = { ...paidBy("o"), customer: { ...paidBy("o").customer, name: "Another" } };
    assert.equal((await editAndPublish(deps, id, other, { actor: "test" })).changed, true);
    await comeDue(flow);
    assert.equal((await flow.order(id)).status, "PAID");
    assert.equal(kept(api), 1_500);
    const first = await hold(flow, "p");
    await editAndPublish(deps, first, paidBy("p", 900), { actor: "test" });
    const path = `/orders/${first}/capture`;
    assert.equal((await ask({ app }, "POST", path)).status, 409, "of the new total none is held");
    await comeDue(flow);
    assert.equal((await ask({ app }, "POST", path)).status, 202);
    await comeDue(flow);
    assert.equal(kept(api), 2_400);
    await flow.drain();
    await assertConsistent(flow);
  }));

Deno.test("an order whose capture was asked for in time is not ended by its hold's end, but waits for the answer", () =>
  withHolding("hold_asked_end", async ({ flow, api }) => {
    const lost = await hold(flow, "lost");
    await captureAndPublish(flow, lost, anOperator());
    await forgetPayments(flow);
    await timeOut(flow, lost);
    assert.equal((await flow.order(lost)).status, "RESERVED");
    await comeDue(flow);
    assert.equal((await flow.order(lost)).status, "PAID");
    const vain = await hold(flow, "vain");
    await captureAndPublish(flow, vain, anOperator());
    await forgetPayments(flow);
    await flow.db.run(
      "update payment_holds set capture_requested_at = capture_requested_at - interval 1 hour",
    );
    await timeOut(flow, vain);
    assert.equal((await flow.order(vain)).failureReason, "payment_timeout");
    await comeDue(flow);
    assert.equal(kept(api), 1_500);
    assert.ok(statesOf(api).every((state) => state !== "requires_capture"));
    await flow.drain();
    await assertConsistent(flow);
  }));

Deno.test("a hold ends when it is said to, also where that is sooner than the reservation", () =>
  withHolding("hold_short", async ({ flow, api }) => {
    const ttl = { olderThanSeconds: 900 };
    const [young, edited] = [await hold(flow), await hold(flow, "edited")];
    await editAndPublish(editDeps(flow), edited, paidBy("edited", 900), { actor: "test" });
    await comeDue(flow, 1);
    assert.equal(await expireReservations(flow, ttl), 0, "both have time");
    await flow.db.run("update payment_holds set expires_at = current_timestamp(6)");
    assert.equal(await expireReservations(flow, ttl), 2);
    assert.equal(await expireReservations(flow, ttl), 0, "once");
    await comeDue(flow, 6);
    for (const id of [young, edited]) {
      assert.equal((await flow.order(id)).failureReason, "payment_timeout");
    }
    assert.ok(statesOf(api).every((state) => state === "canceled"));
    assert.equal(kept(api), 0);
    await flow.drain();
    await assertConsistent(flow);
  }, { holdSeconds: 60, reservationTtlSeconds: 900 }));

Deno.test("what an edit has superseded ends no order by its hold's end", () =>
  withHolding("hold_superseded", async ({ flow }) => {
    const id = await hold(flow);
    await editAndPublish(editDeps(flow), id, paidBy("o", 900), { actor: "test" });
    await forgetPayments(flow);
    await timeOut(flow, id);
    assert.equal((await flow.order(id)).status, "RESERVED");
  }, { reservationTtlSeconds: 900 }));

for (const [moment, capturesLater] of [["now", true], ["later", false]] as const) {
  Deno.test(`an order may say that its money is taken ${moment}, whatever the setting is`, () =>
    withHolding(`hold_own_${moment}`, async (stage) => {
      const { flow, api } = stage;
      const id = await hold(flow, "o", paidBy("o", 1_500, moment));
      const { status, authorization, payment_instructions: said } = await shown(stage, id);
      assert.equal(said.capture, moment);
      const [held] = await flow.rows(
        "select timestampdiff(second, created_at, expires_at) as seconds from payment_holds",
      );
      if (moment === "now") {
        assert.deepEqual([status, authorization, held], ["PAID", null, undefined]);
      } else {
        assert.deepEqual([status, authorization.status], ["RESERVED", "HELD"]);
        assert.equal(Number(held!.seconds), 3_600);
        await captureAndPublish(flow, id, anOperator());
        await flow.turn("payments");
        assert.equal((await flow.order(id)).status, "PAID");
      }
      assert.equal(kept(api), 1_500);
      const other = await hold(flow, "other");
      assert.equal((await flow.order(other)).status, capturesLater ? "RESERVED" : "PAID");
    }, { capturesLater, holdSeconds: 3_600 }));
}

Deno.test("a capture whose answer gets lost takes the money once, and what is taken for what is over goes back", () =>
  withHolding("hold_lost", async ({ flow, api, loseCaptures }) => {
    const id = await hold(flow);
    await captureAndPublish(flow, id, anOperator());
    loseCaptures(1);
    await comeDue(flow);
    assert.equal((await flow.order(id)).status, "PAID");
    assert.equal(kept(api), 1_500);
    const late = await hold(flow, "late");
    await captureAndPublish(flow, late, anOperator());
    loseCaptures(3);
    await flow.turn("payments");
    await cancelAndPublish(flow, late, anOperator()).catch(() => undefined);
    await comeDue(flow);
    await flow.drain();
    const isPaid = (await flow.order(late)).status === "PAID";
    assert.equal(kept(api), isPaid ? 3_000 : 1_500, "what was taken for what is over goes back");
    await assertConsistent(flow);
  }));

Deno.test("holds outlive a change to taking at once, and are captured by whoever asks", () =>
  withHolding("hold_setting", async ({ flow, api }) => {
    const id = await hold(flow);
    const now = { ...flow, capturesLater: false };
    const consumer = makeConsumer(now, {
      group: "payments",
      batchSize: 500,
      maxDeliveries: 5,
      retryBackoffMs: 1_000,
      takeoverMs: 10_000,
    });
    await flow.db.run("update payment_holds set looked_at = looked_at - interval 2 hour");
    await makeDue(flow);
    await consumeOnce(consumer);
    assert.deepEqual(statesOf(api), ["requires_capture"]);
    await captureAndPublish(flow, id, anOperator());
    await consumeOnce(consumer);
    assert.equal((await flow.order(id)).status, "PAID");
  }));

/** A turn of holding or taking money that may be stopped anywhere. */
const turns = {
  holding: async (flow: Workflow, run: number) => {
    const [taken] = await flow.add([paidBy(`${run}`)], 10_000);
    await flow.turn("orders");
    return taken!.orderId!;
  },
  capturing: async (flow: Workflow, run: number) => {
    const id = await hold(flow, `${run}`);
    await captureAndPublish(flow, id, anOperator());
    return id;
  },
  "letting go": async (flow: Workflow, run: number) => {
    const id = await hold(flow, `${run}`);
    await cancelAndPublish(flow, id, anOperator());
    return id;
  },
};

for (const [name, prepare] of Object.entries(turns)) {
  Deno.test(`a crash at any moment of ${name} leaves one effect`, () =>
    withHolding(`hold_crash_${name.slice(0, 4)}`, async (stage) => {
      const { flow, api } = stage;
      let expected = 0;
      for (let moment = 0, dead = true; dead; moment++) {
        assert.ok(moment < 200, "the turn ends");
        const id = await prepare(flow, moment);
        const fate = fateAfter(moment);
        const options = {
          batchSize: 500,
          maxDeliveries: 5,
          retryBackoffMs: 1_000,
          takeoverMs: 10_000,
        };
        const doomed = makeConsumer(mortal(flow, fate, "doomed"), {
          group: "payments",
          ...options,
        });
        await consumeOnce(doomed).catch((error) => assert.ok(fate.dead, error));
        dead = fate.dead;
        const heir = flow.consumerOf("payments", {}, "heir");
        await orphan(flow, "payments");
        heir.reclaimAt = -Infinity;
        await consumeOnce(heir);
        if (name === "holding") {
          assert.equal((await shown(stage, id)).authorization.status, "HELD", `moment ${moment}`);
          await captureAndPublish(flow, id, anOperator());
        }
        await comeDue(flow, 3);
        if (name !== "letting go") expected += 1_500;
        assert.equal(kept(api), expected, `after a crash at moment ${moment}`);
        const status = name === "letting go" ? "CANCELLED" : "PAID";
        assert.equal((await flow.order(id)).status, status, `after a crash at moment ${moment}`);
        await flow.turn("notifications");
      }
      assert.ok(statesOf(api).every((state) => state !== "requires_capture"));
      await flow.drain();
      await assertConsistent(flow);
    }));
}

Deno.test("CAPTURE=later is refused with a provider that takes money at once", () => {
  const config = parseConfig({
    DATABASE_URL: "mysql://localhost/none",
    REDIS_URL: "redis://localhost",
    CAPTURE: "later",
  });
  assert.throws(() => gatewaysOf(config), /CAPTURE is later, but "simulated" can't hold money/);
});
