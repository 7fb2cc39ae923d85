/**
 * Up to which month orders are archived.
 *
 * @module
 */

/** Days after its end before which no order is archived: so long a provider is asked what became of its money. */
export const archivableDays = 30;

/** Months that somebody can ask to be kept. */
export const maxArchiveMonths = 1_200;

/** Why a date is none to archive by. */
export type ArchiveCut = { before: string } | { fault: string };

/**
 * The beginning of the month that a date is in: whole months are archived, and only those that are over.
 *
 * @param date `YYYY-MM-DD`
 * @param now ISO 8601 UTC
 * @returns UTC, `YYYY-MM-DD HH:MM:SS`, or what is wrong with the date
 */
export function archiveCut(date: string, now: string): ArchiveCut {
  const time = /^\d{4}-\d{2}-\d{2}$/.test(date) ? Date.parse(`${date}T00:00:00Z`) : NaN;
  if (Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== date) {
    return { fault: `must be a date such as ${now.slice(0, 7)}-01, not ${JSON.stringify(date)}` };
  }
  const month = date.slice(0, 7);
  const current = now.slice(0, 7);
  if (month > current) {
    return {
      fault: `must not be after ${current}-01, because only months that are over are archived`,
    };
  }
  return { before: `${month}-01 00:00:00` };
}

/**
 * The beginning of the oldest month that stays.
 *
 * @param months how many months that are over stay, besides the one that is not
 * @param now ISO 8601 UTC
 * @returns UTC, `YYYY-MM-DD HH:MM:SS`
 */
export function archiveCutAfter(months: number, now: string): string {
  const number = Number(now.slice(0, 4)) * 12 + Number(now.slice(5, 7)) - 1 - months;
  const year = String(Math.max(1, Math.floor(number / 12))).padStart(4, "0");
  const month = String(number % 12 + 1).padStart(2, "0");
  return number < 12 ? "0001-01-01 00:00:00" : `${year}-${month}-01 00:00:00`;
}
