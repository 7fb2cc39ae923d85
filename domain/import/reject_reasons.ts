/**
 * Counts why rows of a file were not taken.
 *
 * @module
 */

import { cutText } from "../text/cut_text.ts";
import { kindOfReason, type RejectedRow } from "./order_csv.ts";

/** One reason of many rows. */
export interface RejectReason {
  /** For people, without what tells its cases apart. */
  reason: string;
  /** How many rows have it, perhaps among others. */
  rows: number;
  /** The first line of the file that has it. */
  line: number;
}

/** Reasons that are told. */
export const maxReasons = 20;

/** Reasons that are counted: some may hold what stands in the file. */
const maxCounted = 1_000;

/** Characters of a reason. */
const maxCharacters = 200;

/** See {@linkcode countReasons}. */
export interface ReasonCounts {
  /** Counts every fault of a row by itself. */
  add(rows: readonly RejectedRow[]): void;
  /** The most frequent reasons, at most {@linkcode maxReasons}. */
  list(): RejectReason[];
}

/** Begins to count. */
export function countReasons(): ReasonCounts {
  const counted = new Map<string, RejectReason>();
  return {
    add(rows) {
      for (const { line, reason } of rows) {
        for (const part of kindOfReason(reason).split("; ")) {
          const fault = cutText(part, maxCharacters);
          const known = counted.get(fault);
          if (known !== undefined) {
            known.rows++;
            known.line = Math.min(known.line, line);
          } else if (counted.size < maxCounted) {
            counted.set(fault, { reason: fault, rows: 1, line });
          }
        }
      }
    },
    list: () =>
      [...counted.values()].sort((a, b) => b.rows - a.rows || a.line - b.line).slice(
        0,
        maxReasons,
      ),
  };
}
