/**
 * Times as shops and spreadsheets write them.
 *
 * @module
 */

import { isPlainTime, parsePlacedAt, twoDigits } from "../../order/placed_at.ts";
import { ownCopy } from "../../text/own_copy.ts";
import { plainCharacters } from "./money_text.ts";
import { monthOf } from "./month_names.ts";
import { isZone, type ZoneClock, zoneClock } from "./zone_time.ts";

/** In which order a date has its parts where all of them are numbers. */
export type DateOrder = "ymd" | "dmy" | "mdy";

/** What a file's times need to be read. */
export interface TimeForm {
  /** Of day, month and year where all are numbers. */
  order?: DateOrder | undefined;
  /** Of times that name none; IANA. */
  zone?: string | undefined;
  /** What numbers are; by their size where it is absent. */
  numbers?: "spreadsheet" | "unix" | undefined;
}

/** A time taken apart. */
interface TimeParts {
  /** As they stand there: of a date in numbers its three numbers, else year, month and day. */
  date: [string, string, string];
  /** Whether the order of the three is known. */
  isNumeric: boolean;
  /** Milliseconds since midnight; NaN for a clock that shows no such time. */
  clockMs: number;
  /** As it stands there; "" for none. */
  zone: string;
}

const clock = String
  .raw`(?:(?:T|,?\s+|,?\s+at\s+)(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*([AaPp]\.?\s?[Mm]\.?(?![A-Za-z]))?\s*(Z|[+-]\d{1,2}(?::?\d{2})?|(?:UTC|GMT)[+-]\d{1,2}(?::?\d{2})?|[A-Za-z]{2,5}|[A-Za-z]+(?:\/[A-Za-z_+\-0-9]+)+)?)?`;
const weekday = String.raw`(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,?\s+)?`;
const yearFirst = new RegExp(String.raw`^(\d{4})([-/.])(\d{1,2})\2(\d{1,2})${clock}$`, "i");
const inNumbers = new RegExp(
  String.raw`^${weekday}(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})${clock}$`,
  "i",
);
const monthFirst = new RegExp(
  String
    .raw`^${weekday}(\p{L}{3,12})\.?[\s-]+(\d{1,2})(?:st|nd|rd|th)?(?:,\s*|[\s-]+)(\d{4}|\d{2})${clock}$`,
  "iu",
);
const dayFirst = new RegExp(
  String
    .raw`^${weekday}(\d{1,2})(?:\.|er|º|°)?[\s-]+(?:de\s+)?(\p{L}{3,12})\.?,?[\s-]+(?:de\s+)?(\d{4}|\d{2})${clock}$`,
  "iu",
);

function takeApart(text: string): TimeParts | undefined {
  if (text.length > maxLength) return undefined;
  let match = yearFirst.exec(text);
  if (match !== null) return partsOf([match[1]!, match[3]!, match[4]!], false, match, 5);
  match = inNumbers.exec(text);
  if (match !== null) return partsOf([match[1]!, match[3]!, match[4]!], true, match, 5);
  match = monthFirst.exec(text);
  if (match !== null) {
    const month = monthOf(match[1]!);
    return month === undefined
      ? undefined
      : partsOf([match[3]!, month, match[2]!], false, match, 4);
  }
  match = dayFirst.exec(text);
  if (match === null) return undefined;
  const month = monthOf(match[2]!);
  return month === undefined ? undefined : partsOf([match[3]!, month, match[1]!], false, match, 4);
}

/** Characters of a time. */
const maxLength = 64;

function partsOf(
  date: TimeParts["date"],
  isNumeric: boolean,
  match: RegExpExecArray,
  clockAt: number,
): TimeParts {
  const [hour, minute = "0", second = "0", fraction = "", half, zone = ""] = match.slice(clockAt);
  if (hour === undefined) return { date, isNumeric, clockMs: 0, zone: "" };
  let hours = Number(hour);
  const isReal = half === undefined ? hours <= 23 : hours >= 1 && hours <= 12;
  if (half !== undefined) hours = hours % 12 + (/^p/i.test(half) ? 12 : 0);
  const ms = Number(fraction.slice(0, 3).padEnd(3, "0"));
  const clockMs = isReal && Number(minute) <= 59 && Number(second) <= 59
    ? ((hours * 60 + Number(minute)) * 60 + Number(second)) * 1000 + ms
    : NaN;
  return { date, isNumeric, clockMs, zone };
}

