/**
 * Decides whether an import can still be cancelled.
 *
 * @module
 */

/** Where an import stands; `INTERRUPTED` where its process died. */
export type ImportStatus = "RUNNING" | "DONE" | "FAILED" | "CANCELLED" | "INTERRUPTED";

/** What a cancellation does. */
export type ImportCancelDecision =
  /** Ask for its end. */
  | { kind: "cancel" }
  /** Was cancelled before. */
  | { kind: "already_cancelled" }
  /** Too late. */
  | { kind: "refused"; because: "ended" };

/**
 * Decides what a cancellation does to an import.
 *
 * @param status of the locked row
 */
export function decideImportCancel(status: ImportStatus): ImportCancelDecision {
  switch (status) {
    case "RUNNING":
    case "INTERRUPTED":
      return { kind: "cancel" };
    case "CANCELLED":
      return { kind: "already_cancelled" };
    case "DONE":
    case "FAILED":
      return { kind: "refused", because: "ended" };
  }
}
