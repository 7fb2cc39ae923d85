/**
 * The day's figures and the leaderboard.
 *
 * @module
 */

import { Hono } from "hono";
import type { z } from "zod";
import { readCustomerNames } from "../../../db/catalog/customers.ts";
import { readKpis, readLeaderboard } from "../../../streams/kpis/kpis.ts";
import { leaderboardAnswer } from "../description/answers.ts";
import { checked } from "../../middleware/checked.ts";
import type { AppDeps } from "../../deps.ts";
import { described } from "../description/described.ts";
import { leaderboard } from "./kpi_examples.ts";
import { daysQuery, leaderboardQuery, places } from "../description/queries.ts";
import { coalesce } from "../../middleware/coalesce.ts";
import { kpis, kpisAnswer } from "./kpi_answers.ts";

/** Milliseconds for which the figures of a day are given again without asking Redis. */
const sharedMs = 10;

/** The first and the last day that are asked for; today where nothing is said. */
export function rangeOf(
  { kpiDay }: Pick<AppDeps, "kpiDay">,
  { date, from, to }: z.output<typeof daysQuery>,
): { from: string; to: string } {
  const first = from ?? date ?? kpiDay(new Date().toISOString());
  return { from: first, to: to ?? first };
}

/** `GET /kpis` and `GET /leaderboard`. */
export function kpiRoutes(deps: AppDeps): Hono {
  const app = new Hono();

  // Ten milliseconds are less than an order takes, and still let a crowd share one look at Redis.
  const dayAsJson = coalesce(
    async (day) => JSON.stringify({ kpis: await readKpis(deps, day, day) }),
    { ms: sharedMs },
  );

  app.get(
    "/kpis",
    described({
      summary: "The figures of a day, or of a range of days",
      description: "A day is the day on which orders were settled. By default today.",
      tag: "Figures",
      scopes: ["read"],
      answers: {
        200: { says: "A row for each day and currency", schema: kpisAnswer, example: kpis },
      },
    }),
    checked("query", daysQuery),
    async (c) => {
      const { from: first, to: last } = rangeOf(deps, c.req.valid("query"));
      if (first !== last) return c.json({ kpis: await readKpis(deps, first, last) });
      return c.body(await dayAsJson(first), 200, { "content-type": "application/json" });
    },
  );

  app.get(
    "/leaderboard",
    described({
      summary: "The customers with the highest revenue",
      tag: "Figures",
      scopes: ["read"],
      answers: {
        200: { says: "The highest first", schema: leaderboardAnswer, example: leaderboard },
      },
    }),
    checked("query", leaderboardQuery),
    async (c) => {
      const { limit = places.fallback, currency = deps.baseCurrency } = c.req.valid("query");
      const ranked = await readLeaderboard(deps, currency, limit);
      const names = await readCustomerNames(deps.db, ranked.map(({ customerId }) => customerId));
      return c.json({
        currency,
        leaderboard: ranked.map(({ customerId, revenueCents }, index) => ({
          rank: index + 1,
          customer_id: customerId,
          external_id: names.get(customerId)?.externalId ?? null,
          name: names.get(customerId)?.name ?? null,
          revenue_cents: revenueCents,
        })),
      });
    },
  );

  return app;
}
