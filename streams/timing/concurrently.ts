/**
 * Works on several items at once.
 *
 * Own code, because p-map (7.1.1) ends while work that has begun still runs, and forgets what a generator throws where it
 * is asked for more than one item at once: an import whose file can't be read would count as done.
 *
 * @module
 */

/**
 * Takes items as they are asked for, so that no more of them exist than are worked on.
 *
 * @param concurrency how many items are worked on at once
 * @throws the first error, after the work that had begun has ended
 */
export async function concurrently<T>(
  items: Iterable<T> | AsyncIterable<T>,
  concurrency: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const iterator = Symbol.asyncIterator in items
    ? items[Symbol.asyncIterator]()
    : items[Symbol.iterator]();
  let failed = false;
  const workOn = async () => {
    try {
      while (!failed) {
        const { value, done } = await iterator.next();
        if (done) return;
        await work(value);
      }
    } catch (error) {
      failed = true;
      throw error;
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: concurrency }, workOn));
  await iterator.return?.();
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}
