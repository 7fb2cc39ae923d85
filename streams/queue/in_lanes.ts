/**
 * Works on the items of a generator, several at once.
 *
 * @module
 */

/**
 * Takes items as they are asked for, so that no more of them exist than there are lanes.
 *
 * @param lanes how many items are worked on at once
 * @throws the first error, after the work that had begun has ended
 */
export async function inLanes<T>(
  items: AsyncGenerator<T>,
  lanes: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let failed = false;
  const lane = async () => {
    try {
      while (!failed) {
        const { value, done } = await items.next();
        if (done) return;
        await work(value);
      }
    } catch (error) {
      failed = true;
      throw error;
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: lanes }, lane));
  await items.return(undefined);
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}
