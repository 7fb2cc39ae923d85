/**
 * What the OpenAPI document says of a route.
 *
 * @module
 */

import type { MiddlewareHandler } from "hono";
import { describeRoute, resolver } from "hono-openapi";
import type { z } from "zod";
import type { Scope } from "../domain/api_token.ts";
import { problemAnswer } from "./answers.ts";

/** See {@linkcode described}. */
export interface Description {
  /** One line. */
  summary: string;
  /** More, where there is more to say. */
  description?: string;
  /** The heading that it stands under. */
  tag: "Orders" | "Refunds" | "Imports" | "Notifications" | "Figures" | "Operation";
  /** Of which one is needed; null for a route that is open to all. */
  scopes: readonly Scope[] | null;
  /** What it answers when all goes well, by status: JSON by a schema, or another content type. */
  answers: Readonly<
    Record<number, { says: string; schema?: z.ZodType; type?: string; located?: boolean }>
  >;
  /** Statuses of the problems that it has besides those that every route has. */
  problems?: readonly (400 | 401 | 404 | 408 | 409 | 413 | 415 | 422)[];
  /** A body that is not JSON. */
  body?: Readonly<Record<string, { schema: Record<string, unknown> }>>;
  /** An example of the JSON body. */
  example?: unknown;
  /** The JSON body may be left out. */
  optionalBody?: boolean;
  /** The change may be repeated under an `Idempotency-Key`. */
  repeatable?: boolean;
}

/** What each status of a problem means. */
const problemSays: Readonly<Record<number, string>> = {
  400: "The request can't be understood",
  401: "A token is missing or not known",
  403: "The scopes of the token do not reach, or a page of another origin asks",
  404: "There is no such thing",
  408: "The body did not come in time",
  409: "The state of things does not allow it, or a request under the same key is still running",
  413: "The body is too large",
  415: "The body is of another type",
  422: "The request is not valid, or its Idempotency-Key belongs to another one",
  429: "The token has made too many requests",
  500: "An unexpected error; the log has it",
  503: "An engine is away, or too much is waiting",
};

/** The problems of every route, and of those that need a token. */
const common = { open: [500, 503], guarded: [401, 403, 429] } as const;

/** Describes a route; the checks of its parameters and body describe themselves. */
export function described(route: Description): MiddlewareHandler {
  const headers = {
    location: { schema: { type: "string" }, description: "Where it is to be found" },
    "idempotent-replayed": {
      schema: { type: "string", enum: ["true"] },
      description: "There where this is the first answer to the key, again",
    },
  } as const;
  const good = Object.entries(route.answers).map(([status, answer]) => [status, {
    description: answer.says,
    headers: {
      ...(answer.located ? { location: headers.location } : {}),
      ...(route.repeatable ? { "idempotent-replayed": headers["idempotent-replayed"] } : {}),
    },
    content: {
      [answer.type ?? "application/json"]: {
        schema: answer.schema === undefined ? { type: "string" } : resolver(answer.schema),
      },
    },
  }]);
  const statuses = [
    400,
    ...(route.problems ?? []),
    ...(route.repeatable ? [409, 422] : []),
    ...(route.scopes === null ? [] : common.guarded),
    ...common.open.filter((status) => !(status in route.answers)),
  ];
  const problems = [...new Set(statuses)].sort().map((status) => [String(status), {
    description: problemSays[status]!,
    content: { "application/problem+json": { schema: resolver(problemAnswer) } },
  }]);
  return describeRoute(
    {
      summary: route.summary,
      ...(route.description === undefined ? {} : { description: route.description }),
      tags: [route.tag],
      security: route.scopes === null
        ? []
        : [{ bearer: [...route.scopes] }, { session: [...route.scopes] }],
      ...(route.body === undefined ? {} : { requestBody: { required: true, content: route.body } }),
      ...(route.example === undefined ? {} : { "x-example": route.example }),
      ...(route.optionalBody === undefined ? {} : { "x-optional-body": true }),
      responses: Object.fromEntries([...good, ...problems]),
    } as unknown as Parameters<typeof describeRoute>[0],
  );
}
