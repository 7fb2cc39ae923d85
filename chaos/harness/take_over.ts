/**
 * Measures how long the work of a dead consumer lies about.
 *
 * @module
 */

import { groups } from "../../domain/messages.ts";
import type { Process } from "./process.ts";
import type { Stage } from "./stage.ts";
import { until } from "./until.ts";

/** The bound that the product promises, in milliseconds. */
export const takeOverBoundMs = 15_000;

/** How many messages a process holds unfinished. */
export async function heldBy({ client, keys }: Stage, { pid }: Process): Promise<number> {
  let held = 0;
  for (const group of groups) {
    const summary = await client.xpending(keys.stream(group), group) as [
      number,
      string | null,
      string | null,
      [name: string, count: string][] | null,
    ];
    for (const [name, count] of summary[3] ?? []) {
      if (name.split(":")[1] === String(pid)) held += Number(count);
    }
  }
  return held;
}

/**
 * Waits until nothing is left in the hands of a process that is dead or frozen.
 *
 * @returns milliseconds since `since`, or null if it held nothing
 */
export async function takenOver(
  stage: Stage,
  process: Process,
  since: number,
  withinMs = takeOverBoundMs,
): Promise<number | null> {
  const held = await heldBy(stage, process);
  if (held === 0) return null;
  await until(`the work of process ${process.pid} is taken over`, withinMs, async () => {
    const left = await heldBy(stage, process);
    return left === 0 || `${left} of ${held} messages are still its own`;
  });
  return performance.now() - since;
}
