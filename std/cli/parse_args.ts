/**
 * `parseArgs` with the interface of `@std/cli/parse-args`, over minimist.
 *
 * minimist takes single arguments apart; what the two packages do differently is done here: values are
 * collected only where `collect` says so, `--no-x` negates only what is `negatable`, and `unknown` is
 * told the key and the value.
 *
 * @module
 */

import minimist from "minimist";

type Names = string | undefined;
type AliasMap = Readonly<Record<string, string | readonly string[]>>;

/** Types of the options by name; a name that is not declared is `unknown`. */
type Values<B, S, C, N, D> =
  & (B extends string ? { [Name in B]: Name extends C ? boolean[] : boolean } : unknown)
  & (S extends string ?
      & { [Name in Extract<S, C>]: string[] }
      & {
        [Name in Exclude<S, C | keyof D>]?: Name extends N ? string | false : string;
      }
      & {
        [Name in Extract<Exclude<S, C>, keyof D>]:
          | D[Name]
          | (Name extends N ? string | false : string);
      }
    : unknown)
  & (C extends string ? { [Name in Exclude<C, S | B>]: unknown[] } : unknown)
  & (D extends Record<string, unknown> ? { [Name in Exclude<keyof D, S | B>]: unknown } : unknown);

/** What {@linkcode parseArgs} returns: the options by name, and the rest. */
export type Args<
  // deno-lint-ignore no-explicit-any
  TArgs = Record<string, any>,
  TDoubleDash extends boolean | undefined = undefined,
> =
  & TArgs
  & {
    /** Arguments that belong to no option. */
    _: (string | number)[];
  }
  & (TDoubleDash extends true ? { "--": string[] } : unknown);

/** Options of {@linkcode parseArgs}. */
export interface ParseOptions<
  TBooleans extends boolean | string | undefined = boolean | string | undefined,
  TStrings extends Names = Names,
  TCollectable extends Names = Names,
  TNegatable extends Names = Names,
  TDefault extends Record<string, unknown> | undefined = Record<string, unknown> | undefined,
  TAliases extends AliasMap | undefined = AliasMap | undefined,
  TDoubleDash extends boolean | undefined = boolean | undefined,
