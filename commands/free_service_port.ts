/**
 * Finds a port for a service that somebody tries out.
 *
 * @module
 */

import { isFree } from "../tools/engines/free_port.ts";
import { printError } from "./print.ts";

/** Where the service listens unless it is told otherwise. */
const usualPort = 8000;

/** Ports after it that are tried. */
const triedPorts = 50;

/**
 * The usual port or, where somebody listens there, one of those after it, which is said on standard error: for trials,
 * of which there may be several. A service for others listens where it was told, or not at all.
 */
export async function freeServicePort(): Promise<number> {
  for (let port = usualPort; port <= usualPort + triedPorts; port++) {
    if (!await isFree(port)) continue;
    if (port !== usualPort) printError(`Port ${usualPort} is taken: using ${port}`);
    return port;
  }
  return 0;
}
