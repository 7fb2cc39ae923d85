/**
 * What the OpenAPI document says of a route.
 *
 * @module
 */

import type { MiddlewareHandler } from "hono";
import { describeRoute, resolver } from "hono-openapi";
import type { z } from "zod";
import type { Scope } from "../../../domain/operation/api_token.ts";
import { problemAnswer } from "./answers.ts";
import { problemExample, type ProblemName } from "./problem_examples.ts";
import { withQueryNames } from "../../middleware/known_query.ts";

/** A body of a request or an answer. */
export interface Content {
  /** Of JSON; text where there is none. */
  schema?: z.ZodType | Record<string, unknown>;
  /** One that may really come. */
  example: unknown;
}

/** See {@linkcode described}. */
export interface Description {
  /** One line. */
  summary: string;
  /** More, where there is more to say. */
  description?: string;
  /** The heading that it stands under. */
  tag:
    | "Orders"
    | "Refunds"
    | "Imports"
    | "Products"
    | "Customers"
    | "Events"
    | "Notifications"
    | "Figures"
    | "Ledger"
    | "Reconciliation"
    | "Operation";
  /** Of which one is needed; null for a route that is open to all, `signed` for the payment provider's. */
  scopes: readonly Scope[] | null | "signed";
  /** What it answers when all goes well, by status: JSON unless it says another content type. */
  answers: Readonly<
    Record<
      number,
      Content & {
        says: string;
        type?: string;
        /** The same in another form, by content type. */
        also?: Readonly<Record<string, Content>>;
        located?: boolean;
        tagged?: boolean;
        file?: boolean;
      }
    >
  >;
  /** The problems that it has besides those that every route has. */
  problems?: readonly ProblemName[];
  /** The bodies that it takes, by content type, where no check of it says so. */
  body?: Readonly<Record<string, Content>>;
  /** An example of the JSON body that a check describes. */
  example?: unknown;
  /** The JSON body may be left out. */
  optionalBody?: boolean;
  /** The same answer whatever the query says, see {@linkcode takesAnyQuery}. */
  anyQuery?: boolean;
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
  412: "It has changed since the ETag in If-Match",
  413: "The body is too large",
  415: "The body is of another type",
  422: "The request is not valid, or its Idempotency-Key belongs to another one",
  428: "If-Match is missing",
  429: "The token has made too many requests",
  500: "An unexpected error; the log has it",
  503: "An engine is away, or too much is waiting",
};

/** Headers of answers. */
const headers = {
  location: ["string", "Where it is to be found"],
  etag: [
    "string",
    "Tells this state of it from others, for `If-Match`; of an order its content alone, not where it stands",
  ],
  "idempotent-replayed": ["string", "`true` where this is the first answer to the key, again"],
  "content-disposition": ["string", "The name of the file"],
  "x-request-id": ["string", "Under which the log has the request"],
  ratelimit: [
    "string",
    "What is left of the token's requests, as the IETF's draft has it; there with `RATE_LIMIT`",
  ],
  "ratelimit-policy": ["string", "How many there are to a minute"],
  "retry-after": ["integer", "Seconds after which it is worth another try"],
  "www-authenticate": ["string", "The scheme, and what was wrong with the token"],
} as const;

/** Statuses of problems that tell when to try again: surely, or for some of their types. */
const retried: readonly number[] = [409, 429, 503];

/** The problems of every route, of those that need a token, and of those that change something by a key. */
const common = {
  open: ["bad_request", 400, 500, "unavailable"],
  guarded: [401, 403, 429],
  repeatable: ["idempotency_key_in_use", "idempotency_key_reused", 408, 413],
} as const;

/** Headers that must have the signature of Standard Webhooks. */
const signatureHeaders = [
  ["webhook-id", "Names the message; a second one of the same name changes nothing", "msg_1"],
  ["webhook-timestamp", "Seconds since 1970, at most five minutes off", "1767607203"],
  [
    "webhook-signature",
    "`v1,` and the signature in base64 over id, time and body; several are parted by spaces",
    "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
  ],
] as const;

