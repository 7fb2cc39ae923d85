/**
 * What goes on after an answer.
 *
 * @module
 */

import { messageOf } from "../../../domain/errors.ts";
import type { AppDeps } from "../../deps.ts";

/** Whoever closes the engines waits for it; one that is cut off is taken up by the same request again. */
export function keepRunning(
  { log, background }: Pick<AppDeps, "log" | "background">,
  id: number,
  finished: Promise<unknown>,
): void {
  const work = finished.then(() => {}, (error) => {
    log.error("reconciliation failed", { reconciliation_id: id, error: messageOf(error) });
  });
  background?.add(work);
  work.finally(() => background?.delete(work));
}
