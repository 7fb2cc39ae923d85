import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "./free_port.ts";
import type { Program } from "./program.ts";
import { supervise, type Supervised } from "./supervise.ts";

/** Milliseconds that a server gets to accept connections, crash recovery included. */
const READY_MS = 60_000;

/** Milliseconds between two attempts to connect. */
const PROBE_MS = 20;

/** Free ports to try before giving up, when others keep taking them. */
const MAX_PORT_TRIES = 5;

/** How many of the last lines of a server's log go into an error. */
const LOG_TAIL_LINES = 12;

/** A supervised server that listens on a port of its own. */
export interface ServerOnPort {
  /** TCP port on 127.0.0.1; stays the same over a restart. */
  readonly port: number;
  /** Of the server process; another one after `restart`. */
  readonly pid: number;
  /** Settles when the server process of now has ended, for whatever reason; never rejects. */
  readonly exited: Promise<void>;
  /** Ends the server in order and waits for its end. What it keeps on disk stays. */
  stop(): Promise<void>;
  /** Any signal, SIGKILL and SIGSTOP included. */
  kill(signal: NodeJS.Signals): void;
  /** Starts the server again on the same port and data; ends it in order first if it runs. */
  restart(): Promise<void>;
}

/** What to start, and how to see that it is ready. */
export interface StartOptions {
  /** For messages, and for the names of log and pid file. */
  name: string;
  program: Program;
  args: (port: number) => string[];
  /** Folder of the server; log and pid file go there. */
  dir: string;
  /** Default: a free port. */
  port?: number;
  /** True: `dir` is removed if this process dies without stopping the server. */
  temporary: boolean;
  /** Matches the log of a server that found its port taken. */
  portTaken: RegExp;
  /** Runs before each start, with the port that the server will get. */
  prepare?: (port: number) => Promise<void>;
  /** Connects and talks to the server; rejects while it is not ready. */
  connect: (port: number) => Promise<void>;
}

/**
 * Starts a server and waits until it answers. If another process takes the chosen free port first,
 * goes on with another one; a port that was asked for stays.
 *
 * @throws {Error} with the last lines of the server's log, if it ends or does not answer in time
 */
export async function startOnPort(options: StartOptions): Promise<ServerOnPort> {
  let port = options.port ?? await freePort();
  let running: Supervised | undefined;
  for (let tried = 1; running === undefined; tried++) {
    try {
      running = await startOnce(options, port);
    } catch (error) {
      const mayRetry = error instanceof PortTaken && options.port === undefined &&
        tried < MAX_PORT_TRIES;
      if (!mayRetry) throw error;
      port = await freePort();
    }
  }
  let current = running;
  return {
    port,
    get pid() {
      return current.pid;
    },
    get exited() {
      return current.exited;
    },
    stop: () => current.stop(),
    kill: (signal) => current.kill(signal),
    async restart() {
      await current.stop();
      current = await startOnce(options, port);
    },
  };
}

/** The server ended because something else listens on its port. */
class PortTaken extends Error {
  override name = "PortTaken";
}

async function startOnce(options: StartOptions, port: number): Promise<Supervised> {
  const { name, dir } = options;
  const logFile = join(dir, `${name}.log`);
  await options.prepare?.(port);
  await writeFile(logFile, "");
  const server = await supervise(options.program, {
    args: options.args(port),
    pidFile: join(dir, `${name}.engine.pid`),
    logFile,
    temporaryDir: options.temporary ? dir : undefined,
  });
  const deadline = Date.now() + READY_MS;
  let lastError: unknown;
  while (!server.hasExited() && Date.now() < deadline) {
    try {
      // On a taken port another process may answer, or leave the attempt without an answer.
      await Promise.race([options.connect(port), server.exited]);
      if (!server.hasExited()) return server;
    } catch (error) {
      lastError = error;
    }
    await new Promise((resolve) => setTimeout(resolve, PROBE_MS));
  }
  const timedOut = !server.hasExited();
  await server.stop();
  const log = await readFile(logFile, "utf8");
  if (!timedOut && options.portTaken.test(log)) {
    throw new PortTaken(`Cannot start ${name}: port ${port} on 127.0.0.1 is taken`);
  }
  const reason = timedOut
    ? `it does not answer on port ${port} after ${READY_MS / 1000} s (${messageOf(lastError)})`
    : "it ended at once";
  const tail = log.trimEnd().split("\n").slice(-LOG_TAIL_LINES).join("\n");
  throw new Error(`Cannot start ${name}: ${reason}; the end of ${logFile}:\n${tail}`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
