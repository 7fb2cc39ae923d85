/**
 * A consumer stands still until another has reclaimed its batch, and is then woken.
 *
 * @module
 */

import { feed } from "./harness/feed.ts";
import { verifyNow } from "./harness/verification.ts";
import type { Scenario } from "./harness/scenario.ts";
import type { Stage } from "./harness/stage.ts";
import { heldBy, messagesOf, stillPending, takenOver } from "./harness/take_over.ts";
import { pauseMs, until } from "./harness/until.ts";
import type { Process } from "./harness/process.ts";

const scenario: Scenario = {
  name: "zombies",
  summary: "consumers frozen (SIGSTOP) until others have taken over, then woken",
  stage: { proxied: true, env: { BATCH_SIZE: "40" } },
  async run(stage) {
    const { random, figures } = stage;
    const direct = stage.directEnv;
    // Only the victim of the second part is behind the relay, so that its commits alone can be held.
    const held = await stage.startConsumer({ REDIS_URL: direct.REDIS_URL });
    const others = await Promise.all([stage.startConsumer(direct), stage.startConsumer(direct)]);
    const consumers = [held, ...others];
    const orders = feed(stage, { backlog: 600 });
    await freezeInTransaction(stage, held);
    const end = performance.now() + stage.seconds * 1_000;
    while (performance.now() < end) {
      await pauseMs(random.integer(50, 500));
      await freeze(stage, random.pick(consumers));
    }
    await orders.stop();
    await verifyNow(stage, consumers, { orders: orders.orders });
    figures.notes.push("1 frozen in the middle of a transaction");
  },
};

export default scenario;

/** Freezes a consumer at any moment in which it holds messages. */
async function freeze(stage: Stage, victim: Process): Promise<void> {
  await until("the victim holds messages", 10_000, async () => {
    return await heldBy(stage, victim) > 0 || "it holds none";
  });
  await pauseMs(stage.random.integer(0, 20));
  victim.kill("SIGSTOP");
  const frozenAt = performance.now();
  stage.figures.faults++;
  const ms = await takenOver(stage, victim, frozenAt);
  if (ms !== null) stage.recovered(ms);
  // The others finish what they took, so that the zombie meets work that is done.
  await pauseMs(stage.random.integer(0, 500));
  victim.kill("SIGCONT");
}

/**
 * Freezes a consumer between the last statement of a transaction and its commit: it holds row locks that
 * whoever reclaims needs.
 */
async function freezeInTransaction(stage: Stage, victim: Process): Promise<void> {
  const { databaseProxy } = stage;
  databaseProxy.holdCommit();
  await until("the victim is about to commit", 10_000, () => databaseProxy.held > 0 || "it is not");
  victim.kill("SIGSTOP");
  const frozenAt = performance.now();
  stage.figures.faults++;
  const inHand = await messagesOf(stage, victim);
  await takenOver(stage, victim, frozenAt);
  const ms = await until("whoever took over has finished", 30_000, async () => {
    const left = await stillPending(stage, inHand);
    return left === 0 || `${left} of ${inHand.length} messages are unfinished`;
  });
  stage.recovered(performance.now() - frozenAt);
  stage.figures.notes.push(`a frozen transaction's work done after ${(ms / 1_000).toFixed(1)} s`);
  databaseProxy.thaw();
  victim.kill("SIGCONT");
}
