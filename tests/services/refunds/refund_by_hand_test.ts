import assert from "node:assert/strict";
import {
  decideByHandAndPublish,
  decideRefundByHand,
  returnPaymentByHand,
} from "../../../services/refunds/refund_by_hand.ts";
import { readRefunds } from "../../../db/refunds/refund_rows.ts";
import { listMoneyByHand, sumMoneyByHand } from "../../../db/refunds/refunds_by_hand.ts";
import { listGivenTwice } from "../../../db/refunds/given_twice.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import { ledgerSources } from "../../../domain/ledger/chart.ts";
import { dismissGivenTwice } from "../../../services/refunds/dismiss_given_twice.ts";
import { takeRefundNews } from "../../../services/refunds/take_refund_news.ts";
import { lookOnce, readAlerts } from "../../../streams/alerts/alerts.ts";
import type { Gateway } from "../../../streams/payments/gateway.ts";
import { simulatedGateway } from "../../../streams/payments/providers/simulated.ts";
import { recover, sweepOrphans } from "../../../streams/recovery/recover.ts";
import { applyRefunds } from "../../../streams/handlers/refund_process.ts";
import { reversePayments } from "../../../streams/handlers/payment_reverse.ts";
import { consumeOnce } from "../../../streams/queue/consumer.ts";
import { makeConsumer } from "../../../streams/workflow/consumer.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { askRefund, driftOf, loseRedis, verifyNow } from "../../settled_workflow.ts";
import { addPaid, sourceProvider } from "../../source_orders.ts";
import { assertConsistent, messagesOf } from "../../streams/consistent.ts";
import { anOrder, openWorkflow, type Workflow } from "../../workflow.ts";
import { anOperator } from "../../operator.ts";
import { alertSettings } from "../../alert_settings.ts";

interface Scene {
  flow: Workflow;
  /** `PAID`, 10.00 EUR, by a provider that is not configured. */
  orderId: number;
  /** Requests a refund and has its message handled. @returns its id */
  refund(cents: number): Promise<number>;
}

async function withPaid(
  name: string,
  work: (scene: Scene) => Promise<void>,
  gateway: Gateway = simulatedGateway({ delayMs: 0 }),
): Promise<void> {
  const flow = await openWorkflow(name, { gateway });
  try {
    const [orderId] = await addPaid(flow, [anOrder("1", [{ sku: "a", qty: 10 }])]);
    await flow.drain();
    await work({
      flow,
      orderId: orderId!,
      refund: async (cents) => {
        const message = await askRefund(flow, orderId!, cents);
        await publish(flow, [{ message }]);
        await flow.drain();
        return message.refundId;
      },
    });
  } finally {
    await flow.close();
  }
}

const rowOf = async (flow: Workflow, id: number) => (await readRefunds(flow.db, [id])).get(id)!;

const eventsOf = async (flow: Workflow) =>
  (await flow.rows(
    "select event, detail, actor from order_events where refund_id is not null or event like 'payment%' order by id",
  )).map(({ event, detail, actor }) => [event, detail, actor]);

const refusedAs = (code: string, message: RegExp) => (error: unknown) =>
  error instanceof WorkflowError && error.code === code && message.test(error.message);

