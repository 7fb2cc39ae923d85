/**
 * A Bloom filter with one hash: remembers ids in little memory, and takes some for others.
 *
 * @module
 */

import { textHash } from "./text_hash.ts";

/** See {@linkcode bloomFilter}. */
export interface BloomFilter {
  /** Adds an id. @returns whether it, or one that looks like it, was there before */
  add(id: string): boolean;
  /** True for every id that was added, and for a few others. */
  has(id: string): boolean;
}

/** Bits, a power of two: 4 MB. With a million ids in it, three others of a hundred seem to be there as well. */
const bits = 2 ** 25;

/** Makes a filter that has seen nothing yet. */
export function bloomFilter(): BloomFilter {
  const table = new Uint8Array(bits / 8);
  return {
    add(id) {
      const bit = textHash(id) % bits;
      const mask = 1 << (bit & 7);
      const before = table[bit >>> 3]! & mask;
      table[bit >>> 3]! |= mask;
      return before !== 0;
    },
    has(id) {
      const bit = textHash(id) % bits;
      return (table[bit >>> 3]! & (1 << (bit & 7))) !== 0;
    },
  };
}
