/**
 * Deciding about payments that do not fit their order: the one way for the API and the dashboard.
 *
 * @module
 */

import { type DecidedPayment, decidePayment } from "../db/payments/decide_payment.ts";
import type { Queryable } from "../db/connection/database.ts";
import type { DisputeVerdict } from "../domain/order/settle.ts";
import { publishAfterCommit, type ServiceDeps } from "./publish_after_commit.ts";

/**
 * Carries out a verdict, see {@linkcode decidePayment}, and publishes what follows. What no stream holds after a
 * crash, the sweep publishes.
 *
 * @throws {WorkflowError} `not_found`, or `payment_not_disputed` where nothing waits for this verdict
 */
export async function decideAndPublish(
  deps: ServiceDeps,
  orderId: number,
  verdict: DisputeVerdict,
  actor: string,
  options: { inTransaction?: (tx: Queryable) => Promise<void> } = {},
): Promise<DecidedPayment> {
  const decided = await decidePayment(deps.db, orderId, verdict, actor, options);
  await publishAfterCommit(deps, decided.messages);
  return decided;
}
