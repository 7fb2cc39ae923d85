/**
 * Looks for charges under every key that an order may have been charged under.
 *
 * @module
 */

import {
  type ChargedOrder,
  furtherKeyOf,
  type Installation,
} from "../../domain/payment/payment_key.ts";
import type { ChargeStatus, Gateway, GatewayRequest } from "./gateway.ts";

/** An order with what is asked for it. */
export interface Asked {
  order: ChargedOrder;
  request: GatewayRequest;
}

/**
 * Asks what became of charges, and never charges. Where nothing is known under an order's own key, the provider is asked
 * for one by a process of the version before; only one of the same money counts.
 *
 * @returns an answer for each, in the same order
 */
export async function findCharges(
  status: NonNullable<Gateway["status"]>,
  installation: Installation,
  asked: readonly Asked[],
): Promise<ChargeStatus[]> {
  const answers = await status(asked.map(({ request }) => request));
  const further = asked.flatMap(({ order, request }, index) => {
    const key = furtherKeyOf(installation, order);
    return key === undefined || answers[index]!.kind !== "unknown"
      ? []
      : [{ index, request: { ...request, idempotencyKey: key } }];
  });
  if (further.length === 0) return answers;
  const found = await status(further.map(({ request }) => request));
  for (const [place, { index, request }] of further.entries()) {
    const answer = found[place]!;
    if (isItsMoney(request, answer)) answers[index] = answer;
  }
  return answers;
}

/**
 * Of orders that an older process may have charged: what is known of their charges. Those of which nothing is are to be
 * charged.
 *
 * @returns answers by order id
 */
export async function findOlderCharges(
  { status }: Gateway,
  installation: Installation,
  asked: readonly Asked[],
): Promise<Map<number, Exclude<ChargeStatus, { kind: "unknown" }>>> {
  const inDoubt = asked.filter(({ order }) => furtherKeyOf(installation, order) !== undefined);
  if (status === undefined || inDoubt.length === 0) return new Map();
  const answers = await findCharges(status, installation, inDoubt);
  return new Map(inDoubt.flatMap(({ order }, index) => {
    const answer = answers[index]!;
    return answer.kind === "unknown" ? [] : [[order.id, answer] as const];
  }));
}

/** Whether what was found under a key made of a row id is about the order, and not about a lost one of the same id. */
function isItsMoney({ amountCents, currency }: GatewayRequest, answer: ChargeStatus): boolean {
  if (answer.kind === "failed") return answer.isOther === undefined;
  if (answer.kind !== "accepted" || answer.callback === null) return true;
  const { message } = answer.callback;
  return message.type !== "payment.callback" ||
    (message.amountCents === amountCents && message.currency === currency);
}
