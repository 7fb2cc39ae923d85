/**
 * Names what a database lacks: orders that were acknowledged, refunds and chargebacks.
 *
 * @module
 */

import { findMissingOrders } from "../../db/recovery/database_marks.ts";
import { namedPerLoss } from "../../db/recovery/database_losses.ts";
import {
  type HeardMarks,
  type MarkedTable,
  markedTables,
  type OwnMarks,
} from "../../domain/operation/database_age.ts";
import { onceSegmentSize, type RedisDeps } from "../redis/keys.ts";
import type { DatabaseAgeDeps } from "./database_age.ts";

/** What is gone. */
export interface LostRows {
  /** Numbers of all orders that were published, and so acknowledged, in their order. */
  orders: number[];
  /** Numbers of refunds that may have been in use, at most {@linkcode namedPerLoss}. */
  refunds: number[];
  /** The same of chargebacks. */
  chargebacks: number[];
  /** Numbers that may have been in use and that no row has, by table. */
  atMost: Record<MarkedTable, number>;
}

/**
 * Numbers below the highest that the database has, in which orders are looked for as well: of several that were committed
 * together, one may be there and one before it not.
 */
const overlap = 10_000;

/**
 * Looks which orders Redis has seen published that have no row. To be asked once nothing more is published, and before
 * Redis forgets.
 */
export async function findLostRows(
  deps: DatabaseAgeDeps,
  marks: OwnMarks,
  heard: HeardMarks,
): Promise<LostRows> {
  const atMost = Object.fromEntries(markedTables.map((table) => {
    return [table, Math.max(0, heard.numbers[table] - marks.numbers[table])];
  })) as LostRows["atMost"];
  const published = await listPublished(
    deps,
    Math.max(0, marks.numbers.orders - overlap),
    heard.numbers.orders,
  );
  return {
    orders: await findMissingOrders(deps.db, published),
    refunds: numbersBetween(marks.numbers.refunds, heard.numbers.refunds),
    chargebacks: numbersBetween(marks.numbers.chargebacks ?? 0, heard.numbers.chargebacks ?? 0),
    atMost,
  };
}

/** The numbers after one, up to another, at most {@linkcode namedPerLoss}. */
function numbersBetween(after: number, upTo: number): number[] {
  const length = Math.min(namedPerLoss, Math.max(0, upTo - after));
  return Array.from({ length }, (_, index) => after + 1 + index);
}

/**
 * The orders after one number, up to another, that Redis knows as published.
 *
 * @returns their numbers, ascending
 */
export async function listPublished(
  { redis, keys }: RedisDeps,
  after: number,
  upTo: number,
): Promise<number[]> {
  const published: number[] = [];
  for (
    let segment = Math.floor((after + 1) / onceSegmentSize);
    segment * onceSegmentSize <= upTo;
    segment++
  ) {
    const bits = await redis.getBuffer(`${keys.publishedOnce}${segment}`);
    for (const [byte, value] of (bits ?? new Uint8Array()).entries()) {
      if (value === 0) continue;
      for (let bit = 0; bit < 8; bit++) {
        const id = segment * onceSegmentSize + byte * 8 + bit;
        if ((value & (0x80 >> bit)) !== 0 && id > after && id <= upTo) published.push(id);
      }
    }
  }
  return published;
}

/** Which of some orders Redis knows as published. */
export async function arePublished(
  { redis, keys }: RedisDeps,
  orderIds: readonly number[],
): Promise<number[]> {
  const bits = await Promise.all(
    orderIds.map((id) =>
      redis.getbit(
        `${keys.publishedOnce}${Math.floor(id / onceSegmentSize)}`,
        id % onceSegmentSize,
      )
    ),
  );
  return orderIds.filter((_, index) => bits[index] === 1);
}
