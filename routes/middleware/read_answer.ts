/**
 * Long answers that are made as fast as they are read: files, exports, the answers to many orders.
 *
 * @module
 */

import type { Context } from "hono";
import { messageOf, WorkflowError } from "../../domain/errors.ts";
import { type SharedPlaces, sharedPlaces } from "../../domain/operation/shared_places.ts";
import type { Caller } from "./caller.ts";

/** Longest wait for whoever is to read the next piece, in milliseconds. */
const maxSilentMs = 30_000;

/** An answer in pieces. */
export interface PiecedAnswer {
  /**
   * Makes the next piece, when the one before was taken.
   *
   * @returns undefined after the last; an empty piece is not sent and not the last one
   */
  next: () => Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Is told what breaks the answer off, other than that its reader hangs up. */
  onBreak: (error: unknown) => void;
  /** Is called once, when nothing more is made: the place of the answer is free again. */
  onEnd: () => void | Promise<void>;
  /** Aborts when the process is about to stop, which breaks the answer off. */
  stopping?: AbortSignal;
  /** Longest wait for whoever is to read the next piece, in milliseconds; default 30 s. */
  silentMs?: number;
  /** Pieces that are made before they are asked for; default 0. */
  ahead?: number;
}

/**
 * Sends an answer piece after piece: memory does not grow with it. A reader that hangs up, or reads nothing for half a minute, ends
 * it. What breaks it off breaks the connection, so that a part is never taken for the whole.
 */
export function piecedBody(
  { next, onBreak, onEnd, stopping, silentMs = maxSilentMs, ahead = 0 }: PiecedAnswer,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let silence: ReturnType<typeof setTimeout> | undefined;
  let isOver = false;
  const end = async () => {
    if (isOver) return;
    isOver = true;
    clearTimeout(silence);
    await onEnd();
  };
  const waitFor = (controller: ReadableStreamDefaultController) => {
    silence = setTimeout(
      () => breakOff(controller, new Error("Nobody has read it in time")),
      silentMs,
    );
  };
  const breakOff = (controller: ReadableStreamDefaultController, error: unknown): Promise<void> => {
    onBreak(error);
    // Deno prints what a body fails with: a sentence then, and no stack.
    controller.error(`Cannot send the rest: ${messageOf(error)}`);
    return end();
  };
  return new ReadableStream({
    start: waitFor,
    async pull(controller) {
      clearTimeout(silence);
      try {
        while (!isOver) {
          if (stopping?.aborted) throw new Error("The process is stopping");
          const piece = await next();
          if (isOver) return;
          if (piece === undefined) {
            controller.close();
            return await end();
          }
          if (piece.length === 0) continue;
          controller.enqueue(piece);
          return waitFor(controller);
        }
      } catch (error) {
        if (!isOver) await breakOff(controller, error);
      }
    },
    cancel: end,
  }, { highWaterMark: ahead });
}

/**
 * Files and exports that are sent at once, of all and of one token: each has a page of the database in hand, with what it is
 * made of.
 */
const filePlaces = sharedPlaces({ max: 8, share: 4 });

/**
 * Takes a place for a file, before anything of it is read.
 *
 * @returns gives it back
 * @throws {WorkflowError} `unavailable` where none is left, or the token has all that one gets
 */
export function takeFilePlace(c: Context, places = filePlaces): () => void {
  return takePlace(c, places, "files are sent");
}

/**
 * Takes a place of some that are shared.
 *
 * @param what goes on in such places, for the refusal
 * @returns gives it back
 * @throws {WorkflowError} `unavailable` where none is left, or the token has all that one gets
 */
export function takePlace(c: Context, places: SharedPlaces, what: string): () => void {
  const name = (c.get("caller") as Caller | undefined)?.name ?? null;
  const place = places.take(name);
  if (typeof place === "function") return place;
  const whose = place === "full" ? "" : ` by the token ${name}`;
  throw new WorkflowError("unavailable", `Too many ${what}${whose}; try again later`);
}
