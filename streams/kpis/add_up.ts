/**
 * Many events of the figures added up, for a rebuild.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { type KpiEvent, kpiIdOf as idOf } from "../../domain/kpi/kpi.ts";
import { type KpiKind, type KpiKindRow, kpiKinds } from "../../domain/kpi/kpi_table.ts";
import { onceSegmentSize } from "../redis/keys.ts";

/** What the events of one kind, day and currency come to. */
interface DayTotal {
  kind: KpiKind;
  day: string;
  currency: string;
  events: number;
  cents: number;
}

/** Events whose marks lie in one bitmap, added up. */
export interface AddedUp {
  sums: {
    of: KpiKindRow["of"];
    segment: number;
    /** Of the bitmap, the first byte that is written. */
    first: number;
    days: DayTotal[];
    /** By currency: a customer and the cents that their place moves by, in turn. */
    boards: Record<string, number[]>;
  };
  /** A bit for each event, the highest of the first byte first. */
  bytes: Buffer;
  /** The events themselves. */
  events: KpiEvent[];
}

/** Bytes of a bitmap that are written at once: ids that lie far apart go one by one. */
const maxBytes = 16_384;

/** Events that are added up together: bounds how long Redis is busy with them. */
const maxEvents = 5_000;

/**
 * Adds events up whose ids lie close to each other, and leaves the others: those of orders that were taken up again
 * and of refunds that were taken back, those that lie apart, and those whose sums would not be exact.
 */
export function addUp(events: readonly KpiEvent[]): { parts: AddedUp[]; others: KpiEvent[] } {
  const parts: AddedUp[] = [];
  const others: KpiEvent[] = [];
  let part: KpiEvent[] = [];
  let start = 0;
  const close = () => {
    const sums = part.length === 0 ? null : sumOf(part);
    if (sums === null) others.push(...part);
    else parts.push(sums);
    part = [];
  };
  for (const event of events) {
    const isOfOthers = "orderId" in event
      ? event.retry !== undefined
      : "refundId" in event && event.isReturned;
    if (isOfOthers) {
      others.push(event);
      continue;
    }
    const byte = Math.floor(idOf(event) / 8);
    const isFar = part.length > 0 && (byte - start >= maxBytes || byte < start ||
      segmentOf(event) !== segmentOf(part[0]!) || ofOf(event) !== ofOf(part[0]!));
    if (isFar || part.length >= maxEvents) close();
    if (part.length === 0) start = byte;
    part.push(event);
  }
  close();
  return { parts, others };
}

const ofOf = (event: KpiEvent) => kpiKinds[event.kind].of;
const segmentOf = (event: KpiEvent) => Math.floor(idOf(event) / onceSegmentSize);

/** @returns null where a sum is not exact, or an event is there twice */
function sumOf(events: KpiEvent[]): AddedUp | null {
  const segment = segmentOf(events[0]!);
  const offsets = events.map((event) => idOf(event) - segment * onceSegmentSize);
  const first = Math.min(...offsets) >> 3;
  const bytes = Buffer.alloc((Math.max(...offsets) >> 3) - first + 1);
  const days = new Map<string, DayTotal>();
  const boards = new Map<string, Map<number, number>>();
  for (const [index, { kind, day, currency, cents, customerId }] of events.entries()) {
    const at = (offsets[index]! >> 3) - first;
    const mark = 0x80 >> (offsets[index]! & 7);
    if ((bytes[at]! & mark) !== 0) return null;
    bytes[at]! |= mark;
    const name = `${day}:${currency}:${kind}`;
    const total = days.get(name) ?? { kind, day, currency, events: 0, cents: 0 };
    total.events++;
    total.cents += cents;
    if (!Number.isSafeInteger(total.cents)) return null;
    days.set(name, total);
    const { leaderboard } = kpiKinds[kind];
    if (leaderboard === 0) continue;
    const board = boards.get(currency) ?? new Map<number, number>();
    boards.set(currency, board);
    board.set(customerId, (board.get(customerId) ?? 0) + leaderboard * cents);
  }
  return {
    sums: {
      of: ofOf(events[0]!),
      segment,
      first,
      days: [...days.values()],
      boards: Object.fromEntries([...boards].map(([currency, board]) => [
        currency,
        [...board].flat(),
      ])),
    },
    bytes,
    events,
  };
}
