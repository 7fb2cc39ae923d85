/**
 * How long bodies of requests may take.
 *
 * @module
 */

import { HTTPException } from "hono/http-exception";
import { rejectLate } from "../../streams/timing/deadline.ts";

/** Longest time for an answer, in milliseconds, for engines that hang instead of failing. */
export const answerMs = 15_000;

/** Time limits of bodies, in milliseconds. */
export interface BodyTimes {
  /** For a whole body, other than a file's. */
  wholeMs: number;
  /** For each piece of a file, see `body_pieces.ts`: who sends less than 1 KiB a second only wants to hold a place. */
  fileMs: number;
}

/** Enough for a body of the largest size at half a megabit a second. */
export const bodyTimes: BodyTimes = { wholeMs: 20_000, fileMs: 60_000 };

/**
 * What was read of a body, if it comes in time.
 *
 * @throws {HTTPException} 408 when it does not (Deno then keeps the connection until its client or a proxy ends it,
 * but nothing of ours waits for it), and 400 when it ends too early or its chunks are broken
 */
export function inTime<T>(ms: number, read: Promise<T>): Promise<T> {
  return rejectLate(
    ms,
    read.catch((cause) => {
      throw new HTTPException(400, { message: "The body can't be read to its end", cause });
    }),
    () => new HTTPException(408, { message: "The body has not come in time" }),
  );
}
