/**
 * Pausing groups of consumers and letting them go on: the one way for it.
 *
 * @module
 */

import type { Group } from "../domain/messages/messages.ts";
import {
  pauseGroup as markPaused,
  resumeGroup as markResumed,
} from "../streams/queue/pause_group.ts";
import type { ServiceDeps } from "./publish_after_commit.ts";

type PauseDeps = Pick<ServiceDeps, "redis" | "keys" | "log">;

/**
 * Has the consumers of a group take nothing more once their batch in hand is done; what comes in waits.
 *
 * @param actor who wants it
 */
export async function pauseGroup(deps: PauseDeps, group: Group, actor: string): Promise<void> {
  await markPaused(deps, group, actor);
  deps.log.warn("group paused", { group, actor });
}

/** Lets the consumers of a group go on. */
export async function resumeGroup(deps: PauseDeps, group: Group, actor: string): Promise<void> {
  await markResumed(deps, group);
  deps.log.info("group resumed", { group, actor });
}
