/**
 * Answers the probes of a process that serves nothing else.
 *
 * @module
 */

import { Hono } from "hono";
import { requestId } from "hono/request-id";
import { WorkflowError } from "../domain/errors.ts";
import { isTaken, serve } from "../runtime/serve.ts";
import { healthRoutes } from "./api/operation/health.ts";
import type { AppDeps } from "./deps.ts";
import { httpProblem } from "./middleware/problem.ts";

/**
 * Listens on every address until the signal aborts, and answers `GET /livez` and `GET /readyz` as the API does, nothing
 * else, and whoever asks: the container's or the service manager's probes come from elsewhere.
 *
 * @param onListening is told the port
 * @returns once it has ended
 * @throws {WorkflowError} `unavailable` where the port is taken
 */
export async function serveHealth(
  deps: AppDeps,
  { port, onListening }: { port: number; onListening: (port: number) => void },
  signal: AbortSignal,
): Promise<void> {
  const app = new Hono();
  app.use(requestId());
  app.route("/", healthRoutes(deps));
  app.notFound((c) => httpProblem(c, 404, `There is nothing at ${c.req.path}`));
  const server = listen(port, onListening, app);
  const stop = () => void server.shutdown();
  if (signal.aborted) stop();
  else signal.addEventListener("abort", stop, { once: true });
  await server.finished;
}

function listen(port: number, onListening: (port: number) => void, app: Hono) {
  try {
    return serve(
      { hostname: "0.0.0.0", port, onListen: (address) => onListening(address.port) },
      (request) => app.fetch(request),
    );
  } catch (error) {
    if (!isTaken(error)) throw error;
    throw new WorkflowError(
      "unavailable",
      `Cannot listen on port ${port}: it is taken; set another HEALTH_PORT`,
    );
  }
}
