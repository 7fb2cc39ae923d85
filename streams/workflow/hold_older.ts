/**
 * Keeps processes of the version before from taking messages. They know nothing of orders that were paid at their
 * source, are backordered, were taken up again or edited, nor of refunds of lines: they would charge what is paid,
 * fail what waits, and leave units out of stock. What they do know is that a group can be paused.
 *
 * @module
 */

import { messageOf, WorkflowError } from "../../domain/errors.ts";
import type { Log } from "../../domain/operation/log.ts";
import { groups } from "../../domain/messages/messages.ts";
import { areHeld, holdGroups } from "../queue/pause_group.ts";
import type { RedisDeps } from "../redis/keys.ts";
import { maxBlockMs } from "../redis/redis.ts";
import { pause } from "../timing/pause.ts";
import { isMarked, livingConsumers } from "./living_consumers.ts";

/** How often is looked whether they are still held, in milliseconds: a Redis that lost everything forgets it. */
const lookMs = 1_000;

/** A read that waits when they are held comes back within {@linkcode maxBlockMs}, and takes what came until then. */
const lastReadMs = maxBlockMs + 500;

/** What holding works with. */
export type HoldDeps = RedisDeps & { log: Log };

/** The consumers of the version before, and of earlier ones, that are alive. */
export async function consumersBefore(deps: RedisDeps): Promise<string[]> {
  return (await livingConsumers(deps, groups)).filter((name) => !isMarked(name));
}

/**
 * Has processes of the version before take nothing from now on, whether they are alive or are started later. Where
 * some are alive it waits until what they read last is no message of this process.
 *
 * It stays so when this process ends: whoever goes back to the version before has to resume the groups there.
 */
export async function holdOlder(deps: HoldDeps, signal: AbortSignal): Promise<void> {
  await holdGroups(deps, groups);
  const older = await consumersBefore(deps);
  if (older.length === 0) return;
  deps.log.warn("processes of the version before take nothing any more; stop them", {
    consumers: older.join(","),
  });
  await pause(lastReadMs, signal);
}

/** Holds them again and again until the signal aborts: somebody may resume a group on one of their pages. */
export async function keepHolding(deps: HoldDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await pause(lookMs, signal);
    try {
      await holdGroups(deps, groups);
    } catch (error) {
      deps.log.debug("processes of the version before not held", { error: messageOf(error) });
    }
  }
}

/**
 * For commands that publish and end: holds processes of the version before where none is alive.
 *
 * @throws {WorkflowError} `unavailable` where some are alive and take messages; nothing is changed then
 */
export async function refuseBesideOlder(deps: RedisDeps): Promise<void> {
  if (await areHeld(deps, groups)) return;
  const older = await consumersBefore(deps);
  if (older.length > 0) {
    throw new WorkflowError(
      "unavailable",
      `Processes of the version before take messages and know nothing of what this one writes: ` +
        `${older.join(", ")}; start this version beside them, which holds them, or stop them`,
    );
  }
  await holdGroups(deps, groups);
}
