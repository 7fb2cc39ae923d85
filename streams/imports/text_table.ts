/**
 * Numbers by very many texts, in little memory.
 *
 * @module
 */

import { textHash } from "./text_hash.ts";

/** See {@linkcode textTable}. */
export interface TextTable {
  /** The number of a text; undefined where it has none. */
  get(text: string): number | undefined;
  /**
   * Gives a text a number.
   *
   * @returns false where it is full and does not know the text: then nothing was done
   */
  set(text: string, value: number): boolean;
}

/** Texts that are remembered: 64 MB. */
const maxTexts = 3_500_000;

/** Places to begin with, a power of two. */
const firstSize = 4_096;

/** Of the half of a mark by which texts differ that share the other. */
const secondSeed = 1;

/**
 * Remembers texts by 64 bits of their hashes, sixteen bytes each: of a million texts, two are taken for each other once
 * in thirty million files.
 *
 * @param limit for tests
 */
export function textTable(limit = maxTexts): TextTable {
  let marks = new Uint32Array(2 * firstSize);
  let values = new Float64Array(firstSize);
  let texts = 0;

  /** Where a mark lies, or could. The second half of a mark is never zero, which is a free place. */
  const placeOf = (first: number, second: number): number => {
    const mask = values.length - 1;
    for (let place = first & mask;; place = (place + 1) & mask) {
      const there = marks[2 * place + 1]!;
      if (there === 0 || (there === second && marks[2 * place] === first)) return place;
    }
  };
  const marksOf = (text: string) => ({
    first: textHash(text),
    second: textHash(text, secondSeed) || 1,
  });
  const grow = (): void => {
    const old = { marks, values };
    marks = new Uint32Array(4 * old.values.length);
    values = new Float64Array(2 * old.values.length);
    for (let place = 0; place < old.values.length; place++) {
      const first = old.marks[2 * place]!, second = old.marks[2 * place + 1]!;
      if (second === 0) continue;
      const at = placeOf(first, second);
      marks[2 * at] = first;
      marks[2 * at + 1] = second;
      values[at] = old.values[place]!;
    }
  };

  return {
    get(text) {
      const { first, second } = marksOf(text);
      const place = placeOf(first, second);
      return marks[2 * place + 1] === 0 ? undefined : values[place]!;
    },
    set(text, value) {
      const { first, second } = marksOf(text);
      let place = placeOf(first, second);
      if (marks[2 * place + 1] === 0) {
        if (texts >= limit) return false;
        if (10 * ++texts > 9 * values.length) {
          grow();
          place = placeOf(first, second);
        }
        marks[2 * place] = first;
        marks[2 * place + 1] = second;
      }
      values[place] = value;
      return true;
    },
  };
}
