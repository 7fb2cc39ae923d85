/**
 * Examples for the OpenAPI document: figures.
 *
 * @module
 */

import type { z } from "zod";
import type { leaderboardAnswer } from "../description/answers.ts";

/** The best customer. */
export const leaderboard = {
  currency: "EUR",
  leaderboard: [{
    rank: 1,
    customer_id: 7,
    external_id: "c-7",
    name: "Ann",
    revenue_cents: 152_000,
  }],
} satisfies z.input<typeof leaderboardAnswer>;
