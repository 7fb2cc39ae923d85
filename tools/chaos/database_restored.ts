/**
 * The database is put back to what it was some moments ago, under load: as a restored dump, or a server that takes
 * over and lacks the last commits. Redis knows more than the database then.
 *
 * @module
 */

import { join } from "node:path";
import { guardDatabase } from "../../streams/recovery/database_guard.ts";
import { lookAtDatabase, readHeard } from "../../streams/recovery/database_age.ts";
import { feed, take } from "./harness/feed.ts";
import { keepDatabase } from "./harness/older_database.ts";
import { writeOrdersFile } from "./harness/orders.ts";
import { progress } from "./harness/progress.ts";
import { equal, verifyNow } from "./harness/verification.ts";
import type { Scenario } from "./harness/scenario.ts";
import { productDeps, type Stage } from "./harness/stage.ts";
import { pauseMs, until } from "./harness/until.ts";

/** Orders in the file that is imported meanwhile. */
const fileOrders = 3_000;

/** The bound on making an older database good, in milliseconds. */
const goodBoundMs = 20_000;

/** Orders that are sent again at once. */
const ordersAtOnce = 100;

const scenario: Scenario = {
  name: "database_restored",
  summary: "the database is put back to an older state under load, with an import running",
  stage: { env: { BATCH_SIZE: "40" } },
  async run(stage) {
    const { random, figures, directEnv } = stage;
    // The harness takes orders in this process, as a shop's own process does.
    await guardDatabase(productDeps(stage));
    const file = join(stage.dir, "orders.csv");
    const ofFile = await writeOrdersFile(file, fileOrders);
    const consumers = await Promise.all([stage.startConsumer(), stage.startConsumer()]);
    const orders = feed(stage, { backlog: 600, from: fileOrders });
    const end = performance.now() + stage.seconds * 1_000;
    let rounds = 0;
    do {
      const kept = await keepDatabase(directEnv.DATABASE_URL);
      const importer = rounds % 2 === 0 ? await stage.start("import", [file, "--json"]) : null;
      await pauseMs(random.integer(500, 2_500));
      // Where connections live on, as behind a proxy, the ticks of the database are what tells.
      const cut = random.fraction() < 0.7;
      if (!cut) await ticked(stage);
      await kept.putBack({ cut });
      const restoredAt = performance.now();
      figures.faults++;
      rounds++;
      await until("the database is good", goodBoundMs, async () => {
        const { kind } = await lookAtDatabase(productDeps(stage), stage.db.unguarded);
        return kind === "current" || `it is ${kind}`;
      });
      await progress(stage);
      stage.recovered(performance.now() - restoredAt);
      await importer?.endedWithin(60_000);
    } while (performance.now() < end);
    await orders.stop();

    // What is lost is sent again, as its senders are told to: everything, because nobody knows what is lost.
    await stage.run("import", [file, "--json"]);
    for (let from = 0; from < orders.orders.length; from += ordersAtOnce) {
      await take(stage, orders.orders.slice(from, from + ordersAtOnce));
    }
    await noNumberTwice(stage);
    await verifyNow(stage, consumers, { orders: [...ofFile, ...orders.orders] });
  },
};

export default scenario;

/** Waits for two ticks: the first may be one of before. */
async function ticked(stage: Stage): Promise<void> {
  const { ticks } = await readHeard(productDeps(stage));
  await until("the database has ticked", goodBoundMs, async () => {
    return (await readHeard(productDeps(stage))).ticks > ticks + 1 || "they have not";
  });
}

/** Every order has its steps and no other's: one that began, and one end. */
async function noNumberTwice({ db }: Stage): Promise<void> {
  const rows = await db.query(`
    select order_id
    from order_events
    where event = 'created'
    group by order_id
    having count(*) > 1`);
  equal("orders that began twice", rows, []);
}
