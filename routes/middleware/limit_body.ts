/**
 * Limits on the size and the time of a request's body.
 *
 * @module
 */

import { setTimeout as sleep } from "node:timers/promises";
import type { MiddlewareHandler } from "hono";
import { bodyPieces, tooLargeText } from "./body_pieces.ts";
import { inTime } from "./body_times.ts";
import { httpProblem } from "./problem.ts";

/** Deno takes the memory of a declared body at once, so what is only promised must be small. */
const smallBytes = 65_536;

/** Most bytes of larger bodies in hand at once, read or yet to be read. */
const maxInHandBytes = 67_108_864;

/**
 * Bytes of larger bodies that are worked on at once: what JSON of a megabyte becomes may take twenty of them, and a tenth of a
 * second in which nobody else is answered.
 */
const maxWorkedOnBytes = 1_048_576;

/** What a file counts as, however small it comes: its lines are read one by one, and let others have their turn. */
const fileBytes = 262_144;

/**
 * Answers 413 to a body that is too large or comes in too many chunks, and 408 to one that takes too long. A body
 * beyond the limits is not read to its end. Of larger ones only so many bytes are in hand, beyond which one is answered 503,
 * and far fewer are worked on at once.
 *
 * Hono's own middleware of this kind copies the request together with its signal, whose use Deno warns of.
 *
 * @param max.bytes that a body may have
 * @param max.ms milliseconds that it may take
 * @param max.advice what whoever sends more bytes can do
 * @param max.asFile for bodies that are read as a stream later, however small, and unpacked: each takes a turn
 */
export function limitBody(
  max: { bytes: number; ms: number; advice?: string; asFile?: boolean },
): MiddlewareHandler {
  let inHandBytes = 0;
  const takeTurn = turns(maxWorkedOnBytes);
  return async (c, next) => {
    const tooLarge = () => httpProblem(c, 413, tooLargeText(max));
    const { body, method, headers } = c.req.raw;
    if (body === null) return await next();
    const declared = headers.get("content-length");
    if (declared !== null && !headers.has("transfer-encoding")) {
      if (Number(declared) > max.bytes) return tooLarge();
      if (Number(declared) <= smallBytes && !max.asFile) {
        // Whoever asks for the body later gets what was read here.
        await inTime(max.ms, c.req.arrayBuffer());
        return await next();
      }
    }
    let ownBytes = 0;
    const isTooMuch = (bytes: number) => {
      ownBytes += bytes;
      inHandBytes += bytes;
      return inHandBytes > maxInHandBytes;
    };
    const tooMany = () =>
      httpProblem(c, 503, "Too many large bodies come at once; try again later", {
        "retry-after": "1",
      });
    let endTurn: (() => void) | undefined;
    try {
      const pieces: Uint8Array<ArrayBuffer>[] = [];
      const { bytes, ms, advice } = max;
      const limits = { bytes, ms, advice, each: "body" } as const;
      const isDeclared = declared !== null && !headers.has("transfer-encoding");
      if (isDeclared && isTooMuch(Number(declared))) return tooMany();
      for await (const piece of bodyPieces(body, limits)) {
        if (!isDeclared && isTooMuch(piece.length)) return tooMany();
        pieces.push(piece);
      }
      c.req.raw = new Request(c.req.url, { method, headers, body: new Blob(pieces) });
      if (max.asFile) endTurn = await takeTurn(fileBytes);
      else if (ownBytes > smallBytes) endTurn = await takeTurn(ownBytes);
      return await next();
    } finally {
      endTurn?.();
      inHandBytes -= ownBytes;
    }
  };
}

/**
 * Lets so many bytes at once, in the order in which they come; each says when its turn is over.
 *
 * @param max of all; of more in one piece no others are let beside it
 */
function turns(max: number): (bytes: number) => Promise<() => void> {
  const waiting: { bytes: number; begin: () => void }[] = [];
  let taken = 0;
  const fits = (bytes: number) => taken === 0 || taken + bytes <= max;
  const endOf = (bytes: number) => () => {
    taken -= bytes;
    while (waiting.length > 0 && fits(waiting[0]!.bytes)) {
      const { bytes, begin } = waiting.shift()!;
      taken += bytes;
      begin();
    }
  };
  return async (bytes) => {
    if (waiting.length === 0 && fits(bytes)) taken += bytes;
    else {
      await new Promise<void>((begin) => waiting.push({ bytes, begin }));
      // Or one body after the other would be worked on, and nobody else be answered.
      await sleep(0);
    }
    return endOf(bytes);
  };
}
