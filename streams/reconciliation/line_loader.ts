/**
 * Loads batches of lines, the next ones while the database works on those before.
 *
 * @module
 */

import type { ProviderLine } from "../../domain/reconciliation/provider_line.ts";
import { type Loading, loadOthers, loadPlain } from "./load_lines.ts";

/** Batches that the database works on at once: with two, one is written while the next one is read. */
const batchesAtOnce = 2;

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
 * Charges that say just what we have are written for several batches at once; about all other lines it is decided one batch
 * after the other, because what one of them is may depend on those before.
 *
 * @param onLoaded is told how many lines are done, one call after the other
 */
export function openLoader(
  loading: Loading,
  onLoaded: (lines: number) => Promise<void>,
): LineLoader {
  const running = new Set<Promise<void>>();
  let before: Promise<void> = Promise.resolve();
  let lines = 0;
  const load = (batch: readonly ProviderLine[]): Promise<void> => {
    const plain = loadPlain(loading, batch);
    // Told by `before`, too: nobody may think that nobody heard of it.
    plain.catch(() => {});
    const turn = before.then(async () => {
      await loadOthers(loading, await plain);
      lines += batch.length;
      await onLoaded(lines);
    });
    before = turn;
    turn.catch(() => {});
    return turn;
  };
  return {
    async add(batch) {
      while (running.size >= batchesAtOnce) await Promise.race(running);
      const work = load(batch);
      running.add(work);
      work.finally(() => running.delete(work)).catch(() => {});
    },
    async end() {
      await before;
    },
  };
}
