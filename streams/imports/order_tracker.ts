/**
 * Finds the orders of a file whose rows do not stand together.
 *
 * @module
 */

import { type BloomFilter, bloomFilter } from "./bloom_filter.ts";

/** Characters of one order that are put together without the store. */
const orderCharacters = 8 * 1024 * 1024;

/** Is told the order of row after row, "" for none, and how many characters the row has. */
export type OrderTracker = (id: string, characters: number) => void;

/**
 * Marks in `scattered` every order whose rows do not stand together, or are very many.
 *
 * @param maxOrderRows rows of one order that are put together without the store
 */
export function orderTracker(scattered: BloomFilter, maxOrderRows: number): OrderTracker {
  const seen = bloomFilter();
  let lastId = "", rowsOfLast = 0, charactersOfLast = 0;
  return (id, characters) => {
    if (id !== lastId) {
      lastId = id;
      rowsOfLast = 1;
      charactersOfLast = characters;
      if (id !== "" && seen.add(id)) scattered.add(id);
      return;
    }
    const before = charactersOfLast;
    charactersOfLast += characters;
    const isMuch = before <= orderCharacters && charactersOfLast > orderCharacters;
    if ((++rowsOfLast === maxOrderRows || isMuch) && id !== "") scattered.add(id);
  };
}
