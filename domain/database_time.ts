/**
 * Times as the databases write them.
 *
 * @module
 */

/**
 * A moment as the databases write it: `YYYY-MM-DD HH:MM:SS.mmm` in UTC. What comes out of them goes the other way by
 * `toIsoTime` of `db/connection/database.ts`.
 *
 * @param at a date, milliseconds since 1970, or ISO 8601 in any offset
 * @param digits of the fraction of a second; with six of them times compare as texts with those that the database gives
 * @throws {RangeError} for what is no time
 */
export function databaseTime(at: Date | number | string, digits: 0 | 3 | 6 = 3): string {
  const text = new Date(at).toISOString().replace("T", " ").replace("Z", "");
  if (digits === 6) return `${text}000`;
  return digits === 0 ? text.slice(0, -4) : text;
}

/**
 * A moment that came out of a database by `toIsoTime`, as it is stored: to the microsecond, which no `Date` holds.
 *
 * @param isoTime ISO 8601 in UTC; null stays null
 */
export function storedTime<T extends string | null>(isoTime: T): T {
  return (isoTime === null ? null : isoTime.replace("T", " ").replace("Z", "")) as T;
}
