/**
 * The day's figures and the leaderboard.
 *
 * @module
 */

import { Hono } from "hono";
import { z } from "zod";
import { daysBetween, isDay } from "../domain/day.ts";
import { readCustomerNames } from "../db/customers.ts";
import { mostKpiDays, readKpis, readLeaderboard } from "../streams/kpis.ts";
import { kpisAnswer, leaderboardAnswer } from "./answers.ts";
import { checked, optionalQuery, queryInteger, queryText } from "./checked.ts";
import type { AppDeps } from "./deps.ts";
import { described } from "./described.ts";
import { shareBriefly } from "./share_briefly.ts";

/** Milliseconds for which the figures of a day are given again without asking Redis. */
const sharedMs = 10;

/** Places on the leaderboard. */
const places = { fallback: 10, most: 1_000 } as const;

const day = optionalQuery(
  queryText().refine(isDay, "must be a real date YYYY-MM-DD from 1970 to 9998")
    .meta({ format: "date" }),
);

/** The query parameters by which days are chosen. */
export const daysQuery = z.object({ date: day, from: day, to: day })
  .superRefine(({ date, from, to }, issues) => {
    const fault = (path: string, message: string) =>
      issues.addIssue({ code: "custom", path: [path], message });
    if (date !== undefined && (from ?? to) !== undefined) {
      fault("date", "can't be given together with from and to");
    } else if ((from === undefined) !== (to === undefined)) {
      fault(from === undefined ? "from" : "to", "is missing; from and to go together");
    } else if (from !== undefined && to !== undefined) {
      if (from > to) fault("from", "must not be after to");
      else if (daysBetween(from, to) > mostKpiDays) {
        fault("to", `must be less than ${mostKpiDays} days after from`);
      }
    }
  });

const leaderboardQuery = z.object({
  limit: optionalQuery(queryInteger(1, places.most)),
  currency: optionalQuery(
    queryText().regex(/^[A-Za-z]{3}$/, "must be three letters").transform((text) =>
      text.toUpperCase()
    ),
  ),
});

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
  const dayAsJson = shareBriefly(
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
      answers: { 200: { says: "A row for each day and currency", schema: kpisAnswer } },
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
      answers: { 200: { says: "The highest first", schema: leaderboardAnswer } },
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
