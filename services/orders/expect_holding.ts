/**
 * Orders whose money is to be held, for the provider that will be asked for it.
 *
 * @module
 */

import type { Config } from "../../config/config.ts";
import { WorkflowError } from "../../domain/errors.ts";
import type { IncomingOrder } from "../../domain/order/incoming_order.ts";
import { routeOf } from "../../domain/payment/payment_route.ts";
import { allGateways } from "../../streams/payments/gateway.ts";
import { gatewaysOf } from "../../streams/payments/gateways.ts";
import { canHold } from "../../streams/payments/held_money.ts";

/**
 * Makes what refuses an order whose money is to be taken later, where the provider that charges it takes money at once.
 *
 * @returns throws `invalid`, naming the field
 */
export function expectHolding(config: Config): (order: IncomingOrder) => void {
  const gateways = gatewaysOf(config);
  const able = new Set(allGateways(gateways).filter(canHold).map(({ name }) => name));
  return ({ instructions, currency }) => {
    if (instructions?.capture !== "later") return;
    const method = instructions.methodType;
    const name = routeOf(gateways.routes, { currency, method }) ?? gateways.gateway.name;
    if (able.has(name)) return;
    const at = "#/payment/capture";
    const detail = `must be now: the provider "${name}" can't hold money`;
    throw new WorkflowError("invalid", `The body is not valid: ${at} ${detail}`, [{ at, detail }]);
  };
}
