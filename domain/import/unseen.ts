/**
 * Characters that nobody sees in the name of a column.
 *
 * @module
 */

const unseen = /[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069]/;
const allUnseen = new RegExp(unseen, "g");

/**
 * A name without characters of no width, such as a page or a word processor leaves behind: whoever looks at the file sees the column
 * that is meant, and passed over for them it would change what orders cost.
 */
export function withoutUnseen(name: string): string {
  return unseen.test(name) ? name.replaceAll(allUnseen, "") : name;
}
