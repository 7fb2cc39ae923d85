/**
 * Makes one set-based call of many that come at the same time.
 *
 * @module
 */

import { WorkflowError } from "../../domain/errors.ts";
import { withDeadline } from "../../streams/timing/deadline.ts";

/** How calls are put together. */
export interface BatcherOptions {
  /** Most inputs to one call of the work. */
  maxInputs: number;
  /** Calls that may wait; a further one is turned away. */
  maxWaiting: number;
  /**
   * Longest time for one call of the work, in milliseconds. Its callers are then turned away and the next
   * batch begins: one connection that hangs must not hold up everybody.
   */
  maxMs: number;
  /** True for an error that is nobody's own fault, such as a lost engine: no input is tried alone. */
  concernsAll: (error: unknown) => boolean;
}

interface Waiting<I, O> {
  input: I;
  resolve: (output: O) => void;
  reject: (error: unknown) => void;
}

/**
 * Makes a function for one input out of work on many. The first call runs at once; those that come while
 * it runs are the next batch, so a lone call never waits and a crowd shares its round trips.
 *
 * A batch that fails is halved until the culprit stands alone, so `work` must be safe to repeat.
 *
 * @param work gives an output for each input, in the same order
 * @returns a function that rejects with `unavailable` when too many calls wait
 */
export function batcher<I, O>(
  work: (inputs: readonly I[]) => Promise<readonly O[]>,
  options: BatcherOptions,
): (input: I) => Promise<O> {
  const waiting: Waiting<I, O>[] = [];
  let running = false;

  const runBatch = async (batch: readonly Waiting<I, O>[]): Promise<void> => {
    try {
      const inputs = batch.map(({ input }) => input);
      const outputs = await withDeadline(options.maxMs, "An engine", work(inputs));
      batch.forEach(({ resolve }, index) => resolve(outputs[index]!));
    } catch (error) {
      if (batch.length === 1 || options.concernsAll(error)) {
        for (const { reject } of batch) reject(error);
        return;
      }
      const half = Math.ceil(batch.length / 2);
      await runBatch(batch.slice(0, half));
      await runBatch(batch.slice(half));
    }
  };

  const drain = async (): Promise<void> => {
    running = true;
    while (waiting.length > 0) await runBatch(waiting.splice(0, options.maxInputs));
    running = false;
  };

  return (input) => {
    if (waiting.length >= options.maxWaiting) {
      return Promise.reject(
        new WorkflowError("unavailable", "Too many requests are waiting; try again later"),
      );
    }
    return new Promise<O>((resolve, reject) => {
      waiting.push({ input, resolve, reject });
      if (!running) drain();
    });
  };
}
