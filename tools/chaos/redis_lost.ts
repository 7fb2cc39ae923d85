/**
 * Redis is killed and comes back empty, while orders drain.
 *
 * @module
 */

import { feed } from "./harness/feed.ts";
import { verifyNow } from "./harness/verification.ts";
import type { Scenario } from "./harness/scenario.ts";
import { pauseMs } from "./harness/until.ts";
import { wholeAgain } from "./harness/whole_again.ts";

const scenario: Scenario = {
  name: "redis_lost",
  summary: "Redis is killed and restarted empty while orders drain",
  stage: { env: { BATCH_SIZE: "40" } },
  async run(stage) {
    const { random, redis, figures } = stage;
    const consumers = await Promise.all([stage.startConsumer(), stage.startConsumer()]);
    const orders = feed(stage, { backlog: 600 });
    const until = performance.now() + stage.seconds * 1_000;
    while (performance.now() < until) {
      await pauseMs(random.integer(500, 2_000));
      redis.kill("SIGKILL");
      figures.faults++;
      await pauseMs(random.integer(0, 1_500));
      await redis.restart();
      await wholeAgain(stage, performance.now());
    }
    await orders.stop();
    await verifyNow(stage, consumers, { orders: orders.orders });
  },
};

export default scenario;
