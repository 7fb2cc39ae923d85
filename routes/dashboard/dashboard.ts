/**
 * The dashboard: all its pages, and what they show when something goes wrong.
 *
 * @module
 */

import { Hono, type MiddlewareHandler } from "hono";
import { countDeadLetters } from "../../db/dead_letters/dead_letter_counts.ts";
import type { AppDeps } from "../deps.ts";
import type { ImportRuns } from "../../services/imports/import_runs.ts";
import { assetRoutes } from "./assets.ts";
import { auditPageRoutes } from "./audit.tsx";
import { importsPath } from "./bring_file.tsx";
import { byHandRoutes } from "./by_hand.tsx";
import { oneCustomerPageRoutes } from "./customer.tsx";
import { customerPageRoutes } from "./customers.tsx";
import { deadLetterPageRoutes } from "./dead_letters.tsx";
import { disputePageRoutes } from "./disputes.tsx";
import { answerDoubleClicks } from "./double_click.ts";
import { errorPage, notFoundPage } from "./error_page.tsx";
import { firstStepsRoutes } from "./first_steps.tsx";
import { failurePageRoutes } from "./failures.tsx";
import { importPageRoutes } from "./imports.tsx";
import { pageCsp } from "./layout.tsx";
import { chargebackPageRoutes } from "./chargebacks.tsx";
import { givenTwicePageRoutes } from "./given_twice.tsx";
import { ledgerPageRoutes } from "./ledger.tsx";
import { discrepancyPageRoutes } from "./discrepancies.tsx";
import { lossPageRoutes } from "./losses.tsx";
import { reconciliationPageRoutes } from "./reconciliations.tsx";
import { kpiPageRoutes } from "./kpis.tsx";
import { shared } from "./live.ts";
import { attempt } from "./reading.ts";
import { notificationPageRoutes } from "./notifications.tsx";
import { endpointSecretRoutes } from "./endpoint_secrets.tsx";
import { endpointPageRoutes } from "./webhook_endpoints.tsx";
import { orderPageRoutes } from "./order.tsx";
import { orderListPageRoutes } from "./orders.tsx";
import { overviewPageRoutes } from "./overview.tsx";
import { newProductPageRoutes } from "./new_products.tsx";
import { oneProductPageRoutes } from "./product.tsx";
import { productPageRoutes } from "./products.tsx";
import { refundPageRoutes } from "./refunds.tsx";
import { shortagePageRoutes } from "./shortages.tsx";
import { streamPageRoutes } from "./streams.tsx";

/** Where files are sent to. */
export const uploadPath = importsPath;

/** Where files of stock are sent to. */
export const stockUploadPath = "/dashboard/products/file";

/** How long a count of dead letters is shown as it is, in milliseconds. */
const countMs = 2_000;

/** Has every page show how many dead letters wait, beside their entry in the navigation. */
function countLetters(deps: AppDeps): MiddlewareHandler {
  const count = shared(
    countMs,
    () => attempt(deps, "The database", () => countDeadLetters(deps.db)),
  );
  return async (c, next) => {
    const isShown = c.req.method === "GET" && !c.req.path.endsWith("/live");
    if (isShown) {
      const dead = await count();
      if (dead.ok) c.set("deadLetters", [...dead.value.values()].reduce((sum, n) => sum + n, 0));
    }
    await next();
  };
}

/** Everything below `/dashboard`. */
export function dashboardRoutes(deps: AppDeps, runs: ImportRuns): Hono {
  const app = new Hono();
  app.use(async (c, next) => {
    await next();
    c.res.headers.set("content-security-policy", pageCsp);
  });
  app.route("/", assetRoutes());
  app.use(countLetters(deps));
  app.use(answerDoubleClicks());
  app.route("/", overviewPageRoutes(deps));
  app.route("/", orderListPageRoutes(deps));
  app.route("/", orderPageRoutes(deps));
  app.route("/", refundPageRoutes(deps));
  app.route("/", byHandRoutes(deps));
  app.route("/", shortagePageRoutes(deps));
  app.route("/", customerPageRoutes(deps));
  app.route("/", oneCustomerPageRoutes(deps));
  app.route("/", productPageRoutes(deps));
  app.route("/", newProductPageRoutes(deps));
  app.route("/", oneProductPageRoutes(deps));
  app.route("/", kpiPageRoutes(deps));
  app.route("/", ledgerPageRoutes(deps));
  app.route("/", importPageRoutes(deps, runs));
  app.route("/", firstStepsRoutes(deps, runs));
  app.route("/", deadLetterPageRoutes(deps));
  app.route("/", streamPageRoutes(deps));
  app.route("/", notificationPageRoutes(deps));
  app.route("/", endpointSecretRoutes(deps));
  app.route("/", endpointPageRoutes(deps));
  app.route("/", failurePageRoutes(deps));
  app.route("/", disputePageRoutes(deps));
  app.route("/", givenTwicePageRoutes(deps));
  app.route("/", chargebackPageRoutes(deps));
  app.route("/", lossPageRoutes(deps));
  app.route("/", reconciliationPageRoutes(deps));
  app.route("/", discrepancyPageRoutes(deps));
  app.route("/", auditPageRoutes(deps));
  app.get("/*", (c) => notFoundPage(c, "There is no such page"));
  app.onError((error, c) => errorPage(deps, error, c));
  return app;
}
