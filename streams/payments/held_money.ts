/**
 * Money that is held first and taken later: what of it is known, what providers say of it, and when they are asked again.
 *
 * @module
 */

import {
  endHolds,
  noteHolds,
  type PaymentHold,
  readHolds,
  readLiveHolds,
} from "../../db/payments/payment_holds.ts";
import type { Queryable } from "../../db/connection/database.ts";
import { readCharges } from "../../db/orders/orders.ts";
import { readInstallation } from "../../db/payments/installation.ts";
import type { CallbackMessage } from "../../domain/messages/messages.ts";
import type { OrderFacts } from "../../domain/order/order.ts";
import { chargeKeyOf } from "../../domain/payment/payment_key.ts";
import type { HandlerDeps } from "../workflow/handler.ts";
import {
  allGateways,
  type ChargeStatus,
  type Gateway,
  type GatewayRequest,
  holdAgainMs,
} from "./gateway.ts";

/** How long an order may wait for its capture where nobody set it, and a provider gives no shorter time: a week. */
const defaultHoldSeconds = 604_800;

/** Whether a provider ever holds money. */
export function canHold({ can }: Gateway): boolean {
  return can !== undefined && can.captures !== "none";
}

/** Whether any provider of this process does. */
export function anyHolds(deps: HandlerDeps): boolean {
  return allGateways(deps).some(canHold);
}

/**
 * What is held for the orders of a batch, by charge key. Says in their requests, which have what the orders say of their
 * payment, which are to be held, and not taken: those that are new and of which the order says so or, where it says nothing,
 * `CAPTURE` does; and those that are held already, until somebody asks for their capture, whatever the setting has become.
 */
export async function readHeld(
  deps: HandlerDeps,
  requests: readonly GatewayRequest[],
): Promise<ReadonlyMap<string, PaymentHold>> {
  if (!canHold(deps.gateway) || requests.length === 0) return new Map();
  const held = await readHolds(deps.db, requests.map(({ idempotencyKey }) => idempotencyKey));
  for (const request of requests) {
    const hold = held.get(request.idempotencyKey);
    const usual = deps.capturesLater ? "later" : "now";
    const later = hold === undefined
      ? (request.instructions?.capture ?? usual) === "later"
      : hold.captureRequestedAt === null;
    if (later) request.capture = "later";
    if (hold !== undefined) request.askedBefore = true;
  }
  return held;
}

/** Whether an order says that its money is to be held, to a provider that takes it at once. */
export function mustHold(gateway: Gateway, { instructions }: GatewayRequest): boolean {
  return instructions?.capture === "later" && !canHold(gateway);
}

/**
 * What stands in the place of a provider's answer about an order whose money must not be taken yet, where the provider can't
 * hold it: the order was taken while another one was to be asked.
 */
export function unholdable({ name }: Gateway, { orderId }: GatewayRequest): ChargeStatus {
  const error = `the money of order ${orderId} is to be taken later, but "${name}" can't hold it`;
  return { kind: "failed", error };
}

/** Whether nobody has to ask about an order now: its money is held, and it was looked at lately. */
export function isResting(
  held: ReadonlyMap<string, PaymentHold>,
  { idempotencyKey }: GatewayRequest,
): boolean {
  const hold = held.get(idempotencyKey);
  return hold !== undefined && hold.isLive && !hold.isDue && hold.captureRequestedAt === null;
}

/** What stands in the place of a provider's answer about an order that rests: it is looked at again. */
export function restingAnswer(gateway: Gateway, order: OrderFacts): ChargeStatus {
  const { id: orderId, totalCents: amountCents, currency } = order;
  const message = { type: "payment.charge", orderId, amountCents, currency } as const;
  const callback = { message, delayMs: holdAgainMs(gateway), evenIfLost: true } as const;
  return { kind: "accepted", callback };
}

/**
 * Writes down what providers say that they hold.
 *
 * @returns the orders for which money is held whose time is not over
 */
export async function noteHeld(
  deps: HandlerDeps,
  held: ReadonlyMap<string, PaymentHold>,
  asked: ReadonlyMap<number, GatewayRequest>,
  answers: ReadonlyMap<number, ChargeStatus>,
): Promise<ReadonlySet<number>> {
  if (!canHold(deps.gateway)) return new Set();
  const told = [...answers].flatMap(([orderId, answer]) => {
    const request = asked.get(orderId);
    if (answer.kind !== "accepted" || answer.hold === undefined || request === undefined) return [];
    return [{
      orderId,
      chargeKey: request.idempotencyKey,
      provider: deps.gateway.name,
      ...answer.hold,
    }];
  });
  if (told.length === 0) return new Set();
  const { holdSeconds = defaultHoldSeconds, consumer: actor } = deps;
  await deps.db.transaction((tx) => noteHolds(tx, told, held, { holdSeconds, actor }));
  return await readLiveHolds(
    deps.db,
    told.map(({ orderId }) => orderId),
    deps.reservationTtlSeconds,
  );
}

/**
 * Of orders, those whose own money was held and whose time is over. What was held for them before they were edited is no
 * reason to end them.
 */
export async function readOutlived(
  tx: Queryable,
  orderIds: readonly number[],
): Promise<ReadonlySet<number>> {
  if (orderIds.length === 0) return new Set();
  const installation = await readInstallation(tx);
  const charges = [...(await readCharges(tx, orderIds)).values()];
  const keys = new Map(charges.map((charge) => [charge.id, chargeKeyOf(installation, charge)]));
  const holds = await readHolds(tx, [...keys.values()]);
  return new Set(
    [...keys].filter(([, key]) => {
      const hold = holds.get(key);
      return hold?.status === "HELD" && !hold.isLive;
    }).map(([id]) => id),
  );
}

/** Writes down what became of held money, by answers to its charges; costs nothing where no provider holds any. */
export async function endHeld(
  deps: HandlerDeps,
  tx: Queryable,
  answers: readonly CallbackMessage[],
): Promise<void> {
  if (!anyHolds(deps)) return;
  const ended = answers.flatMap(({ key, outcome }) =>
    key === undefined ? [] : [{ chargeKey: key, outcome }]
  );
  await endHolds(tx, ended, deps.consumer);
}
