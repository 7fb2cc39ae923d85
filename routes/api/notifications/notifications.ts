/**
 * Notifications: what was told on which channel, and telling it again.
 *
 * @module
 */

import { Hono } from "hono";
import { z } from "zod";
import {
  type ListedNotification,
  listNotifications,
  readAttempts,
  readNotification,
} from "../../../db/notifications/notification_queries.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import { decodeCursor, encodeCursor } from "../../../domain/paging.ts";
import { enableWebhook } from "../../../services/notifications/enable_webhook.ts";
import { replayNotification } from "../../../services/notifications/replay_notification.ts";
import { checked, idParam } from "../../middleware/checked.ts";
import { operatorOf } from "../../middleware/operator.ts";
import type { AppDeps } from "../../deps.ts";
import { described } from "../description/described.ts";
import { addPagedList } from "../description/paged_list.ts";
import {
  channel as channelExample,
  channels as channelsExample,
  notificationDetail,
  notificationList,
  replayedNotification,
} from "./notification_examples.ts";
import {
  type AnswerOnce,
  idempotency,
  idempotencyHeaders,
  type KeyedAnswer,
  storeAnswers,
} from "../../middleware/idempotency.ts";
import { type ChannelState, readChannels } from "./read_channels.ts";
import {
  channelAnswer,
  channelsAnswer,
  notificationAnswer,
  notificationDetailAnswer,
  notificationListAnswer,
} from "./notification_answers.ts";
import { notificationListQuery } from "../description/queries.ts";

/** The one channel whose receiver can switch itself off. */
const channelParam = z.object({
  channel: z.enum(["webhook"], { error: "must be webhook" })
    .meta({ description: "The one whose receiver can switch itself off" }),
});

/**
 * `GET /notifications`, `GET /notifications/{id}`, `POST /notifications/{id}/replay`,
 * `GET /notifications/channels` and `POST /notifications/channels/{channel}/enable`.
 */
export function notificationRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  const answerOnce = idempotency(deps);
  addList(app, deps);
  // Before the one that takes any id.
  addChannels(app, deps);
  addEnable(app, deps, answerOnce);
  addDetail(app, deps);
  addReplay(app, deps, answerOnce);
  return app;
}

function addList(app: Hono, deps: AppDeps): void {
  addPagedList(app, deps, "/notifications", {
    summary: "Lists notifications, the latest first",
    description:
      "One for each order, event and channel; `success=false` finds what was not sent. Where few fit, a " +
      "page may have less than `limit` of them, or none: there are more until `next_cursor` is null.",
    tag: "Notifications",
    page: { schema: notificationListAnswer, example: notificationList },
    query: notificationListQuery,
    mayLag: true,
    read: async (db, { order: orderId, channel, success }, { cursor, limit }) => {
      const beforeId = cursor === undefined ? undefined : decodeCursor("notifications", cursor);
      const { notifications, nextBeforeId } = await listNotifications(
        db,
        { orderId, channel, success },
        { beforeId, limit },
      );
      return {
        data: notifications.map(notificationJson),
        nextCursor: nextBeforeId === undefined ? null : encodeCursor("notifications", nextBeforeId),
      };
    },
  });
}

function addChannels(app: Hono, { db, config }: AppDeps): void {
  app.get(
    "/notifications/channels",
    described({
      summary:
        "Shows the channels: what waits, what was given up, and whether the endpoint is gone",
      tag: "Notifications",
      scopes: ["read"],
      answers: { 200: { says: "Every channel", schema: channelsAnswer, example: channelsExample } },
    }),
    async (c) => c.json({ channels: (await readChannels(db, config)).map(channelJson) }),
  );
}

