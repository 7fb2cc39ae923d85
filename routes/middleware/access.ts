/**
 * Lets nobody in without a token or a session, and nobody further than their scopes.
 *
 * @module
 */

import type { Context, MiddlewareHandler } from "hono";
import {
  findToken,
  isAllowed,
  type Scope,
  scopes,
  stillAllows,
  tokenHash,
} from "../../domain/operation/api_token.ts";
import type { Config } from "../../config/config.ts";
import { trimEnd } from "../../domain/text/trim_end.ts";
import type { Caller } from "./caller.ts";
import type { CountStranger } from "./limit_strangers.ts";
import { httpProblem } from "./problem.ts";
import { type Sessions, signInPath, signOutPath } from "./session.ts";

/** See {@linkcode scopesBy}. */
export type Rule = [methods: string, path: RegExp, needed: readonly Scope[] | "nothing"];

/** Who may do what: the first line that fits counts. What no line names is for `admin`. */
const rules: readonly Rule[] = [
  ["GET HEAD", /^\/(livez|readyz|openapi\.json|docs(\/[\w.-]+)?|problems(\/[\w-]+)?)$/, "nothing"],
  ["GET HEAD", /^\/favicon\.ico$/, "nothing"],
  ["GET HEAD POST", /^\/sign-in$/, "nothing"],
  ["POST", /^\/sign-out$/, "nothing"],
  // Signed by the payment provider.
  ["POST", /^\/payments\/callback(\/\w+)?$/, "nothing"],
  ["POST", /^\/(orders|orders\/batch|imports)$/, ["orders"]],
  // Whoever has brought it, or may cancel everybody's; which of them asks, the transaction finds out.
  ["POST", /^(\/dashboard)?\/(orders|imports)\/[^/]+\/cancel$/, ["orders", "cancel"]],
  // Whoever has brought it, and for everybody's whoever may do all.
  ["POST", /^(\/dashboard)?\/orders\/[^/]+\/(capture|retry)$/, ["orders"]],
  ["PUT", /^\/orders\/[^/]+$/, ["orders", "cancel"]],
  ["GET HEAD", /^\/imports(\/|$)/, ["read", "orders"]],
  ["POST", /^\/orders\/[^/]+\/(refunds|payment\/(accept|give-back|dismiss|returned))$/, [
    "refunds",
  ]],
  ["POST", /^(\/dashboard)?\/refunds\/[^/]+\/(complete|refuse)$/, ["refunds"]],
  ["POST", /^(\/dashboard)?\/reconciliations(\/[^/]+\/(withdraw|approve))?$/, ["refunds"]],
  ["POST", /^(\/dashboard)?\/discrepancies\/[^/]+\/(mend|approve)$/, ["refunds"]],
  ["POST", /^\/dashboard\/given-twice\/[^/]+\/dismiss$/, ["refunds"]],
  ["POST", /^(\/dashboard)?\/chargebacks\/[^/]+\/(acknowledge|decide)$/, ["refunds"]],
  ["POST", /^\/dashboard\/imports(\/demo)?$/, ["orders"]],
  ["POST", /^\/dashboard\/orders\/[^/]+\/(refund|payment|payment\/returned)$/, ["refunds"]],
  ["POST", /^\/products(\/stock)?$/, ["stock"]],
  ["PUT", /^\/products\/[^/]+\/stock$/, ["stock"]],
  ["POST", /^\/dashboard\/products(\/file|\/[^/]+\/stock)?$/, ["stock"]],
  // All that is kept of a person, and its end.
  ["GET HEAD DELETE", /^\/customers\/[^/]+$/, ["admin"]],
  // They say where everything that happens is posted.
  ["GET HEAD", /^(\/dashboard)?\/webhook-endpoints(\/|$)/, ["admin"]],
  // It tells who did what from where.
  ["GET HEAD", /^(\/dashboard)?\/audit$/, ["admin"]],
  ["GET HEAD", /./, ["read"]],
];

/** The scopes of which a caller needs one; `nothing` where anybody may ask. */
export const neededScopes = scopesBy(rules);

/**
 * Says who may do what: by the first rule that fits, whatever methods rules name; what none names is for `admin`.
 */
export function scopesBy(
  rules: readonly Rule[],
): (method: string, path: string) => readonly Scope[] | "nothing" {
  const rulesOf = Map.groupBy(
    rules.flatMap((rule) => rule[0].split(" ").map((method) => ({ method, rule }))),
    ({ method }) => method,
  );
  return (method, path) => {
    const plain = path.length > 1 ? trimEnd(path, "/") : path;
    for (const { rule: [, pattern, needed] } of rulesOf.get(method) ?? []) {
      if (pattern.test(plain)) return needed;
    }
    return ["admin"];
  };
}

