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
import { readPlacedBeforeLoss } from "../../db/recovery/database_losses.ts";
import { chargeKeyOf, type Installation } from "../../domain/payment/payment_key.ts";
import { routeOf } from "../../domain/payment/payment_route.ts";
import type { HandlerDeps } from "../workflow/handler.ts";
import {
  allGateways,
  type ChargeStatus,
  type Gateway,
  gatewayNamed,
  type GatewayRequest,
} from "./gateway.ts";
import { lossHours } from "./money_gone.ts";
import { failed } from "./unanswered.ts";

/**
 * The provider of each order, by order id. It is chosen once, by the routes, and written down before the first request:
 * whatever the settings say later, no other one is asked for money that this one may have taken. What was asked for while
 * there was one provider only is found by its key.
 *
 * Orders that are not to be charged now and were asked of nobody are absent. A process of one provider has no choice and
 * writes none down, but leaves alone what was chosen for others: while settings are being changed, processes with the old
 * ones and with the new ones take each other's messages. A crash leaves a choice that was never used, which stays.
 *
 * @param noted what was written down for the orders
 */
export async function chooseGateways(
  deps: HandlerDeps,
  installation: Installation,
  { orders, noted }: {
    orders: readonly ChargeFacts[];
    noted: ReadonlyMap<number, string>;
  },
): Promise<ReadonlyMap<number, Gateway>> {
  if (allGateways(deps).length === 1) {
    const others = [...noted].filter(([, name]) => name !== deps.gateway.name);
    return new Map(others.map(([id, name]) => [id, gatewayOf(deps, name)]));
  }
  const open = orders.filter(({ id }) => !noted.has(id));
  const asked = await readAsked(deps, installation, open);
  const wanted = open.filter(({ id, status, paidAtSource }) =>
    !asked.has(id) && status === "RESERVED" && !paidAtSource
  );
  const { charged, unclear } = await askAfterLoss(deps, installation, wanted);
  const methods = await readMethodTypes(deps.db, wanted.map(({ id }) => id));
  const clear = wanted.filter(({ id }) => !unclear.has(id));
  const chosen = clear.map(({ id: orderId, currency }) => ({
    orderId,
    provider: charged.get(orderId) ??
      routeOf(deps.routes ?? [], { currency, method: methods.get(orderId) ?? null }) ??
      deps.gateway.name,
  }));
  await noteOrderProviders(deps.db, chosen);
  // Another consumer, with other settings, may have been first.
  const settled = await readOrderProviders(deps.db, chosen.map(({ orderId }) => orderId));
  return new Map([
    ...[...noted, ...asked, ...settled].map(([id, name]) => [id, gatewayOf(deps, name)] as const),
    ...[...unclear].map(([id, answer]) => [id, saying(deps.gateway.name, answer)] as const),
  ]);
}

/**
 * Asks every provider, after the database turned out to be older than it had been, who has charged orders: what was chosen
 * for them may be lost with their rows, and the routes, or what the shop says of them, may be other ones by now. Those of
 * which one does not tell have to wait, for it may be that one.
 */
async function askAfterLoss(
  deps: HandlerDeps,
  installation: Installation,
  orders: readonly ChargeFacts[],
): Promise<{ charged: Map<number, string>; unclear: Map<number, Untold> }> {
  const charged = new Map<number, string>();
  const unclear = new Map<number, Untold>();
  const doubtful = await readPlacedBeforeLoss(deps.db, orders.map(({ id }) => id), lossHours);
  const requests = orders.filter(({ id }) => doubtful.has(id)).map((order): GatewayRequest => ({
    orderId: order.id,
    reference: order.externalOrderId,
    amountCents: order.totalCents,
    currency: order.currency,
    idempotencyKey: chargeKeyOf(installation, order),
  }));
  if (requests.length === 0) return { charged, unclear };
  for (const { name, status } of allGateways(deps)) {
    const answers = await status?.(requests) ?? [];
    for (const [index, answer] of answers.entries()) {
      const { orderId } = requests[index]!;
      if (answer.kind === "accepted") charged.set(orderId, name);
      else if (answer.kind !== "unknown") unclear.set(orderId, answer);
    }
  }
  for (const id of charged.keys()) unclear.delete(id);
  return { charged, unclear };
}

/** What a provider says that does not tell. */
type Untold = Exclude<ChargeStatus, { kind: "accepted" | "unknown" }>;

/** A gateway that asks nobody, and answers all alike. */
function saying(name: string, answer: Untold): Gateway {
  const all = (requests: readonly GatewayRequest[]) => Promise.resolve(requests.map(() => answer));
  return { name, charge: all, refund: all, status: all };
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
  return gatewayNamed(deps, name) ?? saying(name, failed(error));
}
