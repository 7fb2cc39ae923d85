/**
 * Says when what a command has published or shown waits for a process that is not there.
 *
 * @module
 */

import { describeNobody, readStreams } from "../streams/workflow/queue_status.ts";
import type { Context } from "./context.ts";
import { printError } from "./print.ts";

/** Tells on standard error which groups have work that no consumer takes, and what to type. Changes nothing. */
export async function tellIfNobodyWorks({ redis, keys }: Context): Promise<void> {
  const nobody = describeNobody(await readStreams({ redis, keys }));
  if (nobody !== undefined) printError(nobody);
}
