import { isFree } from "./free_port.ts";

/** Where the service listens unless it is told otherwise. */
const USUAL_PORT = 8000;

/** Ports after it that are tried. */
const TRIED_PORTS = 50;

/**
 * The usual port or, where somebody listens there, one of those after it: for trials, of which there may be several. A
 * service for others listens where it was told, or not at all.
 *
 * @param log gets a line that says which other port it is
 * @returns 0, which is any free one, where all of them are taken
 */
export async function freeServicePort(log: (line: string) => void): Promise<number> {
  for (let port = USUAL_PORT; port <= USUAL_PORT + TRIED_PORTS; port++) {
    if (!await isFree(port)) continue;
    if (port !== USUAL_PORT) log(`Port ${USUAL_PORT} is taken: using ${port}`);
    return port;
  }
  return 0;
}
