/**
 * What a command is, and how its arguments are read.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { WorkflowError } from "../domain/errors.ts";
import { type Group, groups } from "../domain/messages/messages.ts";
import { nearestName } from "../domain/text/nearest_name.ts";

/** One task of the command line. */
export interface Command {
  /** One line for the list of commands. */
  summary: string;
  /** All that `--help` prints after the summary: usage, then options. */
  help: string;
  /**
   * @param args what was typed after the command's name
   * @param env the environment
   * @returns the exit code: 0 for success, 1 for failure
   * @throws {WorkflowError} `bad_usage` and `bad_settings` end with exit code 2, others with 1
   */
  run(args: string[], env: Record<string, string | undefined>): Promise<number>;
}

/** The options that a command knows. */
export interface OptionNames {
  /** `--flag` */
  boolean?: readonly string[];
  /** `--name=VALUE`, given once */
  string?: readonly string[];
  /** `--name=VALUE`, given any number of times */
  collect?: readonly string[];
  /** The minimum and the maximum of arguments that are not options. */
  positionals?: readonly [number, number];
  /** What the help calls the argument that has to be there. */
  argument?: string;
}

/** The arguments of a command, by the names of its options. */
export interface Options {
  flag(name: string): boolean;
  text(name: string): string | undefined;
  /** @throws {WorkflowError} `bad_usage` unless it is an integer from `min` to `max` */
  integer(name: string, min: number, max: number): number | undefined;
  list(name: string): string[];
  positionals: string[];
}

/**
 * Reads a command's arguments.
 *
 * @throws {WorkflowError} `bad_usage` for an unknown or repeated option, a missing value, or too few or
 * too many arguments
 */
export function readOptions(args: string[], names: OptionNames): Options {
  const booleans = names.boolean ?? [];
  const strings = [...(names.string ?? []), ...(names.collect ?? [])];
  const unknown: string[] = [];
  const parsed = parseArgs(args, {
    boolean: [...booleans],
    string: [...strings, "_"],
    collect: [...strings],
    unknown: (arg: string) => {
      if (/^-./.test(arg)) unknown.push(arg);
      return true;
    },
  }) as Record<string, unknown>;
  if (unknown.length > 0) throw unknownOption(unknown[0]!, [...booleans, ...strings]);
  const values = new Map<string, string[]>();
  for (const name of strings) {
    const given = parsed[name];
    const list = (Array.isArray(given) ? given : given === undefined ? [] : [given]).map(String);
    if (list.some((value) => value === "")) throw usage(`--${name} needs a value`);
    if (list.length > 1 && !names.collect?.includes(name)) {
      throw usage(`--${name} can be given only once`);
    }
    values.set(name, list);
  }
  const positionals = (parsed._ as unknown[]).map(String);
  const [min, max] = names.positionals ?? [0, 0];
  if (positionals.length < min) throw missingArgument(names.argument);
  if (positionals.length > max) throw usage(`Unexpected argument "${positionals[max]}"`);
  return {
    flag: (name) => parsed[name] === true,
    text: (name) => values.get(name)?.[0],
    integer: (name, min, max) => {
      const raw = values.get(name)?.[0];
      return raw === undefined ? undefined : integerArgument(`--${name}`, raw, min, max);
    },
    list: (name) => values.get(name) ?? [],
    positionals,
  };
}

/**
 * An argument that must be an integer.
 *
 * @throws {WorkflowError} `bad_usage` unless it is one from `min` to `max`
 */
export function integerArgument(what: string, raw: string, min: number, max: number): number {
  const value = /^-?\d{1,16}$/.test(raw) ? Number(raw) : NaN;
  if (!(value >= min && value <= max)) {
    throw usage(`${what} must be an integer ${min}…${max}, not "${raw}"`);
  }
  return value;
}

/**
 * An argument that must be our id of an order.
 *
 * @throws {WorkflowError} `bad_usage` unless it may be one
 */
export function orderArgument(raw: string): number {
  if (!/^\d{1,16}$/.test(raw)) {
    throw usage(
      `ORDER_ID must be our id of the order, a number, not the shop's, "${raw}": its page has both, and so has ` +
        "GET /orders?external_order_id=…",
    );
  }
  return integerArgument("ORDER_ID", raw, 1, Number.MAX_SAFE_INTEGER);
}

/**
 * An argument that must name a group.
 *
 * @throws {WorkflowError} `bad_usage` where there is no such group
 */
export function groupArgument(name: string): Group {
  const group = groups.find((known) => known === name);
  if (group === undefined) {
    throw usage(`There is no group "${name}"; there are ${groups.join(", ")}`);
  }
  return group;
}

/** The error for an argument that has to be there, as the help calls it. */
export function missingArgument(name = "An argument"): WorkflowError {
  return usage(`${name} is missing; --help shows what to type`);
}

function unknownOption(typed: string, known: readonly string[]): WorkflowError {
  const [, name = ""] = /^--?([^=]*)/.exec(typed) ?? [];
  const near = nearestName(name, known);
  return usage(`Unknown option ${typed}${near === undefined ? "" : `; did you mean --${near}?`}`);
}

/** The error for wrong usage. */
export function usage(message: string): WorkflowError {
  return new WorkflowError("bad_usage", message);
}
