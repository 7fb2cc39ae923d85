/**
 * Redis forgets again and again up to where a lane's reservations are decided.
 *
 * @module
 */

import { lanes } from "../../domain/messages/lane.ts";
import type { IncomingOrder } from "../../domain/order/incoming_order.ts";
import { take } from "./harness/feed.ts";
import { nthOrder, sampleOrders } from "./harness/orders.ts";
import { equal, verifyNow } from "./harness/verification.ts";
import type { Scenario } from "./harness/scenario.ts";
import { pauseMs } from "./harness/until.ts";

/** How often they get lost, in milliseconds. */
const forgetMs = 20;

/** Orders to a wave; each has a unit of the same product. */
const waveOrders = 400;

const scenario: Scenario = {
  name: "turns_lost",
  summary:
    "whose turn it is gets lost in mid-transaction while four consumers want the same product",
  stage: { env: { BATCH_SIZE: "20" } },
  async run(stage) {
    const { client, keys, figures, db } = stage;
    const consumers = await Promise.all(Array.from({ length: 4 }, () => stage.startConsumer()));
    const turns = lanes.flatMap((lane) => [
      keys.turn("orders", lane),
      keys.passedOver("orders", lane),
    ]);
    const stopForgetting = stage.repeat(async () => {
      figures.faults += await client.del(...turns);
      await pauseMs(forgetMs);
    });
    const sample = await sampleOrders();
    const orders: IncomingOrder[] = [];
    const end = performance.now() + stage.seconds * 1_000;
    while (performance.now() < end) {
      const wave = Array.from({ length: waveOrders }, (_, at): IncomingOrder => {
        const order = nthOrder(sample, orders.length + at);
        const hot = { sku: "HOT", name: "What everybody wants", unitPriceCents: 100, qty: 1 };
        return { ...order, items: [...order.items, hot] };
      });
      await take(stage, wave);
      orders.push(...wave);
    }
    await verifyNow(stage, consumers, { orders });
    await stopForgetting();
    const [row] = await db.query(`
      select received_qty - stock_qty as gone,
        (select count(*) from orders where status = 'PAID') as paid
      from products
      where sku = 'HOT'`);
    equal("the units of the hot product that are gone", Number(row!.gone), Number(row!.paid));
  },
};

export default scenario;
