import assert from "node:assert/strict";
import { findUnevenNotices } from "../../../db/verification/uneven_notices.ts";
import { retryAndPublish } from "../../../services/orders/retry_orders.ts";
import { anOperator } from "../../operator.ts";
import { driftOf, verifyNow, withSettled } from "../../settled_workflow.ts";

const gap = "notifications of order.failed on other channels than log";

Deno.test("findUnevenNotices() takes an order that failed again for nothing to look at, but misses none of its notices", () =>
  withSettled("uneven_retried", async (flow) => {
    const { short } = flow.ids;
    await retryAndPublish(flow, short, anOperator());
    await flow.drain();
    const events = await flow.rows("select event from notification_logs where order_id = ?", [
      short,
    ]);
    assert.deepEqual(events.map(({ event }) => event).sort(), ["order.failed", "order.failed:1"]);
    assert.deepEqual(await findUnevenNotices(flow.db, null), []);
    await flow.rows(
      "update notification_logs set channels = 2 where order_id = ? and event = 'order.failed'",
      [short],
    );
    assert.deepEqual(
      driftOf(await verifyNow(flow), "notifications").map(({ subject, what }) => [subject, what]),
      [[`order ${short}`, gap]],
    );
  }));

Deno.test("verify finds two orders that were told of each other's end", () =>
  withSettled("uneven_swapped", async (flow) => {
    const { paid, declined } = flow.ids;
    await flow.rows(
      `update notification_logs
      set event = case order_id when ? then 'order.failed' else 'order.paid' end
      where order_id in (?, ?) and event in ('order.paid', 'order.failed')`,
      [paid, paid, declined],
    );
    const drift = driftOf(await verifyNow(flow), "notifications");
    assert.deepEqual(
      drift.map(({ subject, expected, found }) => [subject, expected, found]).sort(),
      [
        [`order ${declined}`, "order.failed", null],
        [`order ${declined}`, null, "order.paid"],
        [`order ${paid}`, "order.paid", null],
        [`order ${paid}`, null, "order.failed"],
      ].sort(),
    );
  }));
