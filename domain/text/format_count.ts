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
