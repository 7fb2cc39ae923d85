/**
 * Reading parts of a page, each of which may fail by itself.
 *
 * @module
 */

import { messageOf } from "../../domain/errors.ts";
import type { AppDeps } from "../deps.ts";
import { isEngineAway } from "../middleware/problem.ts";
import { withDeadline } from "../../streams/timing/deadline.ts";

/** Longest wait for a part of a page, in milliseconds. */
const maxMs = 3_000;

/** What was read, or that it could not be. */
export type Part<T> = { ok: true; value: T } | { ok: false };

/**
 * Reads a part of a page. An engine that is away or hangs leaves the part empty; any other error is one of
 * the page.
 *
 * @param who gives the answer: "Redis"
 */
export async function attempt<T>(
  { log }: AppDeps,
  who: string,
  read: () => Promise<T>,
): Promise<Part<T>> {
  try {
    return { ok: true, value: await withDeadline(maxMs, who, read()) };
  } catch (error) {
    if (!isEngineAway(error)) throw error;
    log.debug("part of a page not read", { who, error: messageOf(error) });
    return { ok: false };
  }
}

/** Reads what a whole page is about; its failure is answered by a page that says so. */
export function need<T>(read: Promise<T>): Promise<T> {
  return withDeadline(maxMs, "The engine", read);
}
