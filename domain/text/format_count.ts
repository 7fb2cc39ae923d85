/**
 * Writes counts for people.
 *
 * @module
 */

// Made once: making it anew for every figure takes longer than writing the figure.
const counts = new Intl.NumberFormat("en");

/** An integer with its thousands apart: `1,234,567`. */
export function formatCount(count: number): string {
  return counts.format(count);
}