Deno.test("a refund whose provider is not configured waits for a person, and for nothing else", () =>
  withPaid("by_hand_waits", async ({ flow, orderId, refund }) => {
    const id = await refund(400);
    const { status, byHand } = await rowOf(flow, id);
    assert.deepEqual([status, byHand], ["REQUESTED", true]);
    assert.deepEqual(await flow.rows("select * from dead_letters"), []);
    const [waiting, ...others] = await listMoneyByHand(flow.db, { limit: 10 });
    assert.deepEqual(others, []);
    assert.deepEqual(
      [
        waiting!.orderId,
        waiting!.refundId,
        waiting!.provider,
        waiting!.providerRef,
        waiting!.amountCents,
      ],
      [orderId, id, sourceProvider, "src_1", 400],
    );
    assert.deepEqual(await sumMoneyByHand(flow.db), [{
      currency: "EUR",
      count: 1,
      amountCents: 400,
    }]);

    // Neither the message again, nor the sweep, a recovery or time find anything to do.
    const message = {
      type: "refund.process",
      orderId,
      refundId: id,
      amountCents: 400,
      currency: "EUR",
    } as const;
    await publish(flow, [{ message }, { message }]);
    await flow.drain();
    await flow.rows("update refunds set updated_at = updated_at - interval 1 hour");
    const swept = await sweepOrphans(flow, { olderThanSeconds: 60 });
    assert.equal(swept.refunds, 0);
    await loseRedis(flow);
    await recover(flow);
    assert.deepEqual(await messagesOf(flow), []);
    const config = alertSettings;
    for (const at of [0, 31_000]) await lookOnce({ ...flow, config }, Date.now() + at);
    const alerts = (await readAlerts(flow)).filter(({ raisedAt }) => raisedAt !== null);
    assert.deepEqual(alerts.map(({ name }) => name), ["refunds_by_hand"]);
    assert.equal((await flow.order(orderId)).refundedCents, 0);
    await assertConsistent(flow);
  }));

Deno.test("a refund that a person gave back is processed, lowers the figures and is told once", () =>
  withPaid("by_hand_done", async ({ flow, orderId, refund }) => {
    const id = await refund(400);
    const said = { refundId: id, verdict: "given_back", note: " transfer 4711 " } as const;
    assert.equal((await decideByHandAndPublish(flow, said, anOperator("api:desk"))).changed, true);
    assert.equal((await decideByHandAndPublish(flow, said, anOperator("api:desk"))).changed, false);
    await flow.drain();
    assert.equal((await decideByHandAndPublish(flow, said, anOperator("api:desk"))).changed, false);
    await flow.drain();
    const { status, byHand, failureReason } = await rowOf(flow, id);
    assert.deepEqual([status, byHand, failureReason], ["PROCESSED", true, null]);
    assert.equal((await flow.order(orderId)).refundedCents, 400);
    assert.deepEqual(await sumMoneyByHand(flow.db), []);
    assert.deepEqual(await eventsOf(flow), [
      ["refund_requested", "4.00 EUR", "test"],
      ["refund_by_hand", `4.00 EUR: "${sourceProvider}" is not configured`, "test"],
      ["refund_completed", "4.00 EUR: transfer 4711", "api:desk"],
      ["refund_processed", "4.00 EUR", "test"],
    ]);
    await assertConsistent(flow);
  }));

Deno.test("a refund that a person refuses fails, and its amount can be refunded again", () =>
  withPaid("by_hand_refused", async ({ flow, orderId, refund }) => {
    const id = await refund(1_000);
    const said = { refundId: id, verdict: "refused", note: "paid at the counter" } as const;
    await decideByHandAndPublish(flow, said, anOperator("dashboard"));
    await flow.drain();
    const { status, failureReason } = await rowOf(flow, id);
    assert.deepEqual([status, failureReason], ["FAILED", "paid at the counter"]);
    assert.equal((await flow.order(orderId)).refundedCents, 0);
    await assert.rejects(
      decideRefundByHand(flow.db, { ...said, verdict: "given_back" }, "dashboard"),
      refusedAs("refund_not_by_hand", /it was refused by hand$/),
    );
    const again = await refund(1_000);
    await decideByHandAndPublish(
      flow,
      { refundId: again, verdict: "given_back", note: null },
      anOperator("x"),
    );
    await flow.drain();
    assert.equal((await flow.order(orderId)).refundedCents, 1_000);
    await assertConsistent(flow);
  }));

