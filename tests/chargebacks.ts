/**
 * Chargebacks as providers tell of them, for tests.
 *
 * @module
 */

import assert from "node:assert/strict";
import {
  type ChargebackReport,
  recordChargeback,
  type RecordChargebackDeps,
} from "../services/payments/record_chargeback.ts";
import { takeRefundNews } from "../services/refunds/take_refund_news.ts";
import { publish } from "../streams/workflow/publish.ts";
import { anOrder, type Workflow } from "./workflow.ts";

/** Units of its product that there are at first. */
const initialStock = 1_000;

/** A paid order of 10.00 EUR, or of so much. @returns its id */
export async function aPaidOrder(flow: Workflow, name = "1", cents = 1_000): Promise<number> {
  const order = anOrder(name, [{ sku: "a", qty: 1, unitPriceCents: cents }]);
  const [taken] = await flow.add([order], initialStock);
  await flow.drain();
  return taken!.orderId!;
}

/** Adds a payment of 10.00 EUR, or of so much, beside an order's own, called `second`: one that is to go back, or that has gone. */
export async function aSecondPayment(
  flow: Workflow,
  orderId: number,
  status: "REVERSING" | "REVERSED",
  amountCents = 1_000,
): Promise<void> {
  await flow.rows(
    `insert into payments (order_id, surplus, provider, provider_ref, amount_cents, status, paid_at)
    values (?, 1, 'simulated', 'second', ?, ?, current_timestamp(6))`,
    [orderId, amountCents, status],
  );
}

/** What has the payment of an order that is to go back, of 10.00 EUR or so much, given back. */
export function reverseMessage(orderId: number, amountCents = 1_000) {
  return { type: "payment.reverse", orderId, amountCents, currency: "EUR" } as const;
}

/** Adds such a payment that has gone back. */
export async function aReversedPayment(
  flow: Workflow,
  orderId: number,
  amountCents?: number,
): Promise<void> {
  await aSecondPayment(flow, orderId, "REVERSING", amountCents);
  await publish(flow, [{ message: reverseMessage(orderId, amountCents) }]);
  await flow.drain();
}

/** Adds one that has gone back, by `re_1`, and that its provider has taken back: it waits for a person. */
export async function aReturnedPayment(flow: Workflow, orderId: number): Promise<void> {
  await aReversedPayment(flow, orderId);
  const refund = { ref: "re_1", state: "refused", reason: null, chargeRefs: ["second"] } as const;
  const news = { provider: "simulated", refund, happenedAt: new Date() };
  assert.equal(await takeRefundNews(flow, news), "return");
}

/** What is told of the chargeback `dp_1` of the order `1`, of all of it, so many seconds after it was opened. */
export function aChargeback(
  state: ChargebackReport["state"],
  second: number,
  other: Partial<ChargebackReport> = {},
): ChargebackReport {
  const openedAt = new Date("2026-03-01T10:00:00Z");
  return {
    provider: "simulated",
    providerRef: "dp_1",
    chargeRefs: ["sim_of_1"],
    amountCents: 1_000,
    currency: "EUR",
    state,
    reason: "fraudulent",
    dueBy: new Date("2026-03-09T00:00:00Z"),
    openedAt,
    happenedAt: new Date(openedAt.getTime() + second * 1_000),
    ...other,
  };
}

/** Records it as a webhook would. */
export function tell(
  flow: Workflow,
  report: ChargebackReport,
  chargebackRevenue: RecordChargebackDeps["config"]["chargebackRevenue"] = "opened",
) {
  const deps = { ...flow, config: { chargebackRevenue } };
  return recordChargeback(deps, report, `provider:${report.provider}`);
}