/** Describes a route; the checks of its parameters and body describe themselves. */
export function described(route: Description): MiddlewareHandler {
  const description = describeRoute(
    {
      summary: route.summary,
      ...(route.description === undefined ? {} : { description: route.description }),
      tags: [route.tag],
      security: securityOf(route.scopes),
      ...(route.scopes !== "signed" ? {} : { parameters: signatureParameters() }),
      ...(route.body === undefined ? {} : { requestBody: bodyOf(route.body) }),
      ...(route.example === undefined ? {} : { "x-example": route.example }),
      ...(route.optionalBody === undefined ? {} : { "x-optional-body": true }),
      responses: Object.fromEntries([...answersOf(route), ...problemsOf(route)]),
    } as unknown as Parameters<typeof describeRoute>[0],
  );
  return route.anyQuery ? withQueryNames(description, "any") : description;
}

/** True where a token or a session is asked for. */
function isGuarded({ scopes }: Description): boolean {
  return scopes !== null && scopes !== "signed";
}

/** Headers of every answer of a route. */
function headersOf(route: Description): (keyof typeof headers)[] {
  return isGuarded(route) ? ["x-request-id", "ratelimit", "ratelimit-policy"] : ["x-request-id"];
}

/** What it answers when all goes well, by status. */
function answersOf(route: Description): [string, unknown][] {
  return Object.entries(route.answers).map(([status, answer]) => [status, {
    description: answer.says,
    headers: headersNamed([
      ...headersOf(route),
      ...(answer.located ? ["location" as const] : []),
      ...(answer.tagged ? ["etag" as const] : []),
      ...(answer.file ? ["content-disposition" as const] : []),
      ...(route.repeatable ? ["idempotent-replayed" as const] : []),
    ]),
    content: {
      [answer.type ?? "application/json"]: contentOf(answer),
      ...contentsOf(answer.also ?? {}),
    },
  }]);
}

/** Its problems, by status; those of one status share an answer. */
function problemsOf(route: Description): [number, unknown][] {
  const guarded = isGuarded(route);
  const names: ProblemName[] = [
    ...common.open,
    ...(guarded ? common.guarded : []),
    ...(route.repeatable ? common.repeatable : []),
    ...(route.problems ?? []),
  ];
  const byStatus = Map.groupBy(new Set(names), (name) => problemExample(name).status);
  return [...byStatus]
    .filter(([status]) => !(status in route.answers))
    .map(([status, names]) => [status, {
      description: problemSays[status]!,
      headers: headersNamed([
        ...headersOf(route),
        ...(retried.includes(status) ? ["retry-after" as const] : []),
        ...(guarded && (status === 401 || status === 403) ? ["www-authenticate" as const] : []),
      ]),
      content: {
        "application/problem+json": {
          schema: resolver(problemAnswer),
          examples: Object.fromEntries(names.map((name) => {
            const value = problemExample(name);
            return [String(name), { summary: value.title, value }];
          })),
        },
      },
    }]);
}

function signatureParameters() {
  return signatureHeaders.map(([name, description, example]) => ({
    in: "header",
    name,
    description,
    required: true,
    schema: { type: "string" },
    example,
  }));
}

function bodyOf(body: NonNullable<Description["body"]>) {
  return { required: true, content: contentsOf(body) };
}

function contentsOf(contents: Readonly<Record<string, Content>>) {
  return Object.fromEntries(
    Object.entries(contents).map(([type, content]) => [type, contentOf(content)]),
  );
}

function headersNamed(names: readonly (keyof typeof headers)[]) {
  return Object.fromEntries(names.map((name) => {
    const [type, description] = headers[name];
    return [name, { schema: { type }, description }];
  }));
}

function contentOf({ schema, example }: Content) {
  if (schema === undefined) return { schema: { type: "string" }, example };
  return { schema: "_zod" in schema ? resolver(schema as z.ZodType) : schema, example };
}

/** A token or a session; the document adds to the latter what changes need besides. */
function securityOf(scopes: Description["scopes"]) {
  if (scopes === null) return [];
  if (scopes === "signed") return [{ signature: [] }];
  return [{ bearer: [...scopes] }, { session: [...scopes] }];
}
