/**
 * Makes one set-based call of many that come at the same time.
 *
 * @module
 */

import { HTTPException } from "hono/http-exception";
import { WorkflowError } from "../../domain/errors.ts";
import { withDeadline } from "../../streams/timing/deadline.ts";
import { fairQueue } from "./fair_queue.ts";

/** How calls are put together. */
export interface BatcherOptions<I = unknown> {
  /** Most inputs to one call of the work. */
  maxInputs: number;
  /** Most weight of them together; by default there is no limit. */
  maxWeight?: number;
  /**
   * Calls that may wait; for a further one, whoever has most of them gives one up or it is turned away. Of one caller
   * {@linkcode callerShare} of them may.
   */
  maxWaiting: number;
  /** Whose call it is: callers take turns. By default all are one caller's. */
  callerOf?: (input: I) => string;
  /** How much of a turn a call takes; by default 1. */
  weightOf?: (input: I) => number;
  /**
   * Longest time for one call of the work, in milliseconds. Its callers are then turned away and the next
   * batch begins: one connection that hangs must not hold up everybody.
   */
  maxMs: number;
  /** Most batches that run at the same time; by default one after the other. */
  maxRunning?: number;
  /** Time after which a batch is slow, in milliseconds besides {@linkcode slowMsEach}; default {@linkcode usualSlowMs}. */
  slowMs?: number;
  /** Longest wait of a batch for callers of a crowded one before, in milliseconds from its end; default {@linkcode usualGatherMs}. */
  gatherMs?: number;
  /** True for an error that is nobody's own fault, such as a lost engine: no input is tried alone. */
  concernsAll: (error: unknown) => boolean;
}

/** The part of the places that one caller's calls may take. */
const callerShare = 0.5;

/** Inputs of a batch after which the next one waits for more. */
const crowdSize = 8;

/**
 * Callers who are worth two batches, one after the other: this process reads and answers the ones while the database is busy with the
 * others. Of fewer, each batch would cost nearly as much as one of all.
 */
const twoHalves = 32;

/** Callers who are worth two batches beside each other. Of fewer, they cost more than they save in waits (tools/bench/RESULTS.md). */
const twoBatches = 128;

/**
 * A small batch on engines that nothing else keeps busy takes less. One that takes longer waits for a lock, a disk or a processor, and
 * the few who come meanwhile need not wait for its end as well. Of a crowd each batch is slow where all are, and two small ones cost more.
 */
const usualSlowMs = 10;

/** What a call adds to that, in milliseconds: several times what it takes. */
const slowMsEach = 0.5;

/** Long enough for callers on the same network to come again once their answers are sent. */
const usualGatherMs = 3;

interface Waiting<I, O> {
  input: I;
  resolve: (output: O) => void;
  reject: (error: unknown) => void;
}

/**
 * Makes a function for one input out of work on many. The first call runs at once; those that come while
 * it runs are the next batch, so a lone call never waits and a crowd shares its round trips. After a batch of
 * {@linkcode crowdSize} and more, the next waits a moment for those who come again as soon as they are answered: of 64 such
 * callers, batches would else have 63 and 1 by turns, and a small one costs nearly as much as a large one.
 *
 * Where several batches may run, the next begins beside one that runs once as many wait as that has: of a crowd, half. Of fewer than
 * {@linkcode twoBatches} it begins once that is slow.
 *
 * Callers take turns, see `fair_queue.ts`.
 *
 * A batch that fails is halved until the culprit stands alone, so `work` must be safe to repeat.
 *
 * @param work gives an output for each input, in the same order
 * @returns a function that rejects with `unavailable` when too many calls wait, and with 429 when too many of one caller do
 */
