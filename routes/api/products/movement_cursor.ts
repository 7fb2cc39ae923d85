/**
 * Cursors of a product's timeline, which walks down two tables at once.
 *
 * @module
 */

import { decodeCursor, encodeCursor } from "../../../domain/paging.ts";
import type { MovementPlace } from "../../../db/catalog/product_movements.ts";

/** The cursor of a page that begins there. */
export function encodeMovementPlace({ beforeMovement, beforeItem }: MovementPlace): string {
  return `${encodeCursor("movements", beforeMovement)}.${encodeCursor("items", beforeItem)}`;
}

/**
 * Where the page of a cursor begins.
 *
 * @throws {WorkflowError} `bad_request` for anything that {@linkcode encodeMovementPlace} did not make
 */
export function decodeMovementPlace(cursor: string): MovementPlace {
  const [movement = "", item = "", ...rest] = cursor.split(".");
  return {
    beforeMovement: decodeCursor("movements", movement),
    beforeItem: decodeCursor("items", rest.length === 0 ? item : ""),
  };
}
