import { effectsOfOrder } from "../domain/effects.ts";
import { kpiDayIn } from "../domain/kpi.ts";
import { decodeMessage, encodeMessage, type Message } from "../domain/messages.ts";
import type { OrderFacts } from "../domain/order.ts";
import { decideReservations, sumNeeds } from "../domain/reserve.ts";
import { decideSettle } from "../domain/settle.ts";

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
      providerRef: "sim_1",
    }, null);
  }
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
