/**
 * Puts what happened on the lists of the endpoints that want it.
 *
 * It reads the feed, which orders write anyway, so they pay nothing for webhooks, whether there are endpoints or not; and where
 * there are none it is not read either.
 *
 * @module
 */

import type { Database } from "../../db/connection/database.ts";
import {
  insertDeliveries,
  moveWebhookPosition,
  readWebhookPosition,
} from "../../db/webhooks/deliveries.ts";
import { readEndpoints, type WebhookEndpoint } from "../../db/webhooks/endpoints.ts";
import { isChosen } from "../../domain/feed/event_types.ts";
import type { FeedPosition } from "../../domain/feed/feed_position.ts";
import { endpointLimits } from "../../domain/webhook/endpoint.ts";
import { findEvents, type FoundEvent } from "../feed/read_feed.ts";

/** Rows that one transaction writes at the most. */
const maxRows = 10_000;

/** Events that are looked for at once, however few endpoints there are. */
const maxEvents = 1_000;

/** What one turn did. */
export interface FanOutTurn {
  /** Rows that were put on lists. */
  queued: number;
  /** Whether more may be there already. */
  hasMore: boolean;
}

/**
 * One turn: the next part of the feed, in one transaction with how far it was read. Of several processes at it one wins; a
 * crash leaves both or neither; and the same event is on the list of an endpoint once.
 */
export async function fanOutOnce({ db }: { db: Database }): Promise<FanOutTurn> {
  const endpoints = await readEndpoints(db, { enabledOnly: true, limit: endpointLimits.most });
  if (endpoints.length === 0) return { queued: 0, hasMore: false };
  const from = await readWebhookPosition(db);
  const { events, next, hasMore } = await findEvents(db, {
    after: startOf(from, endpoints),
    limit: Math.min(maxEvents, Math.floor(maxRows / endpoints.length)),
    isWanted: (type) => endpoints.some(({ types }) => isChosen(type, types)),
  });
  const isMoved = next.stepId !== from.stepId || next.movementId !== from.movementId ||
    next.told !== from.told;
  if (!isMoved) return { queued: 0, hasMore: false };
  const deliveries = events.flatMap((event) =>
    endpoints.filter((endpoint) => isFor(event, endpoint))
      .map(({ id }) => ({ endpointId: id, eventId: event.id }))
  );
  const isWritten = await db.transaction(async (tx) => {
    if (!await moveWebhookPosition(tx, from, next)) return false;
    await insertDeliveries(tx, deliveries);
    return true;
  });
  return { queued: isWritten ? deliveries.length : 0, hasMore };
}

/** Where to read from: what came before all endpoints were switched on is nobody's. */
function startOf(from: FeedPosition, endpoints: readonly WebhookEndpoint[]): FeedPosition {
  const stepId = Math.max(from.stepId, Math.min(...endpoints.map(({ fromStep }) => fromStep)));
  const movementId = Math.max(
    from.movementId,
    Math.min(...endpoints.map(({ fromMovement }) => fromMovement)),
  );
  return { stepId, movementId, told: stepId === from.stepId ? from.told : 0 };
}

function isFor(event: FoundEvent, { types, fromStep, fromMovement }: WebhookEndpoint): boolean {
  const isLater = event.rowId > (event.from === "step" ? fromStep : fromMovement);
  return isLater && isChosen(event.type, types);
}
