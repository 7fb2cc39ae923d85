/**
 * A limit on the size of a request's body.
 *
 * @module
 */

import type { MiddlewareHandler } from "hono";
import { httpProblem } from "./problem.ts";

/**
 * Answers 413 to a body that is too large. One that does not declare its size is read up to the limit
 * here; a body beyond it is not read to its end.
 *
 * Hono's own middleware of this kind copies the request together with its signal, whose use Deno warns of.
 *
 * @param mostBytes that a body may have
 */
export function limitBody(mostBytes: number): MiddlewareHandler {
  return async (c, next) => {
    const tooLarge = () => httpProblem(c, 413, `The body must have at most ${mostBytes} bytes`);
    const { body, method, headers } = c.req.raw;
    if (body === null) return await next();
    const declared = headers.get("content-length");
    if (declared !== null && !headers.has("transfer-encoding")) {
      return Number(declared) > mostBytes ? tooLarge() : await next();
    }
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    let size = 0;
    for await (const chunk of body) {
      size += chunk.byteLength;
      if (size > mostBytes) return tooLarge();
      chunks.push(chunk);
    }
    c.req.raw = new Request(c.req.url, { method, headers, body: new Blob(chunks) });
    return await next();
  };
}