/** Milliseconds of a date's midnight as if it were UTC, by the order of its parts; undefined unless it exists. */
function midnightOf(date: TimeParts["date"], order: DateOrder): number | undefined {
  const [first, second, third] = date;
  const [year, month, day] = order === "ymd"
    ? [first, second, third]
    : order === "dmy"
    ? [third, second, first]
    : [third, first, second];
  if (year.length !== 4 && year.length !== 2) return undefined;
  const fullYear = year.length === 2 ? 2000 + Number(year) : Number(year);
  const ms = Date.UTC(fullYear, Number(month) - 1, Number(day));
  const back = new Date(ms);
  const exists = fullYear >= 1000 && back.getUTCMonth() === Number(month) - 1 &&
    back.getUTCDate() === Number(day);
  return exists ? ms : undefined;
}

const numberForm = /^\d{5,13}(?:[.,]\d+)?$/;

/** Numbers up to it are days since 1900 until the year 2173: seconds that few were of January 1970. */
const maxSerial = 100_000;

function numberKind(text: string): "spreadsheet" | "unix" | undefined {
  if (!numberForm.test(text)) return undefined;
  const value = Number(text.replace(",", "."));
  if (value < maxSerial) return value >= 20_000 ? "spreadsheet" : undefined;
  return /^\d{9,10}$|^\d{12,13}$/.test(text) ? "unix" : undefined;
}

/** Minutes ahead of UTC that the end of a time says, as `Z`, `-0500` or `+01:00`; NaN for any other end. */
function usualOffset(text: string, at: number): number {
  const { length } = text;
  const sign = text.charCodeAt(at);
  if (sign === 90) return length === at + 1 ? 0 : NaN;
  if (sign !== 43 && sign !== 45) return NaN;
  const minutesAt = length === at + 6 && text.charCodeAt(at + 3) === 58 ? at + 4 : at + 3;
  if (length !== minutesAt + 2) return NaN;
  const hours = twoDigits(text, at + 1), minutes = twoDigits(text, minutesAt);
  if (!(hours <= 23 && minutes <= 59)) return NaN;
  return (sign === 45 ? -1 : 1) * (hours * 60 + minutes);
}

/**
 * The UTC of a time such as `2026-01-31 23:59:59 -0500` or `2026-01-31T23:59:59+01:00`, as most shops write it: in a
 * fraction of the time, and without what the patterns leave behind.
 *
 * @returns undefined for all others, and for what may be no time that exists
 */
export function usualTime(text: string): string | undefined {
  const ahead = usualAhead(text);
  if (Number.isNaN(ahead)) return undefined;
  const utc = twoDigits(text, 11) * 60 + twoDigits(text, 14) - ahead;
  const date = text.slice(0, 10);
  if (utc >= 0 && utc < 1_440) {
    return `${date} ${padded(Math.floor(utc / 60))}:${padded(utc % 60)}${text.slice(16, 19)}.000`;
  }
  const time = textOf(Date.parse(`${date}T00:00:${text.slice(17, 19)}Z`) + utc * 60_000);
  return typeof time === "string" ? time : undefined;
}

/** Minutes ahead of UTC of such a time; NaN for all others. */
function usualAhead(text: string): number {
  const { length } = text;
  if (length < 20 || length > 26 || !isPlainTime(text)) return NaN;
  return usualOffset(text, text.charCodeAt(19) === 32 ? 20 : 19);
}

function padded(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}

/** True for `2026-01-31 23:59:59`, as databases write times: it exists, and names no zone. */
function isUsualLocal(text: string): boolean {
  return text.length === 19 && isPlainTime(text);
}

/** The UTC of such a time; undefined for all others, and where the clock of its zone leaps or is put back on that day. */
function usualLocal(text: string, clock: ZoneClock): string | undefined {
  if (!isUsualLocal(text)) return undefined;
  const date = Date.UTC(
    twoDigits(text, 0) * 100 + twoDigits(text, 2),
    twoDigits(text, 5) - 1,
    twoDigits(text, 8),
    twoDigits(text, 11),
    twoDigits(text, 14),
    twoDigits(text, 17),
  );
  const offset = clock.offsetAt(date);
  if (offset.kind !== "offset") return undefined;
  if (offset.ms === 0) return `${text.slice(0, 10)} ${text.slice(11)}.000`;
  const time = textOf(date - offset.ms);
  return typeof time === "string" ? time : undefined;
}

/** What a time says about the setting of its column. */
export interface TimeEvidence {
  /** Orders by which it is a date; all where it makes no difference. */
  orders: readonly DateOrder[];
  /** Whether it is another date by each of these. */
  differs: boolean;
  /** Whether it names no zone and is none in itself. */
  needsZone: boolean;
}

