/**
 * Tells text that a column takes from everything else.
 *
 * @module
 */

/**
 * Whether something that came from outside is text of so many characters (as JavaScript counts them). Half of a surrogate pair, which JSON
 * can say and no database takes, is none.
 */
export function isText(
  value: unknown,
  { min, max }: { min: number; max: number },
): value is string {
  return typeof value === "string" && value.length >= min && value.length <= max &&
    value.isWellFormed();
}