function addEnable(app: Hono, deps: AppDeps, answerOnce: AnswerOnce): void {
  app.post(
    "/notifications/channels/:channel/enable",
    described({
      summary: "Switches an endpoint on again that has answered 410",
      description: "What waited for it is then sent.",
      tag: "Notifications",
      scopes: ["admin"],
      answers: { 200: { says: "The channel", schema: channelAnswer, example: channelExample } },
      problems: ["channel_not_configured"],
      repeatable: true,
    }),
    checked("param", channelParam),
    checked("header", idempotencyHeaders),
    (c) => {
      const { channel } = c.req.valid("param");
      return answerOnce(c, ["enable", channel], async (key) => {
        const answer = await enableWebhook(deps, operatorOf(c, deps.config), {
          inTransaction: async (tx): Promise<KeyedAnswer> => {
            const found = (await readChannels(tx, deps.config)).find((one) =>
              one.channel === channel
            )!;
            const answer = { status: 200 as const, location: null, body: channelJson(found) };
            if (key !== null) await storeAnswers(tx, [{ key, answer }]);
            return answer;
          },
        });
        return { ...answer!, stored: key !== null };
      });
    },
  );
}

function addDetail(app: Hono, { db }: AppDeps): void {
  app.get(
    "/notifications/:id",
    described({
      summary: "Shows a notification with every try to send it",
      tag: "Notifications",
      scopes: ["read"],
      answers: {
        200: {
          says: "The notification",
          schema: notificationDetailAnswer,
          example: notificationDetail,
        },
      },
      problems: ["not_found"],
    }),
    checked("param", idParam),
    async (c) => {
      const { id } = c.req.valid("param");
      const found = await readNotification(db, id);
      if (found === undefined) {
        throw new WorkflowError("not_found", `There is no notification ${id}`);
      }
      const attempts = await readAttempts(db, id);
      return c.json({
        ...notificationJson(found),
        attempts: attempts.map((attempt) => ({
          at: attempt.at,
          duration_ms: attempt.durationMs,
          success: attempt.success,
          status_code: attempt.statusCode,
          reply: attempt.reply,
          error: attempt.error,
        })),
      });
    },
  );
}

function addReplay(app: Hono, deps: AppDeps, answerOnce: AnswerOnce): void {
  app.post(
    "/notifications/:id/replay",
    described({
      summary: "Sends a notification again",
      description:
        "Under the same id as before, at once and with all its tries, whether it was sent, " +
        "given up or waits.",
      tag: "Notifications",
      scopes: ["admin"],
      answers: {
        202: {
          says: "It will be sent",
          schema: notificationAnswer,
          example: replayedNotification,
          located: true,
        },
      },
      problems: ["not_found", "notification_not_replayable"],
      repeatable: true,
    }),
    checked("param", idParam),
    checked("header", idempotencyHeaders),
    (c) => {
      const { id } = c.req.valid("param");
      return answerOnce(c, ["replay", id], async (key) => {
        const answer = await replayNotification(deps, id, operatorOf(c, deps.config), {
          inTransaction: async (tx): Promise<KeyedAnswer> => {
            const body = notificationJson((await readNotification(tx, id))!);
            const answer = { status: 202 as const, location: `/notifications/${id}`, body };
            if (key !== null) await storeAnswers(tx, [{ key, answer }]);
            return answer;
          },
        });
        return { ...answer!, stored: key !== null };
      });
    },
  );
}

function channelJson(state: ChannelState) {
  return {
    channel: state.channel,
    configured: state.configured,
    waiting: state.waiting,
    given_up: state.givenUp,
    oldest_due_at: state.oldestDueAt,
    disabled_at: state.disabled?.disabledAt ?? null,
    disabled_reason: state.disabled?.reason ?? null,
  };
}

function notificationJson(notification: ListedNotification) {
  return {
    id: notification.id,
    order_id: notification.orderId,
    refund_id: notification.refundId,
    event: notification.event,
    channel: notification.channel,
    status: notification.status,
    total_cents: notification.totalCents,
    payload: notification.payload,
    success: notification.success,
    error: notification.error,
    state: notification.state,
    next_try_at: notification.nextTryAt,
    sent_at: notification.sentAt,
    created_at: notification.createdAt,
  };
}
