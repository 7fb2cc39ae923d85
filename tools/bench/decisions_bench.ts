import { decideCancel } from "../../domain/order/cancel.ts";
import { effectsOfOrder, effectsOfRefund } from "../../domain/order/effects.ts";
import { kpiDayIn } from "../../domain/kpi/kpi.ts";
import { decodeMessage, encodeMessage, type Message } from "../../domain/messages/messages.ts";
import type { OrderFacts } from "../../domain/order/order.ts";
import { decideRefund, decideRefundRequest, type RefundFacts } from "../../domain/refund/refund.ts";
import { decideReservations, sumNeeds } from "../../domain/order/reserve.ts";
import { decideSettle } from "../../domain/order/settle.ts";

/** A batch as consumers take it. */
const orders = Array.from({ length: 1_000 }, (_, index): OrderFacts => ({
  id: index + 1,
  customerId: 1 + index % 200,
  status: "PENDING",
  failureReason: null,
  currency: "EUR",
  totalCents: 4_500 + index % 20,
  refundedCents: 0,
  settledAt: null,
}));
const items = orders.map(({ id }) =>
  [0, 1, 2].map((item) => ({ productId: 1 + (id * 7 + item * 13) % 1_000, qty: 1 + item }))
);
const requests = orders.map((order, index) => ({ order, needs: sumNeeds(items[index]!) }));
const stock = Array.from({ length: 1_000 }, (_, index) => [index + 1, 1_000_000] as const);
const reserved = orders.map((order): OrderFacts => ({ ...order, status: "RESERVED" }));
const settledAt = "2025-03-01 12:00:00.123456";
const paid = orders.map((order): OrderFacts => ({ ...order, status: "PAID", settledAt }));
/** The second of two refunds of each order. */
const refunds = orders.map(({ id }): [RefundFacts, RefundFacts] => [
  { id: 2 * id, amountCents: 100, status: "PROCESSED" },
  { id: 2 * id + 1, amountCents: 200, status: "REQUESTED" },
]);
const kpiDay = kpiDayIn("Europe/Berlin");
const messages = orders.map(({ id, totalCents, currency }): Message => ({
  type: "payment.callback",
  orderId: id,
  amountCents: totalCents,
  currency,
  outcome: "succeeded",
  provider: "simulated",
  providerRef: `sim_${id}`,
}));
const encoded = messages.map(encodeMessage);

Deno.bench("sumNeeds(): 1,000 orders of three items", () => {
  for (const needs of items) sumNeeds(needs);
});

Deno.bench("decideReservations(): 1,000 orders", () => {
  decideReservations(requests, new Map(stock));
});

Deno.bench("decideSettle(): 1,000 answers", () => {
  for (const order of reserved) {
    decideSettle(order, {
      outcome: "succeeded",
      amountCents: order.totalCents,
      currency: order.currency,
      providerRef: "sim_1",
    }, null);
  }
});

Deno.bench("decideRefundRequest(): 1,000 requests", () => {
  paid.forEach((order, index) => decideRefundRequest(order, refunds[index]!, 200));
});

Deno.bench("decideRefund(): 1,000 refunds", () => {
  paid.forEach((order, index) => {
    const [other, refund] = refunds[index]!;
    decideRefund(order, refund, [other]);
  });
});

Deno.bench("decideCancel(): 1,000 orders", () => {
  for (const { status } of reserved) decideCancel(status);
});

Deno.bench("effectsOfRefund(): messages and KPI events of 1,000 refunds", () => {
  paid.forEach((order, index) => {
    effectsOfRefund(order, { ...refunds[index]![1], status: "PROCESSED" }, kpiDay);
  });
});

Deno.bench("effectsOfOrder(): messages and KPI events of 1,000 orders", () => {
  for (const order of paid) effectsOfOrder(order, kpiDay);
});

Deno.bench("encodeMessage(): 1,000 messages", () => {
  for (const message of messages) encodeMessage(message);
});

Deno.bench("decodeMessage(): 1,000 messages", () => {
  for (const fields of encoded) decodeMessage(fields);
});
