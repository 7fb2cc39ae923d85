import { once } from "node:events";
import { createServer } from "node:net";

// Below the ranges from which Linux (32768 on) and macOS (49152 on) take the ports of outgoing
// connections: nobody else gets an engine's port by chance while the engine restarts.
const LOWEST_PORT = 20_000;
const HIGHEST_PORT = 31_999;
const MAX_TRIES = 200;

/**
 * Finds a TCP port on which nothing listens on 127.0.0.1 at this moment.
 *
 * Another process may take it before the caller does: whoever binds it must be ready to come back
 * for another one.
 *
 * @throws {Error} if no free port is found in {@linkcode MAX_TRIES} random tries
 */
export async function freePort(): Promise<number> {
  for (let tried = 0; tried < MAX_TRIES; tried++) {
    const port = LOWEST_PORT + Math.floor(Math.random() * (HIGHEST_PORT - LOWEST_PORT + 1));
    if (await isFree(port)) return port;
  }
  throw new Error(
    `Cannot find a free port on 127.0.0.1 from ${LOWEST_PORT} to ${HIGHEST_PORT}`,
  );
}

/** Whether nothing listens on a port of 127.0.0.1 at this moment. */
export async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch (error) {
    if ((error as { code?: string }).code !== "EADDRINUSE") throw error;
    return false;
  }
  server.close();
  await once(server, "close");
  return true;
}
