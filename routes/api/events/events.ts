/**
 * `GET /events`: the feed, page by page or as server-sent events.
 *
 * @module
 */

import { Hono } from "hono";
import type { z } from "zod";
import { findStepBefore } from "../../../db/orders/order_changes.ts";
import { readFeedHorizon } from "../../../db/feed/feed_rows.ts";
import { isChosen } from "../../../domain/feed/event_types.ts";
import {
  decodeFeedPosition,
  encodeFeedPosition,
  type FeedPosition,
  feedStart,
} from "../../../domain/feed/feed_position.ts";
import { pageLimits } from "../../../domain/paging.ts";
import { type FeedSearch, findEvents, readEvents } from "../../../streams/feed/read_feed.ts";
import type { AppDeps } from "../../deps.ts";
import { checked } from "../../middleware/checked.ts";
import { described } from "../description/described.ts";
import { files } from "../description/file_examples.ts";
import { eventList } from "./event_examples.ts";
import { feedQuery } from "../description/queries.ts";
import { eventListAnswer } from "./event_answers.ts";
import { streamEvents } from "./stream_events.ts";

/** `GET /events`. */
export function eventRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  const { db } = deps;
  app.get(
    "/events",
    described({
      summary: "Everything that happens to orders, payments, refunds and stock, in its order",
      description:
        "An append-only feed of what was committed, two seconds later at the earliest, from its beginning or from `since`. " +
        "`next_cursor` is never null: asked for again, with the same parameters, it gives what has happened meanwhile, and " +
        "nothing that was committed later is missed. The same events come in the same order to whoever asks.\n\n" +
        "With `Accept: text/event-stream` it goes on as server-sent events: the `id` of each is the cursor behind it, so that a " +
        "browser that comes back with `Last-Event-ID` misses nothing and gets nothing twice. Without a cursor and " +
        "without `since` a stream begins now. A token has so many streams at once.",
      tag: "Events",
      scopes: ["read"],
      answers: {
        200: {
          says: "A page, or the stream",
          schema: eventListAnswer,
          example: eventList,
          also: { "text/event-stream": { example: files.events } },
        },
      },
    }),
    checked("query", feedQuery),
    async (c) => {
      const { limit = pageLimits.fallback, cursor, ...query } = c.req.valid("query");
      const isStream = /\btext\/event-stream\b/.test(c.req.header("accept") ?? "");
      const lastId = isStream ? c.req.header("last-event-id") : undefined;
      const after = lastId !== undefined && lastId !== ""
        ? decodeFeedPosition(lastId, "last-event-id")
        : cursor === undefined
        ? undefined
        : decodeFeedPosition(cursor);
      if (isStream) {
        const begin = async () => {
          const since = query.since ??
            (after === undefined ? await readFeedHorizon(db) : undefined);
          return await searchOf(db, { ...query, since }, after);
        };
        return await streamEvents(c, deps, begin);
      }
      const { events, next } = await findEvents(db, {
        ...await searchOf(db, query, after),
        limit,
      });
      return c.json({
        data: await readEvents(db, events.map(({ id }) => id)),
        // There is always a next page: of what happens later.
        next_cursor: encodeFeedPosition(next),
      });
    },
  );
  return app;
}

/** What the parameters ask for. */
async function searchOf(
  db: AppDeps["db"],
  { type: chosen, since }: Pick<z.output<typeof feedQuery>, "type" | "since">,
  after: FeedPosition | undefined,
): Promise<Omit<FeedSearch, "limit">> {
  return {
    since,
    isWanted: chosen === undefined ? undefined : (type) => isChosen(type, chosen),
    after: after ?? (since === undefined ? feedStart : {
      stepId: await findStepBefore(db, since),
      movementId: await findStepBefore(db, since, "stock_movements"),
      told: 0,
    }),
  };
}
