/**
 * The first steps in the timelines of orders that come in.
 *
 * @module
 */

import type { Queryable } from "../../db/connection/database.ts";
import { addCreatedEvents, type OrderToWrite } from "../../db/orders/intake_writes.ts";
import { addOrderEvents } from "../../db/orders/timelines.ts";
import type { IncomingOrder } from "../../domain/order/incoming_order.ts";

/** Who takes orders. */
export interface Takers {
  /** Who takes them, for the timeline. */
  actor: string;
  /** Who brought one of them, where it is not the one who takes them. */
  actorOf?: (order: IncomingOrder) => string;
}

/** Adds the steps that were taken to the timelines. */
export async function addIntakeSteps(
  tx: Queryable,
  { fresh, ids, updates, updatedIds }: {
    fresh: readonly OrderToWrite[];
    ids: ReadonlyMap<string, number>;
    updates: readonly OrderToWrite[];
    updatedIds: readonly number[];
  },
  { actor, actorOf }: Takers,
): Promise<void> {
  const created = [...ids.values()];
  const { 0: firstId = 0, [created.length - 1]: lastId = 0 } = created;
  // Most that come together were brought by one.
  const creator = fresh.length === 0 ? actor : actorOf?.(fresh[0]!.order) ?? actor;
  const inOneRange = created.length > 0 && lastId - firstId === created.length - 1 &&
    created.every((id, index) => id === firstId + index) &&
    (actorOf === undefined || fresh.every(({ order }) => actorOf(order) === creator));
  if (inOneRange) await addCreatedEvents(tx, { firstId, lastId }, creator);
  await addOrderEvents(tx, [
    ...(inOneRange ? [] : fresh).map(({ order }) => ({
      orderId: ids.get(order.externalOrderId)!,
      event: "created" as const,
      actor: actorOf?.(order),
    })),
    ...updates.map(({ order }, index) => ({
      orderId: updatedIds[index]!,
      event: "updated" as const,
      actor: actorOf?.(order),
    })),
  ], actor);
}
