/**
 * Calendar days.
 *
 * @module
 */

import { databaseTime } from "../database_time.ts";

/** First and last day that can be asked for; the day after the last still has four digits of a year. */
const firstDay = "1970-01-01", lastDay = "9998-12-31";

const dayMs = 86_400_000;

/** True for a real date `YYYY-MM-DD` from 1970 to 9998. */
export function isDay(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text) || text < firstDay || text > lastDay) return false;
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}

/** Days from one to another, both included. */
export function daysBetween(from: string, to: string): number {
  return Math.round((Date.parse(`${to}T00:00:00Z`) - Date.parse(`${from}T00:00:00Z`)) / dayMs) + 1;
}

/** The day so many days after another, or before it where there are less than none. */
export function dayLater(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * dayMs).toISOString().slice(0, 10);
}

/** The day so many days before another. */
export function daysBefore(day: string, days: number): string {
  return dayLater(day, -days);
}

const quarterMs = 900_000;

/**
 * When a day of the figures begins and ends: no zone changes its day within a quarter of an hour.
 *
 * @param kpiDay the day of a moment, ISO 8601
 * @returns the first moment and the first one after it, UTC, `YYYY-MM-DD HH:MM:SS`
 */
export function periodOf(
  kpiDay: (at: string) => string,
  day: string,
): { from: string; before: string } {
  // No zone is further than a day from UTC.
  const start = Date.parse(`${day}T00:00:00Z`) - dayMs;
  const isOf = (ms: number) => kpiDay(new Date(ms).toISOString()) === day;
  let from = start;
  while (!isOf(from) && from < start + 2 * dayMs) from += quarterMs;
  let before = from;
  while (isOf(before)) before += quarterMs;
  return { from: databaseTime(from, 0), before: databaseTime(before, 0) };
}
