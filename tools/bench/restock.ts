/**
 * Orders that wait for stock, and how soon they have it once it arrives.
 *
 * @module
 */

import { toInteger } from "../../db/connection/database.ts";
import { silentLog } from "../../domain/operation/log.ts";
import { changeStock } from "../../services/catalog/change_stock.ts";
import { takeOrders } from "../../streams/intake/take_orders.ts";
import { syntheticOrder } from "../orders/orders_file.ts";
import { publish } from "../../streams/workflow/publish.ts";
import { type Figure, figure } from "./figures.ts";
import { type Deployment, expectVerified, openDeployment, type Stage, startTask } from "./stage.ts";

/** Orders that wait for one unit each of one product. */
const waiting = 1_000;

const sku = "MUG";

/** Longest wait for all of them. */
const waitMs = 30_000;

/** Has 1,000 orders wait for a product, adds 1,000 units of it, and waits until the last is reserved. */
export async function benchRestock(stage: Stage): Promise<Figure[]> {
  const times: number[] = [];
  for (let run = 1; run <= stage.runs; run++) {
    stage.log(`restock of ${waiting} units, run ${run} of ${stage.runs}`);
    const deployment = await openDeployment(stage);
    deployment.env.ON_SHORTAGE = "wait";
    await publishOrders(deployment);
    const consumer = await startTask(deployment, "consume", []);
    try {
      await untilLeft(deployment, "status = 'PENDING' and backordered = 1", waiting);
      const start = performance.now();
      const { db, redis, keys } = deployment;
      const operator = { actor: "bench", via: "command", address: null } as const;
      await changeStock({ db, redis, keys, log: silentLog }, sku, { add: waiting }, { operator });
      await untilLeft(deployment, "status = 'PENDING'", 0);
      times.push(performance.now() - start);
    } finally {
      await consumer.stop();
    }
    await expectVerified(deployment);
    await deployment.close();
  }
  return [figure(`restock of ${waiting} units, to the last order reserved`, "ms", times)];
}

async function publishOrders(deployment: Deployment): Promise<void> {
  const orders = Array.from({ length: waiting }, (_, number) => {
    const order = syntheticOrder(number, { orders: waiting, declinedShare: 0 });
    return { ...order, items: [{ sku, name: "Mug", unitPriceCents: 1_250, qty: 1 }] };
  });
  const taken = await takeOrders(deployment.db, orders, {
    initialStock: 0,
    onPendingChange: "update",
    actor: "bench",
  });
  const messages = taken.map(({ orderId, totalCents, currency }) => ({
    message: {
      type: "order.reserve",
      orderId: orderId!,
      amountCents: totalCents,
      currency,
    } as const,
  }));
  await publish(deployment, messages, { oncePerOrder: true });
}

/** Waits until so many orders are like that. */
async function untilLeft({ db }: Deployment, like: string, wanted: number): Promise<void> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    const [row] = await db.query(`select count(*) as orders from orders where ${like}`);
    const count = toInteger(row!.orders);
    if (count === wanted) return;
    if (performance.now() > deadline) throw new Error(`${count} orders instead of ${wanted}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