Deno.test("what a person said is booked by the sweep where its message was lost", () =>
  withPaid("by_hand_lost", async ({ flow, orderId, refund }) => {
    const [done, refused] = [await refund(100), await refund(200)];
    await decideRefundByHand(flow.db, { refundId: done, verdict: "given_back", note: null }, "x");
    await decideRefundByHand(flow.db, { refundId: refused, verdict: "refused", note: null }, "x");
    const drift = driftOf(await verifyNow(flow), "homes");
    assert.equal(drift.length, 2, "two refunds that wait for nobody");
    await flow.rows("update refunds set updated_at = updated_at - interval 1 hour");
    assert.equal((await sweepOrphans(flow, { olderThanSeconds: 60 })).refunds, 2);
    await flow.drain();
    assert.equal((await rowOf(flow, done)).status, "PROCESSED");
    assert.equal((await rowOf(flow, refused)).failureReason, "refused");
    assert.equal((await flow.order(orderId)).refundedCents, 100);
    await assertConsistent(flow);
  }));

Deno.test("a refund by hand is asked of no provider that is configured later", async () => {
  const asked: string[] = [];
  const simulated = simulatedGateway({ delayMs: 0 });
  const gateway: Gateway = {
    ...simulated,
    refund: (requests) => {
      asked.push(...requests.map(({ chargeRef }) => chargeRef!));
      return simulated.refund(requests);
    },
  };
  await withPaid("by_hand_later", async ({ flow, orderId, refund }) => {
    const id = await refund(400);
    gateway.name = sourceProvider;
    const message = {
      type: "refund.process",
      orderId,
      refundId: id,
      amountCents: 400,
      currency: "EUR",
    } as const;
    await publish(flow, [{ message }]);
    await flow.drain();
    assert.deepEqual(asked, []);
    assert.equal((await rowOf(flow, id)).status, "REQUESTED");
    const said = { refundId: id, verdict: "given_back", note: null } as const;
    await decideByHandAndPublish(flow, said, anOperator("x"));
    await flow.drain();
    assert.deepEqual(asked, []);
    await refund(100);
    assert.deepEqual(asked, ["src_1"], "the next one is");
    await assertConsistent(flow);
  }, gateway);
});

for (const isRefused of [false, true]) {
  const what = isRefused ? "leaves it to a person who refuses it" : "leaves it to a person";
  Deno.test(`what its provider gives back while another process ${what} goes back once`, () =>
    withPaid("by_hand_beside", async ({ flow, orderId }) => {
      const message = await askRefund(flow, orderId, 400);
      await publish(flow, [{ message }]);
      const gateway: Gateway = {
        ...simulatedGateway({ delayMs: 0 }),
        name: sourceProvider,
        refund: async (requests) => {
          // A process without this provider's settings has taken the message over.
          await applyRefunds(flow, [{ id: "2-0", message, attempt: 2 }]);
          if (isRefused) {
            const said = { refundId: message.refundId, verdict: "refused", note: "no" } as const;
            await decideRefundByHand(flow.db, said, "desk");
          }
          return requests.map(() => ({ kind: "refunded" }));
        },
      };
      const config = { group: "refunds", batchSize: 10, maxDeliveries: 5 } as const;
      const consumer = makeConsumer({ ...flow, otherGateways: [gateway], consumer: "configured" }, {
        ...config,
        retryBackoffMs: 1,
        takeoverMs: 10_000,
      });
      await consumeOnce(consumer);
      await flow.drain();
      const { status, byHand } = await rowOf(flow, message.refundId);
      assert.deepEqual([status, byHand], ["PROCESSED", false]);
      assert.deepEqual(await listMoneyByHand(flow.db, { limit: 10 }), []);
      assert.equal((await flow.order(orderId)).refundedCents, 400);
      await assertConsistent(flow);
    }));
}

