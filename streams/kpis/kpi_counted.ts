/**
 * Which orders and refunds are in the figures.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import type { Scope, Scopes } from "../../db/verification/scope.ts";
import {
  bucketSize,
  countAgainBuckets,
  countChargebackBuckets,
  countOrderBuckets,
  countRefundBuckets,
  countReturnedBuckets,
  countUndoneBuckets,
  readAgainBucket,
  readChargebackBucket,
  readOrderBucket,
  readRefundBucket,
  readReturnedBucket,
  readUndoneBucket,
} from "../../db/verification/kpi_sums.ts";
import {
  chargebackKpiEvents,
  type KpiEvent,
  kpiIdOf,
  orderKpiEvents,
  refundKpiEvents,
  retryKpiEvents,
  returnKpiEvents,
} from "../../domain/kpi/kpi.ts";
import { onceSegmentSize } from "../redis/keys.ts";

/** Bitmaps by the number of their segment; those that do not exist are missing. */
export type Segments = ReadonlyMap<number, Uint8Array>;

/** The once-bitmaps as they were at one moment. */
export interface CountedMarks {
  orders: Segments;
  refunds: Segments;
  /** Ends of orders since they were taken up again, by the id of that. */
  again: Segments;
  /** Failures that were taken out of the figures, by the same id. */
  undone: Segments;
  /** Refunds that their providers took back, and that are out of the figures. */
  returned: Segments;
  /** Movements of chargebacks. */
  chargebacks: Segments;
}

function marksOf(marks: CountedMarks, event: KpiEvent): Segments {
  if ("movementId" in event) return marks.chargebacks;
  if ("refundId" in event) return event.isReturned ? marks.returned : marks.refunds;
  if (event.retry === undefined) return marks.orders;
  return event.retry.undoes ? marks.undone : marks.again;
}

/** Events that may be on their way at once; what lies beyond is not collected. */
const maxInFlight = 100_000;

/** True if the marks say that the event was counted. */
export function isCounted(marks: CountedMarks, event: KpiEvent): boolean {
  return hasMark(marksOf(marks, event), kpiIdOf(event));
}

/**
 * The events that the database knows and the marks do not, at most {@linkcode maxInFlight}.
 *
 * Ids are compared in buckets: only where a bucket has another number of marks than of settled orders
 * are its rows read. Marks are never without a settled order (what is counted was committed before), so
 * equal numbers mean the same orders. So it is with the times that orders were taken up again.
 *
 * @param tx a snapshot that is younger than the marks
 * @param scopes the orders and refunds that are looked at
 */
export async function findUncounted(
  tx: Queryable,
  marks: CountedMarks,
  kpiDay: (settledAt: string) => string,
  scopes: Scopes,
): Promise<KpiEvent[]> {
  const uncounted: KpiEvent[] = [];
  const collect = (events: readonly KpiEvent[]): void => {
    for (const event of events) {
      if (uncounted.length >= maxInFlight) return;
      if (!isCounted(marks, event)) uncounted.push(event);
    }
  };
  for (const [bucket, count] of await countAll(tx, countOrderBuckets, scopes.orders)) {
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
  for (const [bucket, count] of await countAll(tx, countRefundBuckets, scopes.refunds)) {
    if (marksIn(marks.refunds, bucket) === count || uncounted.length >= maxInFlight) continue;
    collect(
      (await readRefundBucket(tx, bucket)).flatMap((refund) => refundKpiEvents(refund, kpiDay)),
    );
  }
  for (const [bucket, count] of await countReturnedBuckets(tx)) {
    if (marksIn(marks.returned, bucket) === count || uncounted.length >= maxInFlight) continue;
    const returned = await readReturnedBucket(tx, bucket);
    collect(
      returned.flatMap((refund) => returnKpiEvents(refund, kpiDay))
        .filter(({ isReturned }) => isReturned),
    );
  }
  for (const [bucket, count] of await countChargebackBuckets(tx)) {
    if (marksIn(marks.chargebacks, bucket) === count || uncounted.length >= maxInFlight) continue;
    const movements = await readChargebackBucket(tx, bucket);
    collect(movements.flatMap((movement) => chargebackKpiEvents(movement, kpiDay)));
  }
  return uncounted;
}

/** Counts buckets of several scopes together; where sealed rows share a bucket, its rows are read. */
async function countAll(
  tx: Queryable,
  count: (tx: Queryable, scope: Scope) => Promise<Map<number, number>>,
  scopes: readonly Scope[],
): Promise<Map<number, number>> {
  const sums = new Map<number, number>();
  for (const scope of scopes) {
    for (const [bucket, rows] of await count(tx, scope)) {
      sums.set(bucket, (sums.get(bucket) ?? 0) + rows);
    }
  }
  return sums;
}

/** SETBIT counts from the highest bit of the first byte. */
function hasMark(segments: Segments, id: number): boolean {
  const offset = id % onceSegmentSize;
  const byte = segments.get(Math.floor(id / onceSegmentSize))?.[offset >> 3] ?? 0;
  return (byte & (0x80 >> (offset & 7))) !== 0;
}

/** Marks in one bucket; a bucket lies within one segment because its size divides a segment's. */
function marksIn(segments: Segments, bucket: number): number {
  const first = bucket * bucketSize;
  const start = (first % onceSegmentSize) >> 3;
  const bytes = segments.get(Math.floor(first / onceSegmentSize))
    ?.subarray(start, start + (bucketSize >> 3)) ?? [];
  let marks = 0;
  for (let byte of bytes) {
    for (; byte !== 0; byte &= byte - 1) marks++;
  }
  return marks;
}
