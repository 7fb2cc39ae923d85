/**
 * Why rows of a file were not taken, counted.
 *
 * @module
 */

import { kindOfReason, type RejectedRow } from "../domain/import/order_csv.ts";
import { formatCount } from "../domain/text/format_count.ts";
import { counted } from "../domain/text/plural.ts";
import { visibleText } from "../domain/text/visible_text.ts";

/** Reasons that are shown; the rejects file has them all. */
const reasonsShown = 5;

/** How many rows each fault was found in. */
export type RejectReasons = Map<string, number>;

/** Counts every fault of a row by itself. */
export function countReasons(reasons: RejectReasons, rows: readonly RejectedRow[]): void {
  for (const { reason } of rows) {
    for (const fault of kindOfReason(reason).split("; ")) {
      reasons.set(fault, (reasons.get(fault) ?? 0) + 1);
    }
  }
}

/** The commonest reasons, a line each, and how many there are besides. */
export function reasonLines(reasons: ReadonlyMap<string, number>): string[] {
  const sorted = [...reasons].sort(([, a], [, b]) => b - a);
  const lines = sorted.slice(0, reasonsShown).map(([reason, count]) =>
    `  ${formatCount(count)} × ${visibleText(reason)}`
  );
  const others = sorted.length - reasonsShown;
  if (others > 0) lines.push(`  and ${counted(others, "other reason")}`);
  return lines;
}
