/**
 * Says when what a command has published waits for a process that is not there.
 *
 * @module
 */

import { readStreams } from "../streams/workflow/queue_status.ts";
import type { Context } from "./context.ts";
import { printError } from "./print.ts";

/** Tells on standard error which groups have work that no consumer takes, and what to type. Changes nothing. */
export async function tellIfNobodyWorks({ redis, keys }: Context): Promise<void> {
  const waiting = (await readStreams({ redis, keys }))
    .filter(({ length, scheduled, consumers, paused }) =>
      length + scheduled > 0 && consumers === 0 && !paused
    )
    .map(({ group }) => group);
  if (waiting.length === 0) return;
  const groups = new Intl.ListFormat("en-GB").format(waiting);
  printError(`Nobody works on ${groups} yet: run deno task start`);
}
