/**
 * Asks the product's API.
 *
 * @module
 */

import { freePort } from "../../engines/free_port.ts";
import type { Process } from "./process.ts";
import type { Stage } from "./stage.ts";

/** A process that serves the API. */
export interface Api {
  url: string;
  process: Process;
  /** What `/readyz` says, and how long it took to say it. */
  readyz(): Promise<Answer>;
  livez(): Promise<Answer>;
}

/** An answer of a health check. */
export interface Answer {
  status: number;
  checks: Record<string, string>;
  ms: number;
}

/** A health check that takes longer is of no use, in milliseconds. */
const answerMs = 5_000;

/** Starts `start` or `serve` on a free port. */
export async function startApi(stage: Stage, task: "start" | "serve"): Promise<Api> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const process = await stage.start(task, [], { PORT: String(port) });
  if (task === "start") await process.logged("consumers started");
  const ask = async (path: string): Promise<Answer> => {
    const started = performance.now();
    const response = await fetch(url + path, { signal: AbortSignal.timeout(answerMs) });
    const { checks = {} } = await response.json();
    return { status: response.status, checks, ms: performance.now() - started };
  };
  return { url, process, readyz: () => ask("/readyz"), livez: () => ask("/livez") };
}
