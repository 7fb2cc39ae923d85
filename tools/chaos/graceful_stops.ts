/**
 * SIGTERM in the middle of the work: a deploy.
 *
 * @module
 */

import { startApi } from "./harness/api.ts";
import { feed } from "./harness/feed.ts";
import { verifyNow } from "./harness/verification.ts";
import type { Process } from "./harness/process.ts";
import type { Scenario } from "./harness/scenario.ts";
import type { Stage } from "./harness/stage.ts";
import { heldBy, messagesOf, stillPending } from "./harness/take_over.ts";
import { pauseMs, until } from "./harness/until.ts";

/** Longest time for a stop, in milliseconds; the setting of the processes. */
const shutdownMs = 5_000;

/** What a process may take beyond that to close its connections and end. */
const spareMs = 2_000;

/** A second signal ends a process at once: within the time that a process takes to end. */
const atOnceMs = 1_000;

const scenario: Scenario = {
  name: "graceful_stops",
  summary:
    "SIGTERM to random processes while orders drain; a second signal; a stop while engines hang",
  stage: {
    env: { BATCH_SIZE: "40", SHUTDOWN_TIMEOUT_MS: String(shutdownMs), TAKEOVER_MS: "30000" },
  },
  async run(stage) {
    const { random, figures } = stage;
    const api = await startApi(stage, "start");
    const consumers = [api.process, await stage.startConsumer(), await stage.startConsumer()];
    const orders = feed(stage, { backlog: 600 });
    const end = performance.now() + stage.seconds * 1_000;
    let maxStopMs = 0;
    while (performance.now() < end) {
      await pauseMs(random.integer(200, 1_500));
      const at = random.integer(0, consumers.length - 1);
      maxStopMs = Math.max(maxStopMs, await stopOne(stage, consumers[at]!));
      consumers[at] = at === 0
        ? (await startApi(stage, "start")).process
        : await stage.startConsumer();
    }
    figures.notes.push(`stops take up to ${(maxStopMs / 1_000).toFixed(2)} s`);
    await stopWhileHanging(stage, consumers);
    await secondSignal(stage, consumers);
    await orders.stop();
    await verifyNow(stage, consumers, { orders: orders.orders });
  },
};

export default scenario;

/** @returns milliseconds until it had ended */
async function stopOne(stage: Stage, process: Process): Promise<number> {
  process.kill("SIGTERM");
  const started = performance.now();
  stage.figures.faults++;
  const { code, signal } = await process.endedWithin(shutdownMs + spareMs);
  const ms = performance.now() - started;
  if (code !== 0) throw new Error(`${process.task} ended with ${signal ?? code} after SIGTERM`);
  const left = await heldBy(stage, process);
  if (left > 0) throw new Error(`${left} messages wait for a take-over after a stop in order`);
  return ms;
}

/**
 * The database hangs, so the work in hand can't be finished: it is given back, and others may take it at
 * once although the time for a reclaim is not over.
 */
async function stopWhileHanging(stage: Stage, consumers: Process[]): Promise<void> {
  const { database, figures } = stage;
  const victim = consumers[1]!;
  await until("the victim holds messages", 10_000, async () => {
    return await heldBy(stage, victim) > 0 || "it holds none";
  });
  database.kill("SIGSTOP");
  figures.faults++;
  try {
    await pauseMs(100);
    const inHand = await messagesOf(stage, victim);
    victim.kill("SIGTERM");
    const started = performance.now();
    const { code, signal } = await victim.endedWithin(shutdownMs + spareMs);
    const ms = performance.now() - started;
    if (code !== 0) {
      throw new Error(`a stop while the database hangs ended with ${signal ?? code}`);
    }
    database.kill("SIGCONT");
    const back = performance.now();
    await until("what was given back is finished", 10_000, async () => {
      const left = await stillPending(stage, inHand);
      return left === 0 || `${left} of ${inHand.length} messages are unfinished`;
    });
    stage.recovered(performance.now() - back);
    figures.notes.push(
      `stopped in ${
        (ms / 1_000).toFixed(1)
      } s while the database hung, ${inHand.length} given back`,
    );
  } finally {
    database.kill("SIGCONT");
  }
  consumers[1] = await stage.startConsumer();
}

/** Somebody who can't wait. */
async function secondSignal(stage: Stage, consumers: Process[]): Promise<void> {
  const { database, figures } = stage;
  const victim = consumers[1]!;
  database.kill("SIGSTOP");
  figures.faults++;
  try {
    await pauseMs(100);
    victim.kill("SIGTERM");
    await victim.logged("stopping");
    victim.kill("SIGTERM");
    const second = performance.now();
    await victim.endedWithin(atOnceMs);
    const ms = performance.now() - second;
    figures.notes.push(`a second signal ends it in ${Math.round(ms)} ms`);
  } finally {
    database.kill("SIGCONT");
  }
  // It ended without giving anything back: a crash by will, whose work waits for a reclaim.
  const restarted = await stage.startConsumer({ TAKEOVER_MS: "1000" });
  consumers[1] = restarted;
}
