/**
 * The feed as server-sent events.
 *
 * @module
 */

import type { Context } from "hono";
import { encodeFeedPosition } from "../../../domain/feed/feed_position.ts";
import { messageOf } from "../../../domain/errors.ts";
import { sharedPlaces } from "../../../domain/operation/shared_places.ts";
import { type FeedSearch, findEvents, readEvents } from "../../../streams/feed/read_feed.ts";
import { pause } from "../../../streams/timing/pause.ts";
import type { AppDeps } from "../../deps.ts";
import { eventStreamHead } from "../../middleware/event_stream_head.ts";
import { isEngineAway } from "../../middleware/problem.ts";
import { piecedBody, takePlace } from "../../middleware/read_answer.ts";

/** How often the feed is looked at, in milliseconds. */
const lookEveryMs = 1_000;

/** Silence after which a sign of life is sent, in milliseconds; it tells the place as well. */
const silenceMs = 15_000;

/** Streams end by themselves then, in milliseconds; whoever reads one comes back at once. */
const maxMs = 3_600_000;

/** Events that are read at once. */
const pieceEvents = 100;

/** How often it is asked whether whoever reads is still signed in, in milliseconds. */
const askEveryMs = 5_000;

/** Streams at once, of all and of one token: each asks the database every second. */
const streams = sharedPlaces({ max: 100, share: 10 });

/** Milliseconds, for tests. */
export interface StreamTimes {
  lookEveryMs?: number;
  silenceMs?: number;
}

/**
 * Answers with the events as they come. It ends when the reader leaves or reads nothing for half a minute, when the session ends,
 * or the process stops: whoever comes back with the last id goes on where it ended. While the database is away the stream
 * is silent but for signs of life.
 *
 * @param begin where it begins, and what is wanted
 * @throws {WorkflowError} `unavailable` where too many streams are open
 */
export async function streamEvents(
  c: Context,
  { db, stopping, log }: AppDeps,
  begin: () => Promise<Omit<FeedSearch, "limit">>,
  times: StreamTimes = {},
): Promise<Response> {
  const leave = takePlace(c, streams, "streams of events are open");
  if (c.req.method === "HEAD") {
    leave();
    return eventStreamHead(c);
  }
  let search: Omit<FeedSearch, "limit">;
  try {
    search = await begin();
  } catch (error) {
    leave();
    throw error;
  }
  const over = new AbortController();
  const ended = stopping === undefined ? over.signal : AbortSignal.any([stopping, over.signal]);
  const encoder = new TextEncoder();
  const endAt = performance.now() + maxMs;
  let spokeAt = -Infinity;
  let askAt = performance.now() + askEveryMs;
  const goesOn = async () => {
    if (ended.aborted || performance.now() > endAt) return false;
    if (performance.now() < askAt) return true;
    askAt = performance.now() + askEveryMs;
    // A database that is away is asked again.
    return await c.get("caller").goesOn?.().catch(isEngineAway) ?? true;
  };
  const say = (text: string) => {
    spokeAt = performance.now();
    return encoder.encode(text);
  };
  const next = async () => {
    while (await goesOn()) {
      const startedAt = performance.now();
      const text = await nextText(db, search);
      if (text !== undefined) {
        search = { ...search, after: text.after };
        if (text.events !== "") return say(text.events);
        if (text.hasMore) {
          // As long as it has looked: a search for what never happened goes through all that there is.
          await pause(performance.now() - startedAt, ended);
          continue;
        }
      }
      if (performance.now() - spokeAt >= (times.silenceMs ?? silenceMs)) {
        return say(`: alive\nid: ${encodeFeedPosition(search.after)}\n\n`);
      }
      await pause(times.lookEveryMs ?? lookEveryMs, ended);
    }
    return undefined;
  };
  const body = piecedBody({
    next,
    onEnd: () => {
      over.abort();
      leave();
    },
    onBreak: (error) => log.warn("a stream of events ended", { error: messageOf(error) }),
  });
  return c.body(body, 200, {
    "content-type": "text/event-stream",
    "cache-control": "no-cache",
    "x-accel-buffering": "no",
  });
}

/** The next events as they are sent; undefined while the database is away. */
async function nextText(db: AppDeps["db"], search: Omit<FeedSearch, "limit">) {
  try {
    const found = await findEvents(db, { ...search, limit: pieceEvents });
    const read = await readEvents(db, found.events.map(({ id }) => id));
    const behind = new Map(found.events.map(({ id, after }) => [id, encodeFeedPosition(after)]));
    const events = read.map((event) =>
      `id: ${behind.get(event.id)}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
    );
    return { events: events.join(""), after: found.next, hasMore: found.hasMore };
  } catch (error) {
    if (!isEngineAway(error)) throw error;
    return undefined;
  }
}
