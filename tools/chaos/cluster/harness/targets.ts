/**
 * What the product promises of the time after a loss.
 *
 * @module
 */

import { keysFor } from "../../../../streams/redis/keys.ts";
import { openRedis } from "../../../../streams/redis/redis.ts";
import { heldBy, takenOver } from "../../harness/take_over.ts";
import { until } from "../../harness/until.ts";
import type { AppHost } from "./app_host.ts";
import type { ClusterStage } from "./cluster_stage.ts";
import { untilOrdered } from "./shoppers.ts";
import { longestGap } from "./watch.ts";

/** After there is a server that takes changes: until a host takes an order. In milliseconds, as all here. */
const afterWritableMs = 5_000;

/** After a Redis master is lost: the longest that a host takes no order, and that nothing is settled. */
const apiWithoutRedisMs = 3_000;
const workWithoutRedisMs = 10_000;

/** Until what a lost host of the product had in hand is in the hands of another one. */
const takeOverMs = 15_000;

/** After a partition has healed: until a host takes orders, and works, again. */
const afterHealingMs = 5_000;

/** Longest wait for what should come much earlier, so that it can be told how long it took. */
const patienceMs = 60_000;

/** Each host that is not lost itself takes an order soon after there is a server that takes changes. */
export async function takesOrdersAgain(stage: ClusterStage, brokenAt: number): Promise<void> {
  const { watch, hosts, lostHosts, shoppers } = stage;
  let writableAt = brokenAt;
  await until("a server takes changes", patienceMs, () => {
    const first = watch.writes.find(({ at }) => at >= brokenAt);
    if (first === undefined) return "none does";
    writableAt = first.at;
    return true;
  });
  if (writableAt - brokenAt > 1_000) {
    stage.figures.notes.push(`no primary for ${((writableAt - brokenAt) / 1_000).toFixed(1)} s`);
  }
  const whole = hosts.filter(({ name }) => !lostHosts.has(name));
  const since = writableAt;
  await untilOrdered(shoppers, whole, { count: 1, since: brokenAt, withinMs: patienceMs });
  const ms = whole.map(({ name }) => {
    const first = shoppers.orders.find(({ host, sentAt, at }) =>
      host === name && sentAt >= brokenAt && at >= since
    );
    return (first?.at ?? Infinity) - since;
  });
  stage.within("first 202 after a writable primary", Math.max(...ms), afterWritableMs);
}

/** The longest time in which one of the hosts that are not lost themselves took no order, in milliseconds. */
export function apiGap(
  { hosts, lostHosts, shoppers }: ClusterStage,
  from: number,
  to: number,
): number {
  const gaps = hosts.filter(({ name }) => !lostHosts.has(name)).map(({ name }) => {
    const moments = shoppers.orders.filter(({ host }) => host === name).map(({ at }) => at);
    return longestGap(moments, from, to);
  });
  return Math.max(...gaps);
}

/** A host that is cut off from one of several database servers soon takes orders by another one. */
export function findsAnotherServer(stage: ClusterStage, gapMs: number, cut: string): void {
  stage.within("API gap while cut off from one database server", gapMs, afterWritableMs, cut);
}

/** Neither the API nor the work stands still for long while Redis is lost. */
export function goesOnWithoutRedis(stage: ClusterStage, from: number, to: number): void {
  stage.within("API gap", apiGap(stage, from, to), apiWithoutRedisMs);
  stage.within("work gap", longestGap(stage.watch.progress, from, to), workWithoutRedisMs);
}

/**
 * Each of some hosts takes orders and works soon after everything has healed.
 *
 * @param healed what had been cut, where several things were
 */
export async function healsSoon(
  stage: ClusterStage,
  hosts: readonly AppHost[],
  healedAt: number,
  healed?: string,
): Promise<void> {
  await untilOrdered(stage.shoppers, hosts, { count: 1, since: healedAt, withinMs: patienceMs });
  const ms = hosts.map(({ name }) => {
    const first = stage.shoppers.orders.find(({ host, sentAt }) =>
      host === name && sentAt >= healedAt
    );
    return first!.at - healedAt;
  });
  stage.within("orders after healing", Math.max(...ms), afterHealingMs, healed);
  const worked = await Promise.all(hosts.map((host) => untilWorks(stage, host, healedAt)));
  stage.within("work after healing", Math.max(...worked), afterHealingMs, healed);
}

/** Stops a host (`SIGSTOP`) at a moment at which it has work in its hands. */
export async function stopWithWork(stage: ClusterStage, host: AppHost): Promise<void> {
  await withQueues(stage, async (queues) => {
    await until(`host ${host.name} has work in its hands`, patienceMs, async () => {
      host.signal("SIGSTOP");
      if (await heldBy(queues, host.consumer) > 0) return true;
      host.signal("SIGCONT");
      return "it has none";
    });
  });
}

/** What a host that is lost had in hand is soon in the hands of another one. */
export async function workIsTakenOver(
  stage: ClusterStage,
  { consumer }: AppHost,
  lostAt: number,
): Promise<void> {
  await withQueues(stage, async (queues) => {
    const ms = await takenOver(queues, consumer, lostAt, patienceMs);
    if (ms === null) stage.figures.notes.push("it had nothing in hand");
    else stage.within("work taken over", ms, takeOverMs);
  });
}

async function withQueues(
  stage: ClusterStage,
  work: (queues: Parameters<typeof heldBy>[0]) => Promise<void>,
): Promise<void> {
  const client = await openRedis(stage.env.REDIS_URL!);
  try {
    await work({ client, keys: keysFor(stage.env.REDIS_PREFIX ?? "", "GBP") });
  } finally {
    client.disconnect();
  }
}

/** Waits until the consumers of a host have finished a step. @returns milliseconds since `since` */
async function untilWorks(
  { database }: ClusterStage,
  { name, consumer }: AppHost,
  since: number,
): Promise<number> {
  const at = new Date(Date.now() - (performance.now() - since)).toISOString().slice(0, 23);
  await until(`host ${name} works`, patienceMs, async () => {
    const [row] = await database.nodes[0]!.administer(
      "set time_zone = '+00:00'",
      "use orders",
      `select count(*) as steps from order_events
        where actor like '%:${consumer.pid}:%' and event in ('reserved', 'paid', 'failed')
          and created_at > '${at.replace("T", " ")}'`,
    );
    return Number(row!.steps) > 0 || "it does not";
  });
  return performance.now() - since;
}
