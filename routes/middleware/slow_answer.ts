/**
 * Answers that take long, and whose work ends when nobody waits for them any more.
 *
 * @module
 */

import type { Context } from "hono";
import { pause } from "../../streams/timing/pause.ts";

/** Milliseconds of work after which an answer begins, and then between two signs of life. */
const signOfLifeMs = 1_000;

/** Milliseconds of work after which an answer begins although it is not certain what it will be. */
const uncertainMs = 5_000;

/** See {@linkcode slowAnswer}. */
export interface SlowWork {
  /** Comes to the answer. */
  work: Promise<Response>;
  /** Settles once the answer will be 200 unless something breaks. */
  certain: Promise<void>;
  /** Ends the work. */
  stop: AbortController;
  /** Is told what breaks the answer off, which nobody else hears of. */
  onBreak: (error: unknown) => void;
  /** The answer to an error that the work throws after the answer has begun; undefined where it is broken off. */
  refusal?: (error: unknown) => Response | undefined;
  /** Other milliseconds of work after which an answer begins in any case; for tests. */
  uncertainMs?: number;
  /** Content type of the answer, whose text may begin with blank lines: JSON or HTML. */
  type: string;
}

/**
 * Answers with what some work comes to. Where it takes longer than a second, once its success is certain, or five in any case,
 * blank lines are sent meanwhile. A refusal that comes after them has the status 200, and says its own in its document.
 *
 * Only who is sent something is noticed to be gone: once a body was read as a stream, Deno 2.9.6 looks at its connection
 * no more until it writes, and `request.signal` does not abort. Any other failure after the first blank line breaks the answer off,
 * which a client sees as an incomplete body.
 *
 * @throws what the work throws, as long as nothing was sent
 */
export async function slowAnswer(
  c: Context,
  { work, certain, stop, onBreak, refusal, type, uncertainMs: maxMs = uncertainMs }: SlowWork,
): Promise<Response> {
  const isAnswered = new AbortController();
  const isSlow = certain.then(() => pause(signOfLifeMs, isAnswered.signal));
  const isLate = pause(maxMs, isAnswered.signal);
  const answer = await Promise.race([work, isSlow, isLate]).finally(() => isAnswered.abort());
  if (answer !== undefined) return answer;
  const blank = new TextEncoder().encode("\n");
  const refused = work.catch((error) => {
    const said = stop.signal.aborted ? undefined : refusal?.(error);
    if (said === undefined) throw error;
    return said;
  });
  const bytes = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      try {
        const answer = await Promise.race([refused, pause(signOfLifeMs)]);
        if (answer === undefined) return controller.enqueue(blank);
        controller.enqueue(new Uint8Array(await answer.arrayBuffer()));
        controller.close();
      } catch (error) {
        if (!stop.signal.aborted) onBreak(error);
        throw error;
      }
    },
    cancel: () => stop.abort(),
  });
  return c.body(bytes, 200, { "content-type": type });
}
