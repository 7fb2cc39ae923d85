/**
 * Hosts whose clocks are wrong: Redis' clock decides what is due, the database's when things happened.
 *
 * @module
 */

import { feed } from "./harness/feed.ts";
import { equal, verifyNow } from "./harness/verification.ts";
import type { Scenario } from "./harness/scenario.ts";
import { pauseMs } from "./harness/until.ts";

/** One host is as much behind and another ahead. */
const offsetMs = 3 * 3_600_000;

/** The gateway answers after this time, in milliseconds, whatever the hosts believe. */
const gatewayMs = 1_500;

/** What an answer may be late: the sweep of a busy machine. */
const lateMs = 5_000;

const scenario: Scenario = {
  name: "wrong_clocks",
  summary: "one consumer's clock is three hours behind, another's three hours ahead",
  stage: { env: { BATCH_SIZE: "40", GATEWAY_DELAY_MS: String(gatewayMs) } },
  async run(stage) {
    const { db, figures, keys, client } = stage;
    const consumers = await Promise.all([
      stage.startConsumer({}, { clockOffsetMs: -offsetMs }),
      stage.startConsumer({}, { clockOffsetMs: offsetMs }),
    ]);
    figures.faults = 2;
    const [behind, ahead] = consumers.map(({ log }) => log[0]!.timeMs - Date.now());
    if (Math.abs(behind! + offsetMs) > 60_000 || Math.abs(ahead! - offsetMs) > 60_000) {
      throw new Error(`the clocks are wrong by ${behind} and ${ahead} ms only`);
    }
    const orders = feed(stage, { backlog: 600 });
    await pauseMs(stage.seconds * 1_000);
    const alive = await client.zrange(keys.alive("orders"), "0", "-1", "WITHSCORES");
    for (let at = 1; at < alive.length; at += 2) {
      const offBy = Math.abs(Number(alive[at]) - Date.now());
      if (offBy > 60_000) throw new Error(`a sign of life is wrong by ${offBy} ms`);
    }
    await orders.stop();
    await verifyNow(stage, consumers, { orders: orders.orders });

    const [row] = await db.query(`
      select
        min(timestampdiff(microsecond, reserved_at, settled_at)) / 1000 as shortest_ms,
        max(timestampdiff(microsecond, reserved_at, settled_at)) / 1000 as longest_ms,
        sum(abs(timestampdiff(second, settled_at, created_at)) > 600) as strange
      from orders`);
    const [min, max] = [Number(row!.shortest_ms), Number(row!.longest_ms)];
    if (min < gatewayMs || max > gatewayMs + lateMs) {
      throw new Error(`answers came after ${min} to ${max} ms, not after ${gatewayMs}`);
    }
    equal("orders that were settled at a strange time", Number(row!.strange), 0);
    const takeOvers = consumers.flatMap(({ log }) => log)
      .filter(({ event }) => event === "work taken over").length;
    equal("false take-overs", takeOvers, 0);
    figures.notes.push(`answers after ${Math.round(min)}–${Math.round(max)} ms`);
  },
};

export default scenario;
