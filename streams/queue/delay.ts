/**
 * Leaves messages pending until a later time.
 *
 * @module
 */

import { backoffMs } from "../../domain/messages/retry.ts";
import { cutText } from "../../domain/text/cut_text.ts";
import { defineScript, runScript } from "../redis/scripts.ts";
import { noteOutcome, tracing } from "../telemetry/tracing.ts";
import type { EngineDeps, Failed } from "./work.ts";

const delayScript = defineScript("delay", import.meta.url);

/** How long messages wait that failed for no fault of theirs, because an engine is away. */
const outagePauseMs = 1_000;

/** Characters of an error that are kept with a message until its next try. */
const maxErrorText = 2_000;

/** The longest that a message is delayed, in milliseconds. */
export function maxRetryDelayMs(
  { maxDeliveries, retryBackoffMs }: { maxDeliveries: number; retryBackoffMs: number },
): number {
  return Math.max(outagePauseMs, backoffMs(maxDeliveries, retryBackoffMs));
}

/**
 * Delays messages.
 *
 * @param why an outage is not counted against them
 * @returns how many were still pending with this consumer
 */
export async function delay<M>(
  { redis, keys, consumer, lane }: EngineDeps,
  { group, retryBackoffMs }: { group: string; retryBackoffMs: number },
  messages: readonly Failed<M>[],
  why: "error" | "outage",
): Promise<number> {
  if (messages.length === 0) return 0;
  const delayed = messages.map(({ entry, error, waitMs = outagePauseMs }) => [
    entry.id,
    why === "error" ? backoffMs(entry.errors + 1, retryBackoffMs) : waitMs,
    why === "error" ? 1 : 0,
    cutText(error, maxErrorText),
  ]);
  if (tracing) {
    const outcome = why === "error" ? "retried" : "delayed";
    noteOutcome(messages.map(({ entry }) => entry.id), outcome, (at) => messages[at]!.error);
  }
  const delayKeys = [
    keys.stream(group, lane),
    keys.retries(group, lane),
    keys.errors(group, lane),
    keys.errorTexts(group, lane),
    keys.stats(group),
  ];
  const args = [group, consumer, JSON.stringify(delayed)];
  return await runScript(redis, delayScript, delayKeys, args) as number;
}
