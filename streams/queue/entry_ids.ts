/**
 * Ids of stream entries.
 *
 * @module
 */

/** Which of two entries is the older one: negative for the first. */
export function compareEntryIds(a: string, b: string): number {
  const [aMs, aNumber] = a.split("-").map(Number) as [number, number];
  const [bMs, bNumber] = b.split("-").map(Number) as [number, number];
  return aMs - bMs || aNumber - bNumber;
}
