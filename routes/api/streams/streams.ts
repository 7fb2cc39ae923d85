/**
 * What waits in the streams, pausing groups and letting them go on.
 *
 * @module
 */

import { Hono } from "hono";
import { sumBackordered } from "../../../db/orders/shortages.ts";
import { sumMoneyByHand } from "../../../db/refunds/refunds_by_hand.ts";
import type { Group } from "../../../domain/messages/messages.ts";
import { pauseGroup, resumeGroup } from "../../../services/operation/pause_group.ts";
import {
  describeNobody,
  type LaneStatus,
  readQueueStatus,
  readStreams,
} from "../../../streams/workflow/queue_status.ts";
import { checked, jsonBody } from "../../middleware/checked.ts";
import {
  type AnswerOnce,
  idempotency,
  idempotencyHeaders,
  type KeyedAnswer,
} from "../../middleware/idempotency.ts";
import { operatorOf } from "../../middleware/operator.ts";
import { pausedAnswer, streamsAnswer } from "../description/answers.ts";
import { groupParam, pauseBody } from "./pause_body.ts";
import type { AppDeps } from "../../deps.ts";
import { described } from "../description/described.ts";
import { pausedGroup, pauseReason, streams } from "./stream_examples.ts";

/** `GET /streams`, `POST /streams/{group}/pause` and `POST /streams/{group}/resume`. */
export function streamRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  const answerOnce = idempotency(deps);
  addList(app, deps);
  addPause(app, deps, answerOnce);
  addResume(app, deps, answerOnce);
  return app;
}

function addList(app: Hono, deps: AppDeps): void {
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
          paused: group.paused,
          money: amounts(group.money),
          lanes: { live: laneAnswer(group.lanes.live), bulk: laneAnswer(group.lanes.bulk) },
        })),
        by_hand: {
          count: byHand.reduce((sum, { count }) => sum + count, 0),
          money: amounts(byHand),
        },
        warnings: [describeNobody(status)].filter((line) => line !== undefined),
      });
    },
  );
}

/** What waits in one lane. */
function laneAnswer(lane: LaneStatus) {
  return {
    length: lane.length,
    lag: lane.lag,
    pending: lane.pending,
    scheduled: lane.scheduled,
    oldest_age_ms: lane.oldestAgeMs,
    oldest_unfinished_at: lane.oldestUnfinishedAt,
    retries: lane.retries,
    money: amounts(lane.money),
  };
}

const amounts = (money: readonly { currency: string; amountCents: number }[]) =>
  money.map(({ currency, amountCents }) => ({ currency, amount_cents: amountCents }));

function addPause(app: Hono, deps: AppDeps, answerOnce: AnswerOnce): void {
  app.post(
    "/streams/:group/pause",
    described({
      summary: "Has the consumers of a group take nothing more",
      description:
        "After their batch in hand; what comes in waits. Who paused it, since when and why stands in " +
        "`GET /streams`, where a second pause takes the place of the first.",
      tag: "Operation",
      scopes: ["admin"],
      answers: { 200: { says: "It is paused", schema: pausedAnswer, example: pausedGroup } },
      problems: [415, "invalid"],
      example: pauseReason,
      optionalBody: true,
      repeatable: true,
    }),
    checked("param", groupParam),
    checked("header", idempotencyHeaders),
    jsonBody({ optional: true }),
    checked("json", pauseBody),
    (c) => {
      const { group } = c.req.valid("param");
      const { reason = null } = c.req.valid("json");
      return answerOnce(c, ["pause", group, reason], async () => {
        await pauseGroup(deps, group, operatorOf(c, deps.config), reason);
        return { ...await standing(deps, group), stored: false };
      });
    },
  );
}

function addResume(app: Hono, deps: AppDeps, answerOnce: AnswerOnce): void {
  app.post(
    "/streams/:group/resume",
    described({
      summary: "Lets the consumers of a group go on",
      tag: "Operation",
      scopes: ["admin"],
      answers: {
        200: {
          says: "It goes on",
          schema: pausedAnswer,
          example: { group: "payments", paused: null },
        },
      },
      repeatable: true,
    }),
    checked("param", groupParam),
    checked("header", idempotencyHeaders),
    (c) => {
      const { group } = c.req.valid("param");
      return answerOnce(c, ["resume", group], async () => {
        await resumeGroup(deps, group, operatorOf(c, deps.config));
        return { ...await standing(deps, group), stored: false };
      });
    },
  );
}

/** Whether a group is paused, as both answer. */
async function standing(deps: AppDeps, group: Group): Promise<KeyedAnswer> {
  const status = (await readStreams(deps)).find((one) => one.group === group)!;
  return { status: 200, location: null, body: { group, paused: status.paused } };
}
