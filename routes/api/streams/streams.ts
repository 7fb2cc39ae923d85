/**
 * What waits in the streams.
 *
 * @module
 */

import { Hono } from "hono";
import { sumBackordered } from "../../../db/orders/shortages.ts";
import { sumMoneyByHand } from "../../../db/refunds/refunds_by_hand.ts";
import { readQueueStatus } from "../../../streams/workflow/queue_status.ts";
import { streamsAnswer } from "../description/answers.ts";
import type { AppDeps } from "../../deps.ts";
import { described } from "../description/described.ts";
import { streams } from "../description/examples.ts";

/** `GET /streams`. */
export function streamRoutes(deps: AppDeps): Hono {
  const app = new Hono();

  app.get(
    "/streams",
    described({
      summary: "What waits in each group, and how much money it is about",
      tag: "Operation",
      scopes: ["read"],
      answers: { 200: { says: "The groups", schema: streamsAnswer, example: streams } },
    }),
    async (c) => {
      const [status, byHand, backordered] = await Promise.all([
        readQueueStatus(deps, deps.db),
        sumMoneyByHand(deps.db),
        sumBackordered(deps.db),
      ]);
      return c.json({
        backordered: backordered.map(({ currency, orders, cents }) => ({
          currency,
          orders,
          amount_cents: Number(cents),
        })),
        streams: status.map((group) => ({
          group: group.group,
          length: group.length,
          lag: group.lag,
          pending: group.pending,
          scheduled: group.scheduled,
          oldest_age_ms: group.oldestAgeMs,
          oldest_unfinished_at: group.oldestUnfinishedAt,
          consumers: group.consumers,
          retries: group.retries,
          dead: group.dead,
          processed: group.processed,
          money: group.money.map(({ currency, amountCents }) => ({
            currency,
            amount_cents: amountCents,
          })),
        })),
        by_hand: {
          count: byHand.reduce((sum, { count }) => sum + count, 0),
          money: byHand.map(({ currency, amountCents }) => ({
            currency,
            amount_cents: amountCents,
          })),
        },
      });
    },
  );

  return app;
}
