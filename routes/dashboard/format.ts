/**
 * How figures are written on the pages.
 *
 * @module
 */

import { currencyDigits, formatMoney, isCurrency } from "../../domain/money.ts";
import { formatCount } from "../../domain/text/format_count.ts";
import { counted, plural } from "../../domain/text/plural.ts";

export { formatMoney, parseAmount, plainAmount } from "../../domain/money.ts";
export { counted, formatCount, plural };

/** `0.4`, `12`, `3,410`: a rate with as many digits as say something. */
export function formatRate(rate: number): string {
  if (rate === 0) return "0";
  return rate < 10 ? rate.toFixed(rate < 1 ? 2 : 1) : formatCount(Math.round(rate));
}

/** `350 ms`, `12 s`, `4 min`, `3 h`, `2 days`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1_000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = seconds / 60;
  if (minutes < 90) return `${Math.round(minutes)} min`;
  const hours = minutes / 60;
  if (hours < 36) return `${Math.round(hours)} h`;
  return counted(Math.round(hours / 24), "day");
}

/** `just now`, `12 s ago`, `3 days ago`. */
export function formatAgo(iso: string, nowMs: number): string {
  const ms = nowMs - Date.parse(iso);
  return ms < 1_500 ? "just now" : `${formatDuration(ms)} ago`;
}

const months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** `22 Nov 2026, 09:05` of an ISO 8601 time in UTC, for what says itself that it is UTC. */
export function formatMinute(iso: string): string {
  return `${formatDay(iso.slice(0, 10))}, ${iso.slice(11, 16)}`;
}

/**
 * A sentence of the log or the books with its amounts and times as the pages write them: `12.50 GBP` is `£12.50` there,
 * and `2026-11-22 09:05 UTC` is `22 Nov 2026, 09:05 UTC`. What is no amount of a currency stays as it is.
 */
export function asShown(text: string): string {
  return text
    .replace(namedAmounts, (all, whole: string, fraction: string | undefined, currency: string) => {
      const digits = isCurrency(currency) ? currencyDigits(currency) : undefined;
      if ((fraction ?? "").length !== digits) return all;
      return formatMoney(BigInt(whole.replaceAll(",", "") + (fraction ?? "")), currency);
    })
    .replace(namedTimes, (_, day: string, minute: string) => `${formatDay(day)}, ${minute} UTC`);
}

const namedAmounts = /(?<![\w.,-])(-?\d{1,3}(?:,\d{3})+|-?\d+)(?:\.(\d+))? ([A-Z]{3})\b/g;

const namedTimes = /\b(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d)(?::\d\d(?:\.\d+)?)?(?: UTC\b|Z\b)/g;

/** `22 Nov 2026` of `2026-11-22`. */
export function formatDay(day: string): string {
  const [year, month, date] = day.split("-");
  return `${Number(date)} ${months[Number(month) - 1]} ${year}`;
}

/** `+12.5 %` from one figure to another; undefined where there is nothing to compare with. */
export function formatChange(now: number, before: number): string | undefined {
  if (before === 0) return undefined;
  const share = (now - before) / Math.abs(before);
  if (Math.abs(share) >= 10) {
    return `${share > 0 ? "+" : "−"}${formatCount(Math.abs(Math.round(share)))}×`;
  }
  return `${share < 0 ? "−" : "+"}${Math.abs(share * 100).toFixed(1)} %`;
}
