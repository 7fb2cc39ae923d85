/**
 * When something is wrong for long enough that a person should know, and when it is over.
 *
 * @module
 */

import type { AlertWebhook } from "../notification/webhook_body.ts";

/** Every kind of alert. */
export const alertKinds = [
  "no_consumer",
  "oldest_age",
  "paused_with_work",
  "dead_letters",
  "drift",
  "not_proven",
  "not_mended",
  "overdue_reservations",
  "disputed_payments",
  "refunds_by_hand",
  "given_twice",
  "refunds_returned",
  "chargebacks_due",
  "chargebacks_lost",
  "chargebacks_unknown",
  "discrepancies",
  "payment_provider",
  "simulated_gateway",
  "webhook_disabled",
  "notifications_given_up",
  "database_older",
  "database_other",
  "older_version",
] as const;

/** See {@linkcode alertKinds}. */
export type AlertKind = typeof alertKinds[number];

/** What is looked at now. */
export interface AlertCheck {
  /** Its kind and, where one of them is about one group or check of several, which: `oldest_age:orders`. One alert a name. */
  name: AlertKind | `${AlertKind}:${string}`;
  /** Whether somebody should look soon, or at once. */
  severity: "warning" | "critical";
  /** What is wrong: "Orders wait too long". */
  title: string;
  /** How it is now: "the oldest waits for 3 min". */
  detail: string;
  /**
   * `good` and `bad` are apart from each other, so that a value which swings around a limit does not
   * raise and resolve an alert again and again: what lies `between` changes nothing.
   */
  level: "good" | "between" | "bad";
}

/** What is kept of an alert from one look to the next. */
export interface AlertState extends Omit<AlertCheck, "level"> {
  /** When it began to be bad, ISO 8601. */
  since: string;
  /** When people were told; null while it is not bad for long enough. */
  raisedAt: string | null;
  /** Since when it is good again; null while it is not. */
  goodSince: string | null;
}

/** What a look led to. */
export interface AlertDecision {
  /** Null where there is nothing to keep. */
  state: AlertState | null;
  /** What this look brought about; null for nothing new. */
  change: "raised" | "resolved" | null;
}

/** Something must be bad for so long before people are told, in milliseconds. */
export const raiseAfterMs = 30_000;

/** Something must be good for so long before it is over, in milliseconds. */
export const resolveAfterMs = 60_000;

/**
 * Decides what a look means for an alert.
 *
 * @param before what was kept of it; null where it was good
 * @param nowMs the time in ms since 1970
 */
export function decideAlert(
  before: AlertState | null,
  check: AlertCheck,
  nowMs: number,
): AlertDecision {
  const now = new Date(nowMs).toISOString();
  const { level, ...facts } = check;
  if (before === null) {
    if (level !== "bad") return { state: null, change: null };
    return { state: { ...facts, since: now, raisedAt: null, goodSince: null }, change: null };
  }
  if (level === "good") {
    if (before.raisedAt === null) return { state: null, change: null };
    const goodSince = earlier(before.goodSince ?? now, now);
    if (nowMs - Date.parse(goodSince) >= resolveAfterMs) return { state: null, change: "resolved" };
    return { state: { ...before, goodSince }, change: null };
  }
  const state: AlertState = { ...before, ...facts, goodSince: null };
  if (before.raisedAt !== null || level === "between") return { state, change: null };
  state.since = earlier(before.since, now);
  if (nowMs - Date.parse(state.since) < raiseAfterMs) return { state, change: null };
  return { state: { ...state, raisedAt: now }, change: "raised" };
}

/** What is said to have begun in the future was written while a clock was ahead: it begins now. */
function earlier(since: string, now: string): string {
  return since < now ? since : now;
}

/** A change of an alert as the body of a webhook, after Standard Webhooks. */
export interface AlertNews {
  /** The same however often the change is told: an alert, since when it is bad, and what became of it. */
  id: string;
  /** JSON. */
  body: string;
}

/**
 * Words the news that an alert was raised or resolved.
 *
 * @param alert as it was raised, or as it was before it was resolved
 * @param nowMs the time of the change in ms since 1970
 */
export function alertNews(
  alert: AlertState,
  change: "raised" | "resolved",
  nowMs: number,
): AlertNews {
  const now = new Date(nowMs).toISOString();
  const name = alert.name.replaceAll(/[^a-z0-9]+/gi, "_");
  const body: AlertWebhook = {
    type: `alert.${change}`,
    timestamp: now,
    data: {
      name: alert.name,
      severity: alert.severity,
      title: alert.title,
      detail: alert.detail,
      since: alert.since,
      raised_at: alert.raisedAt,
      resolved_at: change === "resolved" ? now : null,
    },
  };
  return {
    id: `alert_${name}_${Date.parse(alert.since)}_${change}`,
    body: JSON.stringify(body),
  };
}
