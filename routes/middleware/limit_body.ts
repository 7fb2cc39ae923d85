/**
 * Limits on the size and the time of a request's body.
 *
 * @module
 */

import type { Context, MiddlewareHandler } from "hono";
import { bodyPieces, tooLargeText } from "./body_pieces.ts";
import { inTime } from "./body_times.ts";
import type { Caller } from "./caller.ts";
import { httpProblem } from "./problem.ts";

/** Deno takes the memory of a declared body at once, so what is only promised must be small. */
const smallBytes = 65_536;

/**
 * Bodies up to this are worked on as they come. An order of a thousand items has 50 KB and takes ten milliseconds in which nobody
 * else is answered, and as much memory as a hundred usual ones: those of one token, all sent at once, would keep everybody waiting.
 */
export const lightBytes = 8_192;

/** Most bytes of larger bodies in hand at once, read or yet to be read. */
const maxInHandBytes = 67_108_864;

/**
 * Bytes of larger bodies that are worked on at once: what JSON of a megabyte becomes may take twenty of them, and a tenth of a
 * second in which nobody else is answered.
 */
const maxWorkedOnBytes = 1_048_576;

/**
 * The part of either that one token gets: who sends slowly, or waits for a place, keeps no other token out. Where nobody is
 * asked who they are, nobody is told from others.
 */
const tokenShare = 0.75;

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
  const inHand = bytesByToken();
  const takeTurn = turns(maxWorkedOnBytes);
  // What is small altogether, such as forms, takes no turns.
  const freeBytes = max.bytes > smallBytes ? lightBytes : smallBytes;
  return async (c, next) => {
    const tooLarge = () => httpProblem(c, 413, tooLargeText(max));
    const { body, method, headers } = c.req.raw;
    if (body === null) return await next();
    const declared = headers.has("transfer-encoding") ? null : headers.get("content-length");
    if (declared !== null && Number(declared) > max.bytes) return tooLarge();
    const isSmall = declared !== null && Number(declared) <= smallBytes && !max.asFile;
    // Whoever asks for the body later gets what is read here.
    const readSmall = () => inTime(max.ms, c.req.arrayBuffer());
    if (isSmall && Number(declared) <= freeBytes) {
      await readSmall();
      return await next();
    }
    const token = tokenOf(c);
    let ownBytes = 0;
    const isTooMuch = (bytes: number) => {
      ownBytes += bytes;
      inHand.add(token, bytes);
      return inHand.all() > maxInHandBytes ||
        (token !== null && inHand.of(token) > maxInHandBytes * tokenShare);
    };
    const tooMany = () =>
      httpProblem(c, 503, "Too many large bodies come at once; try again later", {
        "retry-after": "1",
      });
    let endTurn: (() => void) | undefined;
    try {
      if (declared !== null && isTooMuch(Number(declared))) return tooMany();
      if (isSmall) {
        await readSmall();
      } else {
        const pieces: Uint8Array<ArrayBuffer>[] = [];
        const { bytes, ms, advice } = max;
        for await (const piece of bodyPieces(body, { bytes, ms, advice, each: "body" })) {
          if (declared === null && isTooMuch(piece.length)) return tooMany();
          pieces.push(piece);
        }
        c.req.raw = new Request(c.req.url, { method, headers, body: new Blob(pieces) });
      }
      if (max.asFile) endTurn = await takeTurn(fileBytes, token);
      else if (ownBytes > freeBytes) endTurn = await takeTurn(ownBytes, token);
      return await next();
    } finally {
      endTurn?.();
      inHand.add(token, -ownBytes);
    }
  };
}

function tokenOf(c: Context): string | null {
  return (c.get("caller") as Caller | undefined)?.name ?? null;
}

/** Counts bytes, of all and of each token. */
function bytesByToken() {
  const counts = new Map<string | null, number>();
  let all = 0;
  return {
    all: () => all,
    of: (token: string | null) => counts.get(token) ?? 0,
    add(token: string | null, bytes: number): void {
      all += bytes;
      const own = (counts.get(token) ?? 0) + bytes;
      if (own === 0) counts.delete(token);
      else counts.set(token, own);
    },
  };
}

/** Longest rest between two turns, in milliseconds. */
const maxRestMs = 100;

/**
 * Lets so many bytes at once, in the order in which they come but for those of a token that has its share; each says when its turn
 * is over. Whoever waits begins only after a rest as long as the turn before: one body after the other would be worked on else,
 * and nobody else be answered.
 *
 * @param max of all; of more in one piece no others are let beside it
 */
function turns(max: number): (bytes: number, token: string | null) => Promise<() => void> {
  const waiting: { bytes: number; token: string | null; begin: () => void }[] = [];
  const taken = bytesByToken();
  const fits = (bytes: number) => taken.all() === 0 || taken.all() + bytes <= max;
  const hasShare = (bytes: number, token: string | null) =>
    token !== null && taken.of(token) > 0 && taken.of(token) + bytes > max * tokenShare;
  /** The first that waits for others alone; of those of a token none overtakes another. */
  const findNext = () => {
    const held = new Set<string | null>();
    return waiting.findIndex(({ bytes, token }) => {
      if (!held.has(token) && !hasShare(bytes, token)) return true;
      held.add(token);
      return false;
    });
  };
  const free = (bytes: number, token: string | null) => {
    taken.add(token, -bytes);
    for (;;) {
      const next = findNext();
      if (next < 0 || !fits(waiting[next]!.bytes)) return;
      const [{ bytes, token, begin }] = waiting.splice(next, 1) as [typeof waiting[number]];
      taken.add(token, bytes);
      begin();
    }
  };
  return async (bytes, token) => {
    const isNext = findNext() < 0 && !waiting.some((one) => one.token === token);
    if (isNext && fits(bytes) && !hasShare(bytes, token)) taken.add(token, bytes);
    else await new Promise<void>((begin) => waiting.push({ bytes, token, begin }));
    const begunAt = performance.now();
    return () => {
      if (waiting.length === 0) free(bytes, token);
      else setTimeout(free, Math.min(maxRestMs, performance.now() - begunAt), bytes, token);
    };
  };
}
