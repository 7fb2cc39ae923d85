/**
 * Loads batches of lines, the next ones while the database works on those before.
 *
 * @module
 */

import type { ProviderLine } from "../../domain/reconciliation/provider_line.ts";
import { type Loading, loadOthers, loadPlain } from "./load_lines.ts";

/** Batches of charges that are written at once: with two, one is written while the next one is read. */
const writtenAtOnce = 2;

/** Batches that are not done: as many more as may wait for those lines of them that are looked at one by one. */
const batchesAtOnce = writtenAtOnce + 2;

/**
 * Lines that are looked at one by one, to a transaction. What is known of them takes some twenty statements, however few
 * they are, so those of several batches wait for each other: most batches have some refunds.
 */
const othersTogether = 500;

/** See {@linkcode openLoader}. */
export interface LineLoader {
  /**
   * Takes a batch, and waits as long as enough of them are worked on.
   *
   * @throws what loading one of those before has thrown
   */
  add(batch: readonly ProviderLine[]): Promise<void>;
  /** Waits for the last one. */
  end(): Promise<void>;
}

/**
 * Charges that say just what we have are written for several batches at once; about all other lines it is decided one after the
 * other, in the order of the report, because what one of them is may depend on those before.
 *
 * @param onLoaded is told how many lines were taken, one call after the other; some of them may wait for others
 */
export function openLoader(
  loading: Loading,
  onLoaded: (lines: number) => Promise<void>,
): LineLoader {
  const writing = new Set<Promise<unknown>>(), running = new Set<Promise<unknown>>();
  let before: Promise<void> = Promise.resolve();
  let others: ProviderLine[] = [];
  let lines = 0;
  let isTold = false;
  let failure: { error: unknown } | undefined;
  const load = (batch: readonly ProviderLine[]): void => {
    const plain = loadPlain(loading, batch, { isTold });
    const turn = before.then(async () => {
      const left = await plain;
      isTold = left.isTold;
      others.push(...left.others);
      for (; others.length >= othersTogether; others = others.slice(othersTogether)) {
        await loadOthers(loading, others.slice(0, othersTogether));
      }
      lines += batch.length;
      await onLoaded(lines);
    });
    before = turn;
    turn.catch((error) => failure ??= { error });
    until(plain, writing);
    until(turn, running);
  };
  return {
    async add(batch) {
      while (writing.size >= writtenAtOnce) await Promise.race(writing);
      while (running.size >= batchesAtOnce) await Promise.race(running);
      if (failure !== undefined) throw failure.error;
      load(batch);
    },
    async end() {
      await before;
      await loadOthers(loading, others);
    },
  };
}

/** Keeps some work among others until it is over. Whoever waits for it is told how it ended; that nobody waits is no fault. */
function until(work: Promise<unknown>, among: Set<Promise<unknown>>): void {
  among.add(work);
  work.finally(() => among.delete(work)).catch(() => {});
}
