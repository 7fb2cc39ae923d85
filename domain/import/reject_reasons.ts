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
  /** What that line says of it, with the value that is there; absent in imports of before it was kept. */
  example?: string;
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
        const kinds = kindOfReason(reason).split("; ");
        const parts = reason.split("; ");
        for (const [at, kind] of kinds.entries()) {
          const fault = cutText(kind, maxCharacters);
          const known = counted.get(fault);
          if (known !== undefined && known.line <= line) known.rows++;
          else if (known !== undefined || counted.size < maxCounted) {
            // A value may hold what separates reasons: then the whole is the example.
            const said = parts.length === kinds.length ? parts[at]! : reason;
            const example = cutText(said, maxCharacters);
            counted.set(fault, { reason: fault, rows: (known?.rows ?? 0) + 1, line, example });
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