for (const isBooked of [false, true]) {
  const when = isBooked ? "and booked " : "";
  Deno.test(`what a person gave back ${when}while its provider did is on the timeline, once`, () =>
    withPaid("by_hand_twice", async ({ flow, orderId }) => {
      const message = await askRefund(flow, orderId, 400);
      const gateway: Gateway = {
        ...simulatedGateway({ delayMs: 0 }),
        name: sourceProvider,
        refund: async (requests) => {
          await applyRefunds(flow, [{ id: "2-0", message, attempt: 2 }]);
          const said = { refundId: message.refundId, verdict: "given_back", note: "t 1" } as const;
          await decideByHandAndPublish(flow, said, anOperator("desk"));
          if (isBooked) await flow.drain();
          return requests.map(() => ({ kind: "refunded" }));
        },
      };
      const configured = { ...flow, otherGateways: [gateway], consumer: "configured" };
      const deliveries = [{ id: "1-0", message, attempt: 1 }];
      // Two of its consumers have asked before the person spoke, one of which was taken for dead.
      const beside = {
        ...gateway,
        refund: (requests: readonly unknown[]) => {
          const refunded = () => ({ kind: "refunded" as const });
          return applyRefunds(configured, deliveries).then(() => requests.map(refunded));
        },
      };
      await applyRefunds({ ...configured, otherGateways: [beside] }, deliveries);
      await flow.drain();
      const events = (await eventsOf(flow)).filter(([event]) => event === "refund_given_twice");
      assert.deepEqual(events, [
        ["refund_given_twice", "4.00 EUR: by hand, and by its provider", "configured"],
      ]);
      assert.equal((await flow.order(orderId)).refundedCents, 400);
      await assertConsistent(flow);
    }));
}

for (
  const [when, name] of [["stood still", "zombie"], ["had spoken", "noted"], [
    "was written off",
    "loss",
  ]] as const
) {
  Deno.test(`what its provider takes back of its own went back once, where a process that asked it ${when}`, () =>
    withPaid(`by_hand_back_${name}`, async ({ flow, orderId }) => {
      const message = await askRefund(flow, orderId, 400);
      const { refundId } = message;
      const takeItsOwn = async () => {
        const [row] = await flow.rows("select provider_key from refunds where id = ?", [refundId]);
        const key = String(row!.provider_key);
        const refund = { ref: "re_1", state: "refused", reason: null, key } as const;
        const news = { provider: sourceProvider, refund, happenedAt: new Date() };
        assert.equal(await takeRefundNews(flow, news), "given_by_hand");
      };
      const gateway: Gateway = {
        ...simulatedGateway({ delayMs: 0 }),
        name: sourceProvider,
        refund: async (requests) => {
          await applyRefunds(flow, [{ id: "2-0", message, attempt: 2 }]);
          const said = { refundId, verdict: "given_back", note: "t 1" } as const;
          await decideByHandAndPublish(flow, said, anOperator("desk"));
          await flow.drain();
          if (name === "zombie") await takeItsOwn();
          return requests.map(() => ({ kind: "refunded" }));
        },
      };
      const configured = { ...flow, otherGateways: [gateway], consumer: "configured" };
      await applyRefunds(configured, [{ id: "1-0", message, attempt: 1 }]);
      if (name !== "zombie") {
        const [twice] = await listGivenTwice(flow.db, 10);
        assert.equal(twice!.amountCents, 400);
        if (name === "loss") {
          const said = { id: twice!.id, endedAs: "written_off", note: null } as const;
          await dismissGivenTwice(flow, said, anOperator("desk"));
        }
        await takeItsOwn();
      }
      assert.deepEqual(await listGivenTwice(flow.db, 10), []);
      await takeItsOwn();
      const rows = await flow.rows(
        "select refund_id, amount_cents, ended_as from money_given_twice",
      );
      assert.deepEqual(rows.map((row) => ({ ...row })), [
        { refund_id: refundId, amount_cents: 400, ended_as: "returned" },
      ]);
      const [booked] = await flow.rows(
        "select coalesce(sum(abs(cents)), 0) as left_over from (select account, sum(amount_cents) as cents from ledger_entries where source = ? group by account) by_account",
        [ledgerSources.given_twice],
      );
      assert.equal(Number(booked!.left_over), 0);
      assert.equal((await flow.order(orderId)).refundedCents, 400);
      await assertConsistent(flow);
    }));
}

