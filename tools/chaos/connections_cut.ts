/**
 * Connections to both engines break again and again, in the middle of transactions and answers.
 *
 * @module
 */

import { feed } from "./harness/feed.ts";
import { progress } from "./harness/progress.ts";
import { verifyNow } from "./harness/verification.ts";
import type { Scenario } from "./harness/scenario.ts";
import { pauseMs } from "./harness/until.ts";

const scenario: Scenario = {
  name: "connections_cut",
  summary: "connections to both engines are cut in mid-transaction, a few times a second",
  stage: { proxied: true, env: { BATCH_SIZE: "40" } },
  async run(stage) {
    const { random, figures, databaseProxy, redisProxy } = stage;
    const consumers = await Promise.all([stage.startConsumer(), stage.startConsumer()]);
    const orders = feed(stage, { backlog: 600 });
    const end = performance.now() + stage.seconds * 1_000;
    while (performance.now() < end) {
      await pauseMs(random.integer(50, 400));
      figures.faults += random.pick([databaseProxy, databaseProxy, redisProxy]).cut();
    }
    stage.recovered(await progress(stage));
    await orders.stop();
    await verifyNow(stage, consumers, { orders: orders.orders });
  },
};

export default scenario;
