/**
 * Log lines: one event a line, for people on a terminal and as JSON for machines. Lines carry ids and
 * counts, never names, addresses or secrets.
 *
 * @module
 */

import type { LogLevel } from "./config.ts";

/** What can stand in a line besides its event. */
export type LogFields = Record<string, string | number | boolean | null | undefined>;

/** Writes lines; one function a level. */
export type Log = Record<LogLevel, (event: string, fields?: LogFields) => void>;

const levels: readonly LogLevel[] = ["error", "warn", "info", "debug"];

/**
 * What errors of engines and mail servers repeat of what they were given: the value of a key that is there
 * already, one that does not fit its column, a statement's text, an address.
 */
const repeated: readonly [RegExp, string][] = [
  [/\bentry '[\s\S]*' for key\b/g, "entry '…' for key"],
  [/\b(value:?|near) '[\s\S]*'(?= for | at line |$)/g, "$1 '…'"],
  [/[^\s@"'`<>()[\]{},;:=/]+@[^\s@"'`<>()[\]{},;:=/]+/g, "…"],
];

/** The text of a field without what may be about a person. */
function withoutPersons(text: string): string {
  if (!text.includes("'") && !text.includes("@")) return text;
  return repeated.reduce((rest, [pattern, instead]) => rest.replace(pattern, instead), text);
}

/**
 * Makes a log. E-mail addresses, and values that an engine's error repeats, do not get into its lines.
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
      return JSON.stringify({ ...head, ...fields, ...head });
    }
    const rest = Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => ` ${key}=${/\s/.test(String(value)) ? JSON.stringify(value) : value}`)
      .join("");
    return `${options.now().slice(11, 23)} ${level.padEnd(5)} ${event}${rest}`;
  };
  const most = levels.indexOf(options.level);
  const { traceId } = options;
  const traced = (fields: LogFields): LogFields =>
    traceId === undefined ? fields : { ...fields, trace_id: fields.trace_id ?? traceId() };
  const at = (level: LogLevel) => (event: string, fields: LogFields = {}) => {
    if (levels.indexOf(level) <= most) write(line(level, event, traced(fields)));
  };
  return { error: at("error"), warn: at("warn"), info: at("info"), debug: at("debug") };
}

/** A log that writes nothing. */
export const silentLog: Log = makeLog(
  { level: "error", format: "text", now: () => "" },
  () => {},
);
