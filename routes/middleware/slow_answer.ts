/**
 * Answers that take long, and whose work ends when nobody waits for them any more.
 *
 * @module
 */

import type { Context } from "hono";
import { pause } from "../../streams/timing/pause.ts";

/** Milliseconds of work after which an answer begins, and then between two signs of life. */
const signOfLifeMs = 1_000;

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
  /** Content type of the answer, whose text may begin with blank lines: JSON or HTML. */
  type: string;
}

/**
 * Answers with what some work comes to. Where it takes longer than a second, once its success is certain, blank lines are
 * sent meanwhile.
 *
 * Only who is sent something is noticed to be gone: once a body was read as a stream, Deno 2.9.6 looks at its connection
 * no more until it writes, and `request.signal` does not abort. A failure after the first blank line breaks the answer off,
 * which a client sees as an incomplete body.
 *
 * @throws what the work throws, as long as nothing was sent
 */
export async function slowAnswer(
  c: Context,
  { work, certain, stop, onBreak, type }: SlowWork,
): Promise<Response> {
  const isSlow = certain.then(() => pause(signOfLifeMs));
  const answer = await Promise.race([work, isSlow]);
  if (answer !== undefined) return answer;
  const blank = new TextEncoder().encode("\n");
  const bytes = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      try {
        const answer = await Promise.race([work, pause(signOfLifeMs)]);
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
