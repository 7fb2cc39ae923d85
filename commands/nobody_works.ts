/**
 * Says when what a command has published waits for a process that is not there.
 *
 * @module
 */

import { type GroupStatus, readStreams } from "../streams/workflow/queue_status.ts";
import { typed } from "../runtime/typed.ts";
import type { Context } from "./context.ts";
import { printError } from "./print.ts";

/** The groups that have work, no consumer, and no pause that would be the reason. */
export function groupsWithoutConsumer(streams: readonly Omit<GroupStatus, "dead">[]): string[] {
  return streams
    .filter(({ length, scheduled, consumers, paused }) =>
      length + scheduled > 0 && consumers === 0 && !paused
    )
    .map(({ group }) => group);
}

/** Tells on standard error which groups have work that no consumer takes, and what to type. Changes nothing. */
export async function tellIfNobodyWorks({ redis, keys }: Context): Promise<void> {
  const waiting = groupsWithoutConsumer(await readStreams({ redis, keys }));
  if (waiting.length === 0) return;
  const groups = new Intl.ListFormat("en-GB").format(waiting);
  printError(`Nobody works on ${groups} yet: run ${typed("start")}`);
}
