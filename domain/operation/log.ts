/**
 * Log lines: one event a line, for people on a terminal and as JSON for machines. Lines carry ids and
 * counts, never names, addresses or secrets; an address of the network only where somebody was refused.
 *
 * @module
 */

import { visibleText } from "../text/visible_text.ts";

/** What can stand in a line besides its event. */
export type LogFields = Record<string, string | number | boolean | null | undefined>;

/** From silent to chatty. */
export type LogLevel = "error" | "warn" | "info" | "debug";

/** Writes lines; one function a level. */
export type Log = Record<LogLevel, (event: string, fields?: LogFields) => void>;

const levels: readonly LogLevel[] = ["error", "warn", "info", "debug"];

/**
 * The text of a field without what may be about a person: the value of a key that is there already, one that does
 * not fit its column, a statement's text, an address. Errors of engines and mail servers repeat what they were given.
 */
function withoutPersons(text: string): string {
  if (!text.includes("'") && !text.includes("@")) return text;
  const keyless = withoutValue(text, /\bentry '/, endOfKey);
  return withoutAddresses(withoutValue(keyless, /\b(?:value:?|near) '/, endOfValue));
}

/**
 * Hides what stands between a quote and the last one that can end it, whatever it holds.
 *
 * @param lead what stands before, up to the quote
 * @param endOf where the last quote stands that can be the end; -1 if there is none
 */
function withoutValue(text: string, lead: RegExp, endOf: (text: string) => number): string {
  const found = lead.exec(text);
  if (found === null) return text;
  const from = found.index + found[0].length;
  const end = endOf(text);
  return end < from ? text : `${text.slice(0, from)}…${text.slice(end)}`;
}

const keyWords = "' for key";

function endOfKey(text: string): number {
  let at = text.lastIndexOf(keyWords);
  while (at > 0 && /\w/.test(text[at + keyWords.length] ?? "")) {
    at = text.lastIndexOf(keyWords, at - 1);
  }
  return at;
}

function endOfValue(text: string): number {
  if (text.endsWith("'")) return text.length - 1;
  return Math.max(text.lastIndexOf("' for "), text.lastIndexOf("' at line "));
}

/** What can't be a part of an address: spaces, and what stands around one. */
const aroundAddresses = /[\s@"'`<>()[\]{},;:=/]/;

/** Each `one@other` as `…`; every character is looked at twice at the most. */
function withoutAddresses(text: string): string {
  let kept = "";
  let done = 0;
  const isPart = (at: number) => at < text.length && !aroundAddresses.test(text[at]!);
  for (let at = text.indexOf("@"); at >= 0; at = text.indexOf("@", Math.max(at + 1, done))) {
    let from = at, to = at + 1;
    while (from > done && isPart(from - 1)) from--;
    while (isPart(to)) to++;
    if (from === at || to === at + 1) continue;
    kept += `${text.slice(done, from)}…`;
    done = to;
  }
  return kept + text.slice(done);
}

/**
 * Makes a log. E-mail addresses, and values that an engine's error repeats, do not get into its lines, and no control
 * character does as such.
 *
 * @param options.level lines that are chattier are dropped
 * @param options.format `text` or `json`
 * @param options.now the time as ISO 8601
 * @param options.traceId the trace that a line belongs to, unless its fields name another; undefined for none
 * @param write takes one line without its line break
 */
export function makeLog(
  options: {
    level: LogLevel;
    format: "text" | "json";
    now: () => string;
    traceId?: () => string | undefined;
  },
  write: (line: string) => void,
): Log {
  const line = (level: LogLevel, event: string, given: LogFields): string => {
    const fields: LogFields = Object.fromEntries(
      Object.entries(given).map((
        [key, value],
      ) => [key, typeof value === "string" ? withoutPersons(value) : value]),
    );
    if (options.format === "json") {
      const head = { time: options.now(), level, event };
      return visibleText(JSON.stringify({ ...head, ...fields, ...head }));
    }
    const rest = Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => ` ${key}=${/\s/.test(String(value)) ? JSON.stringify(value) : value}`)
      .join("");
    return visibleText(`${options.now().slice(11, 23)} ${level.padEnd(5)} ${event}${rest}`);
  };
  const max = levels.indexOf(options.level);
  const { traceId } = options;
  const traced = (fields: LogFields): LogFields =>
    traceId === undefined ? fields : { ...fields, trace_id: fields.trace_id ?? traceId() };
  const at = (level: LogLevel) => (event: string, fields: LogFields = {}) => {
    if (levels.indexOf(level) <= max) write(line(level, event, traced(fields)));
  };
  return { error: at("error"), warn: at("warn"), info: at("info"), debug: at("debug") };
}

/** A log that writes nothing. */
export const silentLog: Log = makeLog(
  { level: "error", format: "text", now: () => "" },
  () => {},
);
