/**
 * The HTTP API: all routes, and what goes for each of them.
 *
 * @module
 */

import { Hono, type MiddlewareHandler } from "hono";
import { methodNotAllowed } from "hono/method-not-allowed";
import { requestId } from "hono/request-id";
import { secureHeaders } from "hono/secure-headers";
import type { AppDeps } from "./deps.ts";
import { guard } from "./guard.ts";
import { healthRoutes } from "./health.ts";
import { kpiRoutes } from "./kpis.ts";
import { limitBody } from "./limit_body.ts";
import { orderRoutes } from "./orders.ts";
import { httpProblem, problemHandler } from "./problem.ts";
import { refundRoutes } from "./refunds.ts";
import { streamRoutes } from "./streams.ts";
import { within } from "./within.ts";

/** Most bytes of a request's body. */
const bodyBytes = 1_048_576;

/** Longest time for an answer, in milliseconds, for engines that hang instead of failing. */
const answerMs = 15_000;

/**
 * Makes the API.
 *
 * @returns an application to serve, or to ask directly by `app.request(path)`
 */
export function makeApp(deps: AppDeps): Hono {
  const app = new Hono({ strict: false });

  app.use(requestId());
  app.use(logRequests(deps));
  app.use(secureHeaders({
    contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
  }));
  app.use(async (c, next) => {
    await next();
    c.res.headers.set("cache-control", "no-store");
  });
  app.use(methodNotAllowed({
    app,
    onMethodNotAllowed: (c, methods) => {
      const allow = { allow: methods.join(", ") };
      if (c.req.method === "OPTIONS") return c.body(null, 204, allow);
      return httpProblem(c, 405, `${c.req.path} takes ${allow.allow} only`, allow);
    },
  }));
  app.use(guard(deps));
  app.use(limitBody(bodyBytes));
  app.use((_, next) => within(answerMs, "An engine", next()));

  app.get("/", (c) => c.json({ routes: routesOf(app) }));
  app.route("/", healthRoutes(deps));
  app.route("/", kpiRoutes(deps));
  app.route("/", orderRoutes(deps));
  app.route("/", refundRoutes(deps));
  app.route("/", streamRoutes(deps));

  app.onError(problemHandler(deps));
  app.notFound((c) => httpProblem(c, 404, `There is nothing at ${c.req.path}`));
  return app;
}

/** `GET /kpis` and so on. */
function routesOf(app: Hono): string[] {
  const routes = app.routes
    .filter(({ method }) => method !== "ALL")
    .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, "{$1}")}`);
  return [...new Set(routes)];
}

/** One line a request: as a warning where it failed, else for debugging only. */
function logRequests({ log }: AppDeps): MiddlewareHandler {
  return async (c, next) => {
    const start = performance.now();
    await next();
    log[c.res.status >= 500 ? "warn" : "debug"]("request", {
      request_id: c.get("requestId") as string,
      method: c.req.method,
      path: c.req.path,
      status: c.res.status,
      ms: Math.round(performance.now() - start),
    });
  };
}