> {
  /** Put what follows `--` into the result's `--` instead of its `_`. */
  "--"?: TDoubleDash;
  /** Other names of options. */
  alias?: TAliases;
  /** Options without a value, false if not given; `true` means every `--name` without `=`. */
  boolean?: TBooleans | readonly Extract<TBooleans, string>[];
  /** Values of options that are not given. */
  default?: TDefault;
  /** Everything after the first argument that is no option goes to `_`. */
  stopEarly?: boolean;
  /** Options whose value is never turned into a number; given without a value they are `""`. */
  string?: TStrings | readonly Extract<TStrings, string>[];
  /** Options whose values are gathered in an array; of others the last one counts. */
  collect?: TCollectable | readonly Extract<TCollectable, string>[];
  /** Options that `--no-NAME` sets to false. */
  negatable?: TNegatable | readonly Extract<TNegatable, string>[];
  /** Is told every argument that no other option names; false drops it. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/** Stands before a name that minimist must not take for a negation. */
const literal = "\0";

/**
 * Takes command line arguments apart.
 *
 * @param args without the program's name, such as `Deno.args`
 */
export function parseArgs<
  TDoubleDash extends boolean | undefined = undefined,
  const TBooleans extends boolean | string | undefined = undefined,
  const TStrings extends Names = undefined,
  const TCollectable extends Names = undefined,
  const TNegatable extends Names = undefined,
  TDefaults extends Record<string, unknown> | undefined = undefined,
  TAliases extends AliasMap | undefined = undefined,
>(
  args: string[],
  options: ParseOptions<
    TBooleans,
    TStrings,
    TCollectable,
    TNegatable,
    TDefaults,
    TAliases,
    TDoubleDash
  > = {},
): Args<
  [TBooleans, TStrings, TCollectable] extends [undefined, undefined, undefined]
    // deno-lint-ignore no-explicit-any
    ? Record<string, any>
    : Record<string, unknown> & Values<TBooleans, TStrings, TCollectable, TNegatable, TDefaults>,
  TDoubleDash
> {
  const aliases = aliasMap(options.alias ?? {});
  const withAliases = (names: unknown): Set<string> =>
    new Set(
      [names].flat().filter((name): name is string => typeof name === "string" && name !== "")
        .flatMap((name) => [name, ...aliases.get(name) ?? []]),
    );
  const allBooleans = options.boolean === true;
  const booleans = withAliases(options.boolean);
  const strings = withAliases(options.string);
  const collected = withAliases(options.collect);
  const negatable = withAliases(options.negatable);
  const result: Record<string, unknown> & { _: (string | number)[] } = { _: [] };

  const set = (arg: string, key: string, value: string | boolean, mayCollect: boolean) => {
    const known = booleans.has(key) || strings.has(key) || aliases.has(key) ||
      (allBooleans && /^--[^=]+$/.test(arg));
    if (!known && options.unknown?.(arg, key, value) === false) return;
    const typed = typeof value === "string" && !strings.has(key) ? numberOrText(value) : value;
    for (const name of [key, ...aliases.get(key) ?? []]) {
      setNested(result, name, typed, mayCollect && collected.has(key));
    }
  };

  const end = args.indexOf("--");
  const parsed = end < 0 ? args : args.slice(0, end);
  const rest = end < 0 ? [] : args.slice(end + 1);
  for (let at = 0; at < parsed.length; at++) {
    const arg = parsed[at]!;
    if (!/^-./s.test(arg)) {
      if (options.unknown?.(arg) !== false) {
        result._.push(strings.has("_") ? arg : numberOrText(arg));
      }
      if (options.stopEarly) {
        result._.push(...parsed.slice(at + 1));
        break;
      }
      continue;
    }
    const negated = /^--no-([^=]+)$/s.exec(arg)?.[1];
    if (negated !== undefined && negatable.has(negated)) {
      set(arg, negated, false, false);
      continue;
    }
    const next = parsed[at + 1];
    const unit = splitOption(arg, next, { booleans, allBooleans });
    if (unit.tookNext) at++;
    for (const [key, value] of unit.values) {
      set(arg, key, value === "" && !strings.has(key) ? true : value, true);
    }
  }

  for (const [key, value] of Object.entries(options.default ?? {})) {
    if (hasNested(result, key)) continue;
    for (const name of [key, ...aliases.get(key) ?? []]) setNested(result, name, value, false);
  }
  for (const name of booleans) {
    if (!hasNested(result, name)) setNested(result, name, collected.has(name) ? [] : false, false);
  }
  for (const name of strings) {
    if (!hasNested(result, name) && collected.has(name)) setNested(result, name, [], false);
  }
  if (options["--"]) result["--"] = rest;
  else result._.push(...rest);
  // deno-lint-ignore no-explicit-any
  return result as any;
}

/**
 * The options in one argument (several in `-abc`), each with its text, `""` for none, or as a boolean.
 */
function splitOption(
  arg: string,
  next: string | undefined,
  { booleans, allBooleans }: { booleans: Set<string>; allBooleans: boolean },
): { values: [string, string | boolean][]; tookNext: boolean } {
  const double = arg.startsWith("--");
  if (/^--[^=]+=$/s.test(arg)) return { values: [[arg.slice(2), ""]], tookNext: false };
  const names = double ? [arg.slice(2).split("=")[0]!] : [...arg.slice(1)];
  const token = !double
    ? arg
    : arg.includes("=")
    ? arg.replace(/^--no-/, "--")
    : `--${literal}${arg.slice(2)}`;
  const offered = next !== undefined && next !== "" &&
    (double ? !next.startsWith("-") : !/^--?[^-]/.test(next));
  const spelled = (name: string) => [name, name.replace(/^no-/, ""), literal + name];
  const isBoolean = (name: string) => booleans.has(name) && name !== "_";
  const parsed = minimist(offered ? [token, next] : [token], {
    boolean: allBooleans && double && !arg.includes("=")
      ? true
      : names.filter(isBoolean).flatMap(spelled),
    string: ["_", ...names.filter((name) => !isBoolean(name)).flatMap(spelled)],
    default: Object.fromEntries(names.flatMap(spelled).map((name) => [name, null])),
  });
  const { _: left, ...values } = parsed;
  return {
    values: leaves(values).map(([key, value]) => [key.replace(literal, ""), value]),
    tookNext: offered && left.length === 0,
  };
}

/** Every value that was set, by its dotted name. */
function leaves(values: Record<string, unknown>, prefix = ""): [string, string | boolean][] {
  return Object.entries(values).flatMap(([key, value]): [string, string | boolean][] => {
    if (value === null) return [];
    if (Array.isArray(value)) return value.map((one) => [prefix + key, one]);
    if (typeof value === "object") {
      return leaves(value as Record<string, unknown>, `${prefix}${key}.`);
    }
    return [[prefix + key, value as string | boolean]];
  });
}

function aliasMap(alias: AliasMap): Map<string, string[]> {
  const map = new Map<string, string[]>();
  for (const [key, value] of Object.entries(alias)) {
    const names = [key, ...[value].flat() as string[]];
    for (const name of names) map.set(name, names.filter((other) => other !== name));
  }
  return map;
}

function numberOrText(text: string): string | number {
  return /\S/.test(text) && Number.isFinite(Number(text)) ? Number(text) : text;
}

function setNested(
  target: Record<string, unknown>,
  name: string,
  value: unknown,
  collect: boolean,
): void {
  const keys = name.split(".");
  const last = keys.pop()!;
  if (last === "__proto__" || keys.includes("__proto__")) return;
  for (const key of keys) {
    if (!Object.hasOwn(target, key)) target[key] = {};
    target = target[key] as Record<string, unknown>;
  }
  const before = Object.hasOwn(target, last) ? target[last] : undefined;
  if (!collect) target[last] = value;
  else if (Array.isArray(before)) before.push(value);
  else target[last] = [value];
}

function hasNested(target: unknown, name: string): boolean {
  for (const key of name.split(".")) {
    if (typeof target !== "object" || target === null || !Object.hasOwn(target, key)) return false;
    target = (target as Record<string, unknown>)[key];
  }
  return true;
}
