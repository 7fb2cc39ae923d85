/**
 * Copies of what a file says.
 *
 * @module
 */

/**
 * A copy of texts, or of what is made of them, that is no part of anything else: a field is part of the whole piece of the
 * file that it was read from, which would stay in memory for the field's sake.
 *
 * @param value what JSON can hold
 */
export function ownCopy<T>(value: T): T {
  return JSON.parse(JSON.stringify(value));
}
