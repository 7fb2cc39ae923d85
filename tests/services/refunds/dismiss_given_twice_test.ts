import assert from "node:assert/strict";
import { listGivenTwice, sumGivenTwice } from "../../../db/refunds/given_twice.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import { dismissGivenTwice } from "../../../services/refunds/dismiss_given_twice.ts";
import {
  decideByHandAndPublish,
  returnPaymentByHand,
} from "../../../services/refunds/refund_by_hand.ts";
import { lookOnce, readAlerts } from "../../../streams/alerts/alerts.ts";
import { reversePayments } from "../../../streams/handlers/payment_reverse.ts";
import { applyRefunds } from "../../../streams/handlers/refund_process.ts";
import type { Gateway } from "../../../streams/payments/gateway.ts";
import { simulatedGateway } from "../../../streams/payments/providers/simulated.ts";
import { alertSettings } from "../../alert_settings.ts";
import { anOperator } from "../../operator.ts";
import { askRefund } from "../../settled_workflow.ts";
import { addPaid, sourceProvider } from "../../source_orders.ts";
import { assertConsistent } from "../../streams/consistent.ts";
import { anOrder, openWorkflow, type Workflow } from "../../workflow.ts";

/** The provider of the source, which gives back while something else happens. */
const providerBeside = (acts: () => Promise<unknown>): Gateway => ({
  ...simulatedGateway({ delayMs: 0 }),
  name: sourceProvider,
  refund: async (requests) => {
    await acts();
    return requests.map(() => ({ kind: "refunded" }));
  },
});

/** A refund of 4.00 EUR that a person gave back while its provider did. @returns its order */
async function refundTwice(flow: Workflow): Promise<number> {
  const [orderId] = await addPaid(flow, [anOrder("1", [{ sku: "a", qty: 10 }])]);
  await flow.drain();
  const message = await askRefund(flow, orderId!, 400);
  const gateway = providerBeside(async () => {
    await applyRefunds(flow, [{ id: "2-0", message, attempt: 2 }]);
    const said = { refundId: message.refundId, verdict: "given_back", note: null } as const;
    await decideByHandAndPublish(flow, said, anOperator("desk"));
  });
  await applyRefunds({ ...flow, otherGateways: [gateway] }, [{ id: "1-0", message, attempt: 1 }]);
  await flow.drain();
  return orderId!;
}

/** A payment of 50.00 EUR, for which there is not enough. @returns its order */
async function payBackTwice(flow: Workflow): Promise<number> {
  const [orderId] = await addPaid(flow, [anOrder("2", [{ sku: "a", qty: 50 }])]);
  await flow.turn("orders");
  const money = { orderId: orderId!, amountCents: 5_000, currency: "EUR" };
  const deliveries = [
    { id: "1-0", message: { type: "payment.reverse", ...money } as const, attempt: 1 },
  ];
  const gateway = providerBeside(async () => {
    await reversePayments(flow, deliveries);
    await returnPaymentByHand(flow, orderId!, null, anOperator("desk"));
  });
  await reversePayments({ ...flow, otherGateways: [gateway] }, deliveries);
  await flow.drain();
  return orderId!;
}

Deno.test("money that went back twice is an alert with its amount, until somebody dismisses it with a reason", async () => {
  const flow = await openWorkflow("given_twice");
  try {
    const alertAt = async (seconds: number) => {
      const config = alertSettings;
      for (const at of [seconds, seconds + 61]) {
        await lookOnce({ ...flow, config }, Date.now() + at * 1_000);
      }
      const alerts = await readAlerts(flow);
      return alerts.find(({ name, raisedAt }) => name === "given_twice" && raisedAt !== null);
    };
    const orders = [await refundTwice(flow), await payBackTwice(flow)];
    assert.deepEqual(await sumGivenTwice(flow.db), [{
      currency: "EUR",
      amountCents: 5_400,
      count: 2,
    }]);
    const alert = await alertAt(0);
    assert.equal(alert?.severity, "critical");
    assert.match(alert.detail, /^54\.00 EUR in 2: by hand and by its provider/);

    const listed = await listGivenTwice(flow.db, 10);
    assert.deepEqual(
      listed.map(({ orderId, refundId, amountCents, provider }) => [
        orderId,
        refundId !== null,
        amountCents,
        provider,
      ]),
      [[orders[0], true, 400, sourceProvider], [orders[1], false, 5_000, sourceProvider]],
    );
    const [refund, payment] = listed.map(({ id }) => id) as [number, number];
    const said = { id: refund, endedAs: "returned", note: " transfer 4711 " } as const;
    const dismissed = await dismissGivenTwice(flow, said, anOperator("api:desk"));
    assert.deepEqual([dismissed.changed, dismissed.twice.endedAs], [true, "returned"]);
    const later = await dismissGivenTwice(
      flow,
      { ...said, endedAs: "written_off" },
      anOperator("api:other"),
    );
    assert.deepEqual([later.changed, later.twice.endedAs], [false, "returned"]);
    await dismissGivenTwice(
      flow,
      { id: payment, endedAs: "written_off", note: null },
      anOperator("api:desk"),
    );
    assert.deepEqual(await listGivenTwice(flow.db, 10), []);
    assert.equal(await alertAt(200), undefined);

    const audit = await flow.rows(`
      select actor, subject_kind, subject_id, outcome, detail
      from audit_log where action = 'given_twice.dismiss' order by id`);
    assert.deepEqual(
      audit.map((row) => [row.actor, row.subject_kind, row.subject_id, row.outcome, row.detail]),
      [
        ["api:desk", "order", `${orders[0]}`, "done", "4.00 EUR: one of both came back"],
        ["api:other", "order", `${orders[0]}`, "unchanged", null],
        ["api:desk", "order", `${orders[1]}`, "done", "50.00 EUR: it is written off"],
      ],
    );
    const steps = await flow.rows(
      "select order_id, detail, actor from order_events where event = 'given_twice_dismissed' order by id",
    );
    assert.deepEqual(steps.map(({ order_id, detail, actor }) => [order_id, detail, actor]), [
      [orders[0], "4.00 EUR: one of both came back: transfer 4711", "api:desk"],
      [orders[1], "50.00 EUR: it is written off", "api:desk"],
    ]);
    await assertConsistent(flow);
  } finally {
    await flow.close();
  }
});

Deno.test("dismissGivenTwice() refuses what there is not, and a note that is too long", async () => {
  const flow = await openWorkflow("given_twice_not");
  try {
    const refused = (code: string) => (error: unknown) =>
      error instanceof WorkflowError && error.code === code;
    const said = { id: 9, endedAs: "returned", note: null } as const;
    await assert.rejects(dismissGivenTwice(flow, said, anOperator()), refused("not_found"));
    await assert.rejects(
      dismissGivenTwice(flow, { ...said, note: "x".repeat(256) }, anOperator()),
      refused("invalid"),
    );
  } finally {
    await flow.close();
  }
});
