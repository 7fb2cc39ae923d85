/**
 * The ids of events: by them an event is found again.
 *
 * @module
 */

import { type EventType, eventTypeNames } from "./event_types.ts";

/** Where an event comes from. */
export interface EventSource {
  /** A step of an order, or a movement of a product. */
  from: "step" | "movement";
  /** Of its row. */
  rowId: number;
  /** What it is. */
  type: EventType;
}

/** Signatures of webhooks part the id from what follows by a dot, so there is none in it. */
const idOfType = new Map(eventTypeNames.map((type) => [type, type.replace(".", "-")]));
const typeOfId = new Map([...idOfType].map(([type, id]) => [id, type]));

/** `evt_o17-order-paid`, `evt_s4-stock-received`. */
export function eventId({ from, rowId, type }: EventSource): string {
  return `evt_${from === "step" ? "o" : "s"}${rowId}-${idOfType.get(type)}`;
}

/** What {@linkcode eventId} wrote; undefined for anything else. */
export function parseEventId(id: string): EventSource | undefined {
  const match = /^evt_([os])([1-9]\d{0,15})-([a-z_-]+)$/.exec(id);
  const type = typeOfId.get(match?.[3] ?? "");
  if (match === null || type === undefined) return undefined;
  return { from: match[1] === "o" ? "step" : "movement", rowId: Number(match[2]), type };
}
