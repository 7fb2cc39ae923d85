/**
 * `kill -9` of the importer at random moments, and the same import again until it gets through.
 *
 * @module
 */

import { join } from "node:path";
import { writeOrdersFile } from "./harness/orders.ts";
import { equal, verifyNow } from "./harness/verification.ts";
import type { Scenario } from "./harness/scenario.ts";
import type { Process } from "./harness/process.ts";
import type { Stage } from "./harness/stage.ts";
import { pauseMs, until } from "./harness/until.ts";

/** Orders in the file: several seconds of work for the importer. */
const orderCount = 6_000;

/** Longest wait for the moment to kill it, in milliseconds. */
const patienceMs = 30_000;

const scenario: Scenario = {
  name: "importer_killed",
  summary: "kill -9 of the importer at random moments, then the same import again",
  async run(stage) {
    const { figures } = stage;
    const file = join(stage.dir, "orders.csv");
    const orders = await writeOrdersFile(file, orderCount);
    const consumers = await Promise.all([stage.startConsumer(), stage.startConsumer()]);
    const end = performance.now() + stage.seconds * 1_000;
    while (performance.now() < end) {
      const importer = await stage.start("import", [file, "--json"]);
      await killAtRandom(stage, importer);
      figures.faults++;
    }
    const { stdout } = await stage.run("import", [file, "--json"]);
    const report = JSON.parse(stdout.trim().split("\n").at(-1)!);
    equal("the orders that the last import met", {
      orders: report.orders,
      rejected: report.orders_rejected,
      known_or_new: report.orders_new + report.orders_unchanged,
    }, { orders: orderCount, rejected: 0, known_or_new: orderCount });
    figures.notes.push(`the last import published ${report.published}`);
    await verifyNow(stage, consumers, { orders });
  },
};

export default scenario;

/**
 * Kills an importer while it reads, at a random time, or while it writes, when the database has grown by a
 * random number of orders.
 */
async function killAtRandom(stage: Stage, importer: Process): Promise<void> {
  const { random, db } = stage;
  const countOrders = async () => {
    const [row] = await db.query("select count(*) as n from orders");
    return Number(row!.n);
  };
  const before = await countOrders();
  const left = orderCount - before;
  if (left === 0 || random.fraction() < 0.3) await pauseMs(random.integer(300, 2_000));
  else {
    const wanted = before + random.integer(1, Math.ceil(left / 3));
    await until("the importer has written some orders", patienceMs, async () => {
      return importer.hasEnded() || await countOrders() >= wanted || "it has not";
    });
  }
  importer.kill("SIGKILL");
  await importer.endedWithin(patienceMs);
}
