/**
 * Remembers ids in little memory, and not quite exactly.
 *
 * @module
 */

import { textHash } from "./text_hash.ts";

/** See {@linkcode idMarks}. */
export interface IdMarks {
  /** Marks an id. @returns whether it, or one that looks like it, was marked before */
  add(id: string): boolean;
  /** True for every id that was marked, and for a few others. */
  has(id: string): boolean;
}

/** Bits, a power of two: 4 MB. With a million ids marked, three others of a hundred look marked as well. */
const bits = 2 ** 25;

/** Marks bits in a table of fixed size by a hash of the id. */
export function idMarks(): IdMarks {
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
