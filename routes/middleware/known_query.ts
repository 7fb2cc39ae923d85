/**
 * Query parameters that no route knows. One that was passed over would answer everything where somebody asked for a
 * part: `?stauts=FAILED`.
 *
 * @module
 */

import type { Context, MiddlewareHandler } from "hono";
import { matchedRoutes } from "hono/route";
import { findTargetHandler } from "hono/utils/handler";
import { cutText } from "../../domain/text/cut_text.ts";
import { type Fault, WorkflowError } from "../../domain/errors.ts";
import { nearestName } from "../../domain/text/nearest_name.ts";

/** What a handler says of the query parameters of its route: their names, or that any will do. */
const queryNames = Symbol("query parameters");

/** Most unknown names that are told. */
const maxTold = 10;

/** Most characters of a name that are told. */
const maxCharacters = 64;

/** Marks a handler of a route as one that knows these query parameters. */
export function withQueryNames<T extends MiddlewareHandler>(
  handler: T,
  names: readonly string[] | "any",
): T {
  return Object.assign(handler, { [queryNames]: names });
}

/** For a route that checks its query parameters by itself. */
export function knowsQuery(...names: string[]): MiddlewareHandler {
  return withQueryNames((_, next) => next(), names);
}

/**
 * For a route that others call in ways of their own, and whose answer is the same whatever they add: probes, and a
 * provider's callback, whose address may have been entered with a parameter.
 */
export function takesAnyQuery(): MiddlewareHandler {
  return withQueryNames((_, next) => next(), "any");
}

/**
 * Refuses query parameters that the route does not know, naming them and what may have been meant. Pages are for people,
 * who get them all the same, with a word about what was passed over, see {@linkcode unknownQuery}.
 *
 * @throws {WorkflowError} `bad_request`
 */
export function refuseUnknownQuery(): MiddlewareHandler {
  return async (c, next) => {
    if (c.req.url.includes("?") && !isPage(c)) {
      const known = namesKnown(c);
      const faults = known === "any" ? [] : unknownQuery(c, known);
      if (faults.length > 0) {
        const [first] = faults;
        throw new WorkflowError(
          "bad_request",
          `The query is not valid: ${first!.at} ${first!.detail}`,
          faults,
        );
      }
    }
    await next();
  };
}

/** The query parameters of a request that are not among those known, and what is to be said of each. */
export function unknownQuery(c: Context, known: readonly string[]): Fault[] {
  const given = new Set(new URL(c.req.url).searchParams.keys());
  return [...given].filter((name) => !known.includes(name)).slice(0, maxTold).map((name) => {
    const nearest = nearestName(name, known);
    const detail = nearest !== undefined
      ? `is not known; did you mean ${nearest}?`
      : known.length === 0
      ? "is not known; nothing can be asked for here"
      : `is not known; there are ${known.join(", ")}`;
    return { at: cutText(name, maxCharacters), detail };
  });
}

function isPage(c: Context): boolean {
  return /^\/dashboard(\/|$)/.test(c.req.path) &&
    (c.req.method === "GET" || c.req.method === "HEAD");
}

/** What the route of a request knows; `any` where there is none, which is another answer's business. */
function namesKnown(c: Context): readonly string[] | "any" {
  const routes = matchedRoutes(c).filter(({ method }) => method !== "ALL");
  if (routes.length === 0) return "any";
  const names: string[] = [];
  for (const { handler } of routes) {
    // Routes of an application with an error handler of its own are wrapped.
    const { [queryNames]: said = [] } = findTargetHandler(handler) as {
      [queryNames]?: readonly string[] | "any";
    };
    if (said === "any") return "any";
    names.push(...said);
  }
  return names;
}
