/**
 * Which of several providers is asked for an order's money.
 *
 * @module
 */

import {
  noteOrderProviders,
  readOrderProviders,
  readProvidersOfKeys,
} from "../../db/payments/order_providers.ts";
import { readMethodTypes } from "../../db/payments/payment_instructions.ts";
import type { ChargeFacts } from "../../db/orders/orders.ts";
import { chargeKeyOf, type Installation } from "../../domain/payment/payment_key.ts";
import { routeOf } from "../../domain/payment/payment_route.ts";
import type { HandlerDeps } from "../workflow/handler.ts";
import { allGateways, type Gateway, gatewayNamed } from "./gateway.ts";
import { failed } from "./unanswered.ts";

/**
 * The provider of each order, by order id. It is chosen once, by the routes, and written down before the first request:
 * whatever the settings say later, no other one is asked for money that this one may have taken. What was asked for while
 * there was one provider only is found by its key.
 *
 * A process that knows one provider only chooses nothing, and keeps from orders that others have led elsewhere: it may be
 * the last one with the settings of before. Of one that looks at no keys, as the simulated one, this costs nothing.
 *
 * Orders that are not to be charged now and were asked of nobody are absent. A crash leaves a choice that was never used,
 * which stays.
 */
export async function chooseGateways(
  deps: HandlerDeps,
  installation: Installation,
  orders: readonly ChargeFacts[],
): Promise<ReadonlyMap<number, Gateway>> {
  const isAlone = allGateways(deps).length === 1;
  if (isAlone && deps.gateway.ignoresKeys) return new Map();
  const noted = await readOrderProviders(deps.db, orders.map(({ id }) => id));
  if (isAlone) return gatewaysBy(deps, noted);
  const open = orders.filter(({ id }) => !noted.has(id));
  const asked = await readAsked(deps, installation, open);
  const wanted = open.filter(({ id, status, paidAtSource }) =>
    !asked.has(id) && status === "RESERVED" && !paidAtSource
  );
  const methods = await readMethodTypes(deps.db, wanted.map(({ id }) => id));
  const chosen = wanted.map(({ id: orderId, currency }) => ({
    orderId,
    provider: routeOf(deps.routes ?? [], { currency, method: methods.get(orderId) ?? null }) ??
      deps.gateway.name,
  }));
  await noteOrderProviders(deps.db, chosen);
  // Another consumer, with other settings, may have been first.
  const settled = await readOrderProviders(deps.db, chosen.map(({ orderId }) => orderId));
  return gatewaysBy(deps, new Map([...noted, ...asked, ...settled]));
}

function gatewaysBy(deps: HandlerDeps, names: ReadonlyMap<number, string>): Map<number, Gateway> {
  return new Map([...names].map(([id, name]) => [id, gatewayOf(deps, name)]));
}

/** What was asked for by the charge's own key, or by one before an edit. */
async function readAsked(
  deps: HandlerDeps,
  installation: Installation,
  orders: readonly ChargeFacts[],
): Promise<Map<number, string>> {
  const names = allGateways(deps).map(({ name }) => name);
  const keysOf = orders.map((order) => ({
    id: order.id,
    keys: [
      chargeKeyOf(installation, order),
      ...order.superseded.map(({ chargeKey }) => chargeKey),
    ],
  }));
  const found = await readProvidersOfKeys(deps.db, names, keysOf.flatMap(({ keys }) => keys));
  return new Map(keysOf.flatMap(({ id, keys }) => {
    const provider = keys.map((key) => found.get(key)).find((name) => name !== undefined);
    return provider === undefined ? [] : [[id, provider]];
  }));
}

/** The gateway of a name, or one that asks nobody. */
function gatewayOf(deps: HandlerDeps, name: string): Gateway {
  const error = `the order is charged by "${name}", which is not configured here`;
  return gatewayNamed(deps, name) ?? {
    name,
    charge: (requests) => Promise.resolve(requests.map(() => failed(error))),
    refund: (requests) => Promise.resolve(requests.map(() => failed(error))),
    status: (requests) => Promise.resolve(requests.map(() => failed(error))),
  };
}