/**
 * Finds out who asks and puts it into the context as `caller`; turns nobody away. Without tokens in the settings
 * everybody may do everything: the address that is listened on is the guard then.
 */
export function identifyCaller(
  config: Pick<Config, "apiTokens">,
  sessions: Sessions,
): MiddlewareHandler {
  return async (c, next) => {
    const needed = neededScopes(c.req.method, c.req.path);
    const caller = config.apiTokens.length === 0
      ? anybody
      : needed === "nothing" && !knowsSessions(c.req.path)
      ? undefined
      // What is no URL is refused by the guard, which comes later so that its answers are counted.
      : URL.canParse(c.req.url)
      ? await callerOf(c, config, sessions)
      : undefined;
    if (caller !== undefined) c.set("caller", caller);
    await next();
  };
}

/** Who asks where nobody is asked who they are. */
const anybody: Caller = { actor: "api", name: null, scopes, by: "nothing", csrfToken: "" };

/** Who asks, as far as no session is needed to say so. */
export function callerWithoutSession(
  config: Pick<Config, "apiTokens">,
  authorization: string | null,
): Caller | undefined {
  if (config.apiTokens.length === 0) return anybody;
  return authorization === null ? undefined : callerByToken(config, authorization);
}

/**
 * Answers 401 or 403 where what the caller may do is not enough, and 429 to an address with too many of the first. A
 * person whose browser asks for a page is sent to the sign-in instead.
 */
export function controlAccess(countRefused: CountStranger): MiddlewareHandler {
  return async (c, next) => {
    const needed = neededScopes(c.req.method, c.req.path);
    if (needed === "nothing") return await next();
    const caller = c.get("caller") as Caller | undefined;
    if (caller === undefined) {
      const waitSeconds = await countRefused(c);
      if (waitSeconds === 0) return refuse(c);
      return httpProblem(c, 429, "Too many requests without a token that is known", {
        "retry-after": String(waitSeconds),
      });
    }
    if (!isAllowed(caller.scopes, needed)) {
      const scope = needed.join(" ");
      return httpProblem(c, 403, `This needs the scope ${needed.join(" or ")}`, {
        "www-authenticate": `${challenge}, error="insufficient_scope", scope="${scope}"`,
      });
    }
    if (isPage(c.req.path) && !isAllowed(caller.scopes, ["read"])) {
      return httpProblem(c, 403, "The pages need the scope read", {
        "www-authenticate": `${challenge}, error="insufficient_scope", scope="read"`,
      });
    }
    return await next();
  };
}

/** Whatever is asked of the dashboard is answered with a page, and those show what `read` is for. */
function isPage(path: string): boolean {
  return /^\/dashboard(\/|$)/.test(path);
}

/** The only open routes that ask who it is: a probe must not wait for the database to find a session. */
function knowsSessions(path: string): boolean {
  return path.startsWith(signInPath) || path.startsWith(signOutPath);
}

const challenge = 'Bearer realm="orders"';

async function callerOf(
  c: Context,
  config: Pick<Config, "apiTokens">,
  sessions: Sessions,
): Promise<Caller | undefined> {
  const authorization = c.req.header("authorization");
  if (authorization === undefined) return await sessions.callerOf(c);
  return callerByToken(config, authorization);
}

/** Whose token an `Authorization` header has. */
function callerByToken(
  config: Pick<Config, "apiTokens">,
  authorization: string,
): Caller | undefined {
  const presented = /^Bearer +([\x21-\x7e]+) *$/i.exec(authorization)?.[1];
  if (presented === undefined) return undefined;
  const hash = tokenHash(presented);
  const token = findToken(config.apiTokens, hash);
  if (token === undefined) return undefined;
  return {
    actor: `api:${token.name}`,
    name: token.name,
    scopes: token.scopes,
    by: "token",
    csrfToken: "",
    // Tokens and their scopes may be taken away while a stream is open.
    goesOn: () => Promise.resolve(stillAllows(findToken(config.apiTokens, hash), token.scopes)),
  };
}

function refuse(c: Context): Response | Promise<Response> {
  const isPage = c.req.method === "GET" && /\btext\/html\b/.test(c.req.header("accept") ?? "");
  const hasToken = c.req.header("authorization") !== undefined;
  if (isPage && !hasToken) {
    const { pathname, search } = new URL(c.req.url);
    return c.redirect(`${signInPath}?next=${encodeURIComponent(pathname + search)}`, 303);
  }
  return hasToken
    ? httpProblem(c, 401, "The token is not known", {
      "www-authenticate": `${challenge}, error="invalid_token"`,
    })
    : httpProblem(c, 401, "This needs a token: Authorization: Bearer …", {
      "www-authenticate": challenge,
    });
}