export function batcher<I, O>(
  work: (inputs: readonly I[]) => Promise<readonly O[]>,
  options: BatcherOptions<I>,
): (input: I) => Promise<O> {
  const crowd = crowdWithin(options);
  const running = runningBatches(options);
  const { maxWaiting, callerOf = () => "", weightOf = () => 1 } = options;
  const waiting = fairQueue<Waiting<I, O>>({
    all: maxWaiting,
    each: options.callerOf === undefined ? Infinity : Math.ceil(maxWaiting * callerShare),
  });
  const most = { items: options.maxInputs, weight: options.maxWeight ?? Infinity };
  let isGathering = false;

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

  const begin = async (): Promise<void> => {
    const batch = waiting.take(most);
    const end = running.begin(batch.length, beginNext);
    await runBatch(batch);
    end();
    crowd.answered(batch.length);
    beginNext();
  };

  const beginNext = async (): Promise<void> => {
    if (isGathering || waiting.size === 0 || !running.mayBegin(waiting.size)) return;
    const gathered = running.isNone() ? crowd.gather(waiting.size) : undefined;
    if (gathered !== undefined) {
      isGathering = true;
      await gathered;
      isGathering = false;
    }
    void begin();
  };

  return (input) =>
    new Promise<O>((resolve, reject) => {
      const pushed = waiting.push(callerOf(input), { input, resolve, reject }, weightOf(input));
      if (!pushed.waits) return reject(pushed.beyond === "each" ? tooManyOfOne() : tooMany());
      pushed.displaced?.reject(tooMany());
      crowd.came(waiting.size);
      void beginNext();
    });
}

/** The batches that run. */
function runningBatches(
  { maxRunning = 1, slowMs = usualSlowMs }: Pick<BatcherOptions, "maxRunning" | "slowMs">,
) {
  const batches = new Set<{ size: number; slowAt: number }>();
  return {
    isNone: () => batches.size === 0,
    /** Whether one may begin now that has so many. */
    mayBegin(waiting: number): boolean {
      if (batches.size === 0) return true;
      if (batches.size >= maxRunning) return false;
      const now = performance.now();
      let size = 0, isSlow = false;
      for (const batch of batches) {
        size += batch.size;
        if (batch.slowAt <= now) isSlow = true;
      }
      return size + waiting < twoBatches ? isSlow : waiting >= size;
    },
    /**
     * @param whenSlow is called once it is slow, where others may run beside it
     * @returns to be called at its end
     */
    begin(size: number, whenSlow: () => void): () => void {
      const slowAfterMs = slowMs + size * slowMsEach;
      const batch = { size, slowAt: performance.now() + slowAfterMs };
      batches.add(batch);
      const timer = batches.size < maxRunning ? setTimeout(whenSlow, slowAfterMs + 1) : undefined;
      return () => {
        clearTimeout(timer);
        batches.delete(batch);
      };
    },
  };
}

function tooMany(): WorkflowError {
  return new WorkflowError("unavailable", "Too many requests are waiting; try again later");
}

function tooManyOfOne(): HTTPException {
  return new HTTPException(429, {
    message: "Too many of your requests are waiting for their turn",
  });
}

/**
 * Waits for callers of the batch before, most of whom come again as soon as they are answered: together with those who wait
 * already for all of them, or half of them where that is enough.
 */
function crowdWithin(
  { maxInputs, gatherMs = usualGatherMs }: Pick<BatcherOptions, "maxInputs" | "gatherMs">,
) {
  let before = { size: 0, endedAt: -Infinity };
  let awaited: { count: number; come: () => void } | undefined;
  return {
    /** @returns undefined where nobody is to be waited for */
    gather(waiting: number): Promise<void> | undefined {
      const all = before.size + waiting;
      const count = Math.min(all < twoHalves ? before.size : Math.ceil(all / 2), maxInputs);
      const isOver = before.endedAt + gatherMs < performance.now();
      if (before.size < crowdSize || waiting >= count || isOver) return;
      return new Promise<void>((resolve) => {
        const come = () => {
          clearTimeout(timer);
          awaited = undefined;
          resolve();
        };
        // The answers of the batch before are sent first, which takes its time.
        let timer = setTimeout(() => timer = setTimeout(come, gatherMs));
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
