/**
 * Whether a request to a provider is still this consumer's to make.
 *
 * @module
 */

import type { Delivery, HandlerDeps } from "../workflow/handler.ts";
import type { ChargeStatus, Gateway, GatewayRequest, StillOurs } from "./gateway.ts";

/** Tells whether any message about a request's order is still this consumer's. */
export function stillWanted(
  deps: Pick<HandlerDeps, "stillOurs">,
  deliveries: readonly Delivery[],
): StillOurs {
  const idsOf = Map.groupBy(deliveries, ({ message }) => message.orderId);
  return ({ orderId }) =>
    deps.stillOurs?.(idsOf.get(orderId)!.map(({ id }) => id)) ?? Promise.resolve(true);
}

/**
 * What asks about charges that nobody wants any more: it has those given up that wait for their customer, where the
 * provider can do that.
 *
 * @returns undefined for a provider that can't be asked
 */
export function askOfUnwanted(
  { end, status }: Gateway,
  stillOurs: StillOurs,
): ((requests: readonly GatewayRequest[]) => Promise<ChargeStatus[]>) | undefined {
  return end === undefined ? status : (requests) => end(requests, { stillOurs });
}
