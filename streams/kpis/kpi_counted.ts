/**
 * Which orders and refunds are in the figures.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import {
  bucketSize,
  countAgainBuckets,
  countOrderBuckets,
  countRefundBuckets,
  countUndoneBuckets,
  readAgainBucket,
  readOrderBucket,
  readRefundBucket,
  readUndoneBucket,
} from "../../db/verification/kpi_sums.ts";
import {
  type KpiEvent,
  orderKpiEvents,
  refundKpiEvents,
  retryKpiEvents,
} from "../../domain/kpi/kpi.ts";
import { onceSegmentSize } from "../redis/keys.ts";

/** The once-bitmaps as they were at one moment, a segment each; null for one that does not exist. */
export interface CountedMarks {
  orders: readonly (Uint8Array | null)[];
  refunds: readonly (Uint8Array | null)[];
  /** Ends of orders since they were taken up again, by the id of that. */
  again: readonly (Uint8Array | null)[];
  /** Failures that were taken out of the figures, by the same id. */
  undone: readonly (Uint8Array | null)[];
}

/** Events that may be on their way at once; what lies beyond is not collected. */
const maxInFlight = 100_000;

/** Segments that hold the ids up to one, and one more: ids go on growing while they are read. */
export function segmentsFor(highestId: number): number {
  return Math.floor(highestId / onceSegmentSize) + 2;
}

/** True if the marks say that the event was counted. */
export function isCounted(marks: CountedMarks, event: KpiEvent): boolean {
  if ("refundId" in event) return hasMark(marks.refunds, event.refundId);
  const { retry } = event;
  if (retry === undefined) return hasMark(marks.orders, event.orderId);
  return hasMark(retry.undoes ? marks.undone : marks.again, retry.id);
}

/**
 * The events that the database knows and the marks do not, at most {@linkcode maxInFlight}.
 *
 * Ids are compared in buckets: only where a bucket has another number of marks than of settled orders
 * are its rows read. Marks are never without a settled order (what is counted was committed before), so
 * equal numbers mean the same orders. So it is with the times that orders were taken up again.
 *
 * @param tx a snapshot that is younger than the marks
 */
export async function findUncounted(
  tx: Queryable,
  marks: CountedMarks,
  kpiDay: (settledAt: string) => string,
): Promise<KpiEvent[]> {
  const uncounted: KpiEvent[] = [];
  const collect = (events: readonly KpiEvent[]): void => {
    for (const event of events) {
      if (uncounted.length >= maxInFlight) return;
      if (!isCounted(marks, event)) uncounted.push(event);
    }
  };
  for (const [bucket, count] of await countOrderBuckets(tx)) {
    if (marksIn(marks.orders, bucket) === count || uncounted.length >= maxInFlight) continue;
    collect((await readOrderBucket(tx, bucket)).flatMap((order) => orderKpiEvents(order, kpiDay)));
  }
  for (const [bucket, count] of await countAgainBuckets(tx)) {
    if (marksIn(marks.again, bucket) === count || uncounted.length >= maxInFlight) continue;
    collect((await readAgainBucket(tx, bucket)).flatMap((order) => orderKpiEvents(order, kpiDay)));
  }
  for (const [bucket, count] of await countUndoneBuckets(tx)) {
    if (marksIn(marks.undone, bucket) === count || uncounted.length >= maxInFlight) continue;
    const retries = await readUndoneBucket(tx, bucket);
    collect(
      retries.flatMap((retry) => retryKpiEvents(retry, kpiDay))
        .filter(({ retry }) => retry?.undoes),
    );
  }
  for (const [bucket, count] of await countRefundBuckets(tx)) {
    if (marksIn(marks.refunds, bucket) === count || uncounted.length >= maxInFlight) continue;
    collect(
      (await readRefundBucket(tx, bucket)).flatMap((refund) => refundKpiEvents(refund, kpiDay)),
    );
  }
  return uncounted;
}

/** SETBIT counts from the highest bit of the first byte. */
function hasMark(segments: readonly (Uint8Array | null)[], id: number): boolean {
  const offset = id % onceSegmentSize;
  const byte = segments[Math.floor(id / onceSegmentSize)]?.[offset >> 3] ?? 0;
  return (byte & (0x80 >> (offset & 7))) !== 0;
}

/** Marks in one bucket; a bucket lies within one segment because its size divides a segment's. */
function marksIn(segments: readonly (Uint8Array | null)[], bucket: number): number {
  const first = bucket * bucketSize;
  const start = (first % onceSegmentSize) >> 3;
  const bytes = segments[Math.floor(first / onceSegmentSize)]
    ?.subarray(start, start + (bucketSize >> 3)) ?? [];
  let marks = 0;
  for (let byte of bytes) {
    for (; byte !== 0; byte &= byte - 1) marks++;
  }
  return marks;
}
