/**
 * The time of an order, from the forms that shops write it in.
 *
 * @module
 */

import { databaseTime } from "../database_time.ts";

const form =
  /^(\d{4})-(\d{2})-(\d{2})([T ])(\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(Z|[+-]\d{2}(?::?\d{2})?)?$/i;

const monthDays = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * Reads a date and time: `YYYY-MM-DD HH:MM:SS`, or ISO 8601 with `T`, where the seconds may be missing.
 * Both may have a fraction, of which milliseconds are kept, and `Z` or an offset; without one it is UTC.
 *
 * @returns UTC as `YYYY-MM-DD HH:MM:SS.fff`; undefined unless it is a time that exists, from the year
 * 1000 to 9999, which is what the database can hold
 */
export function parsePlacedAt(text: string): string | undefined {
  return plainUtc(text) ?? parseAny(text);
}

/** The number that two digits are; NaN where they are none. */
export function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - 48, ones = text.charCodeAt(at + 1) - 48;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : NaN;
}

/**
 * True for a text that begins as `2026-01-31 23:59:59` does, with a blank or T between, and is a time from the year 1000
 * on. Some that are, the 29th of February, it is not.
 */
export function isPlainTime(text: string): boolean {
  const between = text.charCodeAt(10);
  const isForm = text.charCodeAt(4) === 45 && text.charCodeAt(7) === 45 &&
    (between === 32 || between === 84) && text.charCodeAt(13) === 58 && text.charCodeAt(16) === 58;
  if (!isForm) return false;
  const day = twoDigits(text, 8);
  return twoDigits(text, 0) >= 10 && twoDigits(text, 2) >= 0 &&
    day >= 1 && day <= (monthDays[twoDigits(text, 5) - 1] ?? 0) &&
    twoDigits(text, 11) <= 23 && twoDigits(text, 14) <= 59 && twoDigits(text, 17) <= 59;
}

/** UTC in the form that it has in the end, as most texts are: in a fraction of the time. */
function plainUtc(text: string): string | undefined {
  const { length } = text;
  if (length !== 19 && length !== 23 || !isPlainTime(text) || text.charCodeAt(10) !== 32) {
    return undefined;
  }
  if (length === 19) return `${text}.000`;
  const isFraction = text.charCodeAt(19) === 46 && twoDigits(text, 20) >= 0 &&
    twoDigits(text, 21) >= 0;
  return isFraction ? text : undefined;
}

/** The same of any form. */
function parseAny(text: string): string | undefined {
  const match = form.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, separator, hour, minute, second = "", fraction = "", offset] = match;
  if (second === "" && separator === " ") return undefined;
  const isLeap = Number(year) % 4 === 0 && (Number(year) % 100 !== 0 || Number(year) % 400 === 0);
  const days = month === "02" && isLeap ? 29 : monthDays[Number(month) - 1] ?? 0;
  if (Number(day) < 1 || Number(day) > days) return undefined;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;

  const milliseconds = fraction.slice(0, 3).padEnd(3, "0");
  const local = `${year}-${month}-${day} ${hour}:${minute}:${second || "00"}.${milliseconds}`;
  const aheadMs = offset === undefined ? 0 : offsetMs(offset);
  if (aheadMs === undefined) return undefined;
  const utc = aheadMs === 0 ? local : shifted(local, -aheadMs);
  return utc >= "1000-01-01" && utc.length === local.length ? utc : undefined;
}

/** How far ahead the clock of a shop may be, or its time zone be taken for UTC, in milliseconds. */
const maxAheadMs = 86_400_000;

/** What is wrong with a time after {@linkcode latestPlacedAt}. */
export const tooFarAhead = "must not be more than a day ahead";

/**
 * The latest time at which an order can have been placed, as {@linkcode parsePlacedAt} gives times. A later one
 * is an error of the shop, or of somebody who wants the last word on a customer for ever.
 *
 * @param nowMs since 1970
 */
export function latestPlacedAt(nowMs: number): string {
  return databaseTime(nowMs + maxAheadMs);
}

/** How far a time zone such as `+01:00` is ahead of UTC; undefined for one that can't be. */
function offsetMs(offset: string): number | undefined {
  const match = /^([+-])(\d\d):?(\d\d)?$/.exec(offset);
  if (match === null) return 0;
  const [, sign, hours, minutes = "0"] = match;
  if (Number(hours) > 23 || Number(minutes) > 59) return undefined;
  const ms = (Number(hours) * 60 + Number(minutes)) * 60_000;
  return sign === "-" ? -ms : ms;
}

/** The time `ms` later; of another length beyond the years 0 to 9999. */
function shifted(local: string, ms: number): string {
  return databaseTime(Date.parse(`${local.replace(" ", "T")}Z`) + ms);
}
