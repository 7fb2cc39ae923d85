/**
 * Which lane orders go by that come one by one.
 *
 * @module
 */

import type { Lane } from "../../domain/messages/lane.ts";
import type { Group } from "../../domain/messages/messages.ts";
import type { RedisDeps } from "../redis/keys.ts";
import { defineScript, runScript } from "../redis/scripts.ts";

const chooseLanesScript = defineScript("choose_lanes", import.meta.url);

/**
 * Messages in the live lane that are a crowd: what the consumers of one process finish in about a tenth of a second, so
 * whoever comes behind them is not kept waiting for longer.
 */
const crowd = 200;

/** Orders of one caller that come into a crowd within a second all the same. */
const shareOfCrowd = 5;

/** The groups that an order passes until it is settled. */
const settling: readonly Group[] = ["orders", "payments"];

/**
 * Chooses the lanes of orders: the live one, unless so much waits there that others would have to wait for whoever
 * brings it; then each caller has a small share of it, and the rest goes by the bulk lane. All processes on one Redis
 * count together.
 *
 * @param callers who brings each
 * @returns the lane of each, in the same order: of one caller's the first go by the live lane
 * @throws when Redis is away
 */
export async function chooseLanes(
  { redis, keys }: RedisDeps,
  callers: readonly string[],
): Promise<Lane[]> {
  const counts = new Map<string, number>();
  for (const caller of callers) counts.set(caller, (counts.get(caller) ?? 0) + 1);
  const scriptKeys = [keys.crowd, ...settling.map((group) => keys.stream(group, "live"))];
  const args = [crowd, shareOfCrowd, ...[...counts].flat()];
  const live = await runScript(redis, chooseLanesScript, scriptKeys, args) as number[];
  const left = new Map([...counts.keys()].map((caller, index) => [caller, live[index]!]));
  return callers.map((caller) => {
    const free = left.get(caller)!;
    left.set(caller, free - 1);
    return free > 0 ? "live" : "bulk";
  });
}
