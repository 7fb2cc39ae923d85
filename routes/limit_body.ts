/**
 * Limits on the size and the time of a request's body.
 *
 * @module
 */

import type { MiddlewareHandler } from "hono";
import { bodyPieces } from "./body_pieces.ts";
import { inTime } from "./body_times.ts";
import { httpProblem } from "./problem.ts";

/** Deno takes the memory of a declared body at once, so what is only promised must be small. */
const smallBytes = 65_536;

/**
 * Answers 413 to a body that is too large or comes in too many chunks, and 408 to one that takes too long. A body
 * beyond the limits is not read to its end.
 *
 * Hono's own middleware of this kind copies the request together with its signal, whose use Deno warns of.
 *
 * @param most.bytes that a body may have
 * @param most.ms milliseconds that it may take
 */
export function limitBody(most: { bytes: number; ms: number }): MiddlewareHandler {
  return async (c, next) => {
    const tooLarge = () => httpProblem(c, 413, `The body must have at most ${most.bytes} bytes`);
    const { body, method, headers } = c.req.raw;
    if (body === null) return await next();
    const declared = headers.get("content-length");
    if (declared !== null && !headers.has("transfer-encoding")) {
      if (Number(declared) > most.bytes) return tooLarge();
      if (Number(declared) <= smallBytes) {
        // Whoever asks for the body later gets what was read here.
        await inTime(most.ms, c.req.arrayBuffer());
        return await next();
      }
    }
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    const limits = { bytes: most.bytes, ms: most.ms, each: "body" } as const;
    for await (const piece of bodyPieces(body, limits)) pieces.push(piece);
    c.req.raw = new Request(c.req.url, { method, headers, body: new Blob(pieces) });
    return await next();
  };
}
