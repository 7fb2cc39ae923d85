/**
 * Checks of what a request brings along, before a handler sees it.
 *
 * @module
 */

import type { Context, MiddlewareHandler } from "hono";
import { HTTPException } from "hono/http-exception";
import { resolver, uniqueSymbol } from "hono-openapi";
import { z } from "zod";
import { type Fault, WorkflowError } from "../../domain/errors.ts";
import { withQueryNames } from "./known_query.ts";

/** What a request brings along, in words. */
const parts: Readonly<Record<keyof CheckedParts, string>> = {
  json: "body",
  query: "query",
  param: "path",
  header: "headers",
};

/** What a handler gets of a part that is checked, by `c.req.valid(target)`. */
type Checked<Target extends keyof CheckedParts, Schema extends z.ZodType> = MiddlewareHandler<
  // deno-lint-ignore no-explicit-any
  any,
  string,
  { in: { [T in Target]: z.input<Schema> }; out: { [T in Target]: z.output<Schema> } }
>;

/** How each part is read; of headers only those are looked at that are asked for. */
interface CheckedParts {
  json: unknown;
  query: Record<string, string | string[]>;
  param: Record<string, string>;
  header: Record<string, string>;
}

const readers: {
  [Target in keyof CheckedParts]: (
    c: Context,
    names: readonly string[],
  ) => CheckedParts[Target] | Promise<CheckedParts[Target]>;
} = {
  json: async (c) => {
    if (!isJson(c)) return {};
    // Of bytes: Hono would make a Response of those that were read before, to get at their text.
    const text = textOf(await c.req.arrayBuffer());
    try {
      return JSON.parse(text);
    } catch {
      throw new HTTPException(400, { message: "Malformed JSON in request body" });
    }
  },
  query: (c) => {
    const entries = Object.entries(c.req.queries());
    return Object.fromEntries(
      entries.map(([name, values]) => [name, values.length === 1 ? values[0]! : values]),
    );
  },
  param: (c) => c.req.param(),
  header: (c, names) => {
    const values: Record<string, string> = {};
    for (const name of names) {
      const value = c.req.header(name);
      if (value !== undefined) values[name] = value;
    }
    return values;
  },
};

/**
 * Validates a part of the request; the handler gets it by `c.req.valid(target)`.
 *
 * Own code: `@hono/zod-validator` asks its schemas for promises, for which zod leaves its compiled checks, and reads every
 * header to check one; an order's check took 31 µs with it, and takes 14.
 *
 * @param detailOf says more of a fault than its schema can, by all that came; undefined for no more
 * @throws {WorkflowError} `invalid` for a body, `bad_request` for anything else, naming every faulty field
 */
export function checked<Target extends keyof CheckedParts, Schema extends z.ZodType>(
  target: Target,
  schema: Schema,
  detailOf?: DetailOf,
): Checked<Target, Schema> {
  const names = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
  const read = readers[target];
  const check: Checked<Target, Schema> = async (c, next) => {
    const came = await read(c, names);
    c.req.addValidatedData(target, validOf(target, schema, came, detailOf) as object);
    await next();
  };
  // What checks a part of the request also says in the OpenAPI document what the part looks like.
  const described = Object.assign(check, { [uniqueSymbol]: { target, ...resolver(schema) } });
  return target === "query" && schema instanceof z.ZodObject
    ? withQueryNames(described, names)
    : described;
}

/** Says more of a fault than its schema can, by all that came; undefined for no more. */
export type DetailOf = (path: readonly PropertyKey[], came: unknown) => string | undefined;

/**
 * What a schema makes of a part of a request.
 *
 * @throws {WorkflowError} `invalid` for a body, `bad_request` for anything else, naming every faulty field
 */
export function validOf<Schema extends z.ZodType>(
  target: keyof CheckedParts,
  schema: Schema,
  came: unknown,
  detailOf?: DetailOf,
): z.output<Schema> {
  const result = schema.safeParse(came);
  if (result.success) return result.data;
  const issues = result.error.issues.map((issue) => {
    const message = detailOf?.(issue.path, came);
    return message === undefined ? issue : { ...issue, message };
  });
  const faults = issues.flatMap((issue) => faultsOf(issue, target === "json"));
  const [first] = faults;
  throw new WorkflowError(
    target === "json" ? "invalid" : "bad_request",
    `The ${parts[target]} is not valid: ${first!.at} ${first!.detail}`,
    faults,
  );
}

function faultsOf(issue: z.core.$ZodIssue, isBody: boolean): Fault[] {
  const at = (path: readonly PropertyKey[]) =>
    isBody ? `#${path.map((part) => `/${escape(String(part))}`).join("")}` : path.join(".");
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ at: at([...issue.path, key]), detail: "is not known" }));
  }
  return [{ at: at(issue.path), detail: issue.message }];
}

/** A part of a JSON pointer: `~` and `/` have a meaning there. */
function escape(part: string): string {
  return part.replaceAll("~", "~0").replaceAll("/", "~1");
}

const decoder = new TextDecoder("utf-8", { fatal: true });

/** @throws {WorkflowError} `bad_request` unless it is UTF-8 */
function textOf(bytes: ArrayBuffer): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new WorkflowError("bad_request", "The body is not UTF-8");
  }
}

function isJson(c: Context): boolean {
  return /^application\/([\w.-]+\+)?json\s*(;|$)/i.test(c.req.header("content-type") ?? "");
}

/**
 * Lets only JSON through to the check of a body: a check alone would take any other content type for an
 * empty body.
 *
 * @param options.optional no body at all counts as `{}`, whatever type it claims to have
 */
export function jsonBody(options: { optional?: boolean } = {}): MiddlewareHandler {
  return async (c, next) => {
    if (options.optional === true && (await c.req.arrayBuffer()).byteLength === 0) {
      const headers = new Headers(c.req.raw.headers);
      for (const name of ["content-type", "content-length"]) headers.delete(name);
      c.req.raw = new Request(c.req.url, { method: c.req.method, headers });
      return await next();
    }
    if (!isJson(c)) {
      throw new HTTPException(415, {
        message: `The body must be application/json, not ${
          c.req.header("content-type") ?? "of no content type"
        }`,
      });
    }
    return await next();
  };
}

/** The `id` in a path. */
export const idParam: z.ZodObject<{ id: z.ZodType<number, string> }> = z.object({
  id: z.string()
    .regex(/^\d{1,16}$/, "must be an id, which is a whole number")
    .transform(Number)
    .refine(Number.isSafeInteger, "must be an id, which is a whole number")
    .meta({
      description: "The database's number of it",
      type: "integer",
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      pattern: undefined,
    }),
});
