/**
 * Lists in a body that are longer than its schema allows: they are cut before the schema walks them, element by element.
 *
 * @module
 */

import type { z } from "zod";

/** Where a schema limits the length of a list. */
interface ListLimit {
  /** The names of the fields that lead to it. */
  path: readonly string[];
  max: number;
  /** What the schema says of a longer one. */
  message: string;
}

/** Elements of a list that is too long whose own faults are told as well. */
const maxLookedAt = 100;

const limitsOf = new WeakMap<z.ZodType, readonly ListLimit[]>();

/**
 * Cuts every list that is longer than the schema allows, in place: what is cut off is never looked at, as a body of a megabyte
 * may hold hundreds of thousands of elements, each with faults of its own.
 *
 * @param came a body as it was parsed, for nobody else
 * @returns a fault for each list that was cut, as the schema would tell it
 */
export function cutLists(schema: z.ZodType, came: unknown): z.core.$ZodIssue[] {
  let limits = limitsOf.get(schema);
  if (limits === undefined) limitsOf.set(schema, limits = findLimits(schema, []));
  const issues: z.core.$ZodIssue[] = [];
  for (const { path, max, message } of limits) {
    let value = came;
    for (const name of path) {
      const isThere = typeof value === "object" && value !== null && Object.hasOwn(value, name);
      value = isThere ? (value as Record<string, unknown>)[name] : undefined;
    }
    if (!Array.isArray(value) || value.length <= max) continue;
    value.length = Math.min(max, maxLookedAt);
    issues.push({
      code: "too_big",
      origin: "array",
      maximum: max,
      inclusive: true,
      path: [...path],
      message,
    });
  }
  return issues;
}

/** What is looked at of a schema; lists within the elements of others are as many as their list allows. */
interface Definition {
  type: string;
  /** Of an object. */
  shape?: Record<string, z.ZodType>;
  /** Of one that may be missing, or null. */
  innerType?: z.ZodType;
  /** Of one whose outcome is made into something else, or that is looked at before it is read. */
  in?: z.ZodType;
  out?: z.ZodType;
  checks?: readonly { _zod: { def: ListCheck } }[];
}

interface ListCheck {
  check: string;
  maximum?: number;
  error?: (issue: never) => string | { message: string } | null | undefined;
}

function findLimits(schema: z.ZodType, path: readonly string[]): ListLimit[] {
  const { type, shape = {}, innerType, in: from, out, checks = [] } = schema._zod
    .def as unknown as Definition;
  if (innerType !== undefined) return findLimits(innerType, path);
  if (type === "pipe" && from !== undefined && out !== undefined) {
    return findLimits(from._zod.def.type === "transform" ? out : from, path);
  }
  if (type === "object") {
    return Object.entries(shape).flatMap(([name, of]) => findLimits(of, [...path, name]));
  }
  if (type !== "array") return [];
  return checks.flatMap(({ _zod: { def: { check, maximum, error } } }) => {
    if (check !== "max_length" || maximum === undefined) return [];
    const said = error?.({} as never);
    const message = typeof said === "string" ? said : said?.message;
    return [{ path, max: maximum, message: message ?? `must hold at most ${maximum} elements` }];
  });
}
