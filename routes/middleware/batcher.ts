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
  /** Longest wait of a batch for callers of a crowded one before, in milliseconds from its end; default {@linkcode usualGatherMs}. */
  gatherMs?: number;
  /** True for an error that is nobody's own fault, such as a lost engine: no input is tried alone. */
  concernsAll: (error: unknown) => boolean;
}

/** Inputs of a batch after which the next one waits for as many. */
const crowdSize = 8;

/** Long enough for answers to reach callers on the same network, and for them to come again. */
const usualGatherMs = 3;

interface Waiting<I, O> {
  input: I;
  resolve: (output: O) => void;
  reject: (error: unknown) => void;
}

/**
 * Makes a function for one input out of work on many. The first call runs at once; those that come while
 * it runs are the next batch, so a lone call never waits and a crowd shares its round trips. After a batch of
 * {@linkcode crowdSize} and more, the next waits a moment for as many: of 64 callers who come again as soon
 * as they are answered, each batch would else have half, and cost as much.
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
  const crowd = crowdWithin(options);
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
    while (waiting.length > 0) {
      const gathered = crowd.gather(waiting.length);
      if (gathered !== undefined) await gathered;
      const batch = waiting.splice(0, options.maxInputs);
      await runBatch(batch);
      crowd.answered(batch.length);
    }
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
      crowd.came(waiting.length);
      if (!running) drain();
    });
  };
}

/** Waits for callers of the batch before, most of whom come again as soon as they are answered. */
function crowdWithin(
  { maxInputs, gatherMs = usualGatherMs }: Pick<BatcherOptions, "maxInputs" | "gatherMs">,
) {
  let before = { size: 0, endedAt: -Infinity };
  let awaited: { count: number; come: () => void } | undefined;
  return {
    /** @returns undefined where nobody is to be waited for */
    gather(waiting: number): Promise<void> | undefined {
      const leftMs = before.endedAt + gatherMs - performance.now();
      const count = Math.min(before.size, maxInputs);
      if (before.size < crowdSize || waiting >= count || leftMs <= 0) return;
      return new Promise<void>((resolve) => {
        const come = () => {
          clearTimeout(timer);
          awaited = undefined;
          resolve();
        };
        const timer = setTimeout(come, leftMs);
        awaited = { count, come };
      });
    },
    came(waiting: number): void {
      if (awaited !== undefined && waiting >= awaited.count) awaited.come();
    },
    answered(size: number): void {
      before = { size, endedAt: performance.now() };
    },
  };
}
