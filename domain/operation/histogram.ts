/**
 * Histograms: how many values fell between fixed bounds.
 *
 * @module
 */

/** Counts by bucket: one for each bound, and a last one for what is above all of them. */
export type Histogram = number[];

/** Upper bounds of the time that a batch takes, in milliseconds. */
export const handlerMsBounds: readonly number[] = [
  5,
  10,
  25,
  50,
  100,
  250,
  500,
  1_000,
  2_500,
  5_000,
  10_000,
];

/** Upper bounds of the messages in a batch. */
export const batchSizeBounds: readonly number[] = [1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500];

/** Upper bounds of the time from an order's arrival to its end, in milliseconds. */
export const settleMsBounds: readonly number[] = [
  50,
  100,
  250,
  500,
  1_000,
  2_000,
  2_500,
  3_000,
  4_000,
  6_000,
  10_000,
  20_000,
  30_000,
  60_000,
  300_000,
  900_000,
];

/** The bucket that a value belongs to: a bound is part of the bucket below it. */
export function bucketOf(bounds: readonly number[], value: number): number {
  const found = bounds.findIndex((bound) => value <= bound);
  return found === -1 ? bounds.length : found;
}

/**
 * The value below which a share of all values lies, taken to be spread evenly within their bucket.
 *
 * @param share from 0 to 1
 * @returns null for an empty histogram; the highest bound for what is above it
 */
export function quantile(
  bounds: readonly number[],
  histogram: Histogram,
  share: number,
): number | null {
  const total = histogram.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  let below = 0;
  for (let bucket = 0; bucket < bounds.length; bucket++) {
    const count = histogram[bucket]!;
    if (count > 0 && below + count >= share * total) {
      const from = bucket === 0 ? 0 : bounds[bucket - 1]!;
      return from + (bounds[bucket]! - from) * ((share * total - below) / count);
    }
    below += count;
  }
  return bounds.at(-1)!;
}

/** Histograms of the same bounds put together. */
export function sumHistograms(histograms: readonly Histogram[]): Histogram {
  const [first = []] = histograms;
  return first.map((_, bucket) => histograms.reduce((sum, one) => sum + one[bucket]!, 0));
}
