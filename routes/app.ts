/**
 * The HTTP API: all routes, and what goes for each of them.
 *
 * @module
 */

import { type Context, Hono, type MiddlewareHandler } from "hono";
import { methodNotAllowed } from "hono/method-not-allowed";
import { requestId } from "hono/request-id";
import { tracing } from "../streams/telemetry/tracing.ts";
import { controlAccess, identifyCaller, neededScopes } from "./middleware/access.ts";
import { answerHeaders } from "./middleware/answer_headers.ts";
import { answerMs, bodyTimes } from "./middleware/body_times.ts";
import { isJson } from "./middleware/checked.ts";
import { conditional } from "./middleware/conditional.ts";
import { cors } from "./middleware/cors.ts";
import { dashboardRoutes, stockUploadPath, uploadPath } from "./dashboard/dashboard.ts";
import { reportUploadPath } from "./dashboard/reconciliations.tsx";
import { problemPages } from "./dashboard/error_page.tsx";
import { tellUnrealMoney } from "./dashboard/layout.tsx";
import type { AppDeps } from "./deps.ts";
import { ledgerRoutes } from "./api/ledger/ledger.ts";
import { auditRoutes } from "./api/operation/audit.ts";
import { verificationRoutes } from "./api/operation/verification.ts";
import { customerRoutes } from "./api/customers/customers.ts";
import { reconciliationRoutes } from "./api/reconciliations/reconciliations.ts";
import { deadLetterRoutes } from "./api/streams/dead_letters.ts";
import { eventRoutes } from "./api/events/events.ts";
import { endpointRoutes } from "./api/webhooks/endpoints.ts";
import { exportRoutes } from "./api/exports/exports.ts";
import { guard } from "./middleware/guard.ts";
import { healthRoutes } from "./api/operation/health.ts";
import { importRuns } from "../services/imports/import_runs.ts";
import { bringsFile, importRoutes } from "./api/imports/imports.ts";
import { kpiRoutes } from "./api/kpis/kpis.ts";
import { refuseUnknownQuery, takesAnyQuery } from "./middleware/known_query.ts";
import { limitBody } from "./middleware/limit_body.ts";
import { limitRate, rateCounter } from "./middleware/limit_rate.ts";
import { limitStrangers } from "./middleware/limit_strangers.ts";
import { logRequests } from "./middleware/log_requests.ts";
import { metricRoutes } from "./api/operation/metrics.ts";
import { notificationRoutes } from "./api/notifications/notifications.ts";
import { openApiRoutes } from "./api/description/openapi.ts";
import { problemPageRoutes } from "./api/description/problem_pages.ts";
import { batchLimits, bringsBatch } from "./api/orders/batch_body.ts";
import { orderTaker, type TakeOrder } from "./api/orders/order_placer.ts";
import { orderRoutes } from "./api/orders/orders.ts";
import { plainOrders } from "./api/orders/plain_order.ts";
import { chargebackRoutes } from "./api/payments/chargebacks.ts";
import { paymentDecisionRoutes } from "./api/payments/payment_decisions.ts";
import { bringsStockFile, productRoutes, stockFileAdvice } from "./api/products/products.ts";
import { paymentRoutes } from "./api/payments/payments.ts";
import { httpProblem, problemHandler } from "./middleware/problem.ts";
import { refundByHandRoutes } from "./api/refunds/by_hand.ts";
import { refundRoutes } from "./api/refunds/refunds.ts";
import { makeSessions, protectSessions, sessionRoutes } from "./middleware/session.ts";
import { streamRoutes } from "./api/streams/streams.ts";
import { traceRequests } from "./middleware/trace_requests.ts";
import { withDeadline } from "../streams/timing/deadline.ts";
import { othersAsk } from "../streams/timing/take_turns.ts";

/** Most bytes of a request's body. */
const bodyBytes = 1_048_576;

/**
 * Most bytes of a form without a file, and of what anybody may send: as many of them come at once as somebody likes, and a form
 * of very many fields takes long to read.
 */
const openBytes = 32_768;

/**
 * Makes the API.
 *
 * @returns an application to serve, or to ask directly by `app.request(path)`
 */
