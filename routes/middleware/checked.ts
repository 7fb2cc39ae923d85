/**
 * Checks of what a request brings along, before a handler sees it.
 *
 * @module
 */

import { zValidator } from "@hono/zod-validator";
import type { MiddlewareHandler, ValidationTargets } from "hono";
import { HTTPException } from "hono/http-exception";
import { resolver, uniqueSymbol } from "hono-openapi";
import { z } from "zod";
import { type Fault, WorkflowError } from "../../domain/errors.ts";
import { cutLists } from "./list_limits.ts";
import { withQueryNames } from "./known_query.ts";

/** What a request brings along, in words. */
const parts: Readonly<Partial<Record<keyof ValidationTargets, string>>> = {
  json: "body",
  query: "query",
  param: "path",
  header: "headers",
};

/** Says more of a fault than its schema can, by all that came; undefined for no more. */
export type DetailOf = (path: readonly PropertyKey[], came: unknown) => string | undefined;

/**
 * Validates a part of the request; the handler gets it by `c.req.valid(target)`.
 *
 * @param detailOf says more of a fault than its schema can, by all that came; undefined for no more
 * @throws {WorkflowError} `invalid` for a body, `bad_request` for anything else, naming every faulty field
 */
export function checked<Target extends keyof ValidationTargets, Schema extends z.ZodType>(
  target: Target,
  schema: Schema,
  detailOf?: DetailOf,
) {
  // Promises of it are made by code that zod has not compiled, which takes twice as long.
  const validationFunction = (_: Schema, came: unknown) => parsed(target, schema, came) as never;
  const check = zValidator(target, schema, (result) => {
    if (!result.success) refuse(target, result.error.issues, result.data, detailOf);
  }, { validationFunction });
  // What checks a part of the request also says in the OpenAPI document what the part looks like.
  const described = Object.assign(check, { [uniqueSymbol]: { target, ...resolver(schema) } });
  return target === "query" && schema instanceof z.ZodObject
    ? withQueryNames(described, Object.keys(schema.shape))
    : described;
}

/**
 * What a schema makes of a part of a request.
 *
 * @throws {WorkflowError} `invalid` for a body, `bad_request` for anything else, naming every faulty field
 */
export function validOf<Schema extends z.ZodType>(
  target: keyof ValidationTargets,
  schema: Schema,
  came: unknown,
  detailOf?: DetailOf,
): z.output<Schema> {
  const result = parsed(target, schema, came);
  return result.success ? result.data : refuse(target, result.error.issues, came, detailOf);
}

/** What a schema makes of a part of a request, of whose lists nothing is looked at beyond what they may hold. */
function parsed<Schema extends z.ZodType>(
  target: keyof ValidationTargets,
  schema: Schema,
  came: unknown,
): z.ZodSafeParseResult<z.output<Schema>> {
  const tooLong = target === "json" ? cutLists(schema, came) : [];
  const result = schema.safeParse(came);
  if (tooLong.length === 0) return result;
  const issues = [...tooLong, ...result.error?.issues ?? []];
  return { success: false, error: new z.ZodError(issues) as z.ZodError<z.output<Schema>> };
}

function refuse(
  target: keyof ValidationTargets,
  issues: readonly z.core.$ZodIssue[],
  came: unknown,
  detailOf?: DetailOf,
): never {
  const faults = issues.flatMap((issue) => {
    const message = detailOf?.(issue.path, came);
    return faultsOf(message === undefined ? issue : { ...issue, message }, target === "json");
  });
  const [first] = faults;
  throw new WorkflowError(
    target === "json" ? "invalid" : "bad_request",
    `The ${parts[target] ?? target} is not valid: ${first!.at} ${first!.detail}`,
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

/**
 * Lets only JSON through to the check of a body: a check alone would take any other content type for an
 * empty body.
 *
 * @param options.optional no body at all counts as `{}`, whatever type it claims to have
 */
export function jsonBody(options: { optional?: boolean } = {}): MiddlewareHandler {
  return async (c, next) => {
    const bytes = await c.req.arrayBuffer();
    if (bytes.byteLength === 0 && options.optional === true) {
      const headers = new Headers(c.req.raw.headers);
      for (const name of ["content-type", "content-length"]) headers.delete(name);
      c.req.raw = new Request(c.req.url, { method: c.req.method, headers });
      return await next();
    }
    const type = c.req.header("content-type");
    if (!isJson(type)) {
      throw new HTTPException(415, {
        message: `The body must be application/json, not ${type ?? "of no content type"}`,
      });
    }
    decoded(bytes);
    return await next();
  };
}

/** True for a content type of JSON. */
export function isJson(type: string | null | undefined): boolean {
  return /^application\/([\w.-]+\+)?json\s*(;|$)/i.test(type ?? "");
}

/** @throws {WorkflowError} `bad_request` for what is not UTF-8 */
function decoded(bytes: ArrayBuffer): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new WorkflowError("bad_request", "The body is not UTF-8");
  }
}

/**
 * What JSON in a body says.
 *
 * @throws {WorkflowError} `bad_request` for what is not UTF-8, or no JSON
 */
export function readJson(bytes: ArrayBuffer): unknown {
  const text = decoded(bytes);
  try {
    return JSON.parse(text);
  } catch {
    // As Hono's validator says it.
    throw new WorkflowError("bad_request", "Malformed JSON in request body");
  }
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
