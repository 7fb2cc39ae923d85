/**
 * Keeps the row of a run up to date while it works and while it waits.
 *
 * @module
 */

/** Milliseconds between two updates of a row: whoever looks at it sees no older counts. */
const updateMs = 500;

/** See {@linkcode progressRow}. */
export interface ProgressRow {
  /** Has the row say what was counted by now: at once, or as soon as it may be written again. Nobody waits for it. */
  note(): void;
  /** Writes no more, once what is being written is over: what is written next is the end of the run. */
  end(): Promise<void>;
}

/**
 * Makes what writes a row now and then. What was noted is written although nothing follows: after a batch an import may wait for
 * a lock or an engine for as long as they are away.
 *
 * @param write writes what was counted by then; one at a time, so that no older counts come after newer ones
 * @param onError is told why it could not; what is counted next is written again
 */
export function progressRow(
  write: () => Promise<void>,
  onError: (error: unknown) => void,
): ProgressRow {
  let writtenAt = performance.now();
  let isNoted = false, isOver = false;
  let soon: ReturnType<typeof setTimeout> | undefined;
  let writing: Promise<void> | undefined;

  const next = () => {
    if (!isNoted || isOver || soon !== undefined || writing !== undefined) return;
    soon = setTimeout(begin, Math.max(0, writtenAt + updateMs - performance.now()));
  };
  const begin = () => {
    soon = undefined;
    isNoted = false;
    writtenAt = performance.now();
    writing = write().catch(onError).finally(() => {
      writing = undefined;
      next();
    });
  };

  return {
    note() {
      isNoted = true;
      next();
    },
    async end() {
      isOver = true;
      clearTimeout(soon);
      await writing;
    },
  };
}
