/**
 * A Bloom filter: remembers ids in little memory, and takes some for others.
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

/** Bits, a power of two: 4 MB. Of 100,000 ids none is likely to be taken for another, of a million some thirty. */
const bits = 2 ** 25;

/** Bits of one id. */
const bitsOfId = 4;

/** Any but 0, for the second of two hashes: one of 32 bits alone is shared by some ids of 100,000. */
const secondSeed = 1;

/** Makes a filter that has seen nothing yet. */
export function bloomFilter(): BloomFilter {
  const table = new Uint8Array(bits / 8);
  return {
    add(id) {
      const step = textHash(id, secondSeed) | 1;
      let isThere = true;
      for (let count = 0, at = textHash(id); count < bitsOfId; count++, at += step) {
        const bit = at & (bits - 1);
        const mask = 1 << (bit & 7);
        if ((table[bit >>> 3]! & mask) === 0) isThere = false;
        table[bit >>> 3]! |= mask;
      }
      return isThere;
    },
    has(id) {
      const step = textHash(id, secondSeed) | 1;
      for (let count = 0, at = textHash(id); count < bitsOfId; count++, at += step) {
        const bit = at & (bits - 1);
        if ((table[bit >>> 3]! & (1 << (bit & 7))) === 0) return false;
      }
      return true;
    },
  };
}
