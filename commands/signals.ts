/**
 * Ends long-running commands in an orderly way.
 *
 * @module
 */

import process from "node:process";
import { isatty } from "node:tty";
import type { Config } from "../config/config.ts";
import type { Log } from "../domain/operation/log.ts";

/** What asks a process to end: a service manager or a container, Ctrl-C, and a terminal that is closed. */
export const endSignals = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

/** What a stop may take beyond `SHUTDOWN_TIMEOUT_MS` before it counts as failed, in milliseconds. */
const overtimeMs = 1_000;

/**
 * Runs `work` until it ends by itself or SIGTERM, SIGINT or SIGHUP asks it to, by its signal. Work that does not
 * end in `SHUTDOWN_TIMEOUT_MS` even so ends with the process, exit code 1; so does a second signal at once.
 * What was in hand is then delivered again.
 *
 * @param reload is what SIGHUP asks for instead, where there is something to reload and no terminal to be closed, as with a
 * service manager
 */
export async function untilStopped(
  { config, log }: { config: Config; log: Log },
  work: (signal: AbortSignal) => Promise<void>,
  reload?: () => void,
): Promise<void> {
  const stop = new AbortController();
  let deadline: ReturnType<typeof setTimeout> | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    if (signal === "SIGHUP" && reload !== undefined && !isatty(0)) return reload();
    if (stop.signal.aborted) process.exit(1);
    log.info("stopping");
    stop.abort();
    deadline = setTimeout(() => {
      log.error("stopped with work in hand", { after_ms: config.shutdownTimeoutMs });
      process.exit(1);
    }, config.shutdownTimeoutMs + overtimeMs);
  };
  for (const signal of endSignals) process.on(signal, onSignal);
  try {
    await work(stop.signal);
  } finally {
    clearTimeout(deadline);
    for (const signal of endSignals) process.off(signal, onSignal);
  }
}
