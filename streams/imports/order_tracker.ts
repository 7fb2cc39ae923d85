/**
 * Finds the orders of a file whose rows do not stand together.
 *
 * @module
 */

import { maxOrderCharacters, maxOrderRows } from "../../domain/import/order_csv.ts";
import { type BloomFilter, bloomFilter } from "./bloom_filter.ts";
import { ownCopy } from "../../domain/text/own_copy.ts";

/** Characters of one order that are put together without the store. */
const orderCharacters = 8 * 1024 * 1024;

/** What is known of a file's orders once all rows were seen. */
export interface TrackedOrders {
  /** Orders whose rows do not stand together, or are very many; and a few others. */
  scattered: BloomFilter;
  /**
   * Orders with more rows in a row than one may have, and for each the line that is the first too much: nothing of them
   * has to be gathered. Each takes 100,000 rows or 33 million characters, so there are few.
   */
  oversized: Map<string, number>;
  /** Scattered orders that surely are as large; from which line on each is, {@linkcode sizeLarge} finds out. */
  large: Set<string>;
}

/** Is told the order of row after row, "" for none, how many characters the row has, and its line. */
export type OrderTracker = (id: string, characters: number, line: number) => void;

/** No order is known of yet. */
export function noOrders(): TrackedOrders {
  return { scattered: bloomFilter(), oversized: new Map(), large: new Set() };
}

/**
 * Notes what every order is that can't be put together as its rows come.
 *
 * @param rowsTogether rows of one order that are put together without the store
 */
export function orderTracker(
  { scattered, oversized, large }: TrackedOrders,
  rowsTogether: number,
): OrderTracker {
  const seen = bloomFilter();
  const countAgain = countFrequent(large);
  let lastId = "", rowsOfLast = 0, charactersOfLast = 0, isOversized = false, isAgain = false;
  return (id, characters, line) => {
    if (id !== lastId) {
      if (isAgain) countAgain(lastId, { rows: rowsOfLast, characters: charactersOfLast });
      lastId = id;
      rowsOfLast = 1;
      charactersOfLast = characters;
      isOversized = false;
      isAgain = id !== "" && seen.add(id);
      if (isAgain) scattered.add(id);
      return;
    }
    const before = charactersOfLast;
    charactersOfLast += characters;
    const isMuch = before <= orderCharacters && charactersOfLast > orderCharacters;
    if ((++rowsOfLast === rowsTogether || isMuch) && id !== "") scattered.add(id);
    if (isOversized || id === "") return;
    isOversized = isTooLarge({ rows: rowsOfLast, characters: charactersOfLast });
    if (isOversized && !oversized.has(id)) oversized.set(ownCopy(id), line);
  };
}

interface OrderSize {
  rows: number;
  characters: number;
}

function isTooLarge({ rows, characters }: OrderSize): boolean {
  return rows > maxOrderRows || characters > maxOrderCharacters;
}

/** Scattered orders whose rows are counted at a time. */
const maxCounted = 1_024;

/** Characters that weigh as much as a row: as many as one has on average of an order at both of its limits. */
const charactersOfRow = maxOrderCharacters / maxOrderRows;

/**
 * Counts the rows of the orders that most of them are of, by Misra and Gries: whoever is counted gives way once as much
 * has come of others as of itself, for each of those that are counted beside it. So no count is too high.
 *
 * @param large is added those that are too large
 */
function countFrequent(large: Set<string>): (id: string, size: OrderSize) => void {
  const counts = new Map<string, OrderSize & { weight: number }>();
  return (id, { rows, characters }) => {
    let count = counts.get(id);
    if (count === undefined) {
      if (counts.size >= maxCounted) {
        for (const [other, one] of counts) if (--one.weight <= 0) counts.delete(other);
        return;
      }
      counts.set(ownCopy(id), count = { rows: 0, characters: 0, weight: 0 });
    }
    count.rows += rows;
    count.characters += characters;
    count.weight += rows + characters / charactersOfRow;
    if (isTooLarge(count) && !large.has(id)) large.add(ownCopy(id));
  };
}

/**
 * Finds the lines from which scattered orders are too large, so that nothing of them has to be gathered.
 *
 * @returns to be told all rows once more, from the first one on; undefined where there is no such order
 */
export function sizeLarge({ large, oversized }: TrackedOrders): OrderTracker | undefined {
  const sizes = new Map<string, OrderSize>();
  for (const id of large) if (!oversized.has(id)) sizes.set(id, { rows: 0, characters: 0 });
  if (sizes.size === 0) return undefined;
  return (id, characters, line) => {
    const size = sizes.get(id);
    if (size === undefined) return;
    size.rows++;
    size.characters += characters;
    if (!isTooLarge(size)) return;
    oversized.set(ownCopy(id), line);
    sizes.delete(id);
  };
}