Deno.test("a payment that a person gave back while its provider did is on the timeline, once", () =>
  withPaid("by_hand_reversed_twice", async ({ flow }) => {
    const [orderId] = await addPaid(flow, [anOrder("2", [{ sku: "a", qty: 50 }])]);
    await flow.turn("orders");
    const money = { orderId: orderId!, amountCents: 5_000, currency: "EUR" };
    const message = { type: "payment.reverse", ...money } as const;
    const deliveries = [{ id: "1-0", message, attempt: 1 }];
    const gatewayThat = (acts: () => Promise<unknown>): Gateway => ({
      ...simulatedGateway({ delayMs: 0 }),
      name: sourceProvider,
      refund: async (requests) => {
        await acts();
        return requests.map(() => ({ kind: "refunded" }));
      },
    });
    const reverse = (acts: () => Promise<unknown>) =>
      reversePayments(
        { ...flow, otherGateways: [gatewayThat(acts)], consumer: "configured" },
        deliveries,
      );
    await reverse(() =>
      reverse(async () => {
        await reversePayments(flow, deliveries);
        await returnPaymentByHand(flow, orderId!, "t 1", anOperator("desk"));
      })
    );
    await flow.drain();
    const events = (await eventsOf(flow)).filter(([event]) => event === "payment_given_twice");
    assert.deepEqual(events, [
      ["payment_given_twice", "50.00 EUR: by hand, and by its provider", "configured"],
    ]);
    assert.deepEqual(await listMoneyByHand(flow.db, { limit: 10 }), []);
    await assertConsistent(flow);
  }));

Deno.test("a payment that its provider gives back while another process leaves it to a person is on no list", () =>
  withPaid("by_hand_reversed", async ({ flow }) => {
    const [orderId] = await addPaid(flow, [anOrder("2", [{ sku: "a", qty: 50 }])]);
    await flow.turn("orders");
    assert.equal((await flow.order(orderId!)).status, "FAILED");
    const message = {
      type: "payment.reverse",
      orderId: orderId!,
      amountCents: 5_000,
      currency: "EUR",
    } as const;
    const gateway: Gateway = {
      ...simulatedGateway({ delayMs: 0 }),
      name: sourceProvider,
      refund: async (requests) => {
        await reversePayments(flow, [{ id: "2-0", message, attempt: 2 }]);
        return requests.map(() => ({ kind: "refunded" }));
      },
    };
    await reversePayments(
      { ...flow, otherGateways: [gateway], consumer: "configured" },
      [{ id: "1-0", message, attempt: 1 }],
    );
    await flow.drain();
    assert.deepEqual(await listMoneyByHand(flow.db, { limit: 10 }), []);
    await assertConsistent(flow);
  }));

Deno.test("decideRefundByHand() refuses what no person has to give back", () =>
  withPaid("by_hand_not", async ({ flow, refund }) => {
    const said = { verdict: "given_back", note: null } as const;
    await assert.rejects(
      decideRefundByHand(flow.db, { ...said, refundId: 999 }, "x"),
      refusedAs("not_found", /^There is no refund 999$/),
    );
    const [plain] = await flow.add([anOrder("2", [{ sku: "a", qty: 2 }])]);
    await flow.drain();
    const message = await askRefund(flow, plain!.orderId!, 50);
    const { refundId } = message;
    await assert.rejects(
      decideRefundByHand(flow.db, { ...said, refundId }, "x"),
      refusedAs("refund_not_by_hand", /it goes back through its provider$/),
    );
    await publish(flow, [{ message }]);
    await flow.drain();
    await assert.rejects(
      decideRefundByHand(flow.db, { ...said, refundId }, "x"),
      refusedAs("refund_not_by_hand", /it is PROCESSED already, through its provider$/),
    );
    const id = await refund(100);
    for (const note of ["x".repeat(256), "a\u0000b"]) {
      await assert.rejects(
        decideRefundByHand(flow.db, { ...said, refundId: id, note }, "x"),
        refusedAs("invalid", /^The reference must/),
      );
    }
    assert.equal((await rowOf(flow, id)).status, "REQUESTED");
  }));

