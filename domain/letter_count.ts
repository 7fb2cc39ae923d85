/**
 * How far dead letters are counted.
 *
 * @module
 */

/**
 * So many dead letters of a group are counted at the most, which takes 20 ms: beyond that, their number helps
 * nobody.
 */
export const mostLettersCounted = 100_000;

/** `1,200`, or `100,000+` where counting ended there. */
export function describeLetters(letters: number): string {
  return letters.toLocaleString("en") + (letters >= mostLettersCounted ? "+" : "");
}
