/**
 * The progress of an import as server-sent events.
 *
 * @module
 */

import type { Context } from "hono";
import { type SSEStreamingApi, streamSSE } from "hono/streaming";
import type { ImportRow } from "../../../db/imports/imports.ts";
import { messageOf } from "../../../domain/errors.ts";
import { pause } from "../../../streams/timing/pause.ts";
import type { AppDeps } from "../../deps.ts";
import { importJson } from "./import_json.ts";

/** Milliseconds between two looks at an import whose progress somebody follows. */
const lookEveryMs = 500;

/** Milliseconds of silence after which a follower gets a sign of life. */
const silenceMs = 15_000;

/** An import that is watched until it ends. */
export interface Followed {
  /** The import as it was found. */
  row: ImportRow;
  /** Reads it again; what it throws ends the following. */
  readAgain: () => Promise<ImportRow>;
  /** Is called when nobody follows it any more. */
  onEnd: () => void;
}

/** Sends `progress` whenever something changes, then `end`, until the import or the process ends. */
export function followImport(
  c: Context,
  { stopping, log }: Pick<AppDeps, "stopping" | "log">,
  followed: Followed,
): Response {
  return streamSSE(c, async (stream) => {
    const stop = new AbortController();
    stream.onAbort(() => stop.abort());
    stopping?.addEventListener("abort", () => stop.abort(), { signal: stop.signal });
    try {
      await sendProgress(stream, followed, stop.signal);
    } finally {
      followed.onEnd();
      stop.abort();
    }
  }, (error) => {
    log.warn("events of an import ended", { import: followed.row.id, error: messageOf(error) });
    return Promise.resolve();
  });
}

async function sendProgress(
  stream: SSEStreamingApi,
  { row: first, readAgain }: Followed,
  signal: AbortSignal,
): Promise<void> {
  let row = first;
  let sent = "";
  let sentAt = performance.now();
  while (!signal.aborted) {
    const data = JSON.stringify(importJson(row));
    if (data !== sent) {
      await stream.writeSSE({ event: "progress", data });
      sent = data;
      sentAt = performance.now();
    } else if (performance.now() - sentAt >= silenceMs) {
      await stream.write(": still here\n\n");
      sentAt = performance.now();
    }
    if (row.status !== "RUNNING") {
      await stream.writeSSE({ event: "end", data });
      break;
    }
    await pause(lookEveryMs, signal);
    row = await readAgain();
  }
}
