/**
 * Writes counts for people.
 *
 * @module
 */

// Made once: making it anew for every figure takes longer than writing the figure. But only by whoever writes one:
// it takes 4 MB.
let counts: Intl.NumberFormat | undefined;

/** An integer with its thousands apart: `1,234,567`. */
export function formatCount(count: number): string {
  return (counts ??= new Intl.NumberFormat("en")).format(count);
}

/**
 * A count with what is counted, such as `1 order` or `1,400 orders`.
 *
 * @param what in the singular; its plural ends in s
 */
export function counted(count: number, what: string): string {
  return `${formatCount(count)} ${what}${count === 1 ? "" : "s"}`;
}