export function makeApp(deps: AppDeps): Hono {
  const app = new Hono({ strict: false });
  const sessions = makeSessions(deps);
  const strangers = limitStrangers(deps);
  const metrics = metricRoutes(deps);
  const countRate = rateCounter(deps);
  const takeOrder = orderTaker(deps);

  app.use(requestId());
  if (tracing) app.use(traceRequests());
  app.use(metrics.measure);
  app.use(logRequests(deps));
  app.use(...answerHeaders());
  app.use("/dashboard/*", tellUnrealMoney(deps.config), problemPages());
  app.use(cors(deps.config));
  app.use(methodNotAllowed({
    app,
    onMethodNotAllowed: (c, methods) => {
      const allow = { allow: methods.join(", ") };
      if (c.req.method === "OPTIONS") return c.body(null, 204, allow);
      return httpProblem(c, 405, `${c.req.path} takes ${allow.allow} only`, allow);
    },
  }));
  // Whatever is answered to a token counts against its limit, refusals among it.
  app.use(identifyCaller(deps.config, sessions));
  app.use(limitRate(countRate));
  app.use(guard(deps));
  app.use(controlAccess(strangers.refused));
  app.use(conditional());
  app.use(refuseUnknownQuery());
  app.use(limitBodies(deps));
  app.use(protectSessions());
  app.use((c, next) => isUpload(c) ? next() : withDeadline(answerMs, "An engine", next()));

  app.get("/", takesAnyQuery(), (c) => {
    if (c.req.header("accept")?.includes("text/html")) return c.redirect("/dashboard");
    return c.json({ routes: routesOf(app) });
  });
  addRoutes(app, deps, metrics.routes, takeOrder);
  app.route("/", sessionRoutes(deps, sessions, strangers.signIn));
  app.route("/", openApiRoutes(() => app));
  app.route("/", problemPageRoutes());

  app.onError(problemHandler(deps));
  app.notFound((c) => httpProblem(c, 404, `There is nothing at ${c.req.path}`));
  const plain = plainOrders(deps, { countRate, takeOrder, recordRequest: metrics.record });
  const layered = app.fetch;
  app.fetch = (request, facts, ...rest) => {
    othersAsk();
    return plain(request, facts ?? {}) ?? layered(request, facts, ...rest);
  };
  return app;
}

/** The routes of every resource, and the pages. */
function addRoutes(app: Hono, deps: AppDeps, metrics: Hono, takeOrder: TakeOrder): void {
  const runs = importRuns(deps);
  app.route("/", healthRoutes(deps));
  app.route("/", kpiRoutes(deps));
  app.route("/", orderRoutes(deps, takeOrder));
  app.route("/", refundRoutes(deps));
  app.route("/", refundByHandRoutes(deps));
  app.route("/", paymentDecisionRoutes(deps));
  app.route("/", chargebackRoutes(deps));
  app.route("/", productRoutes(deps));
  app.route("/", customerRoutes(deps));
  app.route("/", eventRoutes(deps));
  app.route("/", endpointRoutes(deps));
  app.route("/", exportRoutes(deps));
  app.route("/", importRoutes(deps, runs));
  app.route("/", ledgerRoutes(deps));
  app.route("/", notificationRoutes(deps));
  app.route("/", paymentRoutes(deps));
  app.route("/", streamRoutes(deps));
  app.route("/", deadLetterRoutes(deps));
  app.route("/", reconciliationRoutes(deps));
  app.route("/", auditRoutes(deps));
  app.route("/", verificationRoutes(deps));
  app.route("/", metrics);
  app.route("/dashboard", dashboardRoutes(deps, runs));
}

/** Limits the bodies of requests, those of anybody and of forms more; a file has limits of its own. */
function limitBodies(
  { bodyTimes: { wholeMs, fileMs } = bodyTimes }: AppDeps,
): MiddlewareHandler {
  const limit = limitBody({ bytes: bodyBytes, ms: wholeMs });
  const limitSmall = limitBody({ bytes: openBytes, ms: wholeMs });
  const limitFile = limitBody({
    bytes: bodyBytes,
    ms: wholeMs,
    advice: stockFileAdvice,
    asFile: true,
  });
  const limitBatch = limitBody({
    bytes: batchLimits.bytes,
    ms: fileMs,
    advice: "send it in parts",
    asFile: true,
  });
  const isSmall = (c: Context) => neededScopes(c.req.method, c.req.path) === "nothing" || isForm(c);
  return (c, next) => {
    if (isUpload(c)) return next();
    if (bringsBatch(c) && !isForm(c)) return limitBatch(c, next);
    return (bringsStock(c) ? limitFile : isSmall(c) ? limitSmall : limit)(c, next);
  };
}

/** True for a file of stock, by the API or a page; a form without one is as small as any. */
function bringsStock(c: Context): boolean {
  const isThere = bringsStockFile(c) || (c.req.method === "POST" && c.req.path === stockUploadPath);
  return isThere && !isPlainForm(c);
}

function isPlainForm(c: Context): boolean {
  return /^application\/x-www-form-urlencoded\b/i.test(c.req.header("content-type") ?? "");
}

function isForm(c: Context): boolean {
  return isPlainForm(c) ||
    /^multipart\/form-data\b/i.test(c.req.header("content-type") ?? "");
}

/** True for a file, which may be larger than any other body, and takes its time. */
function isUpload(c: Context): boolean {
  const pages = [uploadPath, reportUploadPath];
  return (bringsFile(c) || (c.req.method === "POST" && pages.includes(c.req.path))) &&
    // No file comes as these, and they are read whole: to find a session's token, or the days that a list is asked for.
    !isPlainForm(c) && !isJson(c.req.header("content-type"));
}

/** `GET /kpis` and so on; the pages are for people, who find them by themselves. */
function routesOf(app: Hono): string[] {
  const routes = app.routes
    .filter(({ method, path }) => method !== "ALL" && !path.startsWith("/dashboard"))
    .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, "{$1}")}`);
  return [...new Set(routes)];
}
