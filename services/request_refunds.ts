/**
 * Requesting refunds: the one way for the API, the dashboard and the command line.
 *
 * @module
 */

import {
  type RefundOptions,
  type RefundRequest,
  requestRefunds,
  type TakenRefund,
} from "../db/refunds/refunds.ts";
import { WorkflowError } from "../domain/errors.ts";
import { publishAfterCommit, type ServiceDeps } from "./publish_after_commit.ts";

export type { RefundRequest, TakenRefund };

/**
 * Checks refund requests, takes them, many in one transaction, and publishes what was taken. A crash leaves
 * all of them or none in the books; what no stream holds then, the sweep publishes.
 *
 * @param actor who asks, for the timeline
 * @returns for each request, in the same order, the refund or the reason why not: `invalid`, `not_found`,
 * `order_not_refundable`, `refund_exceeds_left` or `idempotency_key_reused`
 */
export async function requestAllAndPublish(
  deps: ServiceDeps,
  requests: readonly RefundRequest[],
  actor: string,
  options: RefundOptions = {},
): Promise<(TakenRefund | WorkflowError)[]> {
  const results = await requestRefunds(deps.db, requests, actor, options);
  await publishAfterCommit(
    deps,
    results.flatMap((result) => {
      if (result instanceof WorkflowError) return [];
      const { refund: { id: refundId, orderId, amountCents }, currency } = result;
      return [{ type: "refund.process" as const, orderId, refundId, amountCents, currency }];
    }),
  );
  return results;
}

/**
 * Requests one refund, see {@linkcode requestAllAndPublish}.
 *
 * @throws {WorkflowError} where it is refused
 */
export async function requestAndPublish(
  deps: ServiceDeps,
  request: RefundRequest,
  actor: string,
): Promise<TakenRefund> {
  const [result] = await requestAllAndPublish(deps, [request], actor);
  if (result instanceof WorkflowError) throw result;
  return result!;
}
