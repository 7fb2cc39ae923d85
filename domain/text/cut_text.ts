/**
 * Cuts text to what a column holds.
 *
 * @module
 */

/**
 * The first characters (code points, as the database counts them) of a text, fit for JSON: a half of a
 * surrogate pair, which no database takes, becomes U+FFFD.
 */
export function cutText(text: string, max: number): string {
  const wellFormed = text.toWellFormed();
  return wellFormed.length <= max ? wellFormed : [...wellFormed].slice(0, max).join("");
}
