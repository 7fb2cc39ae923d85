/**
 * Serves the API on a port.
 *
 * @module
 */

import { messageOf, WorkflowError } from "../domain/errors.ts";
import { type Answer, type HttpServer, isTaken, serve } from "../runtime/serve.ts";
import { keepPosting } from "../streams/alerts/alert_posts.ts";
import { keepWatching } from "../streams/alerts/alerts.ts";
import { ensureBasis, type HeldBasis, holdBasis } from "../streams/kpis/kpi_basis.ts";
import { pause } from "../streams/timing/pause.ts";
import { keepErasureSecret } from "../streams/workflow/erasure_secret.ts";
import { keepProving } from "../streams/verification/verify_regularly.ts";
import { findTemporaryFolder } from "../streams/imports/temporary_file.ts";
import { makeApp } from "./app.ts";
import { keepReplica } from "./keep_replica.ts";
import { typed } from "../runtime/typed.ts";
import type { AppDeps } from "./deps.ts";
import { openApiBytes } from "./api/description/openapi.ts";

/** Part of the shutdown time that open requests are waited for; the rest is for ending in order. */
const graceShare = 0.8;

/** How long the first answer waits for figures that are counted anew, in milliseconds. */
const maxBasisMs = 10_000;

/** See {@linkcode serveHttp}. */
export interface ServeOptions {
  onListening?: (url: string) => void;
  onTaken?: (line: string) => void;
  command?: string;
  serve?: typeof serve;
}

/**
 * Serves until the signal aborts, and proves and looks for alerts meanwhile. Requests in hand are then answered first; those that are still open
 * when most of `SHUTDOWN_TIMEOUT_MS` is over are left to end with the process.
 *
 * @param options.onListening is told the address, e.g. `http://127.0.0.1:8000`; by default it is logged
 * @param options.onTaken is told, where `PORT` allows another port, that it is another one; by default it is logged
 * @param options.command as it was typed, for what to type where the port is taken; default `start`
 * @param options.serve serves in another way than by a server of this process' own
 * @throws {WorkflowError} `unavailable` when the address can't be listened on, or processes are alive that count the
 * figures by another currency or zone
 */
export async function serveHttp(
  deps: AppDeps,
  signal: AbortSignal,
  options: ServeOptions = {},
): Promise<void> {
  const basis = await holdBasis(deps, { signal });
  try {
    await serveHeld(deps, signal, options, basis);
  } finally {
    await basis.release();
  }
}

async function serveHeld(
  deps: AppDeps,
  signal: AbortSignal,
  options: ServeOptions,
  basis: HeldBasis,
): Promise<void> {
  const { config, log } = deps;
  const onListening = options.onListening ?? ((url) => log.info("listening", { url }));
  const found = findTemporaryFolder();
  if ("fault" in found) log.warn("temporary files", { error: found.fault });
  else log.debug("temporary files", found);
  const { failed } = await countFigures(deps, signal);
  const background = new Set<Promise<void>>();
  const reads = deps.processId === undefined
    ? undefined
    : keepReplica({ ...deps, processId: deps.processId }, signal);
  const app = makeApp({ ...deps, reads, stopping: signal, background });
  await openApiBytes(app);
  const server = listen(deps, app.fetch, { ...options, onListening });
  const stopped = Promise.withResolvers<void>();
  const stop = () => {
    const timer = setTimeout(stopped.resolve, config.shutdownTimeoutMs * graceShare);
    server.shutdown().finally(() => clearTimeout(timer));
  };
  if (signal.aborted) stop();
  else signal.addEventListener("abort", stop, { once: true });
  // A proof changes nothing, and may take a minute: a stop does not wait for it.
  void keepProving(deps, signal);
  void keepErasureSecret(deps, signal);
  const watching = [
    keepWatching(deps, signal),
    keepPosting(deps, signal),
  ];
  try {
    await Promise.race([server.finished, stopped.promise, basis.lost, failed]);
  } catch (error) {
    await server.shutdown();
    throw error;
  }
  await Promise.race([Promise.all([...watching, ...background]), stopped.promise]);
}

/** Listens on the first of the ports on which nobody else does. */
function listen(
  { config, log }: AppDeps,
  answer: Answer,
  { onListening, onTaken = log.warn, command = "start", serve: begin = serve }:
    & ServeOptions
    & Required<Pick<ServeOptions, "onListening">>,
): HttpServer {
  const { first, tries } = config.port;
  for (let tried = 1;; tried++) {
    const port = first + tried - 1;
    try {
      return begin({
        hostname: config.host.replace(/^\[(.*)\]$/, "$1"),
        port,
        onListen({ hostname, port }) {
          if (tried > 1) onTaken(`Port ${first} is taken: using ${port}`);
          onListening(`http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`);
        },
      }, answer);
    } catch (error) {
      if (tried < tries && isTaken(error)) continue;
      if (isTaken(error) && tries === 1) throw portTaken(config.host, port, command);
      const where = tries > 1 ? `${first} to ${port}` : port;
      throw new WorkflowError(
        "unavailable",
        `Cannot listen on ${config.host}:${where}: ${
          messageOf(error)
        }; HOST and PORT say where to listen`,
      );
    }
  }
}

/** The refusal of a port that somebody else has, with what to type instead. */
function portTaken(host: string, port: number, command: string): WorkflowError {
  const other = port < 65_535 ? port + 1 : port - 1;
  return new WorkflowError(
    "unavailable",
    `Cannot listen on ${host}:${port}: somebody listens there already; PORT=${other} ${
      typed(command)
    } takes another ` +
      `port, and PORT=${port}+ the first from there that is free`,
  );
}

/**
 * Waits until the figures are counted by the settings of this process, but not for long: where that takes its time,
 * everything else is answered meanwhile, and figures are 503.
 *
 * @returns a promise that fails when they can't be, and never comes to an end otherwise
 */
async function countFigures(
  deps: AppDeps,
  signal: AbortSignal,
): Promise<{ failed: Promise<never> }> {
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  const counted = ensureBasis({ ...deps, signal }).then(() => {}, (error) => {
    if (!signal.aborted) failed.reject(error);
  });
  await Promise.race([counted, pause(maxBasisMs, signal)]);
  return { failed: failed.promise };
}
