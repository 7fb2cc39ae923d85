/**
 * Sessions of people who use the dashboard in a browser: signing in with a token, a signed cookie instead of
 * it from then on, and the proof that a change comes from our own page.
 *
 * @module
 */

import { createHmac, hash as digestOf, timingSafeEqual } from "node:crypto";
import { type Context, Hono, type MiddlewareHandler } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { type ApiToken, findToken, tokenHash } from "../domain/api_token.ts";
import { isLoopback } from "../domain/config.ts";
import { inTime } from "./body_times.ts";
import type { Caller } from "./caller.ts";
import { addressOf } from "./client_address.ts";
import type { AppDeps } from "./deps.ts";
import type { CountStranger } from "./limit_strangers.ts";
import { boundaryOf, firstFieldOf } from "./multipart.ts";
import { httpProblem } from "./problem.ts";
import { readForm } from "./read_form.ts";
import { signInCsp, signInPage } from "./sign_in_page.ts";

/** Where people sign in. */
export const signInPath = "/sign-in";

/** Seconds after which a person has to sign in again. */
const sessionSeconds = 12 * 3_600;

/** Longest time until the first field of a form with a file is there, in milliseconds. */
const firstFieldMs = 15_000;

/** The header in which a page sends back its CSRF token. */
export const csrfHeader = "x-csrf-token";

/** The field of a form that does the same. */
export const csrfField = "csrf_token";

/** Makes and reads sessions. */
export interface Sessions {
  /**
   * Who asks, by the cookie of the request; undefined without one that is genuine, fresh, and of a token
   * that the settings still have.
   */
  callerOf(c: Context): Caller | undefined;
  /** Sets the cookie. */
  begin(c: Context, token: ApiToken): void;
  /** Takes the cookie away. */
  end(c: Context): void;
}

/**
 * Sessions are not stored: the cookie says whose they are and when they end, under a signature. So any
 * process with the same secret knows them, and they end early only when the token leaves the settings or
 * the secret changes.
 *
 * @param now milliseconds since 1970
 */
export function makeSessions(
  { config }: Pick<AppDeps, "config">,
  now: () => number = Date.now,
): Sessions {
  const secret = config.sessionSecret === ""
    ? crypto.getRandomValues(new Uint8Array(32)).toHex()
    : config.sessionSecret;
  const sign = (purpose: string, text: string) =>
    createHmac("sha256", secret).update(`${purpose}\n${text}`).digest("base64url");
  return {
    callerOf(c) {
      const cookie = getCookie(c, cookieName(c)) ?? "";
      const [payload = "", signature = ""] = cookie.split(".");
      if (!isSame(signature, sign("session", payload))) return undefined;
      const [hash, endsAtMs] = JSON.parse(atob(payload)) as [string, number, string];
      const token = findToken(config.apiTokens, hash);
      if (token === undefined || endsAtMs <= now()) return undefined;
      return {
        actor: `api:${token.name}`,
        name: token.name,
        scopes: token.scopes,
        by: "session",
        csrfToken: sign("csrf", payload),
      };
    },
    begin(c, { hash }) {
      const payload = btoa(JSON.stringify([
        hash,
        now() + sessionSeconds * 1_000,
        crypto.randomUUID(),
      ]));
      setCookie(c, cookieName(c), `${payload}.${sign("session", payload)}`, {
        path: "/",
        httpOnly: true,
        sameSite: "Lax",
        secure: isSecure(c),
        maxAge: sessionSeconds,
      });
    },
    end: (c) => {
      deleteCookie(c, cookieName(c), { path: "/", secure: isSecure(c) });
    },
  };
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
  { config, log }: AppDeps,
  sessions: Sessions,
  countTry: CountStranger,
): Hono {
  const app = new Hono();

  const page = (c: Context, status: 200 | 401 | 429, next: string, fault: string) => {
    c.header("content-security-policy", signInCsp);
    return c.html(signInPage({ action: signInPath, next, fault }), status);
  };

  app.get(signInPath, (c) => {
    const next = ownPath(c.req.query("next"));
    if (config.apiTokens.length === 0 || c.get("caller") !== undefined) {
      return c.redirect(next, 303);
    }
    return page(c, 200, next, "");
  });

  app.post(signInPath, async (c) => {
    const form = await readForm(c);
    const next = ownPath(form.next);
    const facts = {
      request_id: c.get("requestId") as string,
      address: addressOf(c, config),
    };
    const waitSeconds = await countTry(c);
    if (waitSeconds > 0) {
      log.warn("too many sign-ins", facts);
      c.header("retry-after", String(waitSeconds));
      return page(c, 429, next, `Too many tries; try again in ${waitSeconds} seconds.`);
    }
    const token = findToken(config.apiTokens, tokenHash(form.token ?? ""));
    if (token === undefined) {
      log.warn("sign-in refused", facts);
      return page(c, 401, next, "This token is not known.");
    }
    sessions.begin(c, token);
    log.info("signed in", { actor: `api:${token.name}` });
    return c.redirect(next, 303);
  });

  app.post("/sign-out", (c) => {
    sessions.end(c);
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
