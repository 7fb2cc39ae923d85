/**
 * The gateway answers only after the reservation has expired.
 *
 * @module
 */

import { bringOrders } from "./harness/feed.ts";
import { willBePaid } from "./harness/orders.ts";
import { equal, settled, stopInOrder } from "./harness/verification.ts";
import type { Scenario } from "./harness/scenario.ts";
import { until } from "./harness/until.ts";

/** Orders whose money comes too late. */
const orderCount = 1_000;

const scenario: Scenario = {
  name: "late_answers",
  summary:
    "payment answers that come after the reservation expired: failed, and the money goes back",
  stage: { env: { RESERVATION_TTL_SECONDS: "1", GATEWAY_DELAY_MS: "9000" } },
  async run(stage) {
    const { db, figures } = stage;
    const consumers = await Promise.all([stage.startConsumer(), stage.startConsumer()]);
    const orders = await bringOrders(stage, orderCount);
    const failedMs = await until("every reservation has timed out", 30_000, async () => {
      const [row] = await db.query(
        "select count(*) as n from orders where failure_reason = 'payment_timeout'",
      );
      return Number(row!.n) === orderCount || `${row!.n} of ${orderCount} have`;
    });
    const [held] = await db.query("select sum(received_qty - stock_qty) as n from products");
    equal("the units that are held by failed orders", Number(held!.n), 0);

    const successes = orders.filter(willBePaid).length;
    const backMs = await until("late money has gone back", 40_000, async () => {
      const [row] = await db.query("select count(*) as n from payments where status = 'REVERSED'");
      return Number(row!.n) === successes || `${row!.n} of ${successes} payments have`;
    });
    await settled(stage);
    const [told] = await db.query(`
      select count(distinct order_id) as n from order_events where event = 'payment_reversed'`);
    equal("timelines that tell of it", Number(told!.n), successes);
    await stopInOrder(consumers);
    await stage.run("verify", [], stage.directEnv);
    figures.orders = orderCount;
    figures.faults = orderCount;
    figures.notes.push(
      `timed out after ${(failedMs / 1_000).toFixed(1)} s`,
      `${successes} late payments back ${(backMs / 1_000).toFixed(1)} s later`,
    );
  },
};

export default scenario;
