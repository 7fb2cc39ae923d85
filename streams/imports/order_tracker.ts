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
}

/** Is told the order of row after row, "" for none, how many characters the row has, and its line. */
export type OrderTracker = (id: string, characters: number, line: number) => void;

/** No order is known of yet. */
export function noOrders(): TrackedOrders {
  return { scattered: bloomFilter(), oversized: new Map() };
}

/**
 * Notes what every order is that can't be put together as its rows come.
 *
 * @param rowsTogether rows of one order that are put together without the store
 */
export function orderTracker(
  { scattered, oversized }: TrackedOrders,
  rowsTogether: number,
): OrderTracker {
  const seen = bloomFilter();
  let lastId = "", rowsOfLast = 0, charactersOfLast = 0, isOversized = false;
  return (id, characters, line) => {
    if (id !== lastId) {
      lastId = id;
      rowsOfLast = 1;
      charactersOfLast = characters;
      isOversized = false;
      if (id !== "" && seen.add(id)) scattered.add(id);
      return;
    }
    const before = charactersOfLast;
    charactersOfLast += characters;
    const isMuch = before <= orderCharacters && charactersOfLast > orderCharacters;
    if ((++rowsOfLast === rowsTogether || isMuch) && id !== "") scattered.add(id);
    if (isOversized || id === "") return;
    isOversized = rowsOfLast > maxOrderRows || charactersOfLast > maxOrderCharacters;
    if (isOversized && !oversized.has(id)) oversized.set(ownCopy(id), line);
  };
}
