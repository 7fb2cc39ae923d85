/**
 * Erasing a person with very many orders.
 *
 * @module
 */

import { silentLog } from "../../domain/operation/log.ts";
import { eraseCustomer } from "../../services/customers/erase_customer.ts";
import { publish } from "../../streams/workflow/publish.ts";
import { takeOrders } from "../../streams/intake/take_orders.ts";
import { syntheticOrder } from "../orders/orders_file.ts";
import { runDrain } from "./drain.ts";
import { type Figure, figure } from "./figures.ts";
import { type Deployment, expectVerified, openDeployment, type Stage } from "./stage.ts";

/** Orders of the person, and as many of others. */
const ordersOfOne = 10_000;

/** Orders to a transaction. */
const batch = 1_000;

const customer = { externalId: "BIG", email: "big@example.com", name: "Big Buyer" };

/** Has a person buy 10,000 times beside others, and erases them. */
export async function benchErase(stage: Stage): Promise<Figure[]> {
  const times: number[] = [];
  for (let run = 1; run <= stage.runs; run++) {
    stage.log(`erasing ${ordersOfOne} orders, run ${run} of ${stage.runs}`);
    const deployment = await openDeployment(stage);
    await takeAll(deployment);
    await runDrain(stage, deployment);
    const deps = { db: deployment.db, log: silentLog, config: { erasureSecret: "" } };
    const operator = { actor: "bench", via: "command", address: null } as const;
    const start = performance.now();
    const { orders } = await eraseCustomer(deps, { externalId: customer.externalId }, operator);
    times.push(performance.now() - start);
    if (orders !== ordersOfOne) throw new Error(`${orders} orders instead of ${ordersOfOne}`);
    await expectVerified(deployment);
    await deployment.close();
  }
  return [figure("erasing a person with 10,000 orders", "ms", times)];
}

async function takeAll(deployment: Deployment): Promise<void> {
  for (let from = 0; from < 2 * ordersOfOne; from += batch) {
    const orders = Array.from({ length: batch }, (_, at) => {
      const order = syntheticOrder(from + at, { orders: 2 * ordersOfOne, declinedShare: 0.05 });
      return at % 2 === 0 ? { ...order, customer } : order;
    });
    const taken = await takeOrders(deployment.db, orders, {
      initialStock: 1_000_000,
      onPendingChange: "update",
      actor: "bench",
    });
    const messages = taken.map(({ orderId, totalCents: amountCents, currency }) => ({
      message: { type: "order.reserve", orderId: orderId!, amountCents, currency } as const,
    }));
    await publish(deployment, messages, { oncePerOrder: true });
  }
}
