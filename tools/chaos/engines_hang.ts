/**
 * Redis and the database stand still (SIGSTOP) instead of failing.
 *
 * @module
 */

import { startApi } from "./harness/api.ts";
import { feed } from "./harness/feed.ts";
import { progress } from "./harness/progress.ts";
import { verifyNow } from "./harness/verification.ts";
import type { Scenario } from "./harness/scenario.ts";
import { pauseMs, until } from "./harness/until.ts";

/** A hang that is longer than all time limits on commands to Redis, in milliseconds. */
const longHangMs = 12_000;

const scenario: Scenario = {
  name: "engines_hang",
  summary: "Redis and the database hang (SIGSTOP), for seconds each",
  stage: { env: { BATCH_SIZE: "40" } },
  async run(stage) {
    const { random, figures, redis, database } = stage;
    const api = await startApi(stage, "start");
    const consumers = [api.process, await stage.startConsumer()];
    const orders = feed(stage, { backlog: 600 });
    let slowestMs = 0;
    const hang = async (part: "redis" | "database", ms: number) => {
      const engine = part === "redis" ? redis : database;
      engine.kill("SIGSTOP");
      figures.faults++;
      try {
        const since = performance.now();
        await until(`readyz tells that ${part} hangs`, 5_000, async () => {
          const { status, checks, ms } = await api.readyz();
          slowestMs = Math.max(slowestMs, ms);
          return (status === 503 && checks[part] !== "ok") || `it says ${status}`;
        });
        const { status } = await api.livez();
        if (status !== 200) throw new Error(`livez says ${status} while ${part} hangs`);
        await pauseMs(Math.max(0, ms - (performance.now() - since)));
      } finally {
        engine.kill("SIGCONT");
      }
      const back = performance.now();
      await until("readyz says that all is well", 15_000, async () => {
        const { status } = await api.readyz();
        return status === 200 || `it says ${status}`;
      });
      await progress(stage);
      stage.recovered(performance.now() - back);
    };
    await hang("redis", longHangMs);
    await hang("database", longHangMs);
    const end = performance.now() + stage.seconds * 1_000;
    while (performance.now() < end) {
      await pauseMs(random.integer(100, 1_000));
      await hang(random.pick(["redis", "database"]), random.integer(2_000, 5_000));
    }
    await orders.stop();
    figures.notes.push(`readyz tells within ${(slowestMs / 1_000).toFixed(1)} s`);
    await verifyNow(stage, consumers, { orders: orders.orders });
  },
};

export default scenario;
