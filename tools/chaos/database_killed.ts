/**
 * The database server is killed and restarted under load.
 *
 * @module
 */

import { feed } from "./harness/feed.ts";
import { progress } from "./harness/progress.ts";
import { verifyNow } from "./harness/verification.ts";
import type { Scenario } from "./harness/scenario.ts";
import { pauseMs } from "./harness/until.ts";

const scenario: Scenario = {
  name: "database_killed",
  summary: "the database is killed (-9) and restarted under load",
  stage: { env: { BATCH_SIZE: "40" } },
  async run(stage) {
    const { random, database, figures } = stage;
    const consumers = await Promise.all([stage.startConsumer(), stage.startConsumer()]);
    const orders = feed(stage, { backlog: 600 });
    const end = performance.now() + stage.seconds * 1_000;
    while (performance.now() < end) {
      await pauseMs(random.integer(500, 2_000));
      database.kill("SIGKILL");
      figures.faults++;
      await pauseMs(random.integer(0, 2_000));
      await database.restart();
      stage.recovered(await progress(stage));
    }
    await orders.stop();
    await verifyNow(stage, consumers, { orders: orders.orders });
  },
};

export default scenario;
