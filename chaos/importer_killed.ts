/**
 * `kill -9` of the importer at random moments, and the same import again until it gets through.
 *
 * @module
 */

import { join } from "node:path";
import { writeOrdersFile } from "./harness/orders.ts";
import { equal, prove } from "./harness/proof.ts";
import type { Scenario } from "./harness/scenario.ts";
import { pauseMs } from "./harness/until.ts";

/** The importer is killed so many milliseconds after its start at the latest. */
const longestRunMs = 6_000;

/** Orders in the file: several seconds of work for the importer. */
const orderCount = 5_000;

const scenario: Scenario = {
  name: "importer_killed",
  summary: "kill -9 of the importer at random moments, then the same import again",
  async run(stage) {
    const { random, figures } = stage;
    const file = join(stage.dir, "orders.csv");
    const orders = await writeOrdersFile(file, orderCount);
    const consumers = await Promise.all([stage.startConsumer(), stage.startConsumer()]);
    const end = performance.now() + stage.seconds * 1_000;
    let published = 0;
    while (performance.now() < end) {
      const importer = await stage.start("import", [file, "--json"]);
      await Promise.race([pauseMs(random.integer(300, longestRunMs)), importer.ended]);
      if (importer.hasEnded()) break;
      importer.kill("SIGKILL");
      figures.faults++;
      await importer.ended;
    }
    const { stdout } = await stage.run("import", [file, "--json"]);
    const report = JSON.parse(stdout.trim().split("\n").at(-1)!);
    published += report.published;
    equal("the orders that the last import met", {
      orders: report.orders,
      rejected: report.orders_rejected,
      known_or_new: report.orders_new + report.orders_unchanged,
    }, { orders: orderCount, rejected: 0, known_or_new: orderCount });
    figures.notes.push(`the last import published ${published}`);
    await prove(stage, consumers, { orders });
  },
};

export default scenario;
