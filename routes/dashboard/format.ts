/**
 * How figures are written on the pages.
 *
 * @module
 */

const counts = new Intl.NumberFormat("en");
const currencies = new Map<string, Intl.NumberFormat>();

/** `£12,345.60`; every currency has two places, because every amount is in cents. */
export function formatMoney(cents: number, currency: string): string {
  let format = currencies.get(currency);
  if (format === undefined) {
    format = new Intl.NumberFormat("en", {
      style: "currency",
      currency,
      currencyDisplay: "narrowSymbol",
      minimumFractionDigits: 2,
      maximumFractionDigits: 2,
    });
    currencies.set(currency, format);
  }
  return format.format(cents / 100);
}

/** `1234.50`, as a form field or a file takes it. */
export function plainAmount(cents: number): string {
  return (cents / 100).toFixed(2);
}

/** `12,345` */
export function formatCount(count: number): string {
  return counts.format(count);
}

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
  return `${formatCount(Math.round(hours / 24))} days`;
}

/** `just now`, `12 s ago`, `3 days ago`. */
export function formatAgo(iso: string, nowMs: number): string {
  const ms = nowMs - Date.parse(iso);
  return ms < 1_500 ? "just now" : `${formatDuration(ms)} ago`;
}

const months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** `22 Nov 2026, 09:05` of an ISO 8601 time in UTC. */
export function formatTime(iso: string): string {
  return `${formatDay(iso.slice(0, 10))}, ${iso.slice(11, 16)}`;
}

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

/**
 * Cents of an amount that a person typed: `12`, `12.5`, `1,234.50`.
 *
 * @returns undefined for anything that is no amount
 */
export function parseAmount(text: string): number | undefined {
  const plain = text.trim().replace(/(?<=\d),(?=\d{3}(\D|$))/g, "");
  const match = /^(\d{1,12})(?:\.(\d{1,2}))?$/.exec(plain);
  if (match === null) return undefined;
  return Number(match[1]) * 100 + Number((match[2] ?? "").padEnd(2, "0"));
}
