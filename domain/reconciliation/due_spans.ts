/**
 * Of which days it can be said that money is missing in a provider's reports.
 *
 * @module
 */

import { dayLater } from "../kpi/day.ts";

/** Times are UTC, `YYYY-MM-DD HH:MM:SS` and more. */
export interface TimeSpan {
  /** Its first moment. */
  from: string;
  /** The first moment that it has not. */
  until: string;
}

/**
 * The spans of the days that a report has made due: those of which it tells, or whose last day of grace it tells of. A day
 * is due once it and as many days after it are covered, because a provider may tell of money days later.
 *
 * @param covered the days that reports cover, the oldest first
 * @param reported what this report covers
 */
export function dueSpans(
  covered: readonly { day: string; from: string; until: string }[],
  reported: TimeSpan,
  graceDays: number,
): TimeSpan[] {
  const days = new Map(covered.map((one) => [one.day, one]));
  const first = dayLater(reported.from.slice(0, 10), -graceDays);
  const spans: TimeSpan[] = [];
  for (const { day, from, until } of covered) {
    if (day < first || from >= reported.until) continue;
    if (!isFollowed(days, day, graceDays)) continue;
    const last = spans.at(-1);
    if (last?.until === from) last.until = until;
    else spans.push({ from, until });
  }
  return spans;
}

function isFollowed(days: ReadonlyMap<string, unknown>, day: string, graceDays: number): boolean {
  for (let later = 1; later <= graceDays; later++) {
    if (!days.has(dayLater(day, later))) return false;
  }
  return true;
}