Deno.test("two people who say opposite things at once: one of them is heard", () =>
  withPaid("by_hand_race", async ({ flow, orderId, refund }) => {
    const refundId = await refund(400);
    const results = await Promise.allSettled([
      decideByHandAndPublish(
        flow,
        { refundId, verdict: "given_back", note: null },
        anOperator("a"),
      ),
      decideByHandAndPublish(flow, { refundId, verdict: "refused", note: null }, anOperator("b")),
      decideByHandAndPublish(
        flow,
        { refundId, verdict: "given_back", note: null },
        anOperator("c"),
      ),
    ]);
    await flow.drain();
    const { status } = await rowOf(flow, refundId);
    const changed = results.filter((one) => one.status === "fulfilled" && one.value.changed);
    assert.equal(changed.length, 1);
    assert.equal((await flow.order(orderId)).refundedCents, status === "PROCESSED" ? 400 : 0);
    await assertConsistent(flow);
  }));

Deno.test("returnPaymentByHand() says that the money of a short order went back, once", () =>
  withPaid("by_hand_payment", async ({ flow, orderId }) => {
    const [short] = await addPaid(flow, [anOrder("short", [{ sku: "a", qty: 500 }])]);
    await flow.drain();
    assert.deepEqual(await sumMoneyByHand(flow.db), [
      { currency: "EUR", count: 1, amountCents: 50_000 },
    ]);
    const first = await returnPaymentByHand(flow, short!, "transfer 1", anOperator("cli:ann"));
    const second = await returnPaymentByHand(flow, short!, "transfer 1", anOperator("cli:ann"));
    assert.deepEqual([first.changed, second.changed], [true, false]);
    const [payment] = await flow.rows("select status from payments where order_id = ?", [short!]);
    assert.equal(payment!.status, "REVERSED");
    assert.deepEqual(await sumMoneyByHand(flow.db), []);
    assert.deepEqual((await eventsOf(flow)).at(-1), [
      "payment_returned",
      "500.00 EUR: transfer 1",
      "cli:ann",
    ]);
    await assert.rejects(
      returnPaymentByHand(flow, orderId, null, anOperator("x")),
      refusedAs("refund_not_by_hand", /the order is PAID, so it needs a refund$/),
    );
    await assert.rejects(
      returnPaymentByHand(flow, 999, null, anOperator("x")),
      refusedAs("not_found", /^There is no order 999$/),
    );
    await assertConsistent(flow);
  }));

Deno.test("verify misses money that nobody gives back, and finds what is listed and waits no more", () =>
  withPaid("by_hand_drift", async ({ flow, refund }) => {
    const id = await refund(400);
    await flow.rows("create table kept as select * from refunds_by_hand");
    await flow.rows("delete from refunds_by_hand");
    const report = await verifyNow(flow);
    const money = report.checks.find(({ name }) => name === "money")!;
    assert.deepEqual(money.drift.map(({ subject }) => subject), [`refund ${id} of order 1`]);
    await flow.rows("insert into refunds_by_hand select * from kept");
    await flow.rows(
      "update refunds set status = 'FAILED', processed_at = current_timestamp(6), by_hand = 3",
    );
    const [listed] = (await verifyNow(flow)).checks.find(({ name }) => name === "money")!.drift;
    assert.deepEqual([listed!.expected, listed!.found], [null, "one"]);
  }));
