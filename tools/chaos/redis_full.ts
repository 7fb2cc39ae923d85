/**
 * Redis has no memory left and, as it must, throws nothing away.
 *
 * @module
 */

import { startApi } from "./harness/api.ts";
import { feed } from "./harness/feed.ts";
import { progress } from "./harness/progress.ts";
import { verifyNow } from "./harness/verification.ts";
import type { Scenario } from "./harness/scenario.ts";
import { pauseMs, until } from "./harness/until.ts";

const scenario: Scenario = {
  name: "redis_full",
  summary: "Redis is out of memory (noeviction) again and again",
  stage: { env: { BATCH_SIZE: "40" } },
  async run(stage) {
    const { random, figures, client } = stage;
    const api = await startApi(stage, "start");
    const consumers = [api.process, await stage.startConsumer()];
    const orders = feed(stage, { backlog: 600 });
    const end = performance.now() + stage.seconds * 1_000;
    while (performance.now() < end) {
      await pauseMs(random.integer(300, 1_500));
      await client.config("SET", "maxmemory", "1mb");
      figures.faults++;
      await until("readyz tells that redis takes nothing", 5_000, async () => {
        const { status, checks } = await api.readyz();
        return (status === 503 && checks.redis !== "ok") || `it says ${status}`;
      });
      await pauseMs(random.integer(0, 3_000));
      await client.config("SET", "maxmemory", "0");
      stage.recovered(await progress(stage));
    }
    await orders.stop();
    await verifyNow(stage, consumers, { orders: orders.orders });
  },
};

export default scenario;
