/**
 * Measures how long the work of a dead consumer lies about.
 *
 * @module
 */

import { type Lane, lanes } from "../../../domain/messages/lane.ts";
import { type Group, groups } from "../../../domain/messages/messages.ts";
import type { Process } from "./process.ts";
import type { Stage } from "./stage.ts";
import { until } from "./until.ts";

/** The bound that the product promises, in milliseconds. */
const takeOverBoundMs = 15_000;

/** A message that somebody has read and not finished. */
export interface HeldMessage {
  group: Group;
  lane: Lane;
  id: string;
}

/** Where the messages are. */
type Queues = Pick<Stage, "client" | "keys">;

/** Most messages to one look. */
const maxMessages = 10_000;

/** How many messages a process holds unfinished. */
export async function heldBy(stage: Queues, process: Process): Promise<number> {
  return (await messagesOf(stage, process)).length;
}

/** The messages that a process holds unfinished; its name holds its process id. */
export async function messagesOf(
  { client, keys }: Queues,
  { pid }: Process,
): Promise<HeldMessage[]> {
  const held: HeldMessage[] = [];
  for (const group of groups) {
    for (const lane of lanes) {
      const stream = keys.stream(group, lane);
      const entries = await client.xpending(stream, group, "-", "+", maxMessages) as [
        id: string,
        consumer: string,
        idleMs: number,
        deliveries: number,
      ][];
      for (const [id, consumer] of entries) {
        if (consumer.split(":")[1] === String(pid)) held.push({ group, lane, id });
      }
    }
  }
  return held;
}

/** How many of the messages nobody has finished yet. */
export async function stillPending(
  { client, keys }: Queues,
  messages: readonly HeldMessage[],
): Promise<number> {
  let pending = 0;
  for (const { group, lane, id } of messages) {
    if ((await client.xrange(keys.stream(group, lane), id, id)).length > 0) pending++;
  }
  return pending;
}

/**
 * Waits until nothing is left in the hands of a process that is dead or frozen.
 *
 * @returns milliseconds since `since`, or null if it held nothing
 */
export async function takenOver(
  stage: Queues,
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
