/**
 * Places in the feed: how far its two sources, the timelines of orders and of products, were read.
 *
 * @module
 */

import { WorkflowError } from "../errors.ts";

/** A place between two events. */
export interface FeedPosition {
  /** Of the last step of an order that was told; 0 for none. */
  stepId: number;
  /** Of the last movement of a product that was told; 0 for none. */
  movementId: number;
  /** Events of the step that follows which were told already. */
  told: number;
}

/** The beginning of the feed. */
export const feedStart: FeedPosition = { stepId: 0, movementId: 0, told: 0 };

/** A place as a cursor, and as the id of a server-sent event. */
export function encodeFeedPosition({ stepId, movementId, told }: FeedPosition): string {
  return btoa(`events:${stepId}.${movementId}.${told}`).replaceAll("=", "");
}

/**
 * The place that a cursor names.
 *
 * @param at which part of the request has it, for the fault
 * @throws {WorkflowError} `bad_request` for anything that {@linkcode encodeFeedPosition} did not make
 */
export function decodeFeedPosition(cursor: string, at = "cursor"): FeedPosition {
  let text: string;
  try {
    text = atob(cursor);
  } catch {
    text = "";
  }
  const match = /^events:(\d{1,16})\.(\d{1,16})\.(\d{1,2})$/.exec(text);
  const [stepId, movementId, told] = (match?.slice(1) ?? []).map(Number);
  const position = { stepId: stepId ?? NaN, movementId: movementId ?? NaN, told: told ?? NaN };
  const isWhole = Object.values(position).every(Number.isSafeInteger);
  if (!isWhole || encodeFeedPosition(position) !== cursor) {
    throw new WorkflowError("bad_request", "The cursor is not one that this feed gave out", [
      { at, detail: "must be a next_cursor of GET /events, or the id of a server-sent event" },
    ]);
  }
  return position;
}
