/**
 * The cells of a workbook as text: what a person sees in them where that is certain, else what is stored.
 *
 * @module
 */

import { trimEnd } from "../../text/trim_end.ts";

/** What the number of a cell stands for. */
export type NumberFormat =
  | { kind: "number" }
  | { kind: "date" | "time" | "datetime" }
  /** A hundredth part of what it shows: 0.1 is 10%. */
  | { kind: "percent" }
  /** A number with zeros in front, as for postal codes. */
  | { kind: "padded"; digits: number };

/** Formats that every workbook has without saying so. */
const builtInDates: Readonly<Record<number, "date" | "time" | "datetime">> = {
  14: "date",
  15: "date",
  16: "date",
  17: "date",
  18: "time",
  19: "time",
  20: "time",
  21: "time",
  22: "datetime",
  45: "time",
  46: "time",
  47: "time",
};

/** Percentages that every workbook has, without decimals and with two. */
const builtInPercents: readonly number[] = [9, 10];

/** Characters of a format: spreadsheets write no longer ones. */
const maxFormat = 255;

/** Characters of a stored number, of which spreadsheets write two dozen. */
const maxNumber = 100;

/**
 * What a format of a workbook makes of numbers.
 *
 * @param id of the format
 * @param code its text; undefined for one that is built in
 */
export function numberFormat(id: number, code: string | undefined): NumberFormat {
  if (code === undefined) {
    // 27 to 36 and 50 to 58 are dates of East Asia.
    const isAsian = (id >= 27 && id <= 36) || (id >= 50 && id <= 58);
    if (builtInPercents.includes(id)) return { kind: "percent" };
    const kind = builtInDates[id] ?? (isAsian ? "date" : undefined);
    return { kind: kind ?? "number" };
  }
  if (code.length > maxFormat) return { kind: "number" };
  // Text in quotes, escaped characters, colours and languages say nothing about it; nor does what is for negatives.
  const bare = code.split(";")[0]!.replace(
    /"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^[\]]*\]/gi,
    "",
  );
  if (/^0{2,}$/.test(bare)) return { kind: "padded", digits: bare.length };
  if (bare.includes("%")) return { kind: "percent" };
  if (/general/i.test(bare)) return { kind: "number" };
  const hasDay = /[dy]/i.test(bare) || (/m/i.test(bare) && !/[hs]/i.test(bare));
  const hasTime = /[hs]/i.test(bare);
  if (hasDay && hasTime) return { kind: "datetime" };
  return { kind: hasDay ? "date" : hasTime ? "time" : "number" };
}

/** Milliseconds of a day. */
const dayMs = 86_400_000;

/** What day 0 is, with and without the date system of old Macs; days before March 1900 are off by one. */
const epochs = { 1900: Date.UTC(1899, 11, 30), 1904: Date.UTC(1904, 0, 1) } as const;

/**
 * A stored number as text.
 *
 * Binary fractions such as 19.989999999999998 are what a spreadsheet stores for 19.99: it shows 15 digits, so that
 * many are kept. Whole numbers stay as they are; of longer ones a spreadsheet keeps zeros, which say nothing.
 *
 * @param stored as it stands in the workbook
 * @param epoch 1904 for workbooks with the date system of old Macs
 * @returns undefined for what is no number, or no time that can be
 */
export function numberText(
  stored: string,
  format: NumberFormat,
  epoch: 1900 | 1904,
): string | undefined {
  const text = stored.trim();
  if (text.length > maxNumber) return undefined;
  if (!/^[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?$/i.test(text)) return undefined;
  switch (format.kind) {
    case "number":
      return wholeText(text) ?? decimalText(Number(text));
    case "padded":
      return wholeText(text)?.padStart(format.digits, "0") ?? decimalText(Number(text));
    case "percent":
      return percentText(Number(text));
    default:
      return timeText(Number(text), format.kind, epoch);
  }
}

/** A whole number as it is, unless it looks as though a spreadsheet had put zeros for all digits behind the fifteenth. */
function wholeText(text: string): string | undefined {
  return /^-?\d+$/.test(text) && !/^-?\d{15}0+$/.test(text) ? text : undefined;
}

/** A number without an exponent, to 15 digits; undefined for whole ones that have more. */
function decimalText(value: number): string | undefined {
  if (!(Math.abs(value) < 1e15)) return undefined;
  const [digits = "", power = "0"] = value.toExponential(14).split("e");
  const sign = value < 0 ? "-" : "";
  const all = digits.replace(/[-.]/g, "");
  const point = Number(power) + 1;
  const whole = point > 0 ? all.slice(0, point).padEnd(point, "0") : "0";
  const part = trimEnd(point > 0 ? all.slice(point) : "0".repeat(-point) + all, "0");
  const text = part === "" ? whole : `${whole}.${part}`;
  return /^[0.]*$/.test(text) ? "0" : `${sign}${text}`;
}

/** What a person sees, so that a tenth is not taken for ten cents. */
function percentText(value: number): string | undefined {
  const shown = decimalText(value * 100);
  return shown === undefined ? undefined : `${shown}%`;
}

/** Times are local ones of nobody knows where: the zone is for the profile to say. */
function timeText(
  serial: number,
  kind: "date" | "time" | "datetime",
  epoch: 1900 | 1904,
): string | undefined {
  // The last digits of a stored time are less than a millisecond.
  const ms = Math.round(serial * dayMs);
  if (ms < 0 || serial > 2_958_466) return undefined;
  if (kind === "time" && serial < 1) return clock(new Date(ms));
  const time = new Date(epochs[epoch] + ms);
  const day = time.toISOString().slice(0, 10);
  return kind === "date" && ms % dayMs === 0 ? day : `${day} ${clock(time)}`;
}

function clock(time: Date): string {
  return time.toISOString().slice(11, 23).replace(/\.000$/, "");
}

/** The place of a cell's column from its name, such as 27 for `AB12`; undefined for what is none. */
export function columnPlace(cell: string): number | undefined {
  const letters = /^([A-Z]{1,3})\d+$/.exec(cell)?.[1];
  if (letters === undefined) return undefined;
  let place = 0;
  for (const letter of letters) place = place * 26 + letter.charCodeAt(0) - 64;
  return place - 1;
}
