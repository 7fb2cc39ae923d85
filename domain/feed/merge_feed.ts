/**
 * Puts the steps of orders and the movements of products into one order.
 *
 * @module
 */

/** A row of one of the two. */
export interface FeedRow {
  /** Of the row. */
  id: number;
  /** When it was written, as the database has it. */
  writtenAt: string;
}

/** Rows that follow each other in a source. */
export interface FeedSource<Row extends FeedRow> {
  /** In the order of their ids, which is that of the source. */
  rows: readonly Row[];
  /** Whether further ones may follow that are old enough to be read. */
  hasMore: boolean;
}

/**
 * Always the row that was written earlier of those that come next, of two of one moment the order's. Which row follows another
 * depends on nothing but the two sources, so whoever reads from the same place gets the same, however many at once.
 *
 * @returns the rows, as far as it is certain what follows
 */
export function mergeFeed<Step extends FeedRow, Movement extends FeedRow>(
  steps: FeedSource<Step>,
  movements: FeedSource<Movement>,
): ({ step: Step } | { movement: Movement })[] {
  const merged: ({ step: Step } | { movement: Movement })[] = [];
  for (let step = 0, movement = 0;;) {
    const a = steps.rows[step];
    const b = movements.rows[movement];
    const isUncertain = (a === undefined && steps.hasMore) ||
      (b === undefined && movements.hasMore);
    if (isUncertain || (a === undefined && b === undefined)) return merged;
    if (b === undefined || (a !== undefined && a.writtenAt <= b.writtenAt)) {
      merged.push({ step: a! });
      step++;
    } else {
      merged.push({ movement: b });
      movement++;
    }
  }
}