const allOrders: readonly DateOrder[] = ["ymd", "dmy", "mdy"];

const eastAsian =
  /^(\d{4})[年년] ?(\d{1,2})[月월] ?(\d{1,2})[日일号](?:[ ,]*(\d{1,2})[時时시] ?(\d{1,2})[分분](?: ?(\d{1,2})[秒초])?|(?=\s|$))/u;

/** A time in plain characters: those of full width mean the same, and so do the words of East Asia for its parts. */
function plainTime(text: string): string {
  // deno-lint-ignore no-control-regex
  if (!/[^\x00-\x7f]/.test(text)) return text;
  return plainCharacters(text.normalize("NFC")).replace(
    eastAsian,
    (_, year, month, day, hour?: string, minute = "", second?: string) =>
      `${year}-${month}-${day}` + (hour === undefined ? "" : ` ${hour}:${minute.padStart(2, "0")}` +
        (second === undefined ? "" : `:${second.padStart(2, "0")}`)),
  );
}

const usualEvidence: TimeEvidence = { orders: allOrders, differs: false, needsZone: false };
const localEvidence: TimeEvidence = { orders: allOrders, differs: false, needsZone: true };

/** What some times say: orders of a day may have the same one. */
const evidences = new Map<string, TimeEvidence | undefined>();

/** Tells what a time, trimmed and not empty, says about the order of dates and the zone; undefined for what is none. */
export function timeEvidence(written: string): TimeEvidence | undefined {
  if (isUsualLocal(written)) return localEvidence;
  if (!Number.isNaN(usualAhead(written))) return usualEvidence;
  let said = evidences.get(written);
  if (said === undefined && !evidences.has(written)) {
    said = anyEvidence(written);
    if (evidences.size >= maxRemembered) evidences.clear();
    if (written.length <= maxLength) evidences.set(ownCopy(written), said);
  }
  return said;
}

/** The same of a time in any form. */
export function anyEvidence(written: string): TimeEvidence | undefined {
  const text = plainTime(written);
  const kind = numberKind(text);
  if (kind !== undefined) {
    return { orders: allOrders, differs: false, needsZone: kind === "spreadsheet" };
  }
  const parts = takeApart(text);
  if (parts === undefined) return undefined;
  const needsZone = parts.zone === "";
  if (!parts.isNumeric) return { orders: allOrders, differs: false, needsZone };
  const read = allOrders
    .map((order) => ({ order, ms: midnightOf(parts.date, order) }))
    .filter(({ ms }) => ms !== undefined);
  const differs = new Set(read.map(({ ms }) => ms)).size > 1;
  return { orders: read.map(({ order }) => order), differs, needsZone };
}

/** Reads the times of a file. */
export type TimeReader = (text: string) => string | { problem: string };

/** Times that are remembered: the rows of an order have the same one, and orders of a day may. */
const maxRemembered = 500;

/**
 * Makes a reader of trimmed texts that are not empty, which gives UTC as `YYYY-MM-DD HH:MM:SS.fff` or what is wrong.
 */
export function timeReader(form: TimeForm): TimeReader {
  const ownClock = form.zone === undefined ? undefined : zoneClock(form.zone);
  const anyTime = fullTimeReader(form, ownClock);
  const known = new Map<string, ReturnType<TimeReader>>();
  let last = "";
  let lastTime: ReturnType<TimeReader> = "";
  return (text) => {
    // When an order was paid is mostly when it was placed.
    if (text === last) return lastTime;
    const usual = usualTime(text) ??
      (ownClock === undefined ? undefined : usualLocal(text, ownClock));
    if (usual !== undefined) {
      last = text;
      return lastTime = usual;
    }
    let time = known.get(text);
    if (time === undefined) {
      time = anyTime(text);
      if (known.size >= maxRemembered) known.clear();
      known.set(ownCopy(text), time);
    }
    last = text;
    return lastTime = time;
  };
}

/** The same, each text by the way of all forms. */
export function fullTimeReader(
  form: TimeForm,
  ownClock = form.zone === undefined ? undefined : zoneClock(form.zone),
): TimeReader {
  const clocks = new Map<string, ZoneClock>();
  const clockOf = (zone: string): ZoneClock | undefined => {
    if (zone === "") return ownClock;
    if (!zone.includes("/") || !isZone(zone)) return undefined;
    const clock = clocks.get(zone) ?? zoneClock(zone);
    clocks.set(zone, clock);
    return clock;
  };
  return (text) => readTime(plainTime(text), form, clockOf);
}

