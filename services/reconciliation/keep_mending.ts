/**
 * Goes on with what was approved about discrepancies and reports, beside everything else.
 *
 * @module
 */

import { messageOf } from "../../domain/errors.ts";
import type { Operator } from "../../domain/operation/audit.ts";
import { takeLease } from "../../streams/redis/lease.ts";
import { pause } from "../../streams/timing/pause.ts";
import { goOnWithReports } from "./go_on_with_reports.ts";
import { goOnMending } from "./mend_discrepancies.ts";
import type { MendingDeps } from "./mending_step.ts";

/** How often somebody looks, in milliseconds. */
const lookMs = 15_000;

/** In whose name what others approved goes on. */
const operator: Operator = { actor: "mending", via: "command", address: null };

/** Looks until the signal aborts; of many processes one does so at a time. */
export async function keepMending(deps: MendingDeps, signal: AbortSignal): Promise<void> {
  const { redis, keys, log } = deps;
  while (!signal.aborted) {
    try {
      // Not given back: it ends shortly before the next look is due, whoever takes that.
      if (await takeLease(redis, keys.mendingLease, lookMs - 1_000) !== null) {
        await goOnWithReports(deps);
        await goOnMending(deps, operator);
      }
    } catch (error) {
      if (!signal.aborted) log.warn("mending failed", { error: messageOf(error) });
    }
    await pause(lookMs, signal);
  }
}
