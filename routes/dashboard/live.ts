/**
 * Pages that change while they are looked at, by server-sent events.
 *
 * A live page is made of regions. The page itself shows them, and the stream of the page renders the same
 * regions every second and sends those that have changed, so there is one template for both.
 *
 * @module
 */

import type { Context } from "hono";
import { streamSSE } from "hono/streaming";
import type { AppDeps } from "../deps.ts";
import { eventStreamHead } from "../middleware/event_stream_head.ts";
import { sharedPlaces } from "../../domain/operation/shared_places.ts";
import { visiblePage } from "../../domain/text/visible_text.ts";
import { awayName, isEngineAway } from "../middleware/problem.ts";
import type { ChartData } from "./activity_series.ts";

/** HTML by region id, and charts by their names. */
export interface LiveState {
  regions: Record<string, string>;
  charts?: Record<string, ChartData>;
}

/** How often a page is rendered anew, in milliseconds. */
const intervalMs = 1_000;

/** After so long without a change something is sent, or proxies may close the connection. */
const keepAliveMs = 15_000;

/** Streams end by themselves then, in milliseconds; browsers come back at once. */
const maxMs = 3_600_000;

/** How often it is asked whether whoever looks at a page is still signed in, in milliseconds. */
const askEveryMs = 5_000;

/** Streams at once, of all and of one token: each costs a connection and a rendering a second. */
const streams = sharedPlaces({ max: 200, share: 50 });

/**
 * Answers with the stream of a page. It ends when the browser leaves, the session ends or the process stops. While an engine
 * that the page needs is away, it says so, and goes on when the engine is back.
 *
 * @param render the page's regions as they are now
 */
export function liveStream(
  c: Context,
  { stopping, log }: AppDeps,
  render: () => Promise<LiveState>,
): Response | Promise<Response> {
  const { name } = c.get("caller");
  const place = stopping?.aborted ? "full" : streams.take(name);
  if (typeof place === "string") {
    const whose = place === "full" ? "" : ` by the token ${name}`;
    return c.text(`Too many pages are open${whose}`, 503, { "retry-after": "30" });
  }
  if (c.req.method === "HEAD") {
    place();
    return eventStreamHead(c);
  }
  return streamSSE(c, async (stream) => {
    const sent = new Map<string, string>();
    const endAt = performance.now() + maxMs;
    let spokeAt = performance.now();
    let askAt = spokeAt + askEveryMs;
    const goesOn = async () => {
      if (performance.now() < askAt) return true;
      askAt = performance.now() + askEveryMs;
      return await c.get("caller").goesOn?.() ?? true;
    };
    const stop = () => stream.abort();
    stopping?.addEventListener("abort", stop, { once: true });
    try {
      while (!stream.aborted && !stream.closed && performance.now() < endAt) {
        let state: LiveState;
        try {
          if (!await goesOn()) break;
          state = await render();
        } catch (error) {
          if (!isEngineAway(error)) throw error;
          spokeAt = performance.now();
          await stream.writeSSE({ event: "away", data: JSON.stringify(awayName(error)) });
          await stream.sleep(intervalMs);
          continue;
        }
        const shown = Object.entries(state.regions).map(([id, html]) => [id, visiblePage(html)]);
        const regions = changed(sent, "region", Object.fromEntries(shown), String);
        const charts = changed(sent, "chart", state.charts ?? {}, JSON.stringify);
        const write = async (event: string, data: string) => {
          spokeAt = performance.now();
          await stream.writeSSE({ event, data });
        };
        if (regions !== undefined) await write("regions", JSON.stringify(regions));
        if (charts !== undefined) await write("charts", JSON.stringify(charts));
        if (performance.now() - spokeAt > keepAliveMs) await write("alive", "1");
        await stream.sleep(intervalMs);
      }
    } finally {
      place();
      stopping?.removeEventListener("abort", stop);
    }
  }, (error) => {
    log.warn("live page ended", { path: c.req.path, error: error.message });
    return Promise.resolve();
  });
}

/** What differs from what was sent before, and is noted as sent; undefined where nothing does. */
function changed<T>(
  sent: Map<string, string>,
  kind: string,
  now: Record<string, T>,
  text: (value: T) => string,
): Record<string, T> | undefined {
  const differing = Object.entries(now).filter(([name, value]) => {
    const key = `${kind} ${name}`;
    const words = text(value);
    if (sent.get(key) === words) return false;
    sent.set(key, words);
    return true;
  });
  return differing.length === 0 ? undefined : Object.fromEntries(differing);
}

/**
 * Lets callers within `ms` milliseconds share one answer: many open pages cost the engines as much as one.
 */
export function shared<T>(ms: number, ask: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined;
  let until = -Infinity;
  return () => {
    const now = performance.now();
    if (answer === undefined || now >= until) {
      until = now + ms;
      answer = ask();
    }
    return answer;
  };
}
