/**
 * With the default settings: a reclaim comes in time after a crash, and never without one.
 *
 * @module
 */

import { bringOrders, feed } from "./harness/feed.ts";
import { equal, settled, stopInOrder, verifyNow } from "./harness/verification.ts";
import type { Scenario } from "./harness/scenario.ts";
import { heldBy, takenOver } from "./harness/take_over.ts";
import { until } from "./harness/until.ts";

/** What every answer of the database is late: a batch then takes longer than a reclaim time. */
const slowAnswerMs = 700;

const scenario: Scenario = {
  name: "default_times",
  summary: "take-over within 15 s by default, and none from a consumer that is merely slow",
  stage: {
    proxied: true,
    env: {
      GATEWAY_DELAY_MS: "",
      RETRY_BACKOFF_MS: "",
      TAKEOVER_MS: "",
      SHUTDOWN_TIMEOUT_MS: "",
      BATCH_SIZE: "",
    },
  },
  async run(stage) {
    const { figures, databaseProxy, directEnv } = stage;
    const slow = await stage.startConsumer({ TAKEOVER_MS: "1000" });
    const slowOrders = await bringOrders(stage, 200);
    databaseProxy.delay(slowAnswerMs);
    const watcher = await stage.startConsumer({ ...directEnv, TAKEOVER_MS: "1000" });
    await until("the slow consumer has a batch in hand", 10_000, async () => {
      return await heldBy(stage, slow) > 0 || "it has none";
    });
    const slowMs = await until("the slow consumer has finished its batch", 60_000, async () => {
      const held = await heldBy(stage, slow);
      return held === 0 || `it holds ${held} messages`;
    });
    databaseProxy.delay(0);
    const falseOnes = watcher.log.filter(({ event }) => event === "work taken over").length;
    equal("take-overs from a consumer that is slow", falseOnes, 0);
    figures.notes.push(`${(slowMs / 1_000).toFixed(1)} s of slow work left alone`);
    await settled(stage);
    // From here on nobody is more impatient than the defaults.
    await stopInOrder([slow, watcher]);

    const others = [await stage.startConsumer(directEnv), await stage.startConsumer(directEnv)];
    const orders = feed(stage, { backlog: 3_000, from: slowOrders.length });
    const victim = others[0]!;
    await until("the victim holds messages", 10_000, async () => {
      return await heldBy(stage, victim) > 0 || "it holds none";
    });
    victim.kill("SIGKILL");
    const killedAt = performance.now();
    figures.faults++;
    const ms = await takenOver(stage, victim, killedAt);
    if (ms === null) throw new Error("the victim held nothing when it was killed");
    stage.recovered(ms);
    await orders.stop();
    await verifyNow(stage, [others[1]!], { orders: [...slowOrders, ...orders.orders] });
  },
};

export default scenario;
