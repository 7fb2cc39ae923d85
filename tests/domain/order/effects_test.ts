import assert from "node:assert/strict";
import { effectsOfOrder, effectsOfRefund } from "../../../domain/order/effects.ts";
import { orderEnd, workOf } from "../../../domain/messages/work.ts";
import { kpiDayIn } from "../../../domain/kpi/kpi.ts";
import { orderEventName, refundEventName } from "../../../domain/notification/notification.ts";
import { isSettled } from "../../../domain/order/order.ts";
import { orderIn, orderStates, refundStates } from "./life.ts";

const utc = kpiDayIn("UTC");

Deno.test("effectsOfOrder() has one notice for every settled state and none before", () => {
  for (const status of orderStates) {
    const { messages, kpis } = effectsOfOrder(orderIn(status), utc);
    assert.deepEqual(
      messages,
      isSettled(status)
        ? [{ type: "notify.order", orderId: 7, amountCents: 1_000, currency: "EUR" }]
        : [],
      status,
    );
    const kinds = { PENDING: [], RESERVED: [], PAID: ["paid"], FAILED: ["failed"], CANCELLED: [] };
    assert.deepEqual(kpis.map(({ kind }) => kind), kinds[status], status);
    assert.equal(orderEventName(status) !== null, isSettled(status), status);
  }
});

Deno.test("effectsOfOrder() brings about all that is told to follow from a settled order, and no more", () => {
  const effects = orderStates.map((status) => effectsOfOrder(orderIn(status), utc));
  const brought = effects.flatMap(({ messages, kpis }) => [
    ...messages.map(({ type }) => workOf[type].brings[0]),
    ...kpis.map(() => "order_count" as const),
  ]);
  assert.deepEqual([...new Set(brought)].sort(), [...orderEnd].sort());
});

Deno.test("effectsOfOrder() counts on the day of settlement in the zone of the KPIs", () => {
  const order = orderIn("PAID", { settledAt: "2025-03-01 23:30:00.000000" });
  assert.deepEqual(effectsOfOrder(order, kpiDayIn("Europe/Berlin")).kpis, [{
    kind: "paid",
    orderId: 7,
    day: "2025-03-02",
    currency: "EUR",
    cents: 1_000,
    customerId: 3,
  }]);
});

Deno.test("effectsOfRefund() tells of every end and counts only money that went back", () => {
  for (const status of refundStates) {
    const refund = { id: 9, amountCents: 400, status };
    const { messages, kpis } = effectsOfRefund(orderIn("PAID"), refund, utc);
    assert.deepEqual(
      messages,
      status === "REQUESTED"
        ? []
        : [{ type: "notify.refund", orderId: 7, refundId: 9, amountCents: 400, currency: "EUR" }],
      status,
    );
    assert.deepEqual(
      kpis,
      status === "PROCESSED"
        ? [{
          kind: "refunded",
          refundId: 9,
          day: "2025-03-01",
          currency: "EUR",
          cents: 400,
          customerId: 3,
        }]
        : [],
      status,
    );
    assert.equal(refundEventName(9, status) !== null, status !== "REQUESTED");
  }
});
