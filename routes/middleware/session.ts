/**
 * Sessions of people who use the dashboard in a browser: signing in with a token, a cookie instead of
 * it from then on, and the proof that a change comes from our own page.
 *
 * @module
 */

import { hash as digestOf, timingSafeEqual } from "node:crypto";
import { type Context, Hono, type MiddlewareHandler } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import {
  type ApiToken,
  findToken,
  stillAllows,
  tokenHash,
} from "../../domain/operation/api_token.ts";
import type { Operator } from "../../domain/operation/audit.ts";
import { isLoopback } from "../../config/config.ts";
import { madeOf } from "../../config/made_of.ts";
import { readSession } from "../../db/clients/sessions.ts";
import { beginAndTell, endAndTell, failedSignIns } from "../../services/operation/sessions.ts";
import { inTime } from "./body_times.ts";
import type { Caller } from "./caller.ts";
import { addressOf } from "./client_address.ts";
import type { AppDeps } from "../deps.ts";
import { takesAnyQuery } from "./known_query.ts";
import type { CountStranger } from "./limit_strangers.ts";
import { boundaryOf, firstFieldOf } from "../api/imports/multipart.ts";
import { httpProblem } from "./problem.ts";
import { readForm } from "./read_form.ts";
import { signInCsp, signInPage } from "../dashboard/sign_in_page.ts";

/** Where people sign in. */
export const signInPath = "/sign-in";

/** Where they sign out. */
export const signOutPath = "/sign-out";

/** Random bytes of a session's name: nobody finds one by trying. */
const idBytes = 32;

/** Seconds after which a person has to sign in again. */
const sessionSeconds = 12 * 3_600;

/** Longest time until the first field of a form with a file is there, in milliseconds. */
const firstFieldMs = 15_000;

/** The header in which a page sends back its CSRF token. */
export const csrfHeader = "x-csrf-token";

/** The field of a form that does the same. */
export const csrfField = "csrf_token";

/** Makes, reads and ends sessions. */
export interface Sessions {
  /**
   * Who asks, by the cookie of the request; undefined without one of a session that goes on, begun with a token
   * that the settings still have.
   */
  callerOf(c: Context): Promise<Caller | undefined>;
  /** Begins a session and sets the cookie; what the request came with ends, so that nobody can plant a session. */
  begin(c: Context, token: ApiToken): Promise<void>;
  /** Ends the session for all processes and takes the cookie away. */
  end(c: Context): Promise<void>;
}

/**
 * Sessions are random names in a cookie; the database has who they are, so every process knows them, and knows at
 * once when they end: by signing out, after twelve hours, or when their token leaves the settings.
 */
export function makeSessions(deps: Pick<AppDeps, "config" | "db" | "log">): Sessions {
  const { config, db } = deps;
  const tokensByPrint = madeOf(
    () => config.apiTokens,
    (tokens) => new Map(tokens.map((token) => [digestOf("sha256", printed(token), "hex"), token])),
  );
  const read = async (id: string): Promise<ApiToken | undefined> => {
    const print = await readSession(db, digestOf("sha256", id, "buffer"));
    return print === undefined ? undefined : tokensByPrint().get(print.toHex());
  };
  const operatorAt = (c: Context, { name }: ApiToken): Operator => ({
    actor: `api:${name}`,
    via: "session",
    address: addressOf(c, config),
  });
  return {
    async callerOf(c) {
      const id = sessionIdOf(c);
      const token = id === undefined ? undefined : await read(id);
      if (id === undefined || token === undefined) return undefined;
      return {
        actor: `api:${token.name}`,
        name: token.name,
        scopes: token.scopes,
        by: "session",
        // Of the id, so that each session has its own; it tells nobody the id.
        csrfToken: digestOf("sha256", `csrf\n${id}`, "base64url"),
        goesOn: async () => stillAllows(await read(id), token.scopes),
      };
    },
    async begin(c, token) {
      const before = sessionIdOf(c);
      const id = crypto.getRandomValues(new Uint8Array(idBytes)).toBase64({
        alphabet: "base64url",
        omitPadding: true,
      });
      await beginAndTell(deps, operatorAt(c, token), token.name, {
        idHash: digestOf("sha256", id, "buffer"),
        tokenPrint: digestOf("sha256", printed(token), "buffer"),
        seconds: sessionSeconds,
        before: before === undefined ? undefined : digestOf("sha256", before, "buffer"),
      });
      setCookie(c, cookieName(c), id, {
        path: "/",
        httpOnly: true,
        sameSite: "Lax",
        secure: isSecure(c),
        maxAge: sessionSeconds,
      });
    },
    async end(c) {
      const id = sessionIdOf(c);
      if (id !== undefined) {
        const token = await read(id);
        const who = token === undefined
          ? undefined
          : { operator: operatorAt(c, token), tokenName: token.name };
        await endAndTell(deps, digestOf("sha256", id, "buffer"), who);
      }
      deleteCookie(c, cookieName(c), { path: "/", secure: isSecure(c) });
    },
  };
}