const notTime = {
  problem: "must be a date and time such as 2010-12-01 08:26:00 or 2010-12-01T08:26:00Z",
};

function readTime(
  text: string,
  { order, zone = "", numbers }: TimeForm,
  clockOf: (zone: string) => ZoneClock | undefined,
): string | { problem: string } {
  if (/(?:Z|[+-]\d\d:?\d\d)$/i.test(text)) {
    const plain = parsePlacedAt(text);
    if (plain !== undefined) return plain;
  }
  const kind = numberKind(text);
  if (kind !== undefined) return readNumber(text, numbers ?? kind, kind, zone, clockOf);
  const parts = takeApart(text);
  if (parts === undefined || Number.isNaN(parts.clockMs)) return notTime;
  if (parts.isNumeric && order === undefined) {
    return { problem: "is a date whose day and month can't be told apart" };
  }
  const midnight = midnightOf(parts.date, parts.isNumeric ? order! : "ymd");
  if (midnight === undefined) {
    return parts.isNumeric ? { problem: `must be a date in the order ${order}` } : notTime;
  }
  const localMs = midnight + parts.clockMs;
  const fixed = fixedOffset(parts.zone);
  if (fixed !== undefined) return textOf(localMs - fixed);
  return inZone(localMs, parts.zone === "" ? zone : parts.zone, clockOf(parts.zone));
}

/** A time of a wall's clock as UTC. */
function inZone(
  localMs: number,
  zone: string,
  clock: ZoneClock | undefined,
): string | { problem: string } {
  if (clock === undefined) {
    return {
      problem: zone === ""
        ? "names no time zone"
        : `names the time zone ${zone}, which may be several: write the offset, such as +01:00`,
    };
  }
  const offset = clock.offsetAt(localMs);
  switch (offset.kind) {
    case "offset":
      return textOf(localMs - offset.ms);
    case "gap":
      return {
        problem: `does not exist in ${zone}, where the clock was put forward over it: ` +
          "write it with an offset, such as +01:00",
      };
    case "overlap":
      return {
        problem: `was there twice in ${zone}, where the clock was put back over it: ` +
          "write it with an offset, such as +01:00",
      };
  }
}

/** Days of a spreadsheet begin with the last of 1899, because 1900 is a leap year there. */
const serialEpochDays = 25_569;

function readNumber(
  text: string,
  kind: "spreadsheet" | "unix",
  looksLike: "spreadsheet" | "unix",
  zone: string,
  clockOf: (zone: string) => ZoneClock | undefined,
): string | { problem: string } {
  if (kind !== looksLike) {
    return {
      problem: `must be ${kind === "unix" ? "seconds since 1970" : "days of a spreadsheet"}`,
    };
  }
  const value = Number(text.replace(",", "."));
  if (kind === "unix") return textOf(text.length >= 12 ? value : value * 1000);
  // Spreadsheets keep days as doubles: a second is 0.0000116 of one, and what is less is noise.
  const localMs = Math.round((value - serialEpochDays) * 86_400) * 1000;
  return inZone(localMs, zone, clockOf(""));
}

function textOf(ms: number): string | { problem: string } {
  const iso = new Date(ms).toISOString();
  return iso.length === 24 && iso >= "1000" ? `${iso.slice(0, 10)} ${iso.slice(11, 23)}` : notTime;
}

/** Hours ahead of UTC of names that mean one thing: those of RFC 5322, and those of Europe. */
const namedOffsets: Readonly<Record<string, number>> = {
  UTC: 0,
  GMT: 0,
  Z: 0,
  UT: 0,
  EST: -5,
  EDT: -4,
  CST: -6,
  CDT: -5,
  MST: -7,
  MDT: -6,
  PST: -8,
  PDT: -7,
  WET: 0,
  WEST: 1,
  CET: 1,
  CEST: 2,
  MEZ: 1,
  MESZ: 2,
  EET: 2,
  EEST: 3,
};

/** Milliseconds ahead of UTC of a zone that says so; undefined for others. */
function fixedOffset(zone: string): number | undefined {
  const named = namedOffsets[zone.toUpperCase()];
  if (named !== undefined) return named * 3_600_000;
  const match = /^(?:UTC|GMT)?([+-])(\d{1,2}):?(\d{2})?$/i.exec(zone);
  if (match === null) return undefined;
  const [, sign, hours, minutes = "0"] = match;
  if (Number(hours) > 23 || Number(minutes) > 59) return undefined;
  const ms = (Number(hours) * 60 + Number(minutes)) * 60_000;
  return sign === "-" ? -ms : ms;
}
