/**
 * FLUSHALL in the middle of the work.
 *
 * @module
 */

import { feed } from "./harness/feed.ts";
import { verifyNow } from "./harness/verification.ts";
import type { Scenario } from "./harness/scenario.ts";
import { pauseMs } from "./harness/until.ts";
import { wholeAgain } from "./harness/whole_again.ts";

const scenario: Scenario = {
  name: "redis_flushed",
  summary: "FLUSHALL while orders drain, also in the middle of a recovery, and recoveries killed",
  stage: { env: { BATCH_SIZE: "40" } },
  async run(stage) {
    const { random, client, figures } = stage;
    const consumers = await Promise.all([stage.startConsumer(), stage.startConsumer()]);
    const orders = feed(stage, { backlog: 600 });
    const until = performance.now() + stage.seconds * 1_000;
    while (performance.now() < until) {
      await pauseMs(random.integer(300, 2_500));
      // Every other time once more shortly afterwards, which may meet a recovery at work.
      const flushes = random.integer(1, 2);
      for (let flush = 0; flush < flushes; flush++) {
        if (flush > 0) await pauseMs(random.integer(50, 2_200));
        await client.flushall();
        figures.faults++;
      }
      const flushedAt = performance.now();
      if (random.fraction() < 0.4) {
        // Whoever recovers may die of it: another must do the rest.
        await pauseMs(random.integer(0, 2_500));
        const victim = random.integer(0, consumers.length - 1);
        consumers[victim]!.kill("SIGKILL");
        figures.faults++;
        consumers[victim] = await stage.startConsumer();
      }
      await wholeAgain(stage, flushedAt);
    }
    await orders.stop();
    await verifyNow(stage, consumers, { orders: orders.orders });
  },
};

export default scenario;
