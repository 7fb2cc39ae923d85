/**
 * `kill -9` of a random consumer every second or so, while orders drain.
 *
 * @module
 */

import { feed } from "./harness/feed.ts";
import { verifyNow } from "./harness/verification.ts";
import type { Scenario } from "./harness/scenario.ts";
import { takenOver } from "./harness/take_over.ts";
import { pauseMs } from "./harness/until.ts";

/** Consumers at any time. */
const consumerCount = 3;

const scenario: Scenario = {
  name: "consumers_killed",
  summary: "kill -9 of random consumers every second or two while orders drain",
  stage: { env: { BATCH_SIZE: "40" } },
  async run(stage) {
    const { random, figures } = stage;
    const consumers = await Promise.all(
      Array.from({ length: consumerCount }, () => stage.startConsumer()),
    );
    const orders = feed(stage, { backlog: 600 });
    const until = performance.now() + stage.seconds * 1_000;
    const takeOvers: Promise<void>[] = [];
    while (performance.now() < until) {
      await pauseMs(random.integer(500, 2_000));
      const at = random.integer(0, consumers.length - 1);
      const victim = consumers[at]!;
      victim.kill("SIGKILL");
      const killedAt = performance.now();
      figures.faults++;
      takeOvers.push(
        takenOver(stage, victim, killedAt).then((ms) => {
          if (ms !== null) stage.recovered(ms);
        }),
      );
      takeOvers.at(-1)!.catch(() => {});
      consumers[at] = await stage.startConsumer();
    }
    await orders.stop();
    await Promise.all(takeOvers);
    await verifyNow(stage, consumers, { orders: orders.orders });
  },
};

export default scenario;
