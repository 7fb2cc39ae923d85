/**
 * How far rows are counted that wait for somebody: dead letters, and notifications to be sent.
 *
 * @module
 */

import { formatCount } from "./text/format_count.ts";

/**
 * So many rows of a kind are counted at the most, which takes 10 to 20 ms: beyond that, their number helps
 * nobody.
 */
export const maxCounted = 100_000;

/** `1,200`, or `100,000+` where counting ended there. */
export function describeCount(count: number): string {
  return formatCount(count) + (count >= maxCounted ? "+" : "");
}
