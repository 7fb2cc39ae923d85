/**
 * Probes of a process that serves no API.
 *
 * @module
 */

import { serveHealth } from "../routes/health_server.ts";
import type { Context } from "./context.ts";

/**
 * Runs consumers and answers probes on `HEALTH_PORT` meanwhile. Whichever part fails takes the other along:
 * a process that answers and works nothing would look alive.
 */
export async function whileAnsweringProbes(
  context: Context,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { config: { healthPort: port }, log } = context;
  const over = new AbortController();
  const stopped = AbortSignal.any([signal, over.signal]);
  const onListening = (port: number) => log.info("answering probes", { port });
  const parts = [serveHealth(context, { port, onListening }, stopped), work(stopped)];
  await Promise.all(parts.map((part) => part.finally(() => over.abort())));
}
