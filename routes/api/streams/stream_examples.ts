/**
 * Examples for the OpenAPI document: streams.
 *
 * @module
 */

import type { z } from "zod";
import type { pausedAnswer, streamsAnswer } from "../description/answers.ts";

/** One of the groups. */
export const streams = {
  backordered: [],
  streams: [{
    group: "payments",
    length: 1_930,
    lag: 1_430,
    pending: 500,
    scheduled: 12,
    oldest_age_ms: 840,
    oldest_unfinished_at: "2026-01-05T10:00:01.131982Z",
    consumers: 1,
    retries: 0,
    dead: 0,
    processed: 98_211,
    paused: null,
    money: [{ currency: "EUR", amount_cents: 4_861_200 }],
    lanes: {
      live: {
        length: 3,
        lag: 0,
        pending: 3,
        scheduled: 0,
        oldest_age_ms: 12,
        oldest_unfinished_at: "2026-01-05T10:00:01.959982Z",
        retries: 0,
        money: [{ currency: "EUR", amount_cents: 8_550 }],
      },
      bulk: {
        length: 1_927,
        lag: 1_430,
        pending: 497,
        scheduled: 12,
        oldest_age_ms: 840,
        oldest_unfinished_at: "2026-01-05T10:00:01.131982Z",
        retries: 0,
        money: [{ currency: "EUR", amount_cents: 4_852_650 }],
      },
    },
  }],
  by_hand: { count: 1, money: [{ currency: "EUR", amount_cents: 2_350 }] },
  warnings: [],
} satisfies z.input<typeof streamsAnswer>;

/** Who paused a group. */
export const pausedGroup = {
  group: "payments",
  paused: {
    actor: "api:ops",
    at: "2026-01-05T10:00:01.131Z",
    reason: "The provider moves to another data centre",
  },
} satisfies z.input<typeof pausedAnswer>;

/** Why a group is to be paused. */
export const pauseReason = { reason: "The provider moves to another data centre" };