/** What stands for a token in the database: not its hash, which is the settings' alone. */
function printed({ hash }: ApiToken): string {
  return `session\n${hash}`;
}

/** The session that a request names; undefined for what can be none. */
function sessionIdOf(c: Context): string | undefined {
  const cookie = getCookie(c, cookieName(c)) ?? "";
  return /^[\w-]{43}$/.test(cookie) ? cookie : undefined;
}

/**
 * Over the network a session travels encrypted or not at all; the prefix makes browsers insist on it. On
 * this machine itself there is nobody in between.
 */
function isSecure(c: Context): boolean {
  const { hostname } = new URL(c.req.url);
  return !isLoopback(hostname) && !hostname.endsWith(".localhost");
}

/** Of the cookie, over the network and on this machine itself. */
export const cookieNames = { secure: "__Host-orders_session", local: "orders_session" } as const;

function cookieName(c: Context): string {
  return isSecure(c) ? cookieNames.secure : cookieNames.local;
}

function isSame(a: string, b: string): boolean {
  const [first, second] = [a, b].map((text) => digestOf("sha256", text, "buffer"));
  return timingSafeEqual(first!, second!);
}

/**
 * Refuses a change that a session is asked for without its CSRF token, in the header or in a form: only our
 * own pages can know it. In a form with a file it must come first, because the file is not waited for. What comes with a bearer token no browser has sent by itself.
 */
export function protectSessions(): MiddlewareHandler {
  return async (c, next) => {
    const caller = c.get("caller") as Caller | undefined;
    if (caller?.by !== "session" || ["GET", "HEAD", "OPTIONS"].includes(c.req.method)) {
      return await next();
    }
    const sent = c.req.header(csrfHeader) ?? await tokenInForm(c);
    if (sent === undefined || !isSame(sent, caller.csrfToken)) {
      return httpProblem(c, 403, `A change in a session needs its token in ${csrfHeader}`);
    }
    return await next();
  };
}

/** The CSRF token that a form brings along; its body stays to be read. */
async function tokenInForm(c: Context): Promise<string | undefined> {
  const type = c.req.header("content-type") ?? "";
  if (/^application\/x-www-form-urlencoded\b/i.test(type)) return (await readForm(c))[csrfField];
  const boundary = boundaryOf(type);
  const { raw } = c.req;
  if (boundary === undefined || raw.body === null) return undefined;
  const { name, value, body } = await inTime(firstFieldMs, firstFieldOf(raw.body, boundary));
  const { url, method, headers } = raw;
  const again = { method, headers, body, duplex: "half" };
  c.req.raw = new Request(url, again as RequestInit);
  return name === csrfField ? value : undefined;
}

/** `GET /sign-in`, `POST /sign-in` and `POST /sign-out`. */
export function sessionRoutes(
  deps: AppDeps,
  sessions: Sessions,
  countTry: CountStranger,
): Hono {
  const { config, log } = deps;
  const app = new Hono();
  const failed = failedSignIns(deps);

  const page = (c: Context, status: 200 | 401 | 429, next: string, fault: string) => {
    c.header("content-security-policy", signInCsp);
    return c.html(signInPage({ action: signInPath, next, fault }), status);
  };

  app.get(signInPath, takesAnyQuery(), (c) => {
    const next = ownPath(c.req.query("next"));
    if (config.apiTokens.length === 0 || c.get("caller") !== undefined) {
      return c.redirect(next, 303);
    }
    return page(c, 200, next, "");
  });

  app.post(signInPath, takesAnyQuery(), async (c) => {
    const form = await readForm(c);
    const next = ownPath(form.next);
    const facts = {
      request_id: c.get("requestId") as string,
      address: addressOf(c, config),
    };
    const waitSeconds = await countTry(c);
    if (waitSeconds > 0) {
      log.warn("too many sign-ins", facts);
      await failed.add(facts.address);
      c.header("retry-after", String(waitSeconds));
      return page(c, 429, next, `Too many tries; try again in ${waitSeconds} seconds.`);
    }
    const token = findToken(config.apiTokens, tokenHash(form.token ?? ""));
    if (token === undefined) {
      log.warn("sign-in refused", facts);
      await failed.add(facts.address);
      return page(c, 401, next, "This token is not known.");
    }
    await sessions.begin(c, token);
    log.info("signed in", { actor: `api:${token.name}` });
    return c.redirect(next, 303);
  });

  app.post(signOutPath, takesAnyQuery(), async (c) => {
    await sessions.end(c);
    return c.redirect(signInPath, 303);
  });

  return app;
}

/** A path of this very site to go on to, whatever was asked for. */
function ownPath(next: string | undefined): string {
  const here = "http://here.invalid";
  const url = next?.startsWith("/") ? URL.parse(next, here) : null;
  return url?.origin === here && !url.pathname.startsWith("//") ? url.pathname + url.search : "/";
}
