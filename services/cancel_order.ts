/**
 * Cancelling an order: the one way for the API and the dashboard.
 *
 * @module
 */

import { type CancelOptions, cancelOrder, type CancelResult } from "../db/orders/cancel.ts";
import { publishAfterCommit, type ServiceDeps } from "./publish_after_commit.ts";

/**
 * Cancels an order that is not settled, gives its units back, and publishes what follows. A
 * crash leaves it cancelled or as it was; what no stream holds then, the sweep publishes.
 *
 * @param actor who cancels, for the timeline
 * @throws {WorkflowError} `not_found`, `not_yours`, or `order_not_cancellable` once it is settled otherwise
 */
export async function cancelAndPublish(
  deps: ServiceDeps,
  orderId: number,
  actor: string,
  options: CancelOptions = {},
): Promise<CancelResult> {
  const result = await cancelOrder(deps.db, orderId, actor, options);
  await publishAfterCommit(deps, result.messages);
  return result;
}
