/**
 * Serves HTTP by the server that each runtime has.
 *
 * @module
 */

import { bun } from "./bun.ts";

/** What a server knows of a connection and hands on beside each request. */
export interface ConnectionFacts {
  /** The other end, which may be a proxy. */
  remoteAddr?: { hostname?: string };
}

/** A server that listens. */
export interface HttpServer {
  /** Settles when it has ended. */
  readonly finished: Promise<void>;
  /** Takes nothing more, and ends when the requests in hand are answered. */
  shutdown(): Promise<void>;
}

/** Answers a request. */
export type Answer = (request: Request, facts: ConnectionFacts) => Response | Promise<Response>;

/** Where to listen. */
export interface ListenOptions {
  hostname: string;
  /** 0 for any free one. */
  port: number;
  /** Is told where it listens. */
  onListen(address: { hostname: string; port: number }): void;
}

/**
 * Begins to serve.
 *
 * @throws {Error} where the address can't be listened on
 */
export function serve({ hostname, port, onListen }: ListenOptions, answer: Answer): HttpServer {
  if (bun === undefined) return serveOnDeno({ hostname, port, onListen }, answer);
  const server = bun.serve({
    hostname,
    port,
    // Limits of time and size are the application's: it knows who sends what.
    idleTimeout: 0,
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    development: false,
    fetch: async (request, server) => {
      const response = await answer(request, connectionFacts(server, request));
      if (request.body !== null && !request.bodyUsed) await readOutWhole(request.body);
      return response;
    },
  });
  onListen({ hostname: server.hostname, port: server.port });
  const finished = Promise.withResolvers<void>();
  return {
    finished: finished.promise,
    async shutdown() {
      await server.stop();
      finished.resolve();
    },
  };
}

/** How long a server that can't take a connection waits before it listens again, in milliseconds. */
const restMs = 500;

/**
 * Deno's server ends with all its connections where it can't take one more, because the process may open no more files:
 * whoever opens enough of them would end the process. So it listens again, on the same port.
 */
function serveOnDeno({ hostname, port, onListen }: ListenOptions, answer: Answer): HttpServer {
  const begin = (port: number, onListen: ListenOptions["onListen"]) =>
    Deno.serve(
      { hostname, port, onListen },
      (request, { remoteAddr }) => answer(request, { remoteAddr }),
    );
  let server = begin(port, onListen);
  const own = server.addr.port;
  let isEnding = false;
  const untilEnded = async (): Promise<void> => {
    for (;;) {
      try {
        await server.finished;
        return;
      } catch (error) {
        if (isEnding || !hasNoFiles(error)) throw error;
      }
      for (let isListening = false; !isListening;) {
        await new Promise((resolve) => setTimeout(resolve, restMs));
        if (isEnding) return;
        try {
          server = begin(own, () => {});
          isListening = true;
        } catch (error) {
          if (!hasNoFiles(error)) throw error;
        }
      }
    }
  };
  return {
    finished: untilEnded(),
    shutdown() {
      isEnding = true;
      return server.shutdown();
    },
  };
}

/** True where the process, or the machine, may open no more files. */
function hasNoFiles(error: unknown): boolean {
  return error instanceof Error && /too many open files/i.test(error.message);
}

/** True for the error of {@linkcode serve} where somebody listens there already. */
export function isTaken(error: unknown): boolean {
  return (error as { code?: string } | null)?.code === "EADDRINUSE";
}

/**
 * True where the answer ends the connection, though a body is still on its way: what comes of it then resets the
 * connection, and its sender can't read why it was refused. Deno reads on.
 */
export const answerEndsBody: boolean = bun !== undefined;

/** How much is read of a body that nobody wants, and for how long; on Bun its sender waits for the answer meanwhile. */
const unwanted = { bytes: 16 * 1_048_576, ms: answerEndsBody ? 2_000 : 10_000 } as const;

/**
 * Reads what a sender has on its way of a body that is refused, throws it away, and ends the reading; a body that breaks
 * off is no fault.
 *
 * @param next reads on and says how many bytes it was; undefined at the end of the body
 * @param end ends the reading, also one that waits, and does nothing the second time
 */
export async function readOut(
  next: () => Promise<number | undefined>,
  end: () => void,
): Promise<void> {
  const timer = setTimeout(end, unwanted.ms);
  timer.unref();
  try {
    for (let size = 0; size < unwanted.bytes;) {
      const bytes = await next();
      if (bytes === undefined) return;
      size += bytes;
    }
  } catch {
    // It broke off: nobody waits for it.
  } finally {
    clearTimeout(timer);
    end();
  }
}

/** The same of a body that nobody has begun to read. */
async function readOutWhole(body: ReadableStream<Uint8Array>): Promise<void> {
  const reader = body.getReader();
  await readOut(
    async () => (await reader.read()).value?.length,
    () => void reader.cancel().catch(() => {}),
  );
}

/**
 * What a runtime's server says of a connection by the second argument of its handler.
 *
 * @param said Deno's facts, or Bun's server
 */
export function connectionFacts(said: unknown, request?: Request): ConnectionFacts {
  const { remoteAddr, requestIP } = (said ?? {}) as {
    remoteAddr?: { hostname?: string };
    requestIP?(request: Request): { address: string } | null;
  };
  if (remoteAddr !== undefined) return { remoteAddr };
  if (requestIP === undefined || request === undefined) return {};
  return { remoteAddr: { hostname: requestIP.call(said, request)?.address } };
}

/** True for the error of a request whose sender went away while its body was read. */
export function isBrokenOff(error: unknown): boolean {
  if (bun !== undefined) return error instanceof DOMException && error.name === "AbortError";
  return error instanceof Deno.errors.Http || error instanceof Deno.errors.BadResource ||
    error instanceof Deno.errors.UnexpectedEof;
}
