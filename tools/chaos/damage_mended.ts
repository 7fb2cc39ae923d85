/**
 * Somebody damages what Redis holds, without any failure that could be noticed: figures are changed and
 * messages vanish. The sweeps must find it and repair it, without anybody typing a command.
 *
 * @module
 */

import { feed } from "./harness/feed.ts";
import { settled, verifyNow } from "./harness/verification.ts";
import type { Scenario } from "./harness/scenario.ts";
import type { Stage } from "./harness/stage.ts";
import { pauseMs, until } from "./harness/until.ts";

/** Messages that vanish. */
const lostMessages = 30;

/** The bound on finding and repairing, in milliseconds: the sweeps look once a minute. */
const repairBoundMs = 180_000;

const scenario: Scenario = {
  name: "damage_mended",
  summary: "figures are changed and messages vanish; the sweeps find it and mend it (two minutes)",
  stage: { env: { BATCH_SIZE: "40" } },
  async run(stage) {
    const { figures } = stage;
    const consumers = await Promise.all([stage.startConsumer(), stage.startConsumer()]);
    const orders = feed(stage, { backlog: 600 });
    await pauseMs(stage.seconds * 1_000);
    const lost = await loseMessages(stage);
    await orders.stop();
    await changeFigures(stage);
    const damagedAt = performance.now();
    figures.faults += lost + 3;

    const note = (what: string) =>
      figures.notes.push(`${what} after ${((performance.now() - damagedAt) / 1_000).toFixed(0)} s`);
    await Promise.all([
      until("the figures are right again", repairBoundMs, async () => {
        const wrong = await findWrongFigures(stage);
        return wrong.length === 0 || wrong.join(", ");
      }).then(() => note("figures mended")),
      settled(stage, repairBoundMs).then(() => note("lost messages found")),
    ]);
    stage.recovered(performance.now() - damagedAt);
    await verifyNow(stage, consumers, { orders: orders.orders });
  },
};

export default scenario;

/** @returns how many vanished */
async function loseMessages(stage: Stage): Promise<number> {
  const { client, keys } = stage;
  let lost = 0;
  await until("messages have vanished", 20_000, async () => {
    for (const group of ["orders", "notifications"] as const) {
      // The newest ones are those that nobody has read yet.
      const stream = keys.stream(group, "bulk");
      const entries = await client.xrevrange(stream, "+", "-", "COUNT", lostMessages);
      const ids = entries.map(([id]) => id);
      if (ids.length > 0) lost += await client.xdel(stream, ...ids);
    }
    return lost >= lostMessages || `${lost} have`;
  });
  return lost;
}

/** One is raised, one is deleted, and a customer gets revenue from nowhere. */
async function changeFigures({ client, keys }: Stage): Promise<void> {
  const [revenue] = await client.keys("kpi:*:revenue_cents");
  const [failed] = await client.keys("kpi:*:failed_order_count");
  await client.incrby(revenue!, 12_345);
  await client.del(failed!);
  const [customer] = await client.zrevrange(keys.leaderboard("GBP"), 0, 0);
  await client.zincrby(keys.leaderboard("GBP"), 999, customer!);
}

/** Figures and the leaderboard against the database, all days together. */
async function findWrongFigures({ client, keys, db }: Stage): Promise<string[]> {
  const sumOf = async (figure: string) => {
    let sum = 0;
    for (const key of await client.keys(`kpi:*:${figure}`)) sum += Number(await client.get(key));
    return sum;
  };
  const [sums] = await db.query(`
    select
      coalesce(sum(case status when 'PAID' then total_cents end), 0) as revenue_cents,
      sum(status = 'FAILED') as failed_order_count
    from orders`);
  const revenue = Number(sums!.revenue_cents);
  const scores = await client.zrange(keys.leaderboard("GBP"), "0", "-1", "WITHSCORES");
  const board = scores.filter((_, at) => at % 2 === 1).reduce(
    (sum, score) => sum + Number(score),
    0,
  );
  const wrong: string[] = [];
  if (await sumOf("revenue_cents") !== revenue) wrong.push("the revenue is wrong");
  if (board !== revenue) wrong.push("the leaderboard is wrong");
  if (await sumOf("failed_order_count") !== Number(sums!.failed_order_count)) {
    wrong.push("the failed orders are wrong");
  }
  return wrong;
}
